package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/actors/statement"
	"sluice/configs"
	"sluice/sandbox"
)

// A larger run writes its table:
//
//	go test ./cmd/node -count=1 -run TestDriversDoNotPin -pins.turns=1000 -pins.table=$PWD/docs/results/pins.md
var (
	pinsTurns = flag.Int("pins.turns", 5, "turns of each pattern")
	pinsTable = flag.String("pins.table", "", "file for the table of what pins, in Markdown")
)

// pinDrivers are the drivers of the table, by the names of their cases, and
// those of the typical patterns that they do not have.
var pinDrivers = []struct {
	name, suite string
	lacks       map[string]string
}{
	{"go-mssqldb", "gomssql", nil},
	{"tedious", "tedious", nil},
	{"mssql", "mssql", nil},
	{"pymssql", "freetds", map[string]string{"prepared": "it does not prepare"}},
	{"pymssql-autocommit", "freetds", map[string]string{"prepared": "it does not prepare", "transactions": "off"}},
	{"tsql", "freetds", map[string]string{"prepared": "it does not prepare"}},
	{"pyodbc", "odbc", nil},
	{"pyodbc-autocommit", "odbc", map[string]string{"transactions": "off"}},
}

// What is typical must not pin; what is there for contrast must.
var (
	typicalPatterns  = []string{"plain", "parameters", "prepared", "transactions"}
	contrastPatterns = []string{"bulk", "temp_table"}
)

// What drivers send of their own accord, and what applications do most, needs
// no backend outside of transactions.
func TestDriversDoNotPin(t *testing.T) {
	python := driversPython(t)
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 3, "app1"))
	c.Proxy.Pooling, c.BackendTLS.Mode = configs.PoolingTransaction, configs.BackendTLSOff
	n := startNode(t, c)
	dsn := "tds://" + testUser + ":" + testPassword + "@" + n.tdsAddr().String() + "/app1?encrypt=off"
	var rows []pinRow
	for _, d := range pinDrivers {
		t.Run(d.name, func(t *testing.T) {
			suites := driverSuites(python)
			suites[slices.IndexFunc(suites, func(s driverSuite) bool { return s.name == d.suite })].require(t)
			for _, pattern := range slices.Concat(typicalPatterns, contrastPatterns) {
				row, ok := runPattern(t, n, dsn, d.suite, d.name, pattern)
				typical := slices.Contains(typicalPatterns, pattern)
				switch _, lacking := d.lacks[pattern]; {
				case !ok && !typical || lacking:
					continue
				case !ok:
					t.Errorf("there is no pattern %s", pattern)
					continue
				case row.requests == 0 || row.taken == 0:
					t.Errorf("%s: %+v: nothing went through the node", pattern, row)
				case typical && row.pins > 0:
					t.Errorf("%s pins: %v", pattern, row.reasons)
				case pattern == "temp_table" && row.pins == 0:
					t.Errorf("%s does not pin: nothing is counted", pattern)
				}
				rows = append(rows, row)
			}
		})
	}
	if *pinsTable != "" && !t.Failed() {
		if err := writePinTable(*pinsTable, rows, s.Stats().PeakSessions); err != nil {
			t.Fatal(err)
		}
	}
}

// pinRow is what one client did.
type pinRow struct {
	driver, pattern string
	requests        int // that the server answered
	taken           int // backends taken for them
	pins            int
	reasons         []string
}

// runPattern runs one case of a suite against a node; ok is false if there is
// no such case.
func runPattern(t *testing.T, n *node, dsn, suite, driver, pattern string) (row pinRow, ok bool) {
	t.Helper()
	script, err := filepath.Abs("../../scripts/drivers/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	before := pinCounts(t, n)
	cmd := exec.CommandContext(t.Context(), "bash", script, dsn, suite, "--", "pattern/"+driver+"/"+pattern)
	cmd.Env = append(os.Environ(), "TDS_PATTERN_TURNS="+strconv.Itoa(*pinsTurns))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", pattern, err, out)
	}
	if len(out) == 0 {
		return row, false
	}
	eventually(t, "the client is gone", func() bool { return n.env.Connections() == 0 })
	after := pinCounts(t, n)
	row = pinRow{driver: driver, pattern: pattern, requests: after.requests - before.requests, taken: after.taken - before.taken}
	for _, r := range statement.Reasons() {
		if p := after.pins[r.String()] - before.pins[r.String()]; p > 0 {
			row.pins += p
			row.reasons = append(row.reasons, fmt.Sprintf("%s %d", r, p))
		}
	}
	return row, true
}

type pinCount struct {
	requests, taken int
	pins            map[string]int // by reason
}

// pinCounts reads the node's metrics.
func pinCounts(t *testing.T, n *node) pinCount {
	t.Helper()
	_, page := get(t, n, "metrics", "/metrics")
	c := pinCount{pins: map[string]int{}}
	for line := range strings.Lines(page) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		base, labels, _ := strings.Cut(name, "{")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue // a comment
		}
		switch {
		case base == "proxy_query_duration_seconds_count":
			c.requests += int(v)
		case base == "proxy_connections_total" && strings.Contains(labels, `status="acquired`):
			c.taken += int(v)
		case base == "proxy_connections_pinned", base == "proxy_pinning_duration_seconds_count":
			_, reason, _ := strings.Cut(labels, `pin_reason="`)
			reason, _, _ = strings.Cut(reason, `"`)
			c.pins[reason] += int(v)
		}
	}
	return c
}
