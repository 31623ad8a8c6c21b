package docker

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// need returns the path of a program, or skips the test.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// mustRun runs a command with more variables and returns what it says.
func mustRun(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// environment returns what compose gives a node, with the values of
// .env.example and a key where that has none.
func environment(t *testing.T, node string) []string {
	t.Helper()
	env := envExample(t, ".env.example")
	env["GOSSIP_SECRET_KEY"] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	var out []string
	for name, value := range loadCompose(t).Services[node].Environment {
		text, err := expand(value, env)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, name+"="+text)
	}
	return out
}

// Nodes accept the files as they are, and have nothing to remark that is not
// meant to be.
func TestNodeConfigs(t *testing.T) {
	kubernetes := []string{"SLUICE_PROXY_INSTANCE_ID=sluice-0", "SLUICE_GOSSIP_ADVERTISE_ADDR=10.0.0.1"}
	for name, value := range envExample(t, "kubernetes/secret.env.example") {
		if value == "" {
			value = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
		}
		kubernetes = append(kubernetes, name+"="+value)
	}
	for _, c := range []struct {
		folder string
		env    []string
	}{
		{"node", environment(t, "node-1")},
		{"kubernetes", kubernetes},
	} {
		out := mustRun(t, append(c.env, "SLUICE_LIMITS_STATE_DIR="+t.TempDir()), sluice(t), "check",
			"--config", filepath.Join(c.folder, "proxy.yaml"), "--buckets", filepath.Join(c.folder, "buckets.yaml"))
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "warning:") && !strings.Contains(line, "tls.cert_file is not set") {
				t.Errorf("%s: %s", c.folder, line)
			}
		}
	}
}

func TestHAProxyAcceptsItsConfig(t *testing.T) {
	out := mustRun(t, nil, need(t, "haproxy"), "-c", "-f", "haproxy/haproxy.cfg")
	for line := range strings.Lines(out) {
		// The nodes' names are those of another network.
		if strings.Contains(line, "[WARNING]") && !strings.Contains(line, "could not resolve address 'node-") {
			t.Error(line)
		}
	}
}

func TestPrometheusAcceptsItsConfig(t *testing.T) {
	mustRun(t, nil, need(t, "promtool"), "check", "config", "prometheus/prometheus.yml")
}

// Dashboards ask the data source that is provisioned, or let people choose.
func TestGrafana(t *testing.T) {
	var sources struct {
		Datasources []struct{ UID, URL string }
	}
	if err := yaml.Unmarshal(read(t, "grafana/provisioning/datasources/prometheus.yaml"), &sources); err != nil {
		t.Fatal(err)
	}
	if u := sources.Datasources[0].URL; u != "http://prometheus:9090" {
		t.Errorf("Grafana asks %s", u)
	}
	if !slices.Contains(loadCompose(t).Services["grafana"].Volumes, "./grafana/dashboards:/var/lib/grafana/dashboards:ro") ||
		!strings.Contains(string(read(t, "grafana/provisioning/dashboards/sluice.yaml")), "path: /var/lib/grafana/dashboards\n") {
		t.Error("the dashboards are not where Grafana looks for them")
	}
	files, err := filepath.Glob("grafana/dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`"datasource":\s*\{[^}]*"uid":\s*"([^"]*)"`)
	for _, f := range files {
		text := read(t, f)
		if !json.Valid(text) {
			t.Errorf("%s is no JSON", f)
		}
		for _, m := range used.FindAllSubmatch(text, -1) {
			if uid := string(m[1]); uid != sources.Datasources[0].UID && !strings.HasPrefix(uid, "$") && !strings.Contains(uid, "rafana") {
				t.Errorf("%s asks the data source %s", f, uid)
			}
		}
	}
}

func TestSystemdAcceptsTheUnit(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	// The program is not where it will be.
	unit := strings.ReplaceAll(string(read(t, "systemd/sluice.service")), "/usr/bin/sluice", sluice(t))
	file := filepath.Join(t.TempDir(), "sluice.service")
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, nil, analyze, "verify", file); strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze remarks\n%s", out)
	}
}

// number is what a pattern finds in a file, in seconds.
func number(t *testing.T, file, pattern string) int {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(read(t, file))
	if m == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A supervisor gives a node time for all of its shutdown_timeout, and ten
// seconds to close.
func TestTimeToDrain(t *testing.T) {
	const drain, toClose = `(?m)^shutdown_timeout: (\d+)s`, 10
	manifest := "kubernetes/statefulset.yaml"
	for _, c := range []struct {
		who           string
		grace, needed int
	}{
		{"compose.yaml", number(t, "compose.yaml", `stop_grace_period: (\d+)s`), number(t, "node/proxy.yaml", drain)},
		{"sluice.service", number(t, "systemd/sluice.service", `TimeoutStopSec=(\d+)`), number(t, "../configs/proxy.yaml", drain)},
		{
			manifest, number(t, manifest, `terminationGracePeriodSeconds: (\d+)`),
			number(t, "kubernetes/proxy.yaml", drain) + number(t, manifest, `preStop: \{ sleep: \{ seconds: (\d+)`),
		},
	} {
		if c.grace < c.needed+toClose {
			t.Errorf("%s kills a node after %d s, which may need %d", c.who, c.grace, c.needed+toClose)
		}
	}
}

// The script makes passwords, once, and calls Docker only when the license is
// accepted. A small program takes the place of Docker.
func TestStackScript(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"stack.sh", ".env.example"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	calls := filepath.Join(dir, "calls")
	fake := "#!/bin/sh\necho \"$@\" >>" + calls + "\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + dir + ":" + os.Getenv("PATH")
	script := filepath.Join(dir, "stack.sh")
	cmd := exec.Command("bash", script, "up")
	cmd.Env = append(os.Environ(), path, "ACCEPT_EULA=")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "license") {
		t.Errorf("without the license accepted: %v, %s", err, out)
	}
	if _, err := os.Stat(calls); err == nil {
		t.Error("Docker was called before the license was accepted")
	}
	before := read(t, filepath.Join(dir, ".env"))
	mustRun(t, []string{path, "ACCEPT_EULA=Y"}, "bash", script, "up")
	mustRun(t, []string{path}, "bash", script, "down", "--volumes")
	if got := string(read(t, calls)); got != "compose up --detach --build\ncompose down --volumes\n" {
		t.Errorf("Docker was called with %q", got)
	}
	if string(before) != string(read(t, filepath.Join(dir, ".env"))) {
		t.Error("the second start has other passwords")
	}
	example, made := envExample(t, ".env.example"), envExample(t, filepath.Join(dir, ".env"))
	for name, value := range made {
		if name != "ACCEPT_EULA" && (value == example[name] || len(value) < 16) {
			t.Errorf("%s is %q", name, value)
		}
	}
	if len(made) != len(example) {
		t.Errorf(".env has %d variables, .env.example %d", len(made), len(example))
	}
}
