package actor

// list is a doubly linked circular list of elements that live inside their owners, so
// that leaving it early costs no search. It is one word while empty.
type list[T any] struct{ head *elem[T] }

// elem is a place in at most one list. Its value is set by the owner.
type elem[T any] struct {
	prev, next *elem[T] // nil while in no list
	value      T
}

func (l *list[T]) empty() bool { return l.head == nil }

// push appends e, which must be in no list.
func (l *list[T]) push(e *elem[T]) {
	if l.head == nil {
		e.prev, e.next = e, e
		l.head = e
		return
	}
	first, last := l.head, l.head.prev
	e.prev, e.next = last, first
	last.next, first.prev = e, e
}

// remove takes e out of l and reports whether it was in it.
func (l *list[T]) remove(e *elem[T]) bool {
	if e.next == nil {
		return false
	}
	if e.next == e {
		l.head = nil
	} else {
		e.prev.next, e.next.prev = e.next, e.prev
		if l.head == e {
			l.head = e.next
		}
	}
	e.prev, e.next = nil, nil
	return true
}

// pop removes the oldest element; the list must not be empty.
func (l *list[T]) pop() T {
	e := l.head
	l.remove(e)
	return e.value
}

// drain removes the elements whose values drop selects, all if drop is nil, and
// returns them in order.
func (l *list[T]) drain(drop func(T) bool) []T {
	var out []T
	if l.head == nil {
		return nil
	}
	for e, last := l.head, l.head.prev; ; {
		next, end := e.next, e == last
		if drop == nil || drop(e.value) {
			l.remove(e)
			out = append(out, e.value)
		}
		if end {
			return out
		}
		e = next
	}
}
