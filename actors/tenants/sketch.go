package tenants

import "container/heap"

// sketch finds the heaviest keys of a stream in bounded memory: Metwally,
// Agrawal and El Abbadi's Space-Saving with weights. A key whose true weight is
// above the total divided by the capacity is never missing. A new key that
// finds no room takes the place of the lightest, and its weight with it: that
// much the weight may be too large, and excess says how much.
type sketch struct {
	capacity int
	total    float64
	byKey    map[Tenant]*cell
	lightest cells // a heap
}

type cell struct {
	tenant Tenant
	weight float64 // not below the true one
	excess float64 // by how much it may be above
	at     int     // in the heap
}

func newSketch(capacity int) *sketch {
	return &sketch{capacity: capacity, byKey: map[Tenant]*cell{}}
}

// add counts a weight, which must not be below 0.
func (s *sketch) add(t Tenant, weight float64) { s.merge(t, weight, 0) }

// merge adds a weight that is itself too large by up to excess.
func (s *sketch) merge(t Tenant, weight, excess float64) {
	if weight <= 0 {
		return
	}
	s.total += weight - excess
	c := s.byKey[t]
	switch {
	case c != nil:
		c.weight += weight
		c.excess += excess
		heap.Fix(&s.lightest, c.at)
	case len(s.lightest) < s.capacity:
		c = &cell{tenant: t, weight: weight, excess: excess}
		s.byKey[t] = c
		heap.Push(&s.lightest, c)
	default:
		c = s.lightest[0]
		delete(s.byKey, c.tenant)
		c.tenant, c.excess = t, c.weight+excess
		c.weight += weight
		s.byKey[t] = c
		heap.Fix(&s.lightest, 0)
	}
}

// cells implements heap.Interface, the lightest first.
type cells []*cell

func (c cells) Len() int           { return len(c) }
func (c cells) Less(i, j int) bool { return c[i].weight < c[j].weight }
func (c cells) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].at, c[j].at = i, j
}

// Push implements heap.Interface.
func (c *cells) Push(x any) {
	n := x.(*cell)
	n.at = len(*c)
	*c = append(*c, n)
}

// Pop implements heap.Interface.
func (c *cells) Pop() any {
	old := *c
	last := old[len(old)-1]
	*c = old[:len(old)-1]
	return last
}
