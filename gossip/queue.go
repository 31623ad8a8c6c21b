package gossip

import (
	"container/list"
	"sync"
	"time"
)

// maxQueued bounds the values that wait to be sent, our own and others'.
const maxQueued = 64 << 10

// queue has the values that have to be sent on. It differs from memberlist's
// TransmitLimitedQueue in its order under load: there the newest goes first,
// so that values that change all the time keep out those that change once.
// Here a value that is replaced keeps its place, the one that waited longest
// goes first, and the values of one writer share their ID in a packet.
type queue struct {
	mu sync.Mutex
	// tiers[i] has those that were sent i times, oldest first.
	tiers []*list.List
	items map[register]*list.Element
}

type register struct{ id, key string }

type queued struct {
	register
	entry
	tier int
}

func newQueue() *queue { return &queue{items: map[register]*list.Element{}} }

// add puts a value behind those of its tier, or in its place if an older
// version waits there.
func (q *queue) add(id, key string, e entry, tier int) { q.insert(id, key, e, tier, false) }

// first puts a value in front of everything.
func (q *queue) first(id, key string, e entry) { q.insert(id, key, e, 0, true) }

func (q *queue) insert(id, key string, e entry, tier int, front bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := register{id, key}
	if el := q.items[r]; el != nil {
		old := el.Value.(*queued)
		if e.version < old.version {
			return
		}
		if old.tier <= tier && !front {
			old.entry = e
			return
		}
		q.remove(el)
	}
	if len(q.items) >= maxQueued {
		q.evict()
	}
	q.push(&queued{register: r, entry: e, tier: tier}, front)
}

func (q *queue) push(it *queued, front bool) {
	for len(q.tiers) <= it.tier {
		q.tiers = append(q.tiers, list.New())
	}
	l := q.tiers[it.tier]
	if front {
		q.items[it.register] = l.PushFront(it)
	} else {
		q.items[it.register] = l.PushBack(it)
	}
}

func (q *queue) remove(el *list.Element) {
	it := el.Value.(*queued)
	q.tiers[it.tier].Remove(el)
	delete(q.items, it.register)
}

// evict drops the value that was sent most often and longest ago.
func (q *queue) evict() {
	for t := len(q.tiers) - 1; t >= 0; t-- {
		if el := q.tiers[t].Front(); el != nil {
			q.remove(el)
			return
		}
	}
}

// drop removes all of one member.
func (q *queue) drop(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for r, el := range q.items {
		if r.id == id {
			q.remove(el)
		}
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

func (q *queue) has(id, key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items[register{id, key}] != nil
}

// maxSkip bounds how many values that do not fit are looked at for a packet.
const maxSkip = 32

// take returns a message of at most limit bytes, nil if nothing waits or fits.
// Each value in it counts as sent once more; after transmits times it is done.
func (q *queue) take(limit, transmits, protocol int, now time.Time) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	var (
		room   = limit - maxHeader
		picked []*list.Element
		counts = map[string]int{}
		order  []string
		skips  int
	)
	for t := range q.tiers {
		for el := q.tiers[t].Front(); el != nil && skips < maxSkip; {
			it, next := el.Value.(*queued), el.Next()
			cost := entryLen(it.key, it.entry)
			if counts[it.id] == 0 {
				cost += groupLen(it.id)
			}
			switch {
			case t >= transmits:
				q.remove(el) // the cluster has shrunk meanwhile
			case cost > room:
				skips++
			default:
				room -= cost
				if counts[it.id]++; counts[it.id] == 1 {
					order = append(order, it.id)
				}
				picked = append(picked, el)
			}
			el = next
		}
	}
	if len(picked) == 0 {
		return nil
	}
	b := appendHeader(make([]byte, 0, limit-room), protocol)
	for _, id := range order {
		b = appendGroup(b, id, counts[id])
		for _, el := range picked {
			if it := el.Value.(*queued); it.id == id {
				b = appendEntry(b, it.key, it.entry, now)
			}
		}
	}
	for _, el := range picked {
		it := el.Value.(*queued)
		q.remove(el)
		if it.tier++; it.tier < transmits {
			q.push(it, false)
		}
	}
	return b
}
