package gossip

import (
	"sync"
	"time"
)

// outbox is the queue to one peer. It takes memory only for what waits.
type outbox struct {
	mu    sync.Mutex
	msgs  []outgoing
	bytes int
	// ready holds one if something waits.
	ready chan struct{}
}

type outgoing struct {
	msg []byte
	at  time.Time // zero is no message
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

// push adds a message unless the queue is full.
func (o *outbox) push(m outgoing) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.msgs) >= QueueMessages || o.bytes+len(m.msg) > QueueBytes {
		return false
	}
	o.msgs = append(o.msgs, m)
	o.bytes += len(m.msg)
	o.signal()
	return true
}

// pop returns the oldest message.
func (o *outbox) pop() (m outgoing, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.msgs) == 0 {
		return outgoing{}, false
	}
	m = o.msgs[0]
	o.msgs[0] = outgoing{}
	o.bytes -= len(m.msg)
	if o.msgs = o.msgs[1:]; len(o.msgs) == 0 {
		o.msgs = nil
	} else {
		o.signal()
	}
	return m, true
}

func (o *outbox) signal() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.msgs)
}
