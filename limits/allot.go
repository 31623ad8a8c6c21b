package limits

import (
	"cmp"
	"slices"
)

// allotment is how a bucket ought to be shared: by water-filling, so that
// nobody gets more than wanted and who wants more gets as much as any other
// (max-min fairness). Slots that nobody wants are dealt out in equal numbers as
// well (R17): they are nearer to the next request, and survive an outage of the
// ledger.
type allotment struct {
	limit  int
	free   int // not owned by anybody; below 0 after the limit was lowered
	fair   map[Session]int
	held   map[Session]int
	unmet  int // slots that sessions have less than is fair
	excess int // slots that sessions have more
}

// allot works out the fair shares. The rest that does not divide goes to those
// who have waited longest.
func (p *pot) allot() *allotment {
	a := &allotment{limit: p.limit.Max, free: p.limit.Max, fair: map[Session]int{}, held: map[Session]int{}}
	order := sorted(p.shares)
	slices.SortStableFunc(order, func(x, y Session) int { return cmp.Compare(p.shares[x].demand, p.shares[y].demand) })
	rest, level := max(a.limit, 0), -1
	for i, s := range order {
		sh := p.shares[s]
		a.held[s] = sh.held
		a.free -= sh.held
		if level < 0 && sh.demand > rest/(len(order)-i) {
			level = rest / (len(order) - i) // it and all that follow want more
		}
		a.fair[s] = sh.demand
		if level >= 0 {
			a.fair[s] = level
		}
		rest -= a.fair[s]
	}
	slices.SortStableFunc(order, func(x, y Session) int {
		return cmp.Or(cmp.Compare(p.shares[y].age, p.shares[x].age), cmp.Compare(x, y))
	})
	for _, s := range order {
		if rest > 0 && a.fair[s] < p.shares[s].demand {
			a.fair[s]++
			rest--
		}
		a.unmet += max(a.fair[s]-sh(p, s), 0)
		a.excess += max(sh(p, s)-a.fair[s], 0)
	}
	return a
}

func sh(p *pot, s Session) int { return p.shares[s].held }

// grant is how many of the free slots s gets: up to what is fair; and if nobody
// lacks any, a stock up to an equal share of all, and a part of what is then
// left if it wants some ahead. That part becomes smaller as the free slots do,
// so that the last ones go one by one.
func (a *allotment) grant(s Session, ahead int) int {
	if a.free <= 0 {
		return 0
	}
	n := min(max(a.fair[s]-a.held[s], 0), a.free)
	if a.unmet > max(a.fair[s]-a.held[s], 0) {
		return n
	}
	free := a.free - n
	stock := min(max(ceil(a.limit, len(a.held))-a.held[s]-n, 0), free)
	free -= stock
	more := 0
	if ahead > 0 {
		more = min(ahead, free/(2*len(a.held)))
	}
	return n + stock + more
}

// owe is how many slots s should give back as they become free: its part of
// what others lack. A limit that was lowered makes everybody lack.
func (a *allotment) owe(s Session) int {
	mine := max(a.held[s]-a.fair[s], 0)
	deficit := a.unmet - a.free
	if deficit <= 0 || mine == 0 {
		return 0
	}
	return min(mine, ceil(deficit*mine, a.excess))
}

func ceil(a, b int) int { return (a + b - 1) / b }

// maxPeers bounds the sessions that a reply names.
const maxPeers = 3

// answer tells s how it stands. Returned says that it gave slots back, and so
// should wake who waits for them.
func (p *pot) answer(s Session, a *allotment, returned bool) Share {
	out := Share{Held: a.held[s], Owe: a.owe(s), Limit: p.limit, Free: a.free, Unmet: a.unmet, Conflict: p.conflict()}
	gap := func(x Session) int { return a.held[x] - a.fair[x] } // who has most to spare first
	if returned {
		gap = func(x Session) int { return a.fair[x] - a.held[x] }
	} else if a.fair[s] <= a.held[s] {
		return out
	}
	for _, x := range sorted(a.held) {
		if x != s && gap(x) > 0 {
			out.Peers = append(out.Peers, x)
		}
	}
	slices.SortStableFunc(out.Peers, func(x, y Session) int { return cmp.Compare(gap(y), gap(x)) })
	out.Peers = out.Peers[:min(len(out.Peers), maxPeers)]
	return out
}
