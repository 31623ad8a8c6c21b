package session

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"sluice/actors/refusal"
	"sluice/tds/tdstest"
)

// dozing counts the sessions that have no goroutine.
func (n *node) dozing() (sum int) {
	for _, p := range n.env.sessions.ports() {
		p.mu.Lock()
		if p.doze.by != nil {
			sum++
		}
		p.mu.Unlock()
	}
	return sum
}

func (n *node) doze(after time.Duration) {
	n.t.Helper()
	if runtime.GOOS != "linux" {
		n.t.Skip("sessions doze on Linux only")
	}
	if err := n.env.StartDozing(after); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.env.StopDozing)
}

func TestIdleSessionsDoze(t *testing.T) {
	for _, withTLS := range []bool{false, true} {
		t.Run(fmt.Sprint("tls=", withTLS), func(t *testing.T) {
			s := newServer(t, sqlServer(answerAll))
			n := startNode(t, s.Addr(), func(o *setup) { o.limit, o.tls = 10, withTLS })
			n.doze(10 * time.Millisecond)
			var clients []*tdstest.Client
			for range 6 {
				c := n.connect(credentials())
				query(t, c, "SELECT n")
				clients = append(clients, c)
			}
			eventually(t, "all doze", func() bool { return n.dozing() == 6 })
			for range 3 { // they wake, and fall asleep again
				for _, c := range clients {
					query(t, c, "SELECT n")
				}
				eventually(t, "all doze again", func() bool { return n.dozing() == 6 })
			}
			_ = clients[0].Close()
			eventually(t, "the one that left is gone", func() bool { return n.env.Connections() == 5 })
			KillOne(n.env, n.env.sessions.all()[0].ID(), refusal.Killed)
			eventually(t, "the one that was killed is gone", func() bool { return n.env.Connections() == 4 })
			DrainAll(n.env)
			n.gone()
			eventually(t, "nobody is waited for", func() bool {
				d := n.env.dozer.Load()
				d.mu.Lock()
				defer d.mu.Unlock()
				return len(d.asleep) == 0
			})
		})
	}
}

func TestBackendDiesWhileItsClientDozes(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	n.doze(5 * time.Millisecond)
	c := n.connect(credentials())
	query(t, c, "SELECT n")
	eventually(t, "it dozes", func() bool { return n.dozing() == 1 })
	for _, p := range n.env.sessions.ports() {
		reset(p.backend.Net)
	}
	n.env.sessions.ports()[0].backendDied()
	closed(t, c)
	n.gone()
}

// Clients that are disturbed all the time notice nothing.
func TestDozingRacesRequests(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.limit, o.tls = 8, true })
	n.doze(2 * time.Millisecond)
	var wg sync.WaitGroup
	for i := range 8 {
		c := n.connect(credentials())
		wg.Go(func() {
			for j := range 60 {
				query(t, c, "SELECT n")
				if (i+j)%4 == 0 {
					// About as long as it takes to fall asleep.
					<-time.After(time.Duration(1+(i*j)%4) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	if n.env.Connections() != 8 {
		t.Errorf("%d of 8 sessions are left", n.env.Connections())
	}
}
