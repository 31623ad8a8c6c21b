package main

import "time"

// overrun is a stretch of time in which a server had more connections than the
// bucket's limit.
type overrun struct {
	bucket   int
	from, to time.Time
	peak     int  // connections
	sessions bool // there were also too many sessions logged in
	seen     int  // how many counts in a row were too high
}

// certain tells that the connections really were open together. A connection
// that its client has closed before the server accepted it is counted for one
// moment; it cannot be counted twice, and cannot log in.
func (o overrun) certain() bool { return o.sessions || o.seen > 1 }

// meter follows the counts of one server. It is a plain state machine: counts
// go in, overruns come out.
type meter struct {
	bucket, limit  int
	peak, sessions int // most connections and sessions at a time
	over           []overrun
	open           bool // the last of over goes on
}

// maxOverruns bounds what is kept of a run that is wrong all the time.
const maxOverruns = 1000

// observe takes the counts of one moment.
func (m *meter) observe(at time.Time, connections, sessions int) {
	m.peak, m.sessions = max(m.peak, connections), max(m.sessions, sessions)
	if connections <= m.limit && sessions <= m.limit {
		m.open = false
		return
	}
	if !m.open {
		if len(m.over) == maxOverruns {
			return
		}
		m.over = append(m.over, overrun{bucket: m.bucket, from: at})
		m.open = true
	}
	o := &m.over[len(m.over)-1]
	o.to, o.seen, o.peak = at, o.seen+1, max(o.peak, connections, sessions)
	o.sessions = o.sessions || sessions > m.limit
}

// merged joins overruns with less than gap between them: one cause makes many
// when connections come and go.
func merged(list []overrun, gap time.Duration) []overrun {
	var out []overrun
	for _, o := range list {
		if n := len(out); n > 0 && out[n-1].bucket == o.bucket && o.from.Sub(out[n-1].to) < gap && out[n-1].certain() == o.certain() {
			last := &out[n-1]
			last.to, last.seen, last.peak = o.to, last.seen+o.seen, max(last.peak, o.peak)
			last.sessions = last.sessions || o.sessions
			continue
		}
		out = append(out, o)
	}
	return out
}
