package load

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms hold microseconds.
const (
	lowest      = 1
	highest     = int64(time.Hour / time.Microsecond)
	significant = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(lowest, highest, significant)
}

// micros makes a time fit a histogram.
func micros(d time.Duration) int64 { return min(max(d.Microseconds(), lowest), highest) }

// tally counts the operations of one kind.
type tally struct {
	count, errors, wrong int64
	response             *hdrhistogram.Histogram // from the time at which it was meant to start
	service              *hdrhistogram.Histogram // from the time at which it did start
}

// counted is a failure with how often and when it came.
type counted struct {
	Failure
	count       int64
	first, last time.Time
}

// maxFailures bounds the different failures that are kept; what is beyond is
// counted as one.
const maxFailures = 200

// maxWrong bounds the wrong answers whose text is kept.
const maxWrong = 20

// recorder collects what clients report. Its methods may be called from any
// goroutine.
type recorder struct {
	mu       sync.Mutex
	tallies  map[Kind]*tally
	failures map[Failure]*counted
	wrong    []WrongAnswer
	clients  []int64 // operations of each that succeeded
	buckets  []int64
	held     []int // connections of each bucket
	trying   int   // clients that wait for a connection

	now  Point // of the tick under way
	tick *hdrhistogram.Histogram
}

func newRecorder(clients, buckets int) *recorder {
	return &recorder{
		tallies: map[Kind]*tally{}, failures: map[Failure]*counted{}, clients: make([]int64, clients),
		buckets: make([]int64, buckets), held: make([]int, buckets),
		now: Point{Buckets: make([]int64, buckets)}, tick: newHistogram(),
	}
}

func (r *recorder) connecting(change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trying += change
}

func (r *recorder) connected(bucket, change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[bucket] += change
}

// done counts an operation that has ended.
func (r *recorder) done(c *client, kind Kind, meant, start, end time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tallies[kind]
	if t == nil {
		t = &tally{response: newHistogram(), service: newHistogram()}
		r.tallies[kind] = t
	}
	if err != nil {
		r.failed(t, kind, end, err)
		return
	}
	t.count++
	response := micros(end.Sub(meant))
	// Values are within the bounds of the histogram, so that these cannot fail.
	_ = t.response.RecordValue(response)
	_ = t.service.RecordValue(micros(end.Sub(start)))
	if kind == Connect {
		r.now.Connects++
		return
	}
	_ = r.tick.RecordValue(response)
	r.now.Operations++
	r.now.Buckets[c.bucket]++
	r.buckets[c.bucket]++
	r.clients[c.index]++
}

func (r *recorder) failed(t *tally, kind Kind, at time.Time, err error) {
	if errors.Is(err, errWrong) {
		t.wrong++
		r.now.Wrong++
		if len(r.wrong) < maxWrong {
			r.wrong = append(r.wrong, WrongAnswer{At: at, Kind: kind, Text: err.Error()})
		}
		return
	}
	t.errors++
	r.now.Errors++
	f := classify(err)
	f.Kind = kind
	if r.failures[f] == nil {
		if len(r.failures) >= maxFailures {
			f = Failure{Class: Other, Text: "more kinds of errors than are kept", Kind: kind}
		}
		if r.failures[f] == nil {
			r.failures[f] = &counted{Failure: f, first: at}
		}
	}
	r.failures[f].count++
	r.failures[f].last = at
}

// endTick returns what happened since the tick before.
func (r *recorder) endTick(at time.Duration) Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.now
	p.At, p.Connecting, p.Held = at.Seconds(), r.trying, slices.Clone(r.held)
	for _, n := range r.held {
		p.Clients += n
	}
	if r.tick.TotalCount() > 0 {
		p.P50, p.P99 = millis(r.tick.ValueAtQuantile(50)), millis(r.tick.ValueAtQuantile(99))
	}
	r.tick.Reset()
	r.now = Point{Buckets: make([]int64, len(r.buckets))}
	return p
}

// errorsByText are the failures so far, the most frequent first.
func (r *recorder) errorsByText() []counted {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []counted
	for _, c := range r.failures {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b counted) int {
		if a.count != b.count {
			return int(b.count - a.count)
		}
		return a.first.Compare(b.first)
	})
	return all
}

// copies of the counts, for the result.
func (r *recorder) copies() (tallies map[Kind]*tally, wrong []WrongAnswer, clients, buckets []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.tallies), slices.Clone(r.wrong), slices.Clone(r.clients), slices.Clone(r.buckets)
}

func millis(us int64) float64 { return float64(us) / 1000 }
