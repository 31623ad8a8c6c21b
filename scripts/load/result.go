package load

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what came out of a run. Times of events are seconds since Started.
type Result struct {
	Started    time.Time       `json:"started"`
	Seconds    float64         `json:"seconds"`
	Config     Config          `json:"config"`
	Operations int64           `json:"operations"` // that succeeded
	PerSecond  float64         `json:"per_second"`
	Errors     int64           `json:"errors"`
	Wrong      int64           `json:"wrong"`
	Kinds      []KindResult    `json:"kinds"`
	Failures   []FailureResult `json:"failures"`
	WrongOnes  []WrongAnswer   `json:"wrong_answers"`
	Buckets    []BucketResult  `json:"buckets"`
	PerClient  Spread          `json:"operations_per_client"`
	Series     []Point         `json:"series"`
}

// KindResult are the operations of one kind. Response times count from when an
// operation was meant to start, service times from when it did.
type KindResult struct {
	Kind     Kind        `json:"kind"`
	Count    int64       `json:"count"`
	Errors   int64       `json:"errors"`
	Wrong    int64       `json:"wrong"`
	Response Percentiles `json:"response_ms"`
	Service  Percentiles `json:"service_ms"`
}

// Percentiles are times in milliseconds.
type Percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
}

// FailureResult is how often one error came.
type FailureResult struct {
	Failure
	Count int64   `json:"count"`
	First float64 `json:"first"`
	Last  float64 `json:"last"`
}

// WrongAnswer is an answer that was not the client's.
type WrongAnswer struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Text string    `json:"text"`
}

// BucketResult is how one bucket was used.
type BucketResult struct {
	Database   string `json:"database"`
	Clients    int    `json:"clients"`
	Operations int64  `json:"operations"`
	PerClient  Spread `json:"operations_per_client"`
}

// Spread is how operations are spread over clients.
type Spread struct {
	Clients  int   `json:"clients"`
	Unserved int   `json:"unserved"` // clients without any
	Min      int64 `json:"min"`
	Median   int64 `json:"median"`
	Max      int64 `json:"max"`
}

// Point is one tick of the time series. At is its end, in seconds.
type Point struct {
	At         float64 `json:"at"`
	Clients    int     `json:"clients"`    // connected
	Connecting int     `json:"connecting"` // waiting for a connection
	Connects   int64   `json:"connects"`
	Operations int64   `json:"operations"`
	Errors     int64   `json:"errors"`
	Wrong      int64   `json:"wrong"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	Buckets    []int64 `json:"buckets"` // operations of each
	Held       []int   `json:"held"`    // connections of each
}

// result makes a result of what was recorded up to end.
func (r *Run) result(end time.Time) Result {
	tallies, wrong, clients, buckets := r.record.copies()
	res := Result{Started: r.start, Seconds: end.Sub(r.start).Seconds(), Config: r.config, WrongOnes: wrong, Series: r.Series()}
	for _, k := range kinds {
		t := tallies[k]
		if t == nil {
			continue
		}
		res.Kinds = append(res.Kinds, KindResult{k, t.count, t.errors, t.wrong, percentiles(t.response), percentiles(t.service)})
		if k != Connect {
			res.Operations += t.count
		}
		res.Errors, res.Wrong = res.Errors+t.errors, res.Wrong+t.wrong
	}
	res.PerSecond = float64(res.Operations) / res.Seconds
	for _, f := range r.record.errorsByText() {
		res.Failures = append(res.Failures, FailureResult{f.Failure, f.count, f.first.Sub(r.start).Seconds(), f.last.Sub(r.start).Seconds()})
	}
	of := make([][]int64, len(buckets))
	for i, n := range clients {
		of[r.homes[i]] = append(of[r.homes[i]], n)
	}
	for b, n := range buckets {
		res.Buckets = append(res.Buckets, BucketResult{r.config.Buckets[b].Database, len(of[b]), n, spreadOf(of[b])})
	}
	res.PerClient = spreadOf(clients)
	return res
}

func spreadOf(list []int64) Spread {
	s := Spread{Clients: len(list)}
	if len(list) == 0 {
		return s
	}
	sorted := slices.Sorted(slices.Values(list))
	for _, n := range sorted {
		if n == 0 {
			s.Unserved++
		}
	}
	s.Min, s.Median, s.Max = sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]
	return s
}

func percentiles(h *hdrhistogram.Histogram) Percentiles {
	at := func(q float64) float64 { return millis(h.ValueAtQuantile(q)) }
	if h.TotalCount() == 0 {
		return Percentiles{}
	}
	return Percentiles{at(50), at(90), at(99), at(99.9), millis(h.Max()), h.Mean() / 1000}
}

// Kind returns the figures of a kind of operations; zero if there were none.
func (r Result) Kind(k Kind) KindResult {
	for _, x := range r.Kinds {
		if x.Kind == k {
			return x
		}
	}
	return KindResult{Kind: k}
}
