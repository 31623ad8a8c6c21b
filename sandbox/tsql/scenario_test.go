package tsql

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the expectations of the scenario files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder writes the events of a request as lines of text.
type recorder struct {
	b    strings.Builder
	cols []Column
	rows int
	// fail makes Row return it.
	fail error
}

func (r *recorder) Columns(cols []Column) error {
	r.cols = cols
	parts := make([]string, len(cols))
	for i, c := range cols {
		t, err := typeOf(c.Type)
		if err != nil {
			return err
		}
		parts[i] = strings.TrimSpace(c.Name + " " + t.String())
		if !c.Nullable {
			parts[i] += " not null"
		}
		if c.Identity {
			parts[i] += " identity"
		}
	}
	r.line("columns %s", strings.Join(parts, ", "))
	return nil
}

func show(v Value) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case string:
		if len(x) > 100 {
			return fmt.Sprintf("'%s...'(%d)", x[:10], len(x))
		}
		return "'" + x + "'"
	case []byte:
		if len(x) > 100 {
			return fmt.Sprintf("0x..(%d)", len(x))
		}
		return fmt.Sprintf("0x%X", x)
	case time.Time:
		if _, off := x.Zone(); off != 0 {
			return x.Format("2006-01-02T15:04:05.9999999-07:00")
		}
		return x.Format("2006-01-02T15:04:05.9999999")
	case Money:
		return x.format(4)
	case float64:
		return fmt.Sprintf("%g", x)
	}
	return fmt.Sprint(v)
}

func (r *recorder) Row(v []Value) error {
	r.rows++
	if r.fail != nil {
		return r.fail
	}
	parts := make([]string, len(v))
	for i := range v {
		parts[i] = show(v[i])
	}
	if r.rows <= 50 {
		r.line("row %s", strings.Join(parts, " | "))
	}
	return nil
}

func (r *recorder) line(format string, args ...any) { fmt.Fprintf(&r.b, format+"\n", args...) }

func (r *recorder) Done(d Done) {
	s := fmt.Sprintf("done %02X", d.CurCmd)
	if d.HasCount {
		s += fmt.Sprintf(" count %d", d.Count)
	}
	if d.Failed {
		s += " failed"
	}
	r.line("%s", s)
}

func (r *recorder) Message(m Message) {
	kind := "info"
	if m.Class > 10 {
		kind = "error"
	}
	proc := ""
	if m.Proc != "" {
		proc = " " + m.Proc
	}
	r.line("%s %d class %d state %d line %d%s: %s", kind, m.Number, m.Class, m.State, m.Line, proc, m.Text)
}

func (r *recorder) EnvChange(e EnvChange) {
	if e.Kind >= EnvBegin {
		r.line("env %d transaction %t", e.Kind, e.Transaction != 0)
		return
	}
	r.line("env %d %s <- %s", e.Kind, e.New, e.Old)
}

func (r *recorder) ReturnStatus(n int32) { r.line("status %d", n) }
func (r *recorder) ReturnValue(i int, p Param) {
	t, _ := typeOf(p.Type)
	r.line("value %d %s %s %s", i, p.Name, t, show(p.Value))
}

func testEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := New(Options{Databases: []string{"app", "other"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func testSession(t testing.TB, e *Engine, spid int) *Session {
	t.Helper()
	s, err := e.NewSession(spid, LoginOptions{User: "sa", Database: "app", AppName: "test", HostName: "host", ANSIDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a batch and returns its events.
func run(t testing.TB, s *Session, sql string) string {
	t.Helper()
	r := &recorder{}
	if err := s.Run(context.Background(), sql, r); err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	return r.b.String()
}

var header = regexp.MustCompile(`(?m)^#### .*$`)

// TestScenarios runs testdata/*.txt: blocks of "#### title", a batch, "----" and
// the events expected. A title that begins with [n] runs in session n.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { scenario(t, file) })
	}
}

func scenario(t *testing.T, file string) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t)
	sessions := map[string]*Session{}
	text := string(src)
	heads := header.FindAllStringIndex(text, -1)
	out := ""
	if len(heads) > 0 {
		out = text[:heads[0][0]]
	}
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		title := strings.TrimPrefix(text[h[0]:h[1]], "#### ")
		sql, want, _ := strings.Cut(text[h[1]+1:end], "----\n")
		id := "1"
		if strings.HasPrefix(title, "[") {
			id = title[1:strings.Index(title, "]")]
		}
		if sessions[id] == nil {
			sessions[id] = testSession(t, e, 50+len(sessions)+1)
		}
		got := run(t, sessions[id], strings.TrimSuffix(sql, "\n"))
		out += text[h[0]:h[1]] + "\n" + sql + "----\n" + got + "\n"
		if !*update && strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\n%s\ngot:\n%s\nwant:\n%s", title, sql, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
