package bucket

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
)

var update = flag.Bool("update", false, "rewrite the expected effects in testdata")

// TestScenarios replays testdata/*.txt: a line "> message" is given to a
// state, the lines below it are the effects and the counts that come of it.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios:", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, want)
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, string(got), string(want))
		})
	}
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d:\n got %s\nwant %s\nIf this is right, rewrite the file with -update.", i+1, a, b)
		}
	}
}

func replay(t *testing.T, file []byte) []byte {
	var out bytes.Buffer
	s := &script{
		state: newState(Settings{Limit: 2, MaxParallelLogins: 4, ReverifyAfter: time.Hour}),
		now:   epoch, requests: map[string]*Request{}, conns: map[string]*backend.Conn{}, names: map[any]string{}, then: map[string]*Request{},
	}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "> "):
			effects, err := s.message(strings.Fields(line[2:]))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			fmt.Fprintln(&out, line)
			for _, e := range effects {
				fmt.Fprintln(&out, "   ", s.effect(e))
			}
			if s.reports && s.state.reportDue(strings.HasPrefix(line, "> tick")) {
				fmt.Fprintln(&out, "   ", s.report())
			}
			fmt.Fprintln(&out, "    =", s.counts())
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.Bytes()
}

// script runs the messages of one file.
type script struct {
	state    *state
	now      time.Time
	requests map[string]*Request // the last one of each session
	conns    map[string]*backend.Conn
	names    map[any]string // of requests and connections
	then     map[string]*Request
	reports  bool // are shown
}

var errWords = map[string]error{"dial": errDial, "password": errPassword, "database": errDatabase, "timeout": errors.New("timeout"), "clean": errors.New("not reset"), "lost": errLost}

var giveBacks = map[string]GiveBack{"unused": Unused, "used": Used, "broken": Broken, "gone": Gone, "known": Known}

// message gives one message to the state. args are its name, what it is about,
// and options as name=value.
func (s *script) message(args []string) ([]effect, error) {
	opt := map[string]string{}
	var words []string
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			opt[k] = v
		} else {
			words = append(words, a)
		}
	}
	about := ""
	if len(words) > 1 {
		about = words[1]
	}
	st, r, c, err := s.state, s.requests[about], s.conns[about], errWords[opt["err"]]
	if name := opt["err"]; name != "" && err == nil {
		return nil, fmt.Errorf("unknown error %q", name)
	}
	switch words[0] {
	case "acquire":
		id, err := strconv.Atoi(about[1:])
		if err != nil {
			return nil, err
		}
		user, db, _ := strings.Cut(opt["key"], "/")
		r = request(actor.ID(id), user, db, opt["pass"])
		r.Dedicated = opt["dedicated"] != ""
		if opt["shared"] != "" {
			r.Key.Shared = true
			r.AnswerOnly = opt["shared"] == "login"
			if r.Trusted = opt["shared"] == "request"; r.Trusted {
				r.Login = nil
			}
			print, err := strconv.Atoi(cmp.Or(opt["print"], "0"))
			if err != nil {
				return nil, err
			}
			r.Print = uint64(print)
		}
		r.arrived = s.now
		s.requests[about], s.names[r] = r, about
		return st.acquire(r, s.now), nil
	case "advance":
		d, err := time.ParseDuration(about)
		s.now = s.now.Add(d)
		return nil, err
	case "settings":
		set, err := settingsOf(st.set, opt)
		return st.configure(set), err
	case "governed":
		st.governed, s.reports = true, true
		return nil, nil
	case "entitle":
		slots, err := strconv.Atoi(opt["slots"])
		if err != nil {
			return nil, err
		}
		version, err := strconv.ParseUint(opt["version"], 10, 64)
		return st.entitle(Entitle{Version: version, Slots: slots, Force: opt["force"] != ""}), err
	case "tick":
		return st.tick(s.now, opt["warm"] != ""), nil
	case "recycle":
		return st.recycle(s.now), nil
	case "shut":
		return st.shut(), nil
	case "pause":
		return st.pause(), nil
	case "resume":
		return st.resume(), nil
	case "queueLost":
		return st.queueLost(), nil
	case "returned":
		return st.returned(), nil
	case "offerFailed":
		st.offerFailed()
		return nil, nil
	case "warmed":
		k := backend.Key{User: "warm", Database: "db"}
		d := s.dialOf(nil)
		if d == nil {
			return nil, fmt.Errorf("no such dial")
		}
		return st.warmed(d, "warm", Digest{1}, s.opened(k, err), err, s.now), nil
	}
	switch {
	case r != nil:
		return s.ofRequest(words, r, opt, err)
	case c != nil:
		switch words[0] {
		case "closed":
			then := s.then[about]
			delete(s.then, about)
			return st.slotClosed(then), nil
		case "cleaned":
			return st.cleaned(c, opt["check"] != "", err, s.now), nil
		case "died":
			out, _ := st.died(c)
			return out, nil
		}
	}
	return nil, fmt.Errorf("unknown message or subject")
}

func (s *script) ofRequest(words []string, r *Request, opt map[string]string, err error) ([]effect, error) {
	st := s.state
	switch words[0] {
	case "dialed":
		d := s.dialOf(r)
		if d == nil {
			return nil, fmt.Errorf("no such dial")
		}
		c := s.opened(r.Key, err)
		if took := opt["took"]; took != "" {
			d, err := time.ParseDuration(took)
			if err != nil {
				return nil, err
			}
			c.Born = s.now.Add(-d)
		}
		return st.dialed(d, c, err, s.now), nil
	case "closed": // the socket of a dedicated lease that was cut
		return st.slotClosed(nil), nil
	case "taken":
		return st.taken(r, s.now), nil
	case "takenLate":
		return st.takenLate(r, errWords["timeout"]), nil
	case "left":
		return st.left(r, err), nil
	case "down":
		return st.down(r.Session, s.now), nil
	case "deadOnGrant":
		return st.deadOnGrant(st.leases[r.Session], s.now), nil
	case "withdraw":
		return st.withdraw(r), nil
	case "release":
		if c := st.leases[r.Session]; c != nil && c.Conn != nil && words[2] == "known" {
			c.Conn.Session.Owner = uint64(r.Session)
			c.Conn.Session.Print = r.Print
		}
		how, ok := giveBacks[words[2]]
		if !ok {
			return nil, fmt.Errorf("release how?")
		}
		id := uint64(0)
		if l := st.leases[r.Session]; l != nil {
			id = l.ID
		}
		if n := opt["lease"]; n != "" {
			id, _ = strconv.ParseUint(n, 10, 64)
		}
		return st.release(r.Session, id, how, s.now), nil
	}
	return nil, fmt.Errorf("unknown message")
}

// dialOf is the oldest dial under way for r.
func (s *script) dialOf(r *Request) *dial {
	for _, d := range s.state.dials {
		if d.req == r {
			return d
		}
	}
	return nil
}

func settingsOf(set Settings, opt map[string]string) (Settings, error) {
	for k, v := range opt {
		n, nerr := strconv.Atoi(v)
		d, derr := time.ParseDuration(v)
		var err error
		switch k {
		case "limit":
			set.Limit, err = n, nerr
		case "min_idle":
			set.MinIdle, err = n, nerr
		case "logins":
			set.MaxParallelLogins, err = n, nerr
		case "max_idle_time":
			set.MaxIdleTime, err = d, derr
		case "max_lifetime":
			set.MaxLifetime, err = d, derr
		case "check_every":
			set.CheckEvery, err = d, derr
		case "reverify":
			set.ReverifyAfter, err = d, derr
		default:
			err = fmt.Errorf("unknown setting %q", k)
		}
		if err != nil {
			return set, err
		}
	}
	return set, nil
}

// opened makes the connection of a dial that did not fail.
func (s *script) opened(k backend.Key, err error) *backend.Conn {
	if err != nil {
		return nil
	}
	c := newConn(k, s.now)
	c.Answer = &backend.Answer{}
	name := fmt.Sprintf("c%d", len(s.conns)+1)
	s.conns[name], s.names[c] = c, name
	return c
}

func (s *script) effect(e effect) string {
	switch e := e.(type) {
	case doGrant:
		l := e.lease
		how := "cold"
		if l.Warm {
			how = "warm"
		}
		conn := "own"
		if l.Conn != nil {
			conn = s.names[l.Conn]
		}
		return fmt.Sprintf("grant %s %s %s lease=%d waited=%v", s.names[e.req], conn, how, l.ID, l.Waited)
	case doAnswer:
		return "answer the login of " + s.names[e.req]
	case doRefuse:
		return fmt.Sprintf("refuse %s: %v", s.names[e.req], e.err)
	case doDial:
		return s.dialName(e.dial)
	case doClose:
		c := s.names[e.conn]
		if e.cut {
			return fmt.Sprintf("close %s at once: %s", c, e.why)
		}
		if e.then == nil {
			return fmt.Sprintf("close %s: %s", c, e.why)
		}
		s.then[c] = e.then
		return fmt.Sprintf("close %s: %s, slot for %s", c, e.why, s.names[e.then])
	case doClean:
		if e.check {
			return "check " + s.names[e.conn]
		}
		return "clean " + s.names[e.conn]
	case doEnqueue:
		if e.again {
			return "enqueue again " + s.names[e.req]
		}
		return "enqueue " + s.names[e.req]
	case doOffer:
		if e.key != nil {
			return fmt.Sprintf("offer to whom an idle %s/%s fits", e.key.User, e.key.Database)
		}
		return "offer"
	case doCut:
		if l := e.lease; l.Conn != nil {
			return fmt.Sprintf("cut %s off %s", s.names[l.request], s.names[l.Conn])
		}
		return fmt.Sprintf("cut %s off its own socket", s.names[e.lease.request])
	case doAbort:
		return "abort the cleaning of " + s.names[e.cleaning.conn]
	case doCallOff:
		return "call off the " + s.dialName(e.dial)
	case doCancel:
		return fmt.Sprintf("cancel s%d", e.id)
	case doTellDied:
		return "tell " + s.names[e.lease.request] + " that its backend died"
	}
	return fmt.Sprintf("%T", e)
}

func (s *script) counts() string {
	st := s.state
	return fmt.Sprintf("open %d: %d dialing, %d idle, %d leased, %d busy, %d closing; %d waiting",
		st.open, st.dialing, st.idle.len(), len(st.leases), len(st.busy), st.closing, st.waiting)
}

func (s *script) dialName(d *dial) string {
	if d.req == nil {
		return "dial to keep warm"
	}
	return "dial for " + s.names[d.req]
}

func (s *script) report() string {
	u, oldest := s.state.report(), "none"
	if !u.Oldest.IsZero() {
		oldest = s.now.Sub(u.Oldest).String()
	}
	return fmt.Sprintf("report version %d: %d slots, %d open, %d in use, %d idle, %d waiting, oldest %s, %d acquired",
		u.Version, u.Slots, u.Open, u.InUse, u.Idle, u.Waiting, oldest, u.Acquired)
}
