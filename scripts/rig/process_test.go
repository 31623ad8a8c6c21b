package rig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProcessThatIgnoresSignals(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := StartProcess("stubborn", log, []string{"sh", "-c", "trap '' TERM; echo here; while :; do sleep 0.1; done"})
	if err != nil {
		t.Fatal(err)
	}
	if !Eventually(t.Context(), 20*time.Second, func() bool { return strings.Contains(p.Tail(), "here") }) {
		t.Error("it said nothing:", p.Tail())
	}
	if err := p.End(syscall.SIGTERM, 100*time.Millisecond); err == nil || p.Running() {
		t.Errorf("%v, running %v", err, p.Running())
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

func TestChildren(t *testing.T) {
	p, err := StartProcess("parent", filepath.Join(t.TempDir(), "log"), []string{"sh", "-c", "sleep 60 & wait"})
	if err != nil {
		t.Fatal(err)
	}
	var kids []Kin
	Eventually(t.Context(), 20*time.Second, func() bool { kids = Children(p.PID()); return len(kids) == 1 })
	if len(kids) != 1 || !kids[0].Running() {
		t.Fatalf("%v", kids)
	}
	if (Kin{kids[0].PID, "1"}).Running() {
		t.Error("taken for an earlier process of that number")
	}
	kids[0].Kill()
	if !Eventually(t.Context(), 20*time.Second, func() bool { return !kids[0].Running() }) {
		t.Error("it runs on")
	}
	if err := p.End(syscall.SIGKILL, 20*time.Second); err != nil {
		t.Error(err)
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if Sleep(ctx, time.Hour) || Eventually(ctx, time.Hour, func() bool { return false }) {
		t.Error("waited to the end")
	}
}

func TestPorts(t *testing.T) {
	p := NewPortPicker()
	seen := map[int]bool{}
	for range 20 {
		port, err := p.Take()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < firstPort || port > lastPort {
			t.Errorf("port %d", port)
		}
		seen[port] = true
	}
}
