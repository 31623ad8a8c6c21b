package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/configs"
	"sluice/sandbox"
)

// Real drivers must see through a node what they see without one. The suites
// are in scripts/drivers; each runs against the embedded server directly, then
// through a node in front of it, and the results are compared line by line.
func TestDriversSeeNoDifference(t *testing.T) {
	if testing.Short() {
		t.Skip("real drivers take a minute; run without -short")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	python := os.Getenv("DRIVERS_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	if err := exec.Command(python, "-c", "").Run(); err != nil {
		t.Skipf("%s, which compares the results, does not run: %v", python, err)
	}
	suites := []struct {
		name  string
		needs [][]string // commands that must succeed
	}{
		{"gomssql", nil},
		{"tedious", [][]string{{"node", "--version"}, {"npm", "--version"}}},
		{"mssql", [][]string{{"node", "--version"}, {"npm", "--version"}}},
		{"freetds", [][]string{{"tsql", "-C"}, {python, "-c", "import pymssql"}}},
		{"odbc", [][]string{{"isql", "--version"}, {python, "-c", "import pyodbc"}}},
	}
	certFile, keyFile := certificateFiles(t)
	for _, suite := range suites {
		t.Run(suite.name, func(t *testing.T) {
			for _, need := range suite.needs {
				if err := exec.Command(need[0], need[1:]...).Run(); err != nil {
					t.Skipf("needs %s: %v (.ci/run installs it)", strings.Join(need, " "), err)
				}
			}
			cert, err := loadCertificate(certFile, keyFile)
			if err != nil {
				t.Fatal(err)
			}
			s := server(t, sandbox.Options{
				Databases: []string{"app1", "app2"}, Certificate: cert,
				Logins: map[string]sandbox.Login{testUser: {Password: testPassword}, "second": {Password: "Other!456", Database: "app2"}},
			})
			c := testConfig(bucketFor("bucket-001", s, 60, "app1", "app2", "master"))
			c.DefaultBucket = "bucket-001"
			c.TLS.CertFile, c.TLS.KeyFile = certFile, keyFile
			c.BackendTLS.Mode = configs.BackendTLSVerifyFull
			c.BackendTLS.CAFile, c.BackendTLS.ServerName = certFile, "localhost"
			n := startNode(t, c)
			compareDrivers(t, suite.name, driverDSN(s.Addr(), certFile), driverDSN(n.tdsAddr(), certFile))
			if st := s.Stats(); st.PeakSessions > 60 {
				t.Errorf("the server saw %d sessions, 60 are allowed", st.PeakSessions)
			}
		})
	}
}

// driverDSN is an address as scripts/drivers/README.md describes it.
func driverDSN(addr net.Addr, cert string) string {
	u := url.URL{Scheme: "tds", User: url.UserPassword(testUser, testPassword), Host: addr.String(), Path: "app1"}
	u.RawQuery = url.Values{
		"encrypt": {"off,login,on,strict"}, "cert": {cert}, "certname": {"localhost"},
		"user2": {"second"}, "password2": {"Other!456"}, "database2": {"app2"},
	}.Encode()
	return u.String()
}

func compareDrivers(t *testing.T, suite, direct, node string) {
	t.Helper()
	script, err := filepath.Abs("../../scripts/drivers/compare.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", script, direct, node, suite)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
	if err != nil {
		t.Errorf("%v\n%s", err, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
	if !strings.Contains(lines[len(lines)-1], "passed") {
		t.Error(fmt.Errorf("no count of cases in the last line: %q", lines[len(lines)-1]))
	}
}
