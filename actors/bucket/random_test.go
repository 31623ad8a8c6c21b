package bucket

import (
	"strings"
	"testing"

	"sluice/actors/actor"
)

// TestRandomSchedules plays many random lives of a bucket.
func TestRandomSchedules(t *testing.T) {
	seeds, steps := uint64(3000), 300
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		if err := newModel(seed).run(steps); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestModelNotices breaks the governor in ways that the model must notice:
// otherwise its silence in TestRandomSchedules would mean nothing.
func TestModelNotices(t *testing.T) {
	once := func(f func(m *model, e effect) []effect) func() func(*model, effect) []effect {
		return func() func(*model, effect) []effect { return f }
	}
	tests := []struct {
		name  string
		says  string // part of what the model must say
		wrong func() func(m *model, e effect) []effect
	}{
		{"one slot too many", "limit", once(func(m *model, e effect) []effect {
			m.st.set.Limit = m.limit + 1
			return []effect{e}
		})},
		{"slot counted back twice", "in fact", once(func(m *model, e effect) []effect {
			if _, ok := e.(doClean); ok {
				m.st.open--
			}
			return []effect{e}
		})},
		{"slot lost", "in fact", once(func(m *model, e effect) []effect {
			if _, ok := e.(doRefuse); ok {
				m.st.open++
			}
			return []effect{e}
		})},
		{"answered twice", "answered twice", once(func(m *model, e effect) []effect {
			if _, ok := e.(doRefuse); ok {
				return []effect{e, e}
			}
			return []effect{e}
		})},
		{"never answered", "never answered", once(func(m *model, e effect) []effect {
			if r, ok := e.(doRefuse); ok && r.req.Session%7 == 0 {
				return nil
			}
			return []effect{e}
		})},
		{"a pause that ends by itself", "while the bucket is paused", once(func(m *model, e effect) []effect {
			m.st.paused = false
			return []effect{e}
		})},
		{"every password is right", "unproven", once(func(m *model, e effect) []effect {
			for _, c := range m.clients {
				if c.password == "wrong" && m.waits(c) {
					m.st.creds[c.req.Login.UserName] = credential{c.req.Digest, m.now}
				}
			}
			return []effect{e}
		})},
		{"proof never ages", "unproven", once(func(m *model, e effect) []effect {
			for user, c := range m.st.creds {
				c.verified = m.now
				m.st.creds[user] = c
			}
			return []effect{e}
		})},
		{"last come, first served", "before session", once(func(m *model, e effect) []effect {
			if q, ok := e.(doEnqueue); ok {
				q.req.order = 1<<32 - q.req.order
				q.again = true
				return []effect{q}
			}
			return []effect{e}
		})},
		{"newcomers first", "waits for", once(func(m *model, e effect) []effect {
			m.st.fresh, m.st.forKey = nil, nil
			return []effect{e}
		})},
		{"offer forgotten", "", func() func(m *model, e effect) []effect {
			n := 0
			return func(m *model, e effect) []effect {
				if _, ok := e.(doOffer); ok {
					if n++; n == 3 {
						m.offers++
						return nil
					}
				}
				return []effect{e}
			}
		}},
		{"one entitled slot too many", "limit", once(func(m *model, e effect) []effect {
			m.st.slots = m.limit + 1
			return []effect{e}
		})},
		{"old version obeyed", "old version", once(func(m *model, e effect) []effect {
			m.st.version = 0
			return []effect{e}
		})},
		{"lost lease forgotten", "in fact", once(func(m *model, e effect) []effect {
			if _, ok := e.(doCut); ok {
				return nil
			}
			return []effect{e}
		})},
		{"one cut too many", "are left", once(func(m *model, e effect) []effect {
			if _, ok := e.(doCut); !ok || m.st.slots < 1 {
				return []effect{e}
			}
			m.st.slots--
			out := m.st.cutDown()
			m.st.slots++
			return append(out, e)
		})},
		{"force spares leases", "are kept open", once(func(m *model, e effect) []effect {
			if c, ok := e.(doCut); ok {
				m.st.leases[c.lease.session] = c.lease
				m.st.closing--
				return nil
			}
			return []effect{e}
		})},
		{"cut connection used again", "", once(func(m *model, e effect) []effect {
			if a, ok := e.(doAbort); ok {
				a.cleaning.cut = false
				m.st.doomed--
			}
			return []effect{e}
		})},
		{"acknowledgement forgotten", "not reported", once(func(m *model, e effect) []effect {
			m.st.acked = true
			return []effect{e}
		})},
		{"fall not reported", "not reported", once(func(m *model, e effect) []effect {
			m.st.told.Open = m.st.open
			return []effect{e}
		})},
		{"every grant reported", "needless", once(func(m *model, e effect) []effect {
			if _, ok := e.(doGrant); ok {
				m.st.acked = false
			}
			return []effect{e}
		})},
		{"connection in two places", "", func() func(m *model, e effect) []effect {
			return func(m *model, e effect) []effect {
				if g, ok := e.(doGrant); ok && g.lease.Warm {
					m.st.idle.put(g.lease.Conn)
				}
				return []effect{e}
			}
		}},
		{"dead session keeps its slot", "", func() func(m *model, e effect) []effect {
			return func(m *model, e effect) []effect {
				if g, ok := e.(doGrant); ok && m.clients[g.req.Session].stopped {
					delete(m.st.leases, actor.ID(g.req.Session))
				}
				return []effect{e}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var other error
			for seed := range uint64(4000) {
				m := newModel(seed)
				m.mutate = tt.wrong()
				if err := m.run(300); err != nil {
					if strings.Contains(err.Error(), tt.says) {
						t.Logf("seed %d: %v", seed, err)
						return
					}
					other = err
				}
			}
			t.Fatalf("not noticed; instead: %v", other)
		})
	}
}
