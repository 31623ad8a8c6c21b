package sandbox

import (
	"testing"
	"time"

	"sluice/tds"
)

func TestLateness(t *testing.T) {
	l := &Link{}
	if got := l.Late(1000); got != 0 {
		t.Errorf("a link nobody has set: %v", got)
	}
	l.Set(Shape{Delay: time.Second, Rate: 1000})
	if got := l.Late(500); got != 1500*time.Millisecond {
		t.Errorf("%v", got)
	}
	l.Set(Shape{Delay: 10 * time.Millisecond, Jitter: 20 * time.Millisecond})
	varies := map[time.Duration]bool{}
	for range 100 {
		got := l.Late(0)
		if got < 0 || got > 30*time.Millisecond {
			t.Fatalf("%v", got)
		}
		varies[got] = true
	}
	if len(varies) < 2 {
		t.Error("it does not vary")
	}
	l.Set(Shape{})
	if got := l.Late(1000); got != 0 {
		t.Errorf("fast again: %v", got)
	}
}

// Over a slow link answers are late; that a client has left is known at once.
func TestSlowLink(t *testing.T) {
	link := &Link{}
	s, err := Start(Options{Link: link, KeepEvents: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	c := dial(t, s)
	c.preLogin(tds.EncryptNotSupported)
	const delay = 20 * time.Millisecond
	link.Set(Shape{Delay: delay})
	start := time.Now()
	c.login(tds.Login7{UserName: "sa"})
	if took := time.Since(start); took < 2*delay {
		t.Errorf("answered after %v", took)
	}
	link.Set(Shape{Delay: time.Hour})
	c.sendBatch("SELECT 1", tds.StatusEOM)
	if n := s.Stats().Connections; n != 1 {
		t.Fatalf("%d connections", n)
	}
	closing(t, c.conn)
	if n := s.Stats().Connections; n != 0 {
		t.Errorf("%d connections, the client has left", n)
	}
}
