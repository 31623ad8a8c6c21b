package session

import (
	"strconv"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/refusal"
	"sluice/tds"
)

// Console is who answers clients that log in to the node itself. They get no
// backend, count as nobody's clients and are not drained.
type Console interface {
	// Serves tells whether a login is for the console.
	Serves(l *tds.Login7) bool
	// Open checks the login of the session with that id, whose client is at the
	// address from. It returns nil if it is not to be let in.
	Open(l *tds.Login7, id actor.ID, from string) Operator
}

// Operator is whoever has logged in to the console. Its method is called by one
// goroutine at a time and may take a while.
type Operator interface {
	// Run carries out the commands of a batch.
	Run(batch string) ConsoleAnswer
}

// ConsoleAnswer is what came of a batch: results in order, then perhaps an error.
type ConsoleAnswer struct {
	Results []ConsoleResult
	Err     *refusal.Error
	// After is called when the answer is on its way, if not nil.
	After func()
}

// ConsoleResult is a result set, or where it has no columns a message.
type ConsoleResult struct {
	Columns []tds.ResultColumn
	Rows    [][]any
	Message string
}

// console is what a port has instead of a bucket.
type console struct {
	operator   Operator
	packetSize int
	reading    []byte // payload of the request that is being read
	statements map[int32]string
	handles    int32
	trans      uint64 // of the last transaction begun, none of which does anything
}

// openConsole answers a login to the console.
func (s *Session) openConsole(con Console, l *tds.Login7) {
	op := con.Open(l, s.id, s.port.tcp.RemoteAddr().String())
	if op == nil {
		s.port.goServe(func() {
			s.port.refuse(&refusal.Error{Cause: refusal.LoginRejected, Node: s.env.Node, Detail: "user " + strconv.Quote(l.UserName)})
		})
		return
	}
	s.state.attend()
	s.env.conns.Add(-1) // it is nobody's client
	s.env.Metrics.Clients.Add(-1)
	p := s.port
	p.goServe(func() { p.serveConsole(op) })
}

// attend notes that the client is served without a backend.
func (s *state) attend() { s.stage, s.console = stageServing, true }

// serveConsole answers the login. From then on the goroutine that reads the
// client serves it.
func (p *port) serveConsole(op Operator) {
	p.mu.Lock()
	hello := p.hello
	if p.ended || hello == nil {
		p.mu.Unlock()
		return
	}
	size := int(hello.PacketSize)
	if size < tds.MinPacketSize || size > tds.DefaultPacketSize {
		size = tds.DefaultPacketSize
	}
	p.console = &console{operator: op, packetSize: size}
	p.hello = nil
	p.setPhase(phaseIdle)
	p.mu.Unlock()
	a := consoleGreeting(p.env, hello, size)
	if err := writePackets(p.client.conn, tds.AppendMessage(nil, tds.PacketReply, 0, 0, tds.DefaultPacketSize, a.Append(nil, hello))); err != nil {
		p.end(0, &lost{"client", err})
	}
}

// consoleGreeting is the answer to a login. It says what SQL Server's would:
// drivers look at the product and its version.
func consoleGreeting(env *Env, l *tds.Login7, packetSize int) *backend.Answer {
	v, err := l.Version.Normalize()
	if err != nil {
		v = tds.V71
	}
	info := func(number int32, text string) *tds.ServerError {
		return &tds.ServerError{Number: number, State: 1, Class: 10, Text: text, Server: env.Node, Line: 1}
	}
	p := env.Product
	return &backend.Answer{
		Ack: tds.LoginAck{
			Interface: 1, Version: v, ProgName: "Microsoft SQL Server\x00\x00",
			ProgVersion: [4]byte{p.Major, p.Minor, byte(p.Build >> 8), byte(p.Build)},
		},
		Database: l.Database, Language: "us_english", Collation: tds.DefaultCollation(), PacketSize: packetSize,
		Infos: []*tds.ServerError{
			info(5701, "Changed database context to '"+l.Database+"'."),
			info(5703, "Changed language setting to us_english."),
		},
		Features: []tds.Feature{{ID: tds.FeatureUTF8Support, Data: []byte{1}}},
	}
}
