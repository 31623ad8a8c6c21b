package session

import (
	"encoding/binary"

	"sluice/tds"
)

// cut is a part of a packet's payload that the client does not get: the
// acknowledgement of a reset that it did not ask for, or news of a session
// that is not its own alone.
type cut struct{ from, to int }

// sessionState takes what the server says of its session over, and leaves it
// out of the response: no client is told that there is session recovery.
func (r *muxRequest) sessionState(body []byte, at int) error {
	s, err := tds.DecodeSessionState(body)
	if err != nil {
		return err
	}
	r.port.mx.servedBy(r.port.backend).recovery.Apply(s)
	const head = 1 + 4 // type and length
	c := cut{max(at-head, 0), at + len(body)}
	if at < 0 { // it began in a packet before, less what was cut there
		c = cut{0, head + len(body) - r.state}
	}
	r.cuts, r.state = append(r.cuts, c), 0
	return nil
}

// cutState leaves out the beginning of a SESSIONSTATE at the end of a payload
// of n bytes.
func (r *muxRequest) cutState(n int) {
	t, fed, ok := r.walker.Gathering()
	if !ok || t != tds.TokenSessionState {
		return
	}
	tail := 1 + fed - r.state
	r.cuts, r.state = append(r.cuts, cut{n - tail, n}), r.state+tail
}

// strip takes the cuts out of the packet at b[at:], whose header is h, by
// moving what lies before them in b[from:] up. It returns by how much. A packet
// of which nothing is left goes too, unless it ends the message.
func (r *muxRequest) strip(b []byte, from, at int, h tds.Header) (moved int) {
	start := at + tds.HeaderSize
	for _, c := range r.cuts {
		moved += leaveOut(b, from+moved, at+moved, start+c.from, start+c.to)
	}
	r.cuts = r.cuts[:0]
	if h.Length-moved == tds.HeaderSize && !h.EOM() {
		copy(b[from+moved+tds.HeaderSize:], b[from+moved:at+moved])
		moved += tds.HeaderSize
	}
	return moved
}

// leaveOut takes b[cut:to], which lies in the payload of the packet at b[at],
// out of b[from:] by moving what comes before it up. It returns by how much.
func leaveOut(b []byte, from, at, cut, to int) int {
	size := to - cut
	length := int(binary.BigEndian.Uint16(b[at+2:])) - size
	copy(b[from+size:to], b[from:cut])
	binary.BigEndian.PutUint16(b[at+size+2:], uint16(length))
	return size
}
