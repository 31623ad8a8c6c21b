package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// leakPatience is how long an answer may take.
const leakPatience = 5 * time.Minute

// errStruck says that a fault of the server ended a player's connection.
var errStruck = errors.New("a fault of the server")

// player is a client with a random program, which it runs through the node and,
// step by step, alone at a server of the same kind. Every answer is compared
// as soon as it is there.
type player struct {
	run   *leakRun
	who   int
	r     *rand.Rand
	sides [2]side // through the node, alone
	login tds.Login7

	life    int        // names the tables: a new life begins when their content is not known
	handles [][2]int32 // of prepared statements, on each side
	cursors [][2]int32 // of open cursors
	steps   int
	seen    int64
	counts  map[string]int
	recent  []string // what was asked last
}

// side is one of a player's two connections.
type side struct {
	addr   string
	client *tdstest.Client
	heard  *hearing
}

// hearing keeps what came since the last request, for answers that break off.
type hearing struct {
	net.Conn
	b []byte
}

func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	h.b = append(h.b, b[:n]...)
	return n, err
}

// payload is the bodies of the packets that came, the last maybe in part.
func (h *hearing) payload() (p []byte) {
	for b := h.b; len(b) > tds.HeaderSize; {
		head, err := tds.ParseHeader(b)
		if err != nil {
			return p
		}
		n := min(head.Length, len(b))
		p = append(p, b[tds.HeaderSize:n]...)
		b = b[n:]
	}
	return p
}

func newPlayer(x *leakRun, who int) *player {
	p := &player{run: x, who: who, r: rand.New(rand.NewPCG(x.seed, uint64(who))), counts: make(map[string]int)}
	u := x.users[0]
	p.login = tds.Login7{AppName: "oracle", HostName: fmt.Sprintf("host%d", who), Database: "app1", OptionFlags2: tds.LoginODBC, Version: tds.V74}
	switch who % 64 { // most share; some have a pool of their own
	case 5:
		p.login.Version = tds.V72
	case 6:
		p.login.AppName = "other"
	case 7:
		p.login.PacketSize = 8000
	case 8:
		p.login.Version = tds.V71
	case 9:
		u = x.users[len(x.users)-1]
	}
	p.login.UserName, p.login.Password = u.name, u.password
	p.sides[0].addr, p.sides[1].addr = x.addr, x.alone[who%len(x.alone)]
	return p
}

// play runs the program.
func (p *player) play() error {
	if err := p.begin(); err != nil && !errors.Is(err, errStruck) {
		return err
	}
	share := p.run.statements / int64(p.run.clients)
	for p.steps = 0; !p.run.failed.Load() && (p.steps < p.run.steps && share == 0 || p.seen < share); p.steps++ {
		op := p.run.ops[p.r.IntN(len(p.run.ops))]
		p.counts[op.name]++
		err := op.do(p)
		if err == nil && p.r.IntN(6) == 0 {
			err = p.tidy()
		}
		if errors.Is(err, errStruck) {
			p.run.struck.Add(1)
			err = p.begin()
		}
		if err != nil && !errors.Is(err, errStruck) {
			return err
		}
	}
	return nil
}

// begin begins a new life: new connections, and tables of a new name.
func (p *player) begin() error {
	for {
		p.run.lives.Add(1)
		old := p.life
		p.life++
		err := p.connect()
		if err == nil {
			err = p.furnish(old)
		}
		if !errors.Is(err, errStruck) || p.run.failed.Load() {
			return err
		}
		p.run.struck.Add(1)
	}
}

// renew empties the tables on the connections that there are.
func (p *player) renew() error {
	const text = "SET XACT_ABORT OFF SET IMPLICIT_TRANSACTIONS OFF IF @@TRANCOUNT > 0 ROLLBACK TRAN"
	// First alone: a transaction that is open there only must not wait for a
	// backend, which others may hold who wait for it.
	a := ask{what: text, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }}
	if _, err := p.sides[1].send(&a, 1); err != nil {
		return fmt.Errorf("%s: alone: %w", text, err)
	}
	if err := p.loose(text); err != nil {
		return err
	}
	return p.batch("TRUNCATE TABLE app1.dbo.%s", p.table())
}

// furnish makes what a life needs and drops what the last one had.
func (p *player) furnish(old int) error {
	if old > 0 {
		if err := p.loose(fmt.Sprintf("DROP TABLE IF EXISTS app1.dbo.%s", p.named("t", old))); err != nil {
			return err
		}
	}
	return p.batch("CREATE TABLE app1.dbo.%s (id int IDENTITY PRIMARY KEY, v int)", p.table())
}

func (p *player) named(kind string, life int) string {
	return fmt.Sprintf("%s%d_%d%s", kind, p.who, life, p.run.tag)
}

func (p *player) table() string { return p.named("t", p.life) }

// connect opens both connections anew.
func (p *player) connect() error {
	p.leave()
	p.handles, p.cursors = nil, nil
	if err := p.sides[0].connect(p.login); err != nil {
		return p.lost("login", err)
	}
	if err := p.sides[1].connect(p.login); err != nil {
		return fmt.Errorf("login, alone: %w", err)
	}
	return nil
}

// lost is what a loss of the connection through the node means.
func (p *player) lost(what string, err error) error {
	if p.run.faults > 0 {
		return errStruck
	}
	return fmt.Errorf("%s: through the node: %w", what, err)
}

// leave closes both connections.
func (p *player) leave() {
	for i := range p.sides {
		if c := p.sides[i].client; c != nil {
			_ = c.Close()
		}
	}
}

func (s *side) connect(login tds.Login7) error {
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	_ = raw.SetDeadline(time.Now().Add(leakPatience))
	s.heard = &hearing{Conn: raw}
	s.client = tdstest.NewClient(s.heard)
	if err := s.client.Connect(tdstest.ClientConfig{Encryption: tds.EncryptNotSupported, Login: login}); err != nil {
		_ = raw.Close()
		return err
	}
	return nil
}

// ask is a request, to be sent on both sides.
type ask struct {
	what   string
	send   func(c *tdstest.Client, side int) error
	handle bool  // a handle comes back, which differs
	loose  bool  // the answers need not be the same
	reset  bool  // it asks for a reset
	fatal  bool  // it ends the connection
	own    bool  // the node answers by itself: only the status of the DONE must be the same
	number int32 // only the number of the error must be the same, and this
}

// send asks one side.
func (s *side) send(a *ask, i int) (tdstest.Response, error) {
	s.heard.b = s.heard.b[:0]
	_ = s.heard.SetDeadline(time.Now().Add(leakPatience))
	if err := a.send(s.client, i); err != nil {
		return tdstest.Response{}, err
	}
	return s.client.Read()
}

// ask asks both sides and compares.
func (p *player) ask(a ask) (both [2]tdstest.Response, err error) {
	p.note(a.what)
	if both[0], err = p.sides[0].send(&a, 0); err != nil || brokenOff(&both[0], &a) {
		if err == nil {
			err = both[0].Err()
		}
		return both, p.broken(&a, err)
	}
	if both[1], err = p.sides[1].send(&a, 1); err != nil {
		return both, fmt.Errorf("%s: alone: %w", a.what, err)
	}
	if a.reset && p.run.faults > 0 && len(both[0].EnvChanges(tds.EnvResetConnection)) == 0 {
		return both, errStruck // the server did not reset, and the node has hung up
	}
	return both, p.compare(&a, &both)
}

// note keeps the last requests for the report of a difference.
func (p *player) note(what string) {
	if len(p.recent) >= 20 {
		p.recent = append(p.recent[:0], p.recent[1:]...)
	}
	p.recent = append(p.recent, what[:min(len(what), 90)])
}

// broken handles an answer through the node that broke off or is an error of
// the node's. Up to there it must be the answer of the twin.
func (p *player) broken(a *ask, cause error) error {
	lost := p.lost(a.what, cause)
	if !errors.Is(lost, errStruck) || a.loose || a.number != 0 {
		return lost
	}
	got := upToLoss(p.sides[0].heard.payload(), p.login.Version)
	alone, err := p.sides[1].send(a, 1)
	if err != nil {
		return fmt.Errorf("%s: alone: %w", a.what, err)
	}
	if want := blank(alone.Message.Payload, p.login.Version, a.handle); !want.begins(blank(got, p.login.Version, a.handle)) {
		return fmt.Errorf("%s: broken off by a fault (%w)\nthrough the node %x\nalone            %x", a.what, cause, got, alone.Message.Payload)
	}
	return lost
}

func (p *player) compare(a *ask, both *[2]tdstest.Response) error {
	if a.loose {
		return nil
	}
	p.counted()
	if a.number != 0 {
		for i := range both {
			if e := both[i].Errors(); len(e) != 1 || e[0].Number != a.number {
				return fmt.Errorf("%s: side %d: %v", a.what, i, e)
			}
		}
		return nil
	}
	if a.own {
		mine, _ := both[0].Done()
		if d, ok := both[1].Done(); !ok || d.Status != mine.Status {
			return fmt.Errorf("%s: %v through the node, %v alone", a.what, mine, d)
		}
		return nil
	}
	through, alone := blank(both[0].Message.Payload, p.login.Version, a.handle), blank(both[1].Message.Payload, p.login.Version, a.handle)
	if !bytes.Equal(through.b, alone.b) {
		return fmt.Errorf("%s\nthrough the node %x %d rows, %v\nalone            %x %d rows, %v", a.what,
			through.b, both[0].Rows, both[0].Errors(), alone.b, both[1].Rows, both[1].Errors())
	}
	if in := p.inTransaction(); in[0] != in[1] {
		return fmt.Errorf("%s: in a transaction: %v", a.what, in)
	}
	return nil
}

// counted counts an answer.
func (p *player) counted() {
	p.seen++
	p.run.seen.Add(1)
}

func (p *player) inTransaction() [2]bool {
	return [2]bool{p.sides[0].client.Transaction != 0, p.sides[1].client.Transaction != 0}
}

func (p *player) batch(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	_, err := p.ask(ask{what: text, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }})
	return err
}

// loose runs a batch whose answer depends on what was cancelled before.
func (p *player) loose(text string) error {
	_, err := p.ask(ask{what: text, loose: true, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }})
	return err
}
