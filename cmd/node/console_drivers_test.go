package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/configs"
)

// Tools and drivers that people have show what the console says.
func TestConsoleInToolsAndDrivers(t *testing.T) {
	modules, err := filepath.Abs("../../scripts/drivers/tedious/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	b := configs.Bucket{ID: "bucket-001", Host: "127.0.0.1", Port: 1, Databases: []string{"app1"}, MaxConnections: 5}
	n := startNode(t, consoleConfig(b))
	port := strconv.Itoa(n.tdsAddr().Port)
	batches := "SHOW BUCKETS\nGO\nSHOW LISTS\nGO\nPAUSE bucket-001 0\nGO\nRESUME bucket-001\nGO\nFLY\nGO\n"
	for _, tool := range []struct {
		name  string
		needs []string // a command that must succeed
		file  string   // that must be there
		run   []string
		in    string
		wants []string
	}{
		{
			"tsql",
			[]string{"tsql", "-C"},
			"",
			[]string{"tsql", "-o", "q", "-H", "127.0.0.1", "-p", port, "-U", "operator", "-P", testPassword, "-D", "sluice"},
			batches,
			[]string{"bucket\tstatus\theld", "bucket-001\tok\t5", "paused buckets\t0", "paused: no backend is open", "resumed", "Msg 50020"},
		},
		{
			"isql",
			[]string{"isql", "--version"},
			"",
			[]string{"isql", "-b", "-v", "-k", "DRIVER=FreeTDS;SERVER=127.0.0.1;PORT=" + port + ";UID=operator;PWD=" + testPassword + ";DATABASE=sluice;TDS_Version=7.4"},
			"SHOW BUCKETS\nPAUSE bucket-001 0\nRESUME bucket-001\n",
			[]string{"bucket-001", "paused: no backend is open", "resumed"},
		},
		{
			"pymssql",
			[]string{"/usr/bin/python3", "-c", "import pymssql"},
			"",
			[]string{"/usr/bin/python3", "testdata/console.py", port, "operator", testPassword},
			"",
			[]string{"SHOW BUCKETS 1 {'bucket': 'bucket-001'", "SHOW LISTS ", "'result': 'paused: no backend is open'", "'result': 'resumed'", "FLY 50020", "wrong password 18456"},
		},
		{
			"tedious",
			[]string{"node", "--version"},
			filepath.Join(modules, "tedious"),
			[]string{"node", "testdata/console.js", modules, port, "operator", testPassword},
			"",
			[]string{`SHOW BUCKETS 1 {"bucket":"bucket-001"`, "SHOW LISTS ", `"result":"paused: no backend is open"`, `"result":"resumed"`, "FLY 50020", "wrong password Sluice: the login is not known"},
		},
	} {
		t.Run(tool.name, func(t *testing.T) {
			if err := exec.Command(tool.needs[0], tool.needs[1:]...).Run(); err != nil {
				t.Skipf("needs %s: %v (.ci/run installs it)", strings.Join(tool.needs, " "), err)
			}
			if _, err := os.Stat(tool.file); tool.file != "" && err != nil {
				t.Skipf("%v (.ci/run installs it)", err)
			}
			cmd := exec.CommandContext(t.Context(), tool.run[0], tool.run[1:]...)
			cmd.Stdin = strings.NewReader(tool.in)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Error(err)
			}
			for _, want := range tool.wants {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is not in what it shows:\n%s", want, out)
				}
			}
		})
	}
}
