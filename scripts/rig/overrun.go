package rig

import "time"

// Overrun is a stretch of time in which a server had more connections than the
// bucket's limit.
type Overrun struct {
	Bucket   int
	From, To time.Time
	Peak     int  // connections
	Sessions bool // there were also too many sessions logged in
	Seen     int  // how many counts in a row were too high
}

// Certain tells that the connections really were open together. A connection
// that its client has closed before the server accepted it is counted for one
// moment; it cannot be counted twice, and cannot log in.
func (o Overrun) Certain() bool { return o.Sessions || o.Seen > 1 }

// Meter follows the counts of one server. It is a plain state machine: counts
// go in, overruns come out.
type Meter struct {
	Bucket, Limit  int
	Peak, Sessions int // most connections and sessions at a time
	Over           []Overrun
	open           bool // the last of Over goes on
}

// MaxOverruns bounds what is kept of a run that is wrong all the time.
const MaxOverruns = 1000

// Observe takes the counts of one moment.
func (m *Meter) Observe(at time.Time, connections, sessions int) {
	m.Peak, m.Sessions = max(m.Peak, connections), max(m.Sessions, sessions)
	if connections <= m.Limit && sessions <= m.Limit {
		m.open = false
		return
	}
	if !m.open {
		if len(m.Over) == MaxOverruns {
			return
		}
		m.Over = append(m.Over, Overrun{Bucket: m.Bucket, From: at})
		m.open = true
	}
	o := &m.Over[len(m.Over)-1]
	o.To, o.Seen, o.Peak = at, o.Seen+1, max(o.Peak, connections, sessions)
	o.Sessions = o.Sessions || sessions > m.Limit
}

// Merged joins overruns with less than gap between them: one cause makes many
// when connections come and go.
func Merged(list []Overrun, gap time.Duration) []Overrun {
	var out []Overrun
	for _, o := range list {
		if n := len(out); n > 0 && out[n-1].Bucket == o.Bucket && o.From.Sub(out[n-1].To) < gap && out[n-1].Certain() == o.Certain() {
			last := &out[n-1]
			last.To, last.Seen, last.Peak = o.To, last.Seen+o.Seen, max(last.Peak, o.Peak)
			last.Sessions = last.Sessions || o.Sessions
			continue
		}
		out = append(out, o)
	}
	return out
}
