package session

import (
	"errors"
	"os"
	"time"
)

// doze is a port's part of dozing. All of it is guarded by the port's mu.
type doze struct {
	disturbed bool   // the reader of the client is to look up: its read deadline has passed
	by        *dozer // who waits for the client; nil while a goroutine does
	key, fd   int32  // of by
}

// disturb breaks off the read of a client that has been idle for long enough.
func (p *port) disturb(now time.Time, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase != phaseIdle || p.doze.disturbed || p.doze.by != nil || now.Sub(p.since) < after {
		return
	}
	p.doze.disturbed = true
	_ = p.tcp.SetReadDeadline(time.Unix(1, 0))
}

// settleDown takes a disturbance back, before a request is read on. It must be
// called with mu held.
func (p *port) settleDown() {
	if p.doze.disturbed {
		p.doze.disturbed = false
		_ = p.tcp.SetReadDeadline(time.Time{})
	}
}

// drowsy tells whether a failed read of the client was a disturbance. If so,
// asleep tells whether the dozer waits for the client from now on; else the
// read is to be taken up again.
func (p *port) drowsy(err error) (disturbed, asleep bool) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.doze.disturbed {
		return false, false
	}
	p.settleDown()
	d := p.env.dozer.Load()
	if p.phase != phaseIdle || len(p.client.buffered()) > 0 || d == nil {
		return true, false
	}
	key, fd, ok := d.add(p)
	if ok {
		p.doze.by, p.doze.key, p.doze.fd = d, key, fd
	}
	return true, ok
}

// awake gives a dozing session its goroutine back. It does nothing to others.
func (p *port) awake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopDozing() {
		p.env.Ports.Add(1)
		go p.readClient()
	}
}

// stopDozing takes a dozing client back; false if it was not dozing. It must
// be called with mu held.
func (p *port) stopDozing() bool {
	d := p.doze.by
	if d == nil {
		return false
	}
	p.doze.by = nil
	d.remove(p.doze.key, p.doze.fd)
	return true
}
