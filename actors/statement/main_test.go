package statement

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/tds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func u16(s string) []byte { return tds.AppendUTF16(nil, s) }

// told spells a verdict: the settings as a replay from the login's, unknown
// options, pins that are left, effects that matter to the tables.
func told(v *Verdict, effects Effects) string {
	var out []string
	known := v.Settings
	unknown := known.unknown
	known.unknown = 0
	known.on &^= unfollowedOptions
	known.known &^= unfollowedOptions
	if sql, ok := Replay(Settings{}, known, Settings{}); !ok {
		out = append(out, "no replay")
	} else if sql != "" {
		out = append(out, strings.ReplaceAll(sql, "\n", "; "))
	}
	st := State{Settings: v.firstly}
	st.Apply(v, Outcome{})
	for _, p := range st.Pins() {
		if p.Reason == SetOption && unknown != 0 && hasNamed(unknown, p.Name) {
			out = append(out, "unknown "+p.Name)
			continue
		}
		t := p.Reason.String()
		if p.Name != "" {
			t += " " + p.Name
		}
		if p.count > 1 {
			t += fmt.Sprint(" *", p.count)
		}
		out = append(out, t)
	}
	names := []string{"Identity", "Writes", "ReadsLast", "Unseen", "Begins", "Commits", "RollsBack", "Saves", "Implicit", "Handles", "Resets", "Bulk", "OpensCursor", "Cut"}
	for i, n := range names {
		if v.Effects&effects>>i&1 != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, " | ")
}

type row struct{ text, want string }

func table(t *testing.T, effects Effects, rows []row, judge func(string) Verdict) {
	t.Helper()
	for _, tc := range rows {
		v := judge(tc.text)
		if got := told(&v, effects); got != tc.want {
			t.Errorf("%s\n got: %s\nwant: %s", tc.text, got, tc.want)
		}
	}
}

func batch(s string) Verdict  { return Judge{}.Batch(u16(s), true, Settings{}) }
func scoped(s string) Verdict { return Judge{}.Text(u16(s), true, Settings{}) }
