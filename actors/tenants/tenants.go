// Package tenants finds out who waits, uses and fails most, of any number of
// tenants and in bounded memory. It is told when a lease ends, never while one
// is in use.
package tenants

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Tenant is whose connections are counted together.
type Tenant struct {
	Bucket   string `json:"bucket"`
	Database string `json:"database"`
	Login    string `json:"login"`
	App      string `json:"app"`
}

// Measure is what tenants are ranked by.
type Measure int

// The measures: seconds spent waiting for a connection, seconds that
// connections were held, and errors told to clients.
const (
	Wait Measure = iota
	Use
	Errors
	measures
)

// ParseMeasure returns the measure with a name, ok false if there is none.
func ParseMeasure(name string) (m Measure, ok bool) {
	i := slices.Index([]string{"wait", "use", "errors"}, name)
	return Measure(max(i, 0)), i >= 0
}

const (
	// capacity is how many tenants are told apart by each measure.
	capacity = 512
	// window is after what time figures begin anew; those of the window before
	// are still shown.
	window = 10 * time.Minute
)

// Table holds the tenants of a node. It may be used by several goroutines at
// once.
type Table struct {
	mu       sync.Mutex
	began    time.Time // of this window
	before   time.Time // began the one before
	now, old [measures]*sketch
}

// NewTable returns an empty table.
func NewTable() *Table {
	t := &Table{began: time.Now()}
	t.before = t.began
	for m := range t.now {
		t.now[m], t.old[m] = newSketch(capacity), newSketch(capacity)
	}
	return t
}

// turn begins a new window when it is time to. It must be called with mu held.
func (t *Table) turn() {
	now := time.Now()
	age := now.Sub(t.began)
	if age < window {
		return
	}
	for m := range t.now {
		t.old[m], t.now[m] = t.now[m], newSketch(capacity)
		if age >= 2*window {
			t.old[m] = newSketch(capacity) // nobody came for a whole window
		}
	}
	t.before, t.began = t.began, now
	if age >= 2*window {
		t.before = now
	}
}

// Spent counts what a tenant has waited for connections and held them.
func (t *Table) Spent(who Tenant, waited, held time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	t.now[Wait].add(who, waited.Seconds())
	t.now[Use].add(who, held.Seconds())
}

// Failed counts an error that a tenant was told.
func (t *Table) Failed(who Tenant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	t.now[Errors].add(who, 1)
}

// Row is what is known of one tenant. Figures of measures by which it is not
// among the heaviest may be too small, down to 0; the others are too large
// rather than too small, but for what was driven out of one of the two windows.
type Row struct {
	Tenant
	Waited float64 `json:"waited_seconds"`
	Used   float64 `json:"used_seconds"`
	Errors float64 `json:"errors"`
	// AtLeast bounds the figure that the rows are sorted by from below.
	AtLeast float64 `json:"at_least"`
}

// Ranking is the heaviest tenants by one measure. Other is what all others
// have of it together, at least.
type Ranking struct {
	Since   time.Time `json:"since"`
	Tenants []Row     `json:"tenants"`
	Total   float64   `json:"total"`
	Other   float64   `json:"other"`
}

// Live is what a tenant has spent that Spent was not told of yet.
type Live struct {
	Tenant
	Waited, Held time.Duration
}

// Top returns the n heaviest tenants by a measure, with what each calls live
// counted in; live may be nil.
func (t *Table) Top(by Measure, n int, live func(yield func(Live))) Ranking {
	t.mu.Lock()
	t.turn()
	since := t.before
	var sum [measures]*sketch
	for m := range sum {
		sum[m] = newSketch(2 * capacity)
		for _, s := range []*sketch{t.old[m], t.now[m]} {
			for _, c := range s.lightest {
				sum[m].merge(c.tenant, c.weight, c.excess)
			}
		}
		// Merged cells know nothing of what was driven out.
		sum[m].total = t.old[m].total + t.now[m].total
	}
	t.mu.Unlock()
	if live != nil {
		live(func(l Live) {
			sum[Wait].add(l.Tenant, l.Waited.Seconds())
			sum[Use].add(l.Tenant, l.Held.Seconds())
		})
	}
	all := slices.Clone(sum[by].lightest)
	slices.SortFunc(all, func(a, b *cell) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(b.weight-b.excess, a.weight-a.excess), a.tenant.compare(b.tenant))
	})
	r := Ranking{Since: since, Total: sum[by].total, Tenants: []Row{}}
	rest := r.Total
	for _, c := range all[:min(n, len(all))] {
		row := Row{Tenant: c.tenant, AtLeast: c.weight - c.excess}
		for m, to := range map[Measure]*float64{Wait: &row.Waited, Use: &row.Used, Errors: &row.Errors} {
			if x := sum[m].byKey[c.tenant]; x != nil {
				*to = x.weight
			}
		}
		r.Tenants = append(r.Tenants, row)
		rest -= c.weight
	}
	r.Other = max(rest, 0)
	return r
}

func (a Tenant) compare(b Tenant) int {
	return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Database, b.Database), cmp.Compare(a.Login, b.Login), cmp.Compare(a.App, b.App))
}
