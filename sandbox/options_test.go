package sandbox

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sluice/tds"
)

func TestOptionsRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"packet size":   {PacketSizeMax: 100},
		"limit":         {MaxConnections: -1},
		"delay":         {LoginDelay: -1},
		"user":          {Logins: map[string]Login{"": {}}},
		"routing":       {ReadOnlyRouting: "host:port"},
		"routing range": {ReadOnlyRouting: "host:70000"},
	} {
		o.Engine = &fakeEngine{}
		if s, err := Start(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for _, e := range []Encryption{EncryptionOn, EncryptionOff, EncryptionRequired} {
		if got, err := ParseEncryption(e.String()); got != e || err != nil {
			t.Errorf("%v: %v, %v", e, got, err)
		}
	}
	if _, err := ParseEncryption("maybe"); !errors.Is(err, ErrOptions) {
		t.Errorf("error %v", err)
	}
}

func TestLoginDelay(t *testing.T) {
	const delay = 40 * time.Millisecond
	s, _ := startFake(t, Options{LoginDelay: delay})
	begin := time.Now()
	c := connect(t, s, tds.Login7{})
	if d := time.Since(begin); d < delay {
		t.Errorf("logged in after %v", d)
	}
	c.batch("select 1")
}

func TestPacketSizeMax(t *testing.T) {
	s, _ := startFake(t, Options{PacketSizeMax: 8000})
	for asked, want := range map[int]int{0: 4096, 100: 512, 512: 512, 4096: 4096, 8000: 8000, 32767: 8000} {
		if c := connect(t, s, tds.Login7{PacketSize: asked}); c.size != want {
			t.Errorf("asked for %d, got %d, want %d", asked, c.size, want)
		}
	}
}

func TestEventsKeepTheLatest(t *testing.T) {
	s, _ := startFake(t, Options{KeepEvents: 4})
	for range 3 {
		c := connect(t, s, tds.Login7{})
		_ = c.raw.Close()
		waitFor(t, "the connection is closed", func() bool { return s.Stats().Connections == 0 })
	}
	events := s.Events()
	var kinds []EventKind
	for i, e := range events {
		kinds = append(kinds, e.Kind)
		if i > 0 && e.At < events[i-1].At {
			t.Error("time runs backwards")
		}
	}
	if want := []EventKind{EventConnect, EventLogin, EventLogout, EventClose}; !slices.Equal(kinds, want) || events[0].Connection != 3 || events[1].User != "sa" {
		t.Errorf("events %+v", events)
	}
}
