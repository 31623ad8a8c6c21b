package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/actors/bucket"
	"sluice/configs"
	"sluice/sandbox"
)

var update = flag.Bool("update", false, "rewrite the reference in docs/metrics.md")

// sample is one line of /metrics.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

var labelPair = regexp.MustCompile(`([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"`)

// parseSamples reads the text format, by the whole of name and labels.
func parseSamples(t *testing.T, text string) map[string]sample {
	t.Helper()
	all := map[string]sample{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s := sample{name: sampleName([]byte(line)), labels: map[string]string{}, value: v}
		for _, m := range labelPair.FindAllStringSubmatch(line[:at], -1) {
			s.labels[m[1]] = m[2]
		}
		if _, twice := all[line[:at]]; twice {
			t.Errorf("twice: %s", line)
		}
		all[line[:at]] = s
	}
	return all
}

func scrape(t *testing.T, n *node) map[string]sample {
	t.Helper()
	_, text := get(t, n, "metrics", "/metrics")
	return parseSamples(t, text)
}

// referenceText is the generated part of docs/metrics.md.
func referenceText() string {
	var b strings.Builder
	for _, s := range reference {
		fmt.Fprintf(&b, "## %s\n\n| Metric | Type | Labels | What it is |\n|---|---|---|---|\n", s.title)
		for _, f := range s.families {
			help := f.help
			if f.when != "" {
				help += " Only " + conditions[f.when] + "."
			}
			labels := ""
			if f.labels != "" {
				labels = "`" + strings.ReplaceAll(f.labels, " ", "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, help)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// docs/metrics.md has the table of the code, and names no metric beside it.
func TestReferenceIsDocumented(t *testing.T) {
	const file = "../../docs/metrics.md"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(doc), "-update -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end reference -->")
	if !ok || !ok2 {
		t.Fatal("the reference's place is not marked")
	}
	want := head + "-update -->\n\n" + referenceText() + "<!-- end reference -->" + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(doc) != want {
		t.Error("docs/metrics.md is not what the code says: run this test with -update")
	}
	known := byFamily()
	for _, name := range regexp.MustCompile(`\b(proxy|go|process)_[a-z_]+`).FindAllString(head+tail, -1) {
		if familyOf(known, name) == "" {
			t.Errorf("docs/metrics.md names %s, which there is not", name)
		}
	}
}

func TestReferenceIsConsistent(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range reference {
		for _, f := range s.families {
			if seen[f.name] {
				t.Errorf("%s is there twice", f.name)
			}
			seen[f.name] = true
			if !strings.HasSuffix(f.help, ".") || strings.ContainsAny(f.help, "\n\\|") {
				t.Errorf("%s: help %q", f.name, f.help)
			}
			if f.when != "" && conditions[f.when] == "" {
				t.Errorf("%s: no condition %q", f.name, f.when)
			}
			if !slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, f.kind) {
				t.Errorf("%s: type %q", f.name, f.kind)
			}
		}
	}
}

// Operators look up there why connections were closed.
func TestReferenceHasTheReasonsToClose(t *testing.T) {
	help := byFamily()["proxy_backend_closes_total"].help
	for _, reason := range bucket.CloseReasons() {
		if !strings.Contains(help, " "+reason) {
			t.Errorf("%s is not in the reference", reason)
		}
	}
}

// everything is a node that shows as many metrics as one can.
func everything(t *testing.T) *node {
	t.Helper()
	r := newFleetRig(t, 5)
	c := r.config("node-1")
	c.TLS.Mode = configs.TLSOn
	c.Proxy.Pooling = configs.PoolingTransaction
	r.start(c)
	n := r.nodes[0].node
	eventually(t, "the node serves", func() bool { return n.unready() == "" })
	db := conn(t, dsn(n.tdsAddr(), "app1", "encrypt", "true", "TrustServerCertificate", "true"))
	one[int](t, db, "CREATE TABLE #pins (a int) SELECT 1")
	one[int](t, db, "DROP TABLE #pins SELECT 1")
	if err := open(t, dsn(n.tdsAddr(), "app1", "password", "wrong")).PingContext(t.Context()); err == nil {
		t.Error("a wrong password was taken")
	}
	b := n.bucketList()[0].metrics
	b.governor.Closed("evicted").Inc()
	return n
}

// What nodes show is in the reference, with the labels that it says, and what
// is in the reference is shown.
func TestMetricsAreThoseOfTheReference(t *testing.T) {
	observing := testConfig(bucketFor("bucket-001", server(t, sandbox.Options{}), 2, "app1"))
	observing.Proxy.Pooling = configs.PoolingObserve
	watched := startNode(t, observing)
	one[int](t, conn(t, dsn(watched.tdsAddr(), "app1")), "CREATE TABLE #t (a int) SELECT 1")
	known, shown := byFamily(), map[string]bool{}
	for _, n := range []*node{everything(t), watched} {
		for line, s := range scrape(t, n) {
			name := familyOf(known, s.name)
			if name == "" {
				t.Errorf("%s is in no reference", line)
				continue
			}
			shown[name] = true
			f := known[name]
			want := strings.Fields(f.labels)
			if strings.HasSuffix(s.name, "_bucket") && f.kind == "histogram" {
				want = append(want, "le")
			}
			if f.kind == "summary" && s.name == f.name {
				want = append(want, "quantile")
			}
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(s.labels)); !slices.Equal(got, want) {
				t.Errorf("%s has the labels %v, the reference says %v", line, got, want)
			}
		}
	}
	for name, f := range known {
		if !shown[name] && f.when != "system" {
			t.Errorf("%s is not shown", name)
		}
	}
}

// Prometheus' own tool finds nothing to complain of.
func TestPromtoolAcceptsMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool, of the package prometheus, is not installed")
	}
	_, text := get(t, everything(t), "metrics", "/metrics")
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestExposeGroupsByFamily(t *testing.T) {
	var b bytes.Buffer
	expose(&b, []byte("go_goroutines 3\nproxy_queue_length{bucket_id=\"a\"} 1\nproxy_login_seconds_count 1\ngo_cpu_count 2\n# TYPE x gauge\nproxy_queue_length{bucket_id=\"b\"} 2\nproxy_unheard_of 1\n"))
	want := `# HELP proxy_queue_length Requests that wait for a connection.
# TYPE proxy_queue_length gauge
proxy_queue_length{bucket_id="a"} 1
proxy_queue_length{bucket_id="b"} 2
# HELP proxy_login_seconds From accept to the answered login.
# TYPE proxy_login_seconds histogram
proxy_login_seconds_count 1
# HELP go_goroutines Goroutines.
# TYPE go_goroutines gauge
go_goroutines 3
proxy_unheard_of 1
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}
