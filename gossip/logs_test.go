package gossip

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLibraryLog(t *testing.T) {
	var out bytes.Buffer
	b := newBook()
	l := libraryLogger(slog.New(slog.NewTextHandler(&out, nil)), func(k Kind, subject, text string) {
		b.note(k, subject, text, time.Now())
	})
	for i := range 1000 {
		l.Printf("[ERR] memberlist: Decrypt packet failed: no installed keys could decrypt the message from=10.0.0.1:%d", i)
		l.Printf("[ERR] memberlist: something odd %d\nand a second line", i)
		l.Printf("[DEBUG] memberlist: detail %d", i)
	}
	l.Printf("[WARN] memberlist: handler queue full, dropping message (8) from=10.0.0.1:1")
	l.Printf("[WARN] memberlist: Was able to connect to node-1#1 over TCP but UDP probes failed, network may be misconfigured")
	l.Printf("no level")
	if n := strings.Count(out.String(), "\n"); n != linesPerWindow || !strings.Contains(out.String(), "level=WARN") {
		t.Errorf("%d lines logged:\n%.500s", n, out.String())
	}
	got := map[Kind]string{}
	for _, p := range b.list() {
		got[p.Kind] = fmt.Sprint(p.Subject, " ", p.Count)
	}
	want := map[Kind]string{OtherKey: "10.0.0.1 1000", Overloaded: " 1", PacketsBlocked: "node-1#1 1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("problems %v, want %v", got, want)
	}
}
