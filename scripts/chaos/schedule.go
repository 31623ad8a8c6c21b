package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/scripts/rig"
)

// Ways of a cut.
const (
	waysBoth = ""
	wayOut   = "out" // what the node sends is lost
	wayIn    = "in"  // what is sent to the node is lost
)

// Step is one thing done to the fleet.
type Step struct {
	At    time.Duration // since the end of the warm-up
	For   time.Duration // until it is undone; 0: it has no end of its own
	Fault Fault
	Node  int    // from 1; 0 if no node is meant
	Way   string // of a cut
}

// Schedule is everything that is chosen before a run: the same schedule does
// the same things at the same times.
type Schedule struct {
	Name        string // of a directed scenario; empty for a random one
	Seed        uint64
	Nodes       int // running from the start; a join adds number Nodes+1
	Limit       int // max_connections of each bucket
	Buckets     int
	Duration    time.Duration // of the part with faults
	Persistence string        // of Redis: none, rdb or aof
	Steps       []Step        // in the order of At
}

var errSchedule = errors.New("schedule")

func (s Step) String() string { return fmt.Sprintf("at %v %s", s.At, s.what()) }

// what is the step without its time.
func (s Step) what() string {
	var b strings.Builder
	b.WriteString(string(s.Fault))
	if s.Node > 0 {
		fmt.Fprintf(&b, " node-%d", s.Node)
	}
	if s.Way != waysBoth {
		fmt.Fprintf(&b, " way %s", s.Way)
	}
	if s.For > 0 {
		fmt.Fprintf(&b, " for %v", s.For)
	}
	return b.String()
}

func (s Schedule) String() string {
	var b strings.Builder
	if s.Name != "" {
		fmt.Fprintf(&b, "name %s\n", s.Name)
	}
	fmt.Fprintf(&b, "seed %d\nnodes %d\nlimit %d\nbuckets %d\nduration %v\npersistence %s\n",
		s.Seed, s.Nodes, s.Limit, s.Buckets, s.Duration, s.Persistence)
	for _, st := range s.Steps {
		fmt.Fprintln(&b, st)
	}
	return b.String()
}

// ParseSchedule reads what Schedule.String writes. Blank lines and those that
// begin with # are skipped.
func ParseSchedule(r io.Reader) (Schedule, error) {
	s := Schedule{Buckets: 1, Persistence: rig.PersistNone}
	in := bufio.NewScanner(r)
	for line := 1; in.Scan(); line++ {
		text := strings.TrimSpace(in.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := s.parseLine(strings.Fields(text)); err != nil {
			return Schedule{}, fmt.Errorf("%w: line %d: %w", errSchedule, line, err)
		}
	}
	if err := in.Err(); err != nil {
		return Schedule{}, fmt.Errorf("%w: %w", errSchedule, err)
	}
	slices.SortStableFunc(s.Steps, func(a, b Step) int { return int(a.At - b.At) })
	return s, s.Validate()
}

func (s *Schedule) parseLine(words []string) (err error) {
	if len(words) < 2 {
		return fmt.Errorf("%q has no value", words[0])
	}
	value := words[1]
	switch words[0] {
	case "name":
		s.Name = value
	case "seed":
		s.Seed, err = strconv.ParseUint(value, 10, 64)
	case "nodes":
		s.Nodes, err = strconv.Atoi(value)
	case "limit":
		s.Limit, err = strconv.Atoi(value)
	case "buckets":
		s.Buckets, err = strconv.Atoi(value)
	case "duration":
		s.Duration, err = time.ParseDuration(value)
	case "persistence":
		s.Persistence = value
	case "at":
		var st Step
		if st, err = parseStep(words[1:]); err == nil {
			s.Steps = append(s.Steps, st)
		}
	default:
		err = fmt.Errorf("%q is not known", words[0])
	}
	return err
}

// parseStep reads a step without its leading "at".
func parseStep(words []string) (s Step, err error) {
	if len(words) < 2 {
		return s, errors.New("want: at TIME FAULT [node-N] [way in|out] [for TIME]")
	}
	if s.At, err = time.ParseDuration(words[0]); err != nil {
		return s, err
	}
	s.Fault = Fault(words[1])
	for rest := words[2:]; len(rest) > 0; {
		switch number, isNode := strings.CutPrefix(rest[0], "node-"); {
		case isNode:
			if s.Node, err = strconv.Atoi(number); err != nil {
				return s, err
			}
			rest = rest[1:]
		case len(rest) > 1 && rest[0] == "way":
			s.Way, rest = rest[1], rest[2:]
		case len(rest) > 1 && rest[0] == "for":
			if s.For, err = time.ParseDuration(rest[1]); err != nil {
				return s, err
			}
			rest = rest[2:]
		default:
			return s, fmt.Errorf("%q is not known", rest[0])
		}
	}
	return s, nil
}

// Bounds of what a schedule may ask of a machine.
const (
	maxNodes    = 9
	maxLimit    = 200
	maxBuckets  = 8
	maxDuration = 10 * time.Minute
)

// Validate reports everything that keeps a schedule from being run.
func (s Schedule) Validate() error {
	var wrong []error
	fail := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	fail(s.Nodes >= 1 && s.Nodes <= maxNodes, "nodes %d: want 1 to %d", s.Nodes, maxNodes)
	fail(s.Limit >= 1 && s.Limit <= maxLimit, "limit %d: want 1 to %d", s.Limit, maxLimit)
	fail(s.Buckets >= 1 && s.Buckets <= maxBuckets, "buckets %d: want 1 to %d", s.Buckets, maxBuckets)
	fail(s.Duration > 0 && s.Duration <= maxDuration, "duration %v: want up to %v", s.Duration, maxDuration)
	fail(slices.Contains([]string{rig.PersistNone, rig.PersistRDB, rig.PersistAOF}, s.Persistence), "persistence %q: want none, rdb or aof", s.Persistence)
	for i, st := range s.Steps {
		if err := s.checkStep(st); err != nil {
			fail(false, "%v: %w", st, err)
		}
		for _, earlier := range s.Steps[:i] {
			fail(!earlier.overlaps(st, s.Duration), "%v: %v is still on", st, earlier)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", errSchedule, errors.Join(wrong...))
}

func (s Schedule) checkStep(st Step) error {
	t, known := faults[st.Fault]
	last := s.Nodes
	if st.Fault == Join {
		last++
	}
	switch {
	case !known:
		return errors.New("no such fault")
	case st.At < 0 || st.For < 0 || st.At+st.For > s.Duration:
		return fmt.Errorf("it is not within the duration %v", s.Duration)
	case st.For > 0 && !t.lasts:
		return errors.New("it has no length")
	case st.Fault.namesNode() && (st.Node < 1 || st.Node > last):
		return fmt.Errorf("it must name a node from node-1 to node-%d", last)
	case !st.Fault.namesNode() && st.Node != 0:
		return errors.New("it names a node")
	case st.Fault == Join && st.Node != last:
		return fmt.Errorf("the node that joins is node-%d", last)
	case st.Way != waysBoth && (!st.Fault.cuts() || st.Way != wayIn && st.Way != wayOut):
		return fmt.Errorf("no way %q", st.Way)
	}
	return nil
}

// overlaps tells that s, which begins first, is not over when next begins on
// the same target.
func (s Step) overlaps(next Step, duration time.Duration) bool {
	t := faults[s.Fault].target
	if t == targetLoad || t != faults[next.Fault].target || s.Node != next.Node {
		return false
	}
	return s.end(duration) > next.At
}

// end is when a step is over at the latest.
func (s Step) end(duration time.Duration) time.Duration {
	if s.For == 0 && (faults[s.Fault].lasts || s.Fault == RedisAway) {
		return duration
	}
	return s.At + s.For
}
