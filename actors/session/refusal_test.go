package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/actors/refusal"
	"sluice/tds"
)

// Every error that a client can get from the node names the node, the bucket
// once it is known, and the wait if there was one.
func TestEveryRefusalSaysWhere(t *testing.T) {
	p := &port{env: &Env{Node: "node-7"}, tokens: tds.V74}
	text := func(e *refusal.Error) string {
		t.Helper()
		all := ""
		for b := p.refusalTokens(nil, e); len(b) > 0; {
			_, body, rest, err := tds.NextToken(b, p.tokens)
			if err != nil {
				t.Fatal(err)
			}
			m, err := tds.DecodeServerError(body, p.tokens)
			if err != nil {
				t.Fatal(err)
			}
			if m.Server != "node-7" {
				t.Errorf("%v comes from server %q", e.Cause, m.Server)
			}
			all, b = m.Text, rest
		}
		return all
	}
	for _, c := range refusal.All() {
		for _, style := range []refusal.Style{refusal.StyleSluice, refusal.StyleDrivers} {
			p.env.ErrorStyle, p.bucket = style, nil
			if s := text(&refusal.Error{Cause: c}); !strings.HasSuffix(s, "(node node-7).") {
				t.Errorf("%v before the bucket is known: %s", c, s)
			}
			p.bucket = &Bucket{ID: "bucket-9"}
			if s := text(&refusal.Error{Cause: c, Waited: 1500 * time.Millisecond}); !strings.HasSuffix(s, "(bucket bucket-9, node node-7, waited 1.5s).") {
				t.Errorf("%v: %s", c, s)
			}
		}
	}
}

// There is one place that makes tokens of a refusal: the one tested above.
func TestRefusalsAreToldInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), "env.ErrorStyle")
	}
	if n != 1 {
		t.Errorf("%d places look at the style of errors: tell them by refusalTokens", n)
	}
}
