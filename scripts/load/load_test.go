package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

func TestNamedMix(t *testing.T) {
	for _, c := range []struct {
		name            string
		procedures, ddl bool
		want            string
	}{
		{"simple", true, true, "simple 100"},
		{"prepared", false, false, "prepared 100"},
		{"executesql", false, false, "executesql 100"},
		{"transaction", false, false, "transaction 100"},
		{"mixed", true, true, "simple 60 prepared 15 transaction 15 procedure 5 ddl 5"},
		{"mixed", true, false, "simple 65 prepared 15 transaction 15 procedure 5"},
		{"mixed", false, false, "simple 70 prepared 15 transaction 15"},
	} {
		m, err := NamedMix(c.name, c.procedures, c.ddl)
		if err != nil || m.check() != nil {
			t.Errorf("%s: %v, %v", c.name, err, m.check())
		}
		got := ""
		for _, k := range kinds {
			if m[k] > 0 {
				got += fmt.Sprintf(" %s %d", k, m[k])
			}
		}
		if got[1:] != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if _, err := NamedMix("connect", false, false); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

func TestMixIsKept(t *testing.T) {
	m, err := NamedMix("mixed", true, true)
	if err != nil {
		t.Fatal(err)
	}
	const n = 100_000
	rng, got := rand.New(rand.NewPCG(1, 2)), Mix{}
	for range n {
		got[m.pick(rng)]++
	}
	for k, share := range m {
		if diff := got[k]*100/n - share; diff < -1 || diff > 1 {
			t.Errorf("%s: %d of %d, want %d%%", k, got[k], n, share)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		clients int
		weights []float64
		want    []int
	}{
		{100, []float64{80, 10, 10}, []int{80, 10, 10}},
		{10, []float64{1, 1, 1}, []int{4, 3, 3}},
		{3, []float64{8, 1, 1}, []int{3, 0, 0}},
		{5, []float64{0, 2}, []int{0, 5}},
		{7, []float64{1}, []int{7}},
	} {
		var buckets []Bucket
		for _, w := range c.weights {
			buckets = append(buckets, Bucket{Weight: w})
		}
		if got := spread(c.clients, buckets); !slices.Equal(got, c.want) {
			t.Errorf("%d clients over %v: %v, want %v", c.clients, c.weights, got, c.want)
		}
		homes, counts := assign(c.clients, buckets), make([]int, len(buckets))
		for _, b := range homes {
			counts[b]++
		}
		if !slices.Equal(counts, c.want) {
			t.Errorf("%d clients over %v: homes %v", c.clients, c.weights, homes)
		}
	}
	if got := assign(4, []Bucket{{Weight: 1}, {Weight: 1}}); !slices.Equal(got, []int{0, 1, 0, 1}) {
		t.Errorf("neighbours have the same bucket: %v", got)
	}
}

func TestOwnRow(t *testing.T) {
	now := time.Unix(1000, 0)
	var r ownRow
	if !r.may(5) || r.may(6) {
		t.Error("the first value read is the one it has")
	}
	r.lost(7)
	if !r.may(5) || !r.may(7) || r.may(8) {
		t.Error("a write without an answer may have taken place")
	}
	r.wrote(9, now)
	if !r.may(9) || !r.may(7) || r.may(5) {
		t.Error("a write without an answer may still take place")
	}
	r.wrote(10, now.Add(lateWrite+time.Second))
	if !r.may(10) || r.may(7) || r.may(9) {
		t.Error("not that late")
	}
	for i := range 2 * maxDoubts {
		r.lost(int64(100 + i))
	}
	if len(r.maybe) != maxDoubts {
		t.Errorf("%d values kept", len(r.maybe))
	}
}

func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pace{next: now, interval: time.Second}
	p.take(now)
	// Ten seconds late: the operations that should have started are made up for.
	if got := p.take(now.Add(10 * time.Second)); !got.Equal(now.Add(time.Second)) {
		t.Error(got)
	}
	p = pace{next: now, interval: time.Second, eager: 1}
	if got := p.take(now.Add(3 * time.Second)); !got.Equal(now.Add(3 * time.Second)) {
		t.Error(got)
	}
	if got := p.take(now.Add(3 * time.Second)); !got.Equal(now.Add(4 * time.Second)) {
		t.Error(got)
	}
	if got := (&pace{}).take(now); !got.Equal(now) {
		t.Error(got)
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Class
		keep bool
	}{
		{mssql.Error{Number: 50004, Class: 16}, Busy, true},
		{mssql.Error{Number: 50005, Class: 16}, Busy, true},
		{mssql.Error{Number: 50006, Class: 16}, Refused, false},
		{mssql.Error{Number: 50007, Class: 20}, Refused, false},
		{mssql.Error{Number: 50999, Class: 16}, SQL, true},
		{mssql.Error{Number: 1205, Class: 13, Message: "deadlock"}, SQL, true},
		{mssql.Error{Number: 596, Class: 21}, SQL, false},
		{fmt.Errorf("login: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), Network, false},
		{fmt.Errorf("read: %w", io.EOF), Network, false},
		{fmt.Errorf("%w: %w", net.ErrClosed, errDuringLogin), Network, false},
		{errors.New("read tcp: connection reset by peer"), Network, false},
		{context.DeadlineExceeded, Network, false},
		{errors.New("no idea"), Other, false},
	} {
		if got := classify(c.err); got.Class != c.want || keepsConnection(c.err) != c.keep {
			t.Errorf("%v: %+v, keeps %v", c.err, got, keepsConnection(c.err))
		}
	}
}

func TestRowThatIsNotRead(t *testing.T) {
	c := &client{}
	if err := c.unread(sql.ErrNoRows); !errors.Is(err, errNoRow) {
		t.Error(err)
	}
	if err := c.unread(io.EOF); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	c.own.may(5)
	if err := c.unread(sql.ErrNoRows); !errors.Is(err, errWrong) {
		t.Errorf("%v: a row that vanishes is a wrong answer", err)
	}
}

func TestConfigurationsThatAreNone(t *testing.T) {
	good := Config{Buckets: []Bucket{{"a", 1}}, Clients: 1, Duration: time.Second, Mix: Mix{Simple: 100}}
	if _, err := good.withDefaults(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no bucket":       func(c *Config) { c.Buckets = nil },
		"no weight":       func(c *Config) { c.Buckets = []Bucket{{"a", 0}} },
		"negative weight": func(c *Config) { c.Buckets = []Bucket{{"a", -1}, {"b", 3}} },
		"no client":       func(c *Config) { c.Clients = 0 },
		"no end":          func(c *Config) { c.Duration = 0 },
		"negative":        func(c *Config) { c.Interval = -1 },
		"ticks":           func(c *Config) { c.Tick = time.Nanosecond },
		"shares":          func(c *Config) { c.Mix = Mix{Simple: 99} },
		"connect":         func(c *Config) { c.Mix = Mix{Connect: 100} },
	} {
		c := good
		change(&c)
		if _, err := c.withDefaults(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyKindsOfErrors(t *testing.T) {
	r := newRecorder(1, 1)
	c := &client{}
	for i := range 3 * maxFailures {
		r.done(c, Simple, time.Now(), time.Now(), time.Now(), fmt.Errorf("number %d", i))
	}
	all := r.errorsByText()
	if len(all) != maxFailures+1 || all[0].count != 2*maxFailures {
		t.Errorf("%d kinds, the first %d times", len(all), all[0].count)
	}
}
