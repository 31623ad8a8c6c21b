package statement

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The table of docs/pooling.md has every reason, and says which can be silenced.
func TestReferenceNamesEveryReason(t *testing.T) {
	data, err := os.ReadFile("../../docs/pooling.md")
	if err != nil {
		t.Fatal(err)
	}
	_, pins, ok := strings.Cut(string(data), "## Pins\n")
	if !ok {
		t.Fatal("no section on pins")
	}
	pins, raised, _ := strings.Cut(pins, "### Silenced and raised")
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|[^|]+\\|([^|]+)\\| (yes|no)\\b[^|]*\\|$")
	said := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(pins, -1) {
		if _, twice := said[m[1]]; twice {
			t.Errorf("%s is explained twice", m[1])
		}
		said[m[1]] = m[3] == "yes"
		r, known := ParseReason(m[1])
		if !known {
			t.Errorf("%s is no reason", m[1])
			continue
		}
		if reset := strings.Contains(m[2], "reset by the client"); reset && r.survivesReset() {
			t.Errorf("a reset does not end %s", r)
		}
	}
	raised, _, _ = strings.Cut(raised, "\n## ")
	for _, r := range Reasons() {
		silenceable, ok := said[r.String()]
		if !ok {
			t.Errorf("docs/pooling.md lacks %s", r)
		} else if silenceable != r.CanBeSilenced() {
			t.Errorf("docs/pooling.md says of %s that it can be silenced: %v", r, silenceable)
		}
		if got := strings.Contains(raised, "`"+r.String()+"` ("); got != r.CanBeRaised() {
			t.Errorf("docs/pooling.md says of %s that it can be raised: %v", r, got)
		}
	}
}
