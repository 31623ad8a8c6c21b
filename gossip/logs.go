package gossip

import (
	"context"
	"log"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// librarySays turns lines of memberlist's logger into log records, and those
// that tell of a foreign or broken neighbour into problems: the library has no
// other way to tell.
type librarySays struct {
	log  *slog.Logger
	note func(kind Kind, subject, text string)

	mu     sync.Mutex
	window time.Time
	lines  int
}

// linesPerWindow bounds the records above debug level in a logWindow: a
// stranger can make the library write a line with every packet.
const (
	logWindow      = 10 * time.Second
	linesPerWindow = 20
)

func libraryLogger(l *slog.Logger, note func(kind Kind, subject, text string)) *log.Logger {
	return log.New(&librarySays{log: l, note: note}, "", 0)
}

// signs are pieces of the library's lines and what they mean.
var signs = []struct {
	piece string
	kind  Kind
	text  string
}{
	{`unacceptable label ""`, NotPeer, "sends without a cluster name, as no member does"},
	{"unacceptable label", OtherCluster, "sends with another cluster name"},
	{"Decrypt packet failed", OtherKey, "sends what our secret key does not decrypt"},
	{"could decrypt the message", OtherKey, "sends what our secret key does not decrypt"},
	{"remote state is encrypted and encryption is not configured", OtherKey, "encrypts, and we have no secret key"},
	{"encryption is configured but remote state is not encrypted", OtherKey, "does not encrypt, and we have a secret key"},
	{"handler queue full", Overloaded, "messages came faster than they were handled, some were dropped"},
	{"over TCP but UDP probes failed", PacketsBlocked, "is reached by TCP but not by UDP"},
}

func signOf(line string) (kind Kind, text string, ok bool) {
	for _, s := range signs {
		if strings.Contains(strings.ToLower(line), strings.ToLower(s.piece)) {
			return s.kind, s.text, true
		}
	}
	return "", "", false
}

// Write implements io.Writer; log.Logger calls it once for a line.
func (w *librarySays) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	level := slog.LevelInfo
	if rest, ok := strings.CutPrefix(line, "["); ok {
		if name, text, ok := strings.Cut(rest, "] "); ok {
			line, level = strings.TrimPrefix(text, "memberlist: "), levelOf(name)
		}
	}
	if kind, text, ok := signOf(line); ok {
		// A line about a join of our own names nobody; joinMissing does.
		if subject := subjectOf(kind, line); subject != "" || kind == Overloaded {
			w.note(kind, subject, strings.TrimSpace(subject+" "+text))
		}
		level = slog.LevelDebug // the problem has its own record
	}
	if strings.HasPrefix(line, "ignoring alive message") {
		level = slog.LevelDebug // so has this one
	}
	ctx := context.Background()
	if w.log.Enabled(ctx, level) && (level <= slog.LevelDebug || w.room()) {
		w.log.Log(ctx, level, "memberlist", "says", shown(line))
	}
	return len(p), nil
}

// levelOf lowers the library's levels: what it calls an error is a packet that
// could not be sent or read, which it is built to bear.
func levelOf(name string) slog.Level {
	switch name {
	case "ERR", "ERROR":
		return slog.LevelWarn
	case "WARN", "INFO":
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func (w *librarySays) room() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Sub(w.window) > logWindow {
		w.window, w.lines = now, 0
	}
	w.lines++
	return w.lines <= linesPerWindow
}

// subjectOf finds whom a line is about: a node's name or the host behind
// "from=". Its port is of the moment and would make each line another problem.
func subjectOf(kind Kind, line string) string {
	switch kind {
	case Overloaded:
		return ""
	case PacketsBlocked:
		_, name, _ := strings.Cut(line, "connect to ")
		name, _, _ = strings.Cut(name, " over TCP")
		return shown(name)
	}
	_, from, ok := strings.Cut(line, "from=")
	if !ok {
		return ""
	}
	from, _, _ = strings.Cut(from, " ")
	if host, _, err := net.SplitHostPort(from); err == nil {
		return host
	}
	return shown(from)
}
