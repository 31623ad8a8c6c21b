package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func testPlan(network bool) Plan {
	return Plan{Nodes: 3, Limit: 20, Buckets: 2, Duration: 30 * time.Second, Hold: 6 * time.Second, Faults: randomFaults(network), Pooling: poolMixed}
}

func TestGenerate(t *testing.T) {
	seen, pooling := map[Fault]int{}, map[string]int{}
	for seed := range uint64(500) {
		s := Generate(seed, testPlan(true))
		if err := s.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if again := Generate(seed, testPlan(true)); !reflect.DeepEqual(s, again) {
			t.Fatalf("seed %d: another schedule the second time", seed)
		}
		pooling[s.Pooling]++
		for _, st := range s.Steps {
			seen[st.Fault]++
			if st.Fault == Pause && st.For >= 6*time.Second*8/10 || st.Fault == LongPause && st.For <= 6*time.Second {
				t.Errorf("seed %d: %v", seed, st)
			}
		}
		for i, st := range s.Steps {
			if st.Fault == RedisOld && !slices.ContainsFunc(s.Steps[:i], func(e Step) bool { return e.Fault == RedisSave }) {
				t.Errorf("seed %d: %v without a copy", seed, st)
			}
		}
	}
	if pooling[poolSession] == 0 || pooling[poolTransaction] == 0 {
		t.Errorf("ways of pooling: %v", pooling)
	}
	for f := range faults {
		if seen[f] == 0 {
			t.Errorf("no schedule has %s", f)
		}
	}
}

func TestGenerateKeepsToWhatIsAsked(t *testing.T) {
	p := testPlan(false)
	p.Faults = []Fault{Kill, RedisFlush}
	for seed := range uint64(50) {
		for _, st := range Generate(seed, p).Steps {
			if f := st.Fault; f != Kill && f != RedisFlush && !f.quiet() {
				t.Fatalf("seed %d: %v", seed, st)
			}
		}
	}
	p.Faults = nil
	if s := Generate(1, p); s.Validate() != nil {
		t.Error(s.Validate())
	}
}

func TestScheduleAsText(t *testing.T) {
	for seed := range uint64(50) {
		s := Generate(seed, testPlan(true))
		again, err := ParseSchedule(strings.NewReader(s.String()))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s, again) {
			t.Fatalf("seed %d:\n%s\nbecame\n%s", seed, s, again)
		}
	}
}

func TestScenariosAreSchedules(t *testing.T) {
	o, err := parseOptions([]string{"all", "--netns"}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Scenarios) != len(scenarios()) {
		t.Errorf("all stands for %v", o.Scenarios)
	}
	plans, err := o.plans()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plans {
		again, err := ParseSchedule(strings.NewReader(s.String()))
		if err != nil || again.String() != s.String() {
			t.Errorf("%s: %v\n%s", s.Name, err, again)
		}
	}
}

const header = "seed 1\nnodes 3\nlimit 20\nduration 20s\n"

func TestSchedulesThatAreNone(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             "",
		"unknown word":        header + "colour red\n",
		"no value":            header + "at\n",
		"no number":           header + "limit many\n",
		"no time":             header + "at noon kill node-1\n",
		"unknown fault":       header + "at 1s sing node-1\n",
		"no node":             header + "at 1s kill for 1s\n",
		"such node":           header + "at 1s kill node-9 for 1s\n",
		"node of Redis":       header + "at 1s redis-flush node-1\n",
		"joins in the middle": header + "at 1s join node-2 for 1s\n",
		"after the end":       header + "at 19s kill node-1 for 2s\n",
		"length":              header + "at 1s redis-flush for 2s\n",
		"way of a kill":       header + "at 1s kill node-1 way in for 1s\n",
		"way up":              header + "at 1s cut-redis node-1 way up for 1s\n",
		"rest of a line":      header + "at 1s kill node-1 for 1s please\n",
		"two at a time":       header + "at 1s kill node-1 for 5s\nat 2s pause node-1 for 1s\n",
		"after Redis is away": header + "at 1s redis-away\nat 2s redis-flush\n",
		"persistence":         header + "persistence stone\n",
		"pooling":             header + "pooling whatever\n",
		"no bucket":           header + "at 1s server-away for 1s\n",
		"such bucket":         header + "at 1s backend-kill bucket-2\n",
		"bucket of a kill":    header + "at 1s kill node-1 bucket-1 for 1s\n",
		"count of a kill":     header + "at 1s kill node-1 count 2 for 1s\n",
		"not late":            header + "at 1s slow-redis node-1 for 1s\n",
		"too late":            header + "at 1s slow-redis node-1 by 1m for 1s\n",
		"late kill":           header + "at 1s kill node-1 by 10ms for 1s\n",
		"two of a server":     header + "at 1s server-away bucket-1 for 5s\nat 2s backend-kill bucket-1\n",
		"too large":           strings.Replace(header, "limit 20", "limit 100000", 1),
		"negative":            header + "at -1s kill node-1 for 1s\n",
	} {
		if s, err := ParseSchedule(strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken for\n%s", name, s)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add(Generate(1, testPlan(true)).String())
	f.Add(header + "# nothing\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := ParseSchedule(strings.NewReader(s.String()))
		if err != nil || again.String() != s.String() {
			t.Fatalf("%v\n%s\nbecame\n%s", err, s, again)
		}
	})
}

func TestScheduleMustFitOptions(t *testing.T) {
	s, err := ParseSchedule(strings.NewReader(header + "at 1s cut-redis node-1 for 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	for args, ok := range map[string]bool{"": false, "--netns": true, "--netns --witnesses 5": false} {
		o, err := parseOptions(strings.Fields(args), t.Output())
		if err != nil {
			t.Fatal(err)
		}
		if err := o.fits(s); (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
		if w := o.of(s).Witnesses; args == "" && w != 3 {
			t.Errorf("%d witnesses", w)
		}
	}
	o, err := parseOptions(strings.Fields("--seed 9 --hold=8s --set limits.loan_time=1s --netns"), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.again(s, "file"), "scripts/chaos/run.sh --schedule file --hold=8s --netns=true --set limits.loan_time=1s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		args string
		ok   bool
	}{
		{"", true},
		{"kill redis-kill --nodes 4", true},
		{"--faults kill,pause --seed 7 --duration 20s", true},
		{"--faults cut-redis", false},
		{"--faults cut-redis --netns", true},
		{"--faults load-on", false},
		{"--faults sing", false},
		{"cut-redis", false},
		{"sing", false},
		{"--nodes 2 kill", false},
		{"--witnesses 2", false},
		{"--witnesses 5", true},
		{"--demand 9", false},
		{"--pooling mixed", true},
		{"--pooling none", false},
		{"kill --pooling transaction", true},
		{"kill --pooling mixed", false},
		{"--schedules 0", false},
		{"--set limit", false},
		{"--set limits.loan_time=1s", true},
		{"kill --schedule x", false},
	} {
		_, err := parseOptions(strings.Fields(c.args), t.Output())
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}
