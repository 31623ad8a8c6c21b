package backend

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Watcher notices when servers hang up on connections that nobody reads: idle
// ones, and those of sessions whose client is idle. One goroutine serves all
// connections of a node; a connection is registered once, for life, and costs
// nothing until its peer closes.
type Watcher struct {
	epoll int
	wake  [2]int // a pipe; a byte written ends the loop
	done  chan struct{}

	mu      sync.Mutex
	entries map[int32]watched // by file descriptor
	next    int32
	closed  bool
}

type watched struct {
	generation int32 // tells a reused descriptor from its predecessor
	died       func()
}

// epollET is syscall.EPOLLET, which is negative there, as the kernel has it.
const epollET = 1 << 31

// NewWatcher starts a watcher.
func NewWatcher() (*Watcher, error) {
	w := &Watcher{entries: map[int32]watched{}, done: make(chan struct{})}
	var err error
	if w.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err = syscall.Pipe2(w.wake[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		_ = syscall.Close(w.epoll)
		return nil, fmt.Errorf("pipe: %w", err)
	}
	e := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(w.wake[0])}
	if err = syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, w.wake[0], &e); err != nil {
		w.closeFDs()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	go w.run()
	return w, nil
}

// Close ends the watcher and waits for its goroutine.
func (w *Watcher) Close() {
	if w == nil {
		return
	}
	w.mu.Lock()
	closed := w.closed
	w.closed = true // from here on add leaves the descriptors alone
	w.mu.Unlock()
	if !closed {
		_, _ = syscall.Write(w.wake[1], []byte{0})
	}
	<-w.done
}

func (w *Watcher) closeFDs() {
	_ = syscall.Close(w.epoll)
	_ = syscall.Close(w.wake[0])
	_ = syscall.Close(w.wake[1])
}

// add calls died, once and on the watcher's goroutine, when c's peer closes or
// resets it. died must not block.
func (w *Watcher) add(c *net.TCPConn, died func()) (remove func()) {
	if w == nil || c == nil {
		return func() {}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return func() {}
	}
	var key watchKey
	_ = raw.Control(func(fd uintptr) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.closed {
			return
		}
		if w.next++; w.next == 0 {
			w.next++ // 0 is the wake pipe's
		}
		key = watchKey{int32(fd), w.next}
		w.entries[key.fd] = watched{key.generation, died}
		e := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | epollET, Fd: key.fd, Pad: key.generation}
		_ = syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, int(fd), &e)
	})
	// The kernel forgets a descriptor when it is closed.
	return func() { w.take(key) }
}

type watchKey struct{ fd, generation int32 }

func (w *Watcher) take(k watchKey) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.entries[k.fd]
	if !ok || e.generation != k.generation {
		return nil
	}
	delete(w.entries, k.fd)
	return e.died
}

func (w *Watcher) run() {
	defer close(w.done)
	defer w.closeFDs()
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := syscall.EpollWait(w.epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd == int32(w.wake[0]) && e.Pad == 0 {
				return
			}
			if died := w.take(watchKey{e.Fd, e.Pad}); died != nil {
				died()
			}
		}
	}
}
