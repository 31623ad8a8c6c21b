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
	// Bucket, from 1, is the one whose server is meant; 0: none is.
	Bucket int
	Count  int           // sessions that backend-kill kills; 0: all
	By     time.Duration // how late a slow link is, each way
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
	Pooling     string        // of all clients: session or transaction
	Steps       []Step        // in the order of At
}

// Ways of pooling, as in proxy.pooling.
const (
	poolSession     = "session"
	poolTransaction = "transaction"
)

var errSchedule = errors.New("schedule")

func (s Step) String() string { return fmt.Sprintf("at %v %s", s.At, s.what()) }

// what is the step without its time.
func (s Step) what() string {
	var b strings.Builder
	b.WriteString(string(s.Fault))
	if s.Node > 0 {
		fmt.Fprintf(&b, " node-%d", s.Node)
	}
	if s.Bucket > 0 {
		fmt.Fprintf(&b, " bucket-%d", s.Bucket)
	}
	if s.Count > 0 {
		fmt.Fprintf(&b, " count %d", s.Count)
	}
	if s.By > 0 {
		fmt.Fprintf(&b, " by %v", s.By)
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
	fmt.Fprintf(&b, "seed %d\nnodes %d\nlimit %d\nbuckets %d\nduration %v\npersistence %s\npooling %s\n",
		s.Seed, s.Nodes, s.Limit, s.Buckets, s.Duration, s.Persistence, s.Pooling)
	for _, st := range s.Steps {
		fmt.Fprintln(&b, st)
	}
	return b.String()
}

// ParseSchedule reads what Schedule.String writes. Blank lines and those that
// begin with # are skipped.
func ParseSchedule(r io.Reader) (Schedule, error) {
	s := Schedule{Buckets: 1, Persistence: rig.PersistNone, Pooling: poolSession}
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
	case "pooling":
		s.Pooling = value
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
		return s, errors.New("want: at TIME FAULT [node-N|bucket-N] [way in|out] [count N] [by TIME] [for TIME]")
	}
	if s.At, err = time.ParseDuration(words[0]); err != nil {
		return s, err
	}
	s.Fault = Fault(words[1])
	for rest := words[2:]; len(rest) > 0; {
		used, err := s.parseWord(rest)
		if err != nil {
			return s, err
		}
		rest = rest[used:]
	}
	return s, nil
}

// parseWord reads what begins with the first word and tells how many it has used.
func (s *Step) parseWord(words []string) (used int, err error) {
	if number, ok := strings.CutPrefix(words[0], "node-"); ok {
		s.Node, err = strconv.Atoi(number)
		return 1, err
	}
	if number, ok := strings.CutPrefix(words[0], "bucket-"); ok {
		s.Bucket, err = strconv.Atoi(number)
		return 1, err
	}
	if len(words) < 2 {
		return 0, fmt.Errorf("%q is not known, or has no value", words[0])
	}
	switch words[0] {
	case "way":
		s.Way = words[1]
	case "for":
		s.For, err = time.ParseDuration(words[1])
	case "by":
		s.By, err = time.ParseDuration(words[1])
	case "count":
		s.Count, err = strconv.Atoi(words[1])
	default:
		err = fmt.Errorf("%q is not known", words[0])
	}
	return 2, err
}

// Bounds of what a schedule may ask of a machine.
const (
	maxNodes    = 9
	maxLimit    = 200
	maxBuckets  = 8
	maxDuration = 10 * time.Minute
	maxLate     = 2 * time.Second
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
	fail(s.Pooling == poolSession || s.Pooling == poolTransaction, "pooling %q: want session or transaction", s.Pooling)
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
	case st.Fault.ofServer() && (st.Bucket < 1 || st.Bucket > s.Buckets):
		return fmt.Errorf("it must name a bucket from bucket-1 to bucket-%d", s.Buckets)
	case !st.Fault.ofServer() && st.Bucket != 0:
		return errors.New("it names a bucket")
	case st.Fault.slows() != (st.By > 0) || st.By > maxLate:
		return fmt.Errorf("slow links, and no other steps, are late by up to %v", maxLate)
	case st.Count < 0 || st.Count > 0 && st.Fault != BackendKill:
		return fmt.Errorf("no count %d", st.Count)
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
	if t == targetLoad || t != faults[next.Fault].target || s.Node != next.Node || s.Bucket != next.Bucket {
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

// slowsRedis tells that links to Redis become slow, for which relays are needed.
func (s Schedule) slowsRedis() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Fault == SlowRedis })
}
