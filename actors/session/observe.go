package session

import (
	"encoding/binary"
	"time"

	"sluice/actors/statement"
	"sluice/tds"
)

// Observing counts, where sessions keep their backends, what transaction
// pooling would have pinned. Its functions may be called by any goroutine.
type Observing struct {
	Judge    statement.Judge
	Requests func(app string) Counter
	Pins     func(app string, r statement.Reason) Counter
	Silenced statement.ReasonSet // not counted
}

// observed is what is followed of one session. Responses are not looked at:
// requests count as if none of them had failed.
type observed struct {
	by      *Observing
	app     string
	state   statement.State
	scan    *statement.Scan // of a request of several packets
	reading bool
	first   bool // the first packet has yet to pass
	skip    int  // bytes of ALL_HEADERS in it
}

func (p *port) observe(o *Observing, app string) {
	p.mu.Lock()
	p.watched = &observed{by: o, app: app}
	p.mu.Unlock()
}

// request judges a request by its first packet, or begins to.
func (w *observed) request(p *port, h tds.Header, packet []byte) {
	w.reading = false
	if h.Type != tds.PacketSQLBatch && h.Type != tds.PacketRPC {
		return
	}
	w.by.Requests(w.app).Inc()
	if h.Status&(tds.StatusReset|tds.StatusResetSkipTran) != 0 {
		w.state.Reset()
	}
	payload := packet[tds.HeaderSize:]
	a, err := tds.DecodeAllHeaders(payload, p.tokens)
	if err != nil {
		w.by.Pins(w.app, statement.NotUnderstood).Inc()
		return
	}
	rpc := h.Type == tds.PacketRPC
	switch body := payload[a.Size:]; {
	case !h.EOM():
		kind := statement.BatchText
		if rpc {
			kind = statement.RPCBody
		}
		if w.scan == nil {
			w.scan = w.by.Judge.NewScan(kind, w.state.Settings)
		} else {
			w.scan.Restart(kind, w.state.Settings)
		}
		w.reading, w.first, w.skip = true, true, a.Size
	case rpc:
		w.count(w.by.Judge.RPC(body, true, w.state.Settings))
	default:
		w.count(w.by.Judge.Batch(body, true, w.state.Settings))
	}
}

// passed takes whole packets of the request that is being read.
func (w *observed) passed(packets []byte) {
	for w.reading && len(packets) >= tds.HeaderSize {
		n := int(binary.BigEndian.Uint16(packets[2:]))
		payload := packets[tds.HeaderSize:n]
		if w.first {
			payload, w.first = payload[w.skip:], false
		}
		w.scan.Feed(payload)
		if tds.Status(packets[1])&tds.StatusEOM != 0 {
			w.reading = false
			v := w.scan.End()
			w.scan = nil // it is large, and such requests are few
			w.count(v)
		}
		packets = packets[n:]
	}
}

// count takes over what a request does, and counts the pins that are new.
func (w *observed) count(v statement.Verdict) {
	if v.Harmless() && !w.state.Pinned() {
		return
	}
	var had [64]bool
	for _, p := range w.state.Pins() {
		had[p.Reason] = true
	}
	w.state.Apply(&v, statement.Outcome{Now: time.Now()})
	for _, p := range w.state.Pins() {
		if !had[p.Reason] && !w.by.Silenced.Has(p.Reason) {
			had[p.Reason] = true
			w.by.Pins(w.app, p.Reason).Inc()
		}
	}
}
