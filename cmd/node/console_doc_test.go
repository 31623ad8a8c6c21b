package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sluice/configs"
)

const consoleDoc = "../../docs/console.md"

// outputs finds the marks in docs/console.md and what is below each.
var outputs = regexp.MustCompile("<!-- ([A-Z][A-Za-z0-9 -]*) -->\n(\n```\n(?s:.*?)\n```\n)?")

// docs/console.md shows what the commands answer. With -docs their outputs are
// written anew; without, their columns are compared.
func TestConsoleDoc(t *testing.T) {
	text, err := os.ReadFile(consoleDoc)
	if err != nil {
		t.Fatal(err)
	}
	n := occupied(t)
	eventually(t, "the other node has slots, and all agree", func() bool {
		_, nodes := get(t, n.node, "health", "/debug/actors?show=nodes")
		return strings.Contains(nodes, "node-2") && strings.Count(nodes, `"difference": 0`) == strings.Count(nodes, `"difference"`)
	})
	op := &operator{n: n.node, user: "ops", database: "sluice", rank: ranks[configs.RoleAdmin]}
	answer := func(command string) string {
		if command == "LOG" {
			return clientLine(t, n)
		}
		a := op.Run(command)
		if a.Err != nil || len(a.Results) != 1 {
			t.Fatalf("%s: %v", command, a.Err)
		}
		var b strings.Builder
		b.WriteString(command + "\n\n")
		table(a.Results[0]).writeText(&b)
		return strings.TrimRight(b.String(), "\n")
	}
	count := 0
	made := outputs.ReplaceAllStringFunc(string(text), func(was string) string {
		count++
		m := outputs.FindStringSubmatch(was)
		now := answer(m[1])
		if !*docs && m[1] != "LOG" && columnsIn(m[2]) != columnsIn("\n```\n"+now) {
			t.Errorf("%s: the reference has the columns\n%s\nand not\n%s\n(-args -docs writes it anew)", m[1], columnsIn(m[2]), columnsIn("\n```\n"+now))
		}
		return "<!-- " + m[1] + " -->\n\n```\n" + now + "\n```\n"
	})
	if count < 8 {
		t.Errorf("%d outputs in the reference", count)
	}
	for name := range views {
		if !strings.Contains(made, "SHOW "+strings.ToUpper(name)) {
			t.Errorf("SHOW %s is not in the reference", strings.ToUpper(name))
		}
	}
	if *docs {
		if err := os.WriteFile(consoleDoc, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// columnsIn are the names above the line of dashes.
func columnsIn(block string) string {
	lines := strings.Split(block, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "---") {
			return strings.Join(strings.Fields(lines[i-1]), " ")
		}
	}
	return ""
}

// clientLine is the log's line of a client that has ended.
func clientLine(t *testing.T, n *fleetNode) string {
	t.Helper()
	rowsOf(t, operatorConn(t, n.node, configs.RoleAdmin), "RESUME reports")
	db := open(t, dsn(n.tdsAddr(), "app1", "app name", "report for the log"))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	one[int](t, tx, "SELECT 1")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	line := ""
	eventually(t, "the client is logged", func() bool {
		for l := range strings.Lines(n.log.String()) {
			if strings.Contains(l, "client has ended") && strings.Contains(l, "report for the log") {
				line = strings.TrimSpace(l)
			}
		}
		return line != ""
	})
	return line
}
