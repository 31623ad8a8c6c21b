package session

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// dozer waits for the clients of sessions that have been idle for a while, in
// place of a goroutine of each: a goroutine's stack, once it has grown to serve
// a request, is half of what an idle session costs.
type dozer struct {
	after time.Duration // how long a client is idle before its session gives up its goroutine
	epoll int
	quit  chan struct{}
	loops sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	asleep  map[int32]dozing // by file descriptor
	nextKey int32
}

type dozing struct {
	key  int32 // tells a reused descriptor from its predecessor
	port *port
}

// StartDozing lets sessions whose client has been idle for the given time give
// up their goroutines, until StopDozing.
func (e *Env) StartDozing(after time.Duration) error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	d := &dozer{after: after, epoll: fd, quit: make(chan struct{}), asleep: map[int32]dozing{}}
	e.dozer.Store(d)
	d.loops.Go(d.wait)
	d.loops.Go(func() { d.sweep(e) })
	return nil
}

// StopDozing ends what StartDozing began. Sessions that doze go on to; they end
// when they are ended.
func (e *Env) StopDozing() {
	if d := e.dozer.Swap(nil); d != nil {
		close(d.quit)
		d.loops.Wait()
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		_ = syscall.Close(d.epoll)
	}
}

// sweep disturbs the readers of idle clients.
func (d *dozer) sweep(e *Env) {
	tick := time.NewTicker(d.after / 2)
	defer tick.Stop()
	for {
		select {
		case <-d.quit:
			return
		case now := <-tick.C:
			for _, p := range e.sessions.ports() {
				p.disturb(now, d.after)
			}
		}
	}
}

// wait wakes sessions whose client has something to say, or has left.
func (d *dozer) wait() {
	events := make([]syscall.EpollEvent, 256)
	for {
		select {
		case <-d.quit:
			return
		default:
		}
		n, err := syscall.EpollWait(d.epoll, events, int(stopWithin/time.Millisecond))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, e := range events[:max(n, 0)] {
			d.mu.Lock()
			z := d.asleep[e.Fd]
			d.mu.Unlock()
			if z.key == e.Pad && z.port != nil {
				z.port.awake()
			}
		}
	}
}

// stopWithin bounds how long StopDozing has to wait.
const stopWithin = 200 * time.Millisecond

// add registers a client to be waited for, once.
func (d *dozer) add(p *port) (key, fd int32, ok bool) {
	raw, err := p.tcp.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	err = raw.Control(func(h uintptr) {
		fd = int32(h)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closed {
			return
		}
		d.nextKey++
		key = d.nextKey
		e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: fd, Pad: key}
		err := syscall.EpollCtl(d.epoll, syscall.EPOLL_CTL_ADD, int(fd), &e)
		if errors.Is(err, syscall.EEXIST) { // it has dozed before
			err = syscall.EpollCtl(d.epoll, syscall.EPOLL_CTL_MOD, int(fd), &e)
		}
		if ok = err == nil; ok {
			d.asleep[fd] = dozing{key, p}
		}
	})
	return key, fd, ok && err == nil
}

func (d *dozer) remove(key, fd int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asleep[fd].key == key {
		delete(d.asleep, fd)
	}
}
