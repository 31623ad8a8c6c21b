package configs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The reference must name every key with its default, and no key that is none.
func TestReferenceNamesEveryKey(t *testing.T) {
	data, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| `([a-z_.\\[\\]]+)` \\|([^|]*)\\| ([^|]+) \\|$")
	defaults, meaning := map[string]string{}, map[string]string{}
	for line := range strings.SplitSeq(string(data), "\n") {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if _, twice := defaults[m[1]]; twice {
			t.Errorf("%s is explained twice", m[1])
		}
		defaults[m[1]] = strings.Trim(m[2], " `")
		meaning[m[1]] = strings.ToLower(m[3])
	}
	for _, k := range Keys() {
		said, ok := defaults[k.Path]
		if !ok {
			t.Errorf("docs/configuration.md lacks %s", k.Path)
			continue
		}
		if k.Default != "" && said != k.Default {
			t.Errorf("docs/configuration.md says that the default of %s is %q, it is %q", k.Path, said, k.Default)
		}
		mark, _, _ := strings.Cut(strings.TrimPrefix(meaning[k.Path], "*"), "*")
		if marked := meaning[k.Path][0] == '*'; marked != (k.Live || k.Secret) ||
			marked && (strings.Contains(mark, "live") != k.Live || strings.Contains(mark, "secret") != k.Secret) {
			t.Errorf("docs/configuration.md marks %s wrongly: live %v, secret %v", k.Path, k.Live, k.Secret)
		}
		delete(defaults, k.Path)
	}
	for path := range defaults {
		if _, old := renamed[path]; !old {
			t.Errorf("docs/configuration.md explains %s, which is no key", path)
		}
	}
}
