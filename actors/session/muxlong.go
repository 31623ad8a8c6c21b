package session

import (
	"bytes"
	"encoding/binary"

	"sluice/actors/prepared"
	"sluice/tds"
)

// sendLong sends a request of which only the beginning is buffered, and passes
// the rest on as it comes from the client. What the server has not got when a
// handle in it is still to be changed waits for the packet that ends it.
func (p *port) sendLong(r *muxRequest, st tds.Status) (clientErr, serverErr error) {
	hold := p.feedRequest(r, r.payload())
	var waiting []byte
	if hold {
		waiting = []byte{} // the beginning, which is framed when it may go
	} else if serverErr = p.sendBeginning(r, st); serverErr != nil {
		return nil, serverErr
	}
	for {
		h, packet, err := p.client.packet()
		switch {
		case err != nil:
			return err, nil
		case h.Type != r.typ:
			return tds.ErrMixedMessage, nil
		}
		p.countPacket(h)
		if r.scan != nil {
			r.scan.Feed(packet[tds.HeaderSize:])
		}
		if r.handles {
			packet = bytes.Clone(packet) // it may have to stay
		}
		hold = p.feedRequest(r, packet[tds.HeaderSize:])
		last := h.EOM()
		switch {
		case waiting != nil && len(waiting) == 0:
			serverErr = p.sendBeginning(r, st)
		case waiting != nil:
			serverErr = p.server.send(waiting)
		}
		waiting = nil
		if hold && !last {
			waiting = packet
		} else if serverErr == nil {
			serverErr = p.server.send(packet)
		}
		p.client.take(h.Length)
		if last {
			r.whole, r.ignored = true, h.Status&tds.StatusIgnore != 0
		}
		if last || serverErr != nil {
			return nil, serverErr
		}
	}
}

// feedRequest puts right what handles there are in a part of the request.
func (p *port) feedRequest(r *muxRequest, payload []byte) (hold bool) {
	if !r.handles {
		return false
	}
	hold, err := r.plan.FeedRequest(payload)
	if err != nil {
		r.pin = prepared.PinNotUnderstood
	}
	return hold && err == nil
}

func (p *port) sendBeginning(r *muxRequest, st tds.Status) error {
	msg := tds.AppendMessage(nil, r.typ, st, r.spid, p.mx.login.packetSize, r.payload())
	notLast(msg)
	return p.server.send(msg)
}

// notLast takes the mark of a message's end off its last packet.
func notLast(msg []byte) {
	for at := 0; ; {
		n := int(binary.BigEndian.Uint16(msg[at+2:]))
		if at+n >= len(msg) {
			msg[at+1] &^= byte(tds.StatusEOM)
			return
		}
		at += n
	}
}
