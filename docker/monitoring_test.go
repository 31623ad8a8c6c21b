package docker_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	alertsFile    = "prometheus/alerts.yml"
	casesFile     = "prometheus/alerts_test.yml"
	dashboardFile = "grafana/dashboards/sluice.json"
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// metric is a row of docs/metrics.md, which another test compares with the code.
type metric struct {
	kind   string
	labels []string
}

func reference(t *testing.T) map[string]metric {
	t.Helper()
	all := map[string]metric{"up": {kind: "gauge"}}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram|summary) \\| ([^|]*) \\|")
	for _, m := range row.FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		all[m[1]] = metric{m[2], regexp.MustCompile("[a-z_]+").FindAllString(m[3], -1)}
	}
	if len(all) < 100 {
		t.Fatalf("only %d metrics in the reference", len(all))
	}
	return all
}

// of returns the metric that a name in an expression stands for.
func of(known map[string]metric, name string) (m metric, ok bool) {
	if m, ok = known[name]; ok {
		return m, m.kind != "histogram" // whose samples have other names
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, suffix); cut && known[base].kind == "histogram" {
			return metric{labels: append(slices.Clone(known[base].labels), "le")}, true
		}
	}
	return metric{}, false
}

var (
	quoted     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	selector   = regexp.MustCompile(`\b((?:proxy|go|process|sluice)[_:][a-z0-9_:]+|up)\b(\{[^}]*\})?`)
	labelIn    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	aggregated = regexp.MustCompile(`\b(?:by|on|ignoring|without)\s*\(([^)]*)\)`)
)

// wrongIn lists what an expression names that there is not.
func wrongIn(known map[string]metric, expr string) (wrong []string) {
	expr = quoted.ReplaceAllString(expr, `""`)
	labels := map[string]bool{"instance": true, "job": true, "le": true}
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		found, ok := of(known, m[1])
		if !ok {
			wrong = append(wrong, "metric "+m[1])
			continue
		}
		for _, l := range labelIn.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(found.labels, l[1]) && l[1] != "instance" && l[1] != "job" {
				wrong = append(wrong, "label "+l[1]+" of "+m[1])
			}
		}
		for _, l := range found.labels {
			labels[l] = true
		}
	}
	for _, m := range aggregated.FindAllStringSubmatch(expr, -1) {
		for _, l := range regexp.MustCompile(`[a-z_]+`).FindAllString(m[1], -1) {
			if !labels[l] {
				wrong = append(wrong, "label "+l)
			}
		}
	}
	return wrong
}

func TestWrongNamesAreFound(t *testing.T) {
	known := map[string]metric{"proxy_x_total": {"counter", []string{"status"}}, "proxy_s": {"histogram", []string{"bucket_id"}}, "up": {"gauge", nil}}
	tests := []struct {
		expr string
		want string
	}{
		{`sum by (status) (rate(proxy_x_total{status=~"a|b"}[5m]))`, ""},
		{`histogram_quantile(0.9, sum by (le, bucket_id) (rate(proxy_s_bucket{instance="proxy_no"}[$__rate_interval]))) and up == 0`, ""},
		{`proxy_y_total > 0`, "metric proxy_y_total"},
		{`proxy_s > 0`, "metric proxy_s"},
		{`proxy_x_total_sum`, "metric proxy_x_total_sum"},
		{`proxy_x_total{reason="x"}`, "label reason of proxy_x_total"},
		{`sum by (reason) (proxy_x_total)`, "label reason"},
	}
	for _, test := range tests {
		if got := strings.Join(wrongIn(known, test.expr), ", "); got != test.want {
			t.Errorf("%s: %q, want %q", test.expr, got, test.want)
		}
	}
}

type rule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, alertsFile)), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// withRecorded adds what recording rules make.
func withRecorded(t *testing.T, known map[string]metric) map[string]metric {
	t.Helper()
	for _, r := range rules(t) {
		if r.Record != "" {
			var labels []string
			if m := aggregated.FindStringSubmatch(r.Expr); m != nil {
				labels = regexp.MustCompile(`[a-z_]+`).FindAllString(m[1], -1)
			}
			known[r.Record] = metric{"gauge", labels}
		}
	}
	return known
}

func TestAlertsReferToMetricsThatExist(t *testing.T) {
	known := withRecorded(t, reference(t))
	for _, r := range rules(t) {
		if wrong := wrongIn(known, r.Expr); len(wrong) > 0 {
			t.Errorf("%s%s names %v", r.Alert, r.Record, wrong)
		}
	}
}

// Each alert says how urgent it is, what it is, and where to read on; each has
// its section there and its cases.
func TestAlertsAreComplete(t *testing.T) {
	runbook := read(t, "../docs/runbook.md")
	sections := map[string]string{}
	for _, s := range strings.Split("\n"+runbook, "\n### ")[1:] {
		name, text, _ := strings.Cut(s, "\n")
		sections[name] = text
	}
	cases := alertCases(t)
	seen := map[string]bool{}
	for _, r := range rules(t) {
		if r.Record != "" {
			continue
		}
		if seen[r.Alert] {
			t.Errorf("%s is there twice", r.Alert)
		}
		seen[r.Alert] = true
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		for _, text := range []string{r.Annotations["summary"], r.Annotations["description"], r.For} {
			if text == "" {
				t.Errorf("%s has no summary, description or time: %v", r.Alert, r)
			}
		}
		if got, want := r.Annotations["runbook_url"], "docs/runbook.md#"+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s: runbook_url %q, want %q", r.Alert, got, want)
		}
		if s := sections[r.Alert]; !strings.Contains(s, "Look at:") || !strings.Contains(s, "Do:") || !strings.HasPrefix(strings.TrimSpace(strings.ToLower(s)), "*"+r.Labels["severity"]) {
			t.Errorf("%s: docs/runbook.md says %q", r.Alert, s)
		}
		if c := cases[r.Alert]; c.fires == 0 || c.quiet == 0 {
			t.Errorf("%s: %d cases in which it fires, %d in which it does not", r.Alert, c.fires, c.quiet)
		}
	}
	for name := range sections {
		if !seen[name] {
			t.Errorf("docs/runbook.md has a section for %s, which there is not", name)
		}
	}
	known := withRecorded(t, reference(t))
	for _, name := range regexp.MustCompile(`\b(proxy|process)_[a-z_]+`).FindAllString(runbook, -1) {
		if _, ok := known[name]; !ok {
			t.Errorf("docs/runbook.md names %s, which there is not", name)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(#([a-z]+)\)`).FindAllStringSubmatch(runbook, -1) {
		if !slices.ContainsFunc(slices.Collect(keys(sections)), func(s string) bool { return strings.ToLower(s) == m[1] }) {
			t.Errorf("docs/runbook.md links to #%s, which there is not", m[1])
		}
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type caseCount struct{ fires, quiet int }

func alertCases(t *testing.T) map[string]caseCount {
	t.Helper()
	var file struct {
		Tests []struct {
			Rules []struct {
				Name   string           `yaml:"alertname"`
				Alerts []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, casesFile)), &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]caseCount{}
	for _, test := range file.Tests {
		for _, r := range test.Rules {
			c := all[r.Name]
			if len(r.Alerts) > 0 {
				c.fires++
			} else {
				c.quiet++
			}
			all[r.Name] = c
		}
	}
	return all
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool, of the package prometheus, is not installed")
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// Each alert fires when it should and only then, as Prometheus sees it.
func TestAlertsFire(t *testing.T) {
	promtool(t, "check", "rules", alertsFile)
	promtool(t, "test", "rules", casesFile)
}

// Prometheus understands every expression of the dashboard.
func TestPrometheusUnderstandsTheDashboard(t *testing.T) {
	variable := strings.NewReplacer("$__rate_interval", "5m", "$bucket", ".*", "$instance", ".*")
	var all []map[string]string
	for i, e := range expressions(loadDashboard(t)) {
		all = append(all, map[string]string{"record": fmt.Sprintf("panel:%d", i), "expr": variable.Replace(e)})
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": all}}}) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
