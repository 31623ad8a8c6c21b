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
func TestDriversSeeNoDifference(t *testing.T) { driversSeeNoDifference(t, configs.PoolingSession) }

func TestDriversSeeNoDifferencePoolingByTransaction(t *testing.T) {
	driversSeeNoDifference(t, configs.PoolingTransaction)
}

func driversSeeNoDifference(t *testing.T, pooling configs.PoolingMode) {
	python := driversPython(t)
	certFile, keyFile := certificateFiles(t)
	for _, suite := range driverSuites(python) {
		t.Run(suite.name, func(t *testing.T) {
			suite.require(t)
			cert, err := loadCertificate(certFile, keyFile)
			if err != nil {
				t.Fatal(err)
			}
			s := server(t, sandbox.Options{
				Databases: []string{"app1", "app2"}, Certificate: cert,
				Logins: map[string]sandbox.Login{testUser: {Password: testPassword}, "second": {Password: "Other!456", Database: "app2"}},
			})
			c := testConfig(bucketFor("bucket-001", s, 60, "app1", "app2", "master"))
			c.DefaultBucket, c.Proxy.Pooling = "bucket-001", pooling
			c.TLS.CertFile, c.TLS.KeyFile = certFile, keyFile
			c.BackendTLS.Mode = configs.BackendTLSVerifyFull
			c.BackendTLS.CAFile, c.BackendTLS.ServerName = certFile, "localhost"
			n := startNode(t, c)
			compareDrivers(t, driverDSN(s.Addr(), certFile), driverDSN(n.tdsAddr(), certFile), suite.name)
			if st := s.Stats(); st.PeakSessions > 60 {
				t.Errorf("the server saw %d sessions, 60 are allowed", st.PeakSessions)
			}
		})
	}
}

// With one backend connection each client gets the one that its predecessor
// has left, and must find nothing of it: temp tables, options, database,
// isolation level, open transaction, locks, context, prepared handles.
func TestDriversLeaveNothingOnTheirBackend(t *testing.T) {
	python := driversPython(t)
	for _, suite := range driverSuites(python) {
		t.Run(suite.name, func(t *testing.T) {
			suite.require(t)
			direct, behind := server(t, sandbox.Options{}), server(t, sandbox.Options{})
			c := testConfig(bucketFor("bucket-001", behind, 1, "app1"))
			c.BackendTLS.Mode = configs.BackendTLSOff
			n := startNode(t, c)
			plain := func(addr net.Addr) string {
				return "tds://" + testUser + ":" + testPassword + "@" + addr.String() + "/app1?encrypt=off"
			}
			compareDrivers(t, plain(direct.Addr()), plain(n.tdsAddr()), suite.name, "--", "reconnect/")
			st := behind.Stats()
			t.Logf("%d logins at the server, %d resets, at most %d sessions", st.TotalLogins, st.Resets, st.PeakSessions)
			if st.PeakSessions != 1 || st.Resets < 10 {
				t.Errorf("%d sessions at most and %d resets: the connection was not shared", st.PeakSessions, st.Resets)
			}
		})
	}
}

// driversPython returns the Python that has the drivers, or skips the test.
func driversPython(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real drivers take minutes; run without -short")
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
	return python
}

// driverSuite is a folder of scripts/drivers.
type driverSuite struct {
	name  string
	needs [][]string // commands that must succeed
}

func driverSuites(python string) []driverSuite {
	return []driverSuite{
		{"gomssql", nil},
		{"tedious", [][]string{{"node", "--version"}, {"npm", "--version"}}},
		{"mssql", [][]string{{"node", "--version"}, {"npm", "--version"}}},
		{"freetds", [][]string{{"tsql", "-C"}, {python, "-c", "import pymssql"}}},
		{"odbc", [][]string{{"isql", "--version"}, {python, "-c", "import pyodbc"}}},
	}
}

func (s driverSuite) require(t *testing.T) {
	t.Helper()
	for _, need := range s.needs {
		if err := exec.Command(need[0], need[1:]...).Run(); err != nil {
			t.Skipf("needs %s: %v (.ci/run installs it)", strings.Join(need, " "), err)
		}
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

func compareDrivers(t *testing.T, direct, node string, args ...string) {
	t.Helper()
	script, err := filepath.Abs("../../scripts/drivers/compare.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{script, direct, node}, args...)...)
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
