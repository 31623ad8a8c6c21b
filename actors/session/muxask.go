package session

import (
	"errors"
	"slices"
	"strings"
	"time"

	"sluice/actors/backend"
	"sluice/actors/statement"
	"sluice/tds"
)

// Announcing says how a server is taken that might not announce transactions
// (ENVCHANGE 8 to 10) that T-SQL begins, as Babelfish does not, and no server
// to clients of TDS 7.1.
type Announcing uint8

const (
	// AskWhereDoubtful asks servers that do not look like SQL Server, or have
	// left a transaction unannounced, for @@TRANCOUNT where there is a doubt.
	AskWhereDoubtful Announcing = iota
	AskAlways                   // takes every server for one that does not
	AskNever                    // what is left unannounced pins for good
)

// announces tells whether a server that gave this answer to a login is known to
// announce transactions. Babelfish calls itself SQL Server 2014 or later, which
// acknowledge session recovery where it does not.
func announces(a *backend.Answer) bool {
	recovers := slices.ContainsFunc(a.Features, func(f tds.Feature) bool { return f.ID == tds.FeatureSessionRecovery })
	v, err := a.Ack.Version.Normalize()
	if err == nil && !v.AtLeast(tds.V72) {
		return false // no such ENVCHANGE before TDS 7.2
	}
	old := err != nil || !v.AtLeast(tds.V74) || a.Ack.ProgVersion[0] < sqlServer2014
	return strings.HasPrefix(a.Ack.ProgName, "Microsoft SQL Server") && (recovers || old)
}

const sqlServer2014 = 12 // the major version

// question is what is not known after a response, as bits.
type question uint8

const (
	askOptions   question = 1 << iota // which values the client's options have
	askTranCount                      // whether a transaction is open
)

// learnOf notes what a response shows of how the server treats transactions;
// was says that one was open before.
func (x *muxed) learnOf(r *muxRequest, was bool) {
	a := &r.answer
	switch {
	case r.typ != tds.PacketTransMgr && a.began && a.tran != 0:
		x.tells = true
	case a.depth > 0 && !a.began && !was:
		x.mute = true
		if x.share.Transactions == AskNever {
			x.state.Pin(statement.OutOfStep, "transaction not announced", r.verdict.Digest, time.Now())
		}
	}
}

// doubt is what the backend must be asked before it is known what the request
// left in it. It is called with mu held.
func (p *port) doubt(r *muxRequest, e *event) (q question) {
	x := p.mx
	if e.unsure || r.lost || x.core.left || x.core.tran != 0 {
		return 0
	}
	if slices.ContainsFunc(x.state.Pins(), func(p statement.Pin) bool { return p.Reason == statement.BulkLoad }) {
		return 0 // a server that waits for rows takes no question
	}
	if x.tranDoubtful(r, e.quiet) || r.typ == tds.PacketTransMgr && !p.tokens.AtLeast(tds.V72) {
		q |= askTranCount
	}
	// Where statements begin transactions, the question would.
	implicit := x.state.Settings.MayBe(statement.ImplicitTransactions, false)
	if !x.unheard && !x.reads && !implicit && x.state.Readable() && !p.draining {
		q |= askOptions
	}
	return q
}

// tranDoubtful tells whether a transaction may have begun, or with quiet the
// one that is open have ended, without an announcement.
func (x *muxed) tranDoubtful(r *muxRequest, quiet bool) bool {
	switch mode := x.share.Transactions; {
	case mode == AskNever:
		return false
	case mode == AskAlways, x.mute:
	case x.tells || !x.login.suspect:
		return false
	}
	a := &r.answer
	switch r.typ {
	case tds.PacketTransMgr:
		return quiet
	case tds.PacketBulkLoad:
		return true // nothing was asked after INSERT BULK
	}
	may := statement.Begins | statement.Implicit | statement.Unseen | statement.Handles
	if quiet {
		may = statement.Transactions | statement.Unseen | statement.Handles
	}
	return a.depth > 0 || quiet && (a.ended || a.errors || a.attention) || !r.judged || r.verdict.Effects&may != 0
}

// askBackend asks the server what the request left, with the response set
// aside, and goes on as decide does.
func (p *port) askBackend(r *muxRequest) deed {
	x, e := p.mx, r.concluded
	var tran, options string
	var tranErr, optionsErr error
	if r.doubt&askTranCount != 0 {
		tran, tranErr = p.questionBackend(r, "SELECT @@TRANCOUNT")
	}
	if r.doubt&askOptions != 0 && tranErr == nil && (r.doubt&askTranCount == 0 || tran == "0") {
		options, optionsErr = p.questionBackend(r, statement.ReadBack)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, err := range [...]error{tranErr, optionsErr} {
		if own := (*tds.ServerError)(nil); err != nil && !errors.As(err, &own) && !errors.Is(err, tds.ErrNotScalar) {
			p.env.Log.Warn("backend did not say what a request left in it and is closed", "bucket", p.bucket.ID, "err", err)
			e.unsure = true
		}
	}
	switch {
	case r.doubt&askTranCount == 0:
	case tranErr == nil && tran == "0":
		e.quiet = false
		x.state.Release(statement.Transaction, "")
		x.state.TransactionDone(r.answer.errors || r.answer.aborted, false)
	default:
		if !e.quiet {
			x.state.Pin(statement.Transaction, "", r.verdict.Digest, now)
		}
		e.quiet = true
	}
	if options != "" {
		optionsErr = x.state.Recall(options, now)
	}
	if options != "" && optionsErr == nil {
		x.state.Settle(x.state.Settings.Relative(x.login.base), now)
		s := x.servedBy(p.backend)
		unsure := s.settings.Unknown() & (1<<statement.Database | 1<<statement.Isolation)
		if s.settings = x.state.Settings; unsure != 0 {
			s.settings = s.settings.Forget(unsure)
		}
	}
	x.unheard = x.unheard || optionsErr != nil
	return p.decide(r, e)
}

// questionBackend runs a batch of ours that answers with one value.
func (p *port) questionBackend(r *muxRequest, text string) (string, error) {
	seen := arranged{keep: true}
	b := tds.SQLBatch{Text: text}.Append(nil, p.tokens)
	if err := p.aside(tds.PacketSQLBatch, 0, b, &seen, &r.walker); err != nil {
		return "", err
	}
	if seen.failed != nil {
		return "", seen.failed
	}
	return tds.ScalarText(seen.kept, p.tokens)
}

// weigh makes of all that is known of the backend whether the client must keep
// it. It is called with mu held.
func (p *port) weigh(r *muxRequest, e *event) {
	x, now := p.mx, time.Now()
	s := x.servedBy(p.backend)
	raised := x.share.Raised
	if raised.Has(statement.SetOption) && x.state.Settings != (statement.Settings{}) {
		x.state.Pin(statement.SetOption, raisedPin, r.verdict.Digest, now)
	}
	if raised.Has(statement.Prepared) && r.prepares() {
		x.state.Pin(statement.Prepared, raisedPin, r.verdict.Digest, now)
	}
	// Babelfish keeps CONTEXT_INFO and the session context at a reset: who sets
	// them stays with the backend, which goes when the client does.
	setsKeys := func(p statement.Pin) bool { return p.Reason == statement.SessionContext }
	if x.login.suspect && (x.state.Settings.Context() || slices.ContainsFunc(x.state.Pins(), setsKeys)) {
		p.backend.Kept = true
	}
	// An open transaction is not recoverable either, and held anyway.
	switch doubtful := p.backend.Kept || !s.recovery.Recoverable() && x.core.tran == 0 && !e.quiet; {
	case !doubtful:
		x.state.Release(statement.ServerState, "")
	case !x.state.Pinned():
		x.state.Pin(statement.ServerState, "", r.verdict.Digest, now)
	}
	if x.state.Silence(x.share.Silenced) {
		s.left |= statement.Unseen // a reset comes before anybody else
	}
	e.pinned = x.state.Pinned()
}

// raisedPin is the name of pins that only the configuration asks for.
const raisedPin = "pins.raise"

// prepares tells whether the request is an RPC that prepares statements.
func (r *muxRequest) prepares() bool {
	if !r.handles {
		return false
	}
	for i := range r.rpc.Len() {
		switch r.rpc.At(i).Proc {
		case tds.ProcPrepare, tds.ProcPrepExec:
			return true
		}
	}
	return false
}
