package bucket

import (
	"testing"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
)

// Of many idle connections a session gets its own, if that is among the latest
// or it asks for what it left there.
func TestTakeOwn(t *testing.T) {
	key := backend.Key{User: "u", Shared: true}
	const n = 3 * searched
	fill := func() *idleSet {
		set := newIdleSet()
		for i := range n {
			set.put(&backend.Conn{Key: key, IdleSince: time.Unix(int64(i), 0), Session: backend.Session{Owner: uint64(i + 1)}})
		}
		return &set
	}
	for _, tt := range []struct {
		name  string
		owner uint64
		own   bool
		want  uint64
	}{
		{"among the latest", n - 5, false, n - 5},
		{"long ago", 2, false, n},
		{"long ago, and needed", 2, true, 2},
		{"nobody's, and needed", n + 7, true, n},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request(0, "u", "db", "p")
			r.Key, r.Session, r.Trusted, r.Own, r.Print = key, actor.ID(tt.owner), true, tt.own, 99
			if got := fill().takeFor(r).Session.Owner; got != tt.want {
				t.Errorf("got the connection of %d, want that of %d", got, tt.want)
			}
		})
	}
}
