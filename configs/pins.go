package configs

import (
	"fmt"
	"strings"
)

// Pins changes what binds a client to its backend in transaction pooling. A
// list that is nil inherits.
type Pins struct {
	Silence []string `mapstructure:"silence"` // reasons that do not
	Raise   []string `mapstructure:"raise"`   // reasons that do, where state could be followed
}

// AskTransactions says which servers are asked for @@TRANCOUNT where it is not
// certain that no transaction is open.
type AskTransactions string

// The ways to ask.
const (
	AskAuto   AskTransactions = "auto"   // those that may not announce transactions
	AskAlways AskTransactions = "always" // all
	AskNever  AskTransactions = "never"
)

// The reasons for pins are those of package statement, which this one does not
// know; a test compares.
var (
	// SilenceableReasons can be silenced: what the client loses then is its own
	// alone, and a reset takes it away before anybody else gets the backend.
	SilenceableReasons = []string{
		"temp_table", "global_temp", "cursor", "app_lock", "xml_document", "trace_flag", "identity_insert", "open_key", "ole_object",
		"prepared_statement", "unseen_code", "server_state",
	}
	// RaisableReasons can be made to pin.
	RaisableReasons = []string{"set_option", "prepared_statement", "unseen_code"}
	// FixedReasons can not be silenced, and why.
	FixedReasons = map[string]string{
		"transaction":              "a transaction is bound to its connection",
		"dtc":                      "a transaction is bound to its connection",
		"bulk_load":                "the rows must follow on the same connection",
		"execute_as":               "a reset does not end it, so the next client would act as another user",
		"app_role":                 "a reset does not end it, so the next client would act as another user",
		"session_context":          "row-level security may depend on it",
		"session_context_readonly": "row-level security may depend on it",
		"set_option":               "statements would do something else than the client has asked for",
		"too_long":                 "nobody knows what is left behind",
		"not_understood":           "nobody knows what is left behind",
		"out_of_step":              "nobody knows what is left behind",
	}
)

// or fills in what p leaves to be inherited.
func (p *Pins) or(from Pins) Pins {
	if p == nil {
		return from
	}
	q := *p
	if q.Silence == nil {
		q.Silence = from.Silence
	}
	if q.Raise == nil {
		q.Raise = from.Raise
	}
	return q
}

// MatchRoute returns the index of the first route that l meets, -1 if none does.
func (c *Config) MatchRoute(l Login) int {
	for i, r := range c.Routes {
		if r.Matches(l) {
			return i
		}
	}
	return -1
}

// RoutePooling is how clients are pooled that route i sends to bucket b; -1 are
// those that no route has sent there.
func (c *Config) RoutePooling(i int, b EffectiveBucket) (PoolingMode, Pins) {
	if i < 0 {
		return b.Pooling, b.Pins
	}
	r := c.Routes[i]
	mode := b.Pooling
	if r.Pooling != "" {
		mode = r.Pooling
	}
	return mode, r.Pins.or(b.Pins)
}

// pooling checks the keys pooling and pins of an entry.
func (v *checker) pooling(key func(name string) string, mode PoolingMode, p *Pins) {
	if mode != "" {
		oneOf(v, key("pooling"), mode, PoolingSession, PoolingTransaction, PoolingObserve)
	}
	if p == nil {
		return
	}
	for j, name := range p.Silence {
		want := oneReason(name, SilenceableReasons)
		if why, fixed := FixedReasons[name]; fixed {
			want = "cannot be silenced: " + why
		}
		v.fail(containsFold(SilenceableReasons, name), indexPath(key("pins.silence"), j), name, want)
	}
	for j, name := range p.Raise {
		v.fail(containsFold(RaisableReasons, name), indexPath(key("pins.raise"), j), name, oneReason(name, RaisableReasons))
		both := containsFold(p.Silence, name)
		v.fail(!both, indexPath(key("pins.raise"), j), name, "must be left out, since pins.silence has it")
	}
}

// oneReason says which reasons there are, and which one is probably meant.
func oneReason(name string, list []string) string {
	best, cost := "", 4
	for _, r := range list {
		if d := distance(strings.ToLower(name), r); d < cost {
			best, cost = r, d
		}
	}
	want := "must be one of " + strings.Join(list, ", ")
	if best != "" {
		want += "; did you mean " + best + "?"
	}
	return want
}

// poolingRemarks warns of what silenced reasons may cost.
func (c *Config) poolingRemarks() []string {
	var w []string
	entry := func(name string, mode PoolingMode, own *Pins) {
		if own == nil {
			return
		}
		if mode == PoolingSession {
			w = append(w, name+": pins is not used, pooling is session")
		} else if len(own.Silence) > 0 {
			w = append(w, fmt.Sprintf("%s: pins.silence %s: clients may lose such state between two requests", name, strings.Join(own.Silence, ", ")))
		}
	}
	for _, b := range c.Buckets {
		used := c.Effective(b).Pooling
		for _, r := range c.Routes {
			if strings.EqualFold(r.Bucket, b.ID) && r.Pooling != "" && r.Pooling != PoolingSession {
				used = r.Pooling
			}
		}
		entry("bucket "+b.ID, used, b.Pins)
	}
	for i, r := range c.Routes {
		b, _ := c.Bucket(r.Bucket)
		mode, _ := c.RoutePooling(i, b)
		entry(fmt.Sprintf("routes[%d]", i), mode, r.Pins)
	}
	return w
}
