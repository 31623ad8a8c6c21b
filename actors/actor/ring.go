package actor

const (
	ringMin  = 4 // slots of the first allocation
	ringKeep = 4 // slots an empty ring may keep
)

// ring is a FIFO queue that grows by doubling. The zero ring is empty and owns nothing.
// The number of slots is a power of two. It does not know a bound: its owner does.
type ring[T any] struct {
	buf  []T
	head uint32 // slot of the oldest element
	n    uint32 // elements held
}

func (r *ring[T]) len() int { return int(r.n) }

func (r *ring[T]) push(v T) {
	if int(r.n) == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)&uint32(len(r.buf)-1)] = v
	r.n++
}

// pop removes the oldest element; the ring must not be empty. The slot is cleared so
// that it keeps nothing alive.
func (r *ring[T]) pop() T {
	var zero T
	v := r.buf[r.head]
	r.buf[r.head] = zero
	r.head = (r.head + 1) & uint32(len(r.buf)-1)
	r.n--
	return v
}

// release gives the memory of a large empty ring back.
func (r *ring[T]) release() {
	if r.n == 0 && len(r.buf) > ringKeep {
		*r = ring[T]{}
	}
}

func (r *ring[T]) grow() {
	buf := make([]T, max(ringMin, 2*len(r.buf)))
	k := copy(buf, r.buf[r.head:])
	copy(buf[k:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}
