package configs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is what every error of Load and Validate is, for errors.Is.
var ErrInvalid = errors.New("invalid configuration")

// Problem is one mistake in the configuration.
type Problem struct {
	Source string // "proxy.yaml", "SLUICE_LOG_LEVEL", "--log.level"; empty for a default
	Line   int    // in a file; 0 when there is none
	Key    string // "buckets[3].max_connections"; empty when a whole file is meant
	Value  string // as given, secrets masked; empty when it is missing or must not be shown
	Want   string // what would be right
	Err    error  // the cause, where there is one
}

// String writes the problem on one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(origin{source: p.Source, line: p.Line}.String() + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key)
		if p.Value != "" {
			fmt.Fprintf(&b, " = %q", p.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Want)
	return b.String()
}

// Error holds every problem found, in the order of the files.
type Error struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "invalid configuration: " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "invalid configuration, %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Unwrap returns ErrInvalid and the causes of the problems.
func (e *Error) Unwrap() []error {
	errs := []error{ErrInvalid}
	for _, p := range e.Problems {
		if p.Err != nil {
			errs = append(errs, p.Err)
		}
	}
	return errs
}

// problems collects problems. The first one for a key and its source stands:
// later ones for it or for what is inside it only follow from it.
type problems struct {
	list []Problem
	seen map[string]bool
}

// at makes a problem with the place of an origin.
func at(from origin, key string) Problem {
	return Problem{Source: from.source, Line: from.line, Key: key}
}

func (ps *problems) add(p Problem) {
	if p.Key != "" {
		prefix := p.Source + "\x00"
		for key := strings.ToLower(p.Key); key != ""; key = parentKey(key) {
			if ps.seen[prefix+key] {
				return
			}
		}
		if ps.seen == nil {
			ps.seen = make(map[string]bool)
		}
		ps.seen[prefix+strings.ToLower(p.Key)] = true
	}
	ps.list = append(ps.list, p)
}

func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	ps.sort()
	return &Error{Problems: ps.list}
}

// sort puts the problems of a source together, by line, and keeps the sources
// in the order in which they were first met.
func (ps *problems) sort() {
	rank := map[string]int{}
	for _, p := range ps.list {
		if _, met := rank[p.Source]; !met {
			rank[p.Source] = len(rank)
		}
	}
	slices.SortStableFunc(ps.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank[a.Source], rank[b.Source]), cmp.Compare(a.Line, b.Line))
	})
}
