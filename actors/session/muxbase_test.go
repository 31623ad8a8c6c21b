package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/actors/backend"
	"sluice/actors/statement"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// Clients with settings of their own take turns on one backend. Once the server
// has said what a login gets, no reset is needed to take settings back.
func TestSharedSettingsWithoutResets(t *testing.T) {
	denied := func(c *tdstest.ServerConn) []byte {
		e := tds.ServerError{Number: 300, Class: 14, Text: "VIEW SERVER STATE permission was denied"}
		return tds.Done{Status: tds.DoneError}.Append(e.Append(nil, c.Version), c.Version)
	}
	const turns = 5
	for _, tt := range []struct {
		name   string
		answer func(c *tdstest.ServerConn) []byte
		resets int
		last   []string // what the backend is told at the end
	}{
		{"told", textAnswer("0|2147483647|-1|7|mdy|2|us_english|app"), 2, []string{"SET NOCOUNT OFF", "SET XACT_ABORT ON", "SELECT 2"}},
		{"told otherwise", textAnswer("512|2147483647|-1|7|mdy|2|us_english|app"), 2, []string{"SET XACT_ABORT ON", "SELECT 2"}},
		{"denied", denied, 2*turns - 1, []string{"SET XACT_ABORT ON", "SELECT 2"}},
		{"nonsense", textAnswer("what?"), 2*turns - 1, []string{"SET XACT_ABORT ON", "SELECT 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t, optionsServer(tt.answer))
			n := startNode(t, srv.Addr(), shared(1))
			a, b := n.connect(credentials()), n.connect(credentials())
			query(t, a, "SET NOCOUNT ON")
			query(t, b, "SET XACT_ABORT ON")
			for range turns - 1 {
				query(t, a, "SELECT 1")
				query(t, b, "SELECT 2")
			}
			asked, resets := 0, 0
			var texts []string
			for _, m := range received(srv, tds.PacketSQLBatch) {
				q, err := tds.DecodeSQLBatch(m.Message.Payload, tds.V74)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(q.Text, "SELECT CONCAT(@@OPTIONS") {
					asked++
				}
				if m.Message.Status&tds.StatusReset != 0 {
					resets++
				}
				texts = append(texts, strings.Split(q.Text, "\n")...)
			}
			if asked != 1 || resets != tt.resets {
				t.Errorf("asked %d times, %d resets", asked, resets)
			}
			if got := texts[max(0, len(texts)-len(tt.last)):]; !slices.Equal(got, tt.last) {
				t.Errorf("at last %q, want %q", got, tt.last)
			}
		})
	}
}

func TestBases(t *testing.T) {
	now := time.Unix(0, 0)
	k := backend.Key{User: "ann"}
	s := statement.LoginDefaults(true)
	var b bases
	expect := func(valid, ask bool) {
		t.Helper()
		got, v, a := b.of(&k, now)
		if v != valid || a != ask || valid && got != s {
			t.Errorf("%v, %v, %v", got, v, a)
		}
	}
	expect(false, true)
	expect(false, false) // somebody is at it
	b.learn(&k, s, now)
	expect(true, false)
	now = now.Add(basesFor)
	expect(false, true)
	for i := range 2 * maxBases {
		b.of(&backend.Key{PacketSize: i}, now)
	}
	if len(b.known) > maxBases {
		t.Errorf("%d keys", len(b.known))
	}
	b.learn(&k, s, now)
	expect(true, false)
}
