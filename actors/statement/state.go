package statement

import "time"

// Pin is one reason why a client must keep its backend.
type Pin struct {
	Reason Reason
	Name   string // of the table, cursor, lock, option; may be ""
	Digest string // of the statement that made it
	Since  time.Time

	count   int
	dropped bool // in a transaction that is still open
}

// maxPins bounds what one client can make this node remember.
const maxPins = 128

// State is a client's settings and pins. The zero value is a client that has
// just logged in. It is not safe for concurrent use.
type State struct {
	Settings Settings
	pins     []Pin
}

// Outcome is what the response showed.
type Outcome struct {
	// Errors: an error message, an attention, or a response that was not read
	// to its end. It is then not known how far the request came.
	Errors bool
	// Wire: Database and Language are those of the last ENVCHANGE 1 and 2, ""
	// if there was none. Without it the text is believed.
	Wire               bool
	Database, Language string
	// WasOpen, IsOpen: a transaction was open before, and after.
	WasOpen, IsOpen bool
	// RolledBack: ENVCHANGE 10, or a request to the transaction manager to roll
	// back, also to a savepoint.
	RolledBack bool
	// ReturnStatus of a procedure called by name; 0 if there was none.
	ReturnStatus int32
	Now          time.Time
}

// Pinned tells whether the client must keep its backend. Transactions are not
// looked at.
func (st *State) Pinned() bool { return len(st.pins) > 0 }

// Pins returns the pins; the slice is valid until the next call that changes st.
func (st *State) Pins() []Pin { return st.pins }

// Apply takes over what a request did, v having been judged with st.Settings.
func (st *State) Apply(v *Verdict, o Outcome) {
	if v.Harmless() && len(st.pins) == 0 {
		return
	}
	if v.Effects&Resets != 0 {
		st.Reset()
	}
	st.Settings = st.after(v, o)
	tran := o.WasOpen || o.IsOpen || v.Effects&Transactions != 0
	for i := range v.events {
		st.event(&v.events[i], v, o, tran)
	}
	st.TransactionDone(o.RolledBack || v.Effects&RollsBack != 0 || v.Effects&Unseen != 0 && tran, o.IsOpen)
	st.settle(v.Digest, o.Now)
}

// after is the settings after a request.
func (st *State) after(v *Verdict, o Outcome) Settings {
	s := v.Settings
	if o.Errors {
		s = st.Settings.Forget(v.varied)
	}
	if !o.Wire {
		return s
	}
	if v.wire.Has(Database) {
		name := o.Database
		if name == "" {
			name = st.Settings.database
		}
		s = s.WithDatabase(name)
	}
	if v.wire.Has(Language) {
		name := o.Language
		if name == "" {
			name = st.Settings.language
		}
		s = s.WithLanguage(name)
	}
	return s
}

func (st *State) event(e *event, v *Verdict, o Outcome, tran bool) {
	switch e.kind {
	case pinMade:
		st.Pin(e.reason, e.name, v.Digest, o.Now)
	case pinDoubted:
		if !o.Errors {
			st.Pin(e.reason, e.name, v.Digest, o.Now)
		}
	case pinWithStatus:
		if o.ReturnStatus >= 0 {
			st.Pin(e.reason, e.name, v.Digest, o.Now)
		}
	case pinEnded, pinsAllEnded:
		if o.Errors {
			return
		}
		if !e.reason.transactional() || !tran {
			st.release(e)
			return
		}
		if i := st.find(e.reason, e.name, e.exact); i >= 0 {
			st.pins[i].dropped = true
		}
	}
}

// Pin adds a pin, or counts one more of it.
func (st *State) Pin(r Reason, name, digest string, now time.Time) {
	if i := st.find(r, name, true); i >= 0 {
		st.pins[i].dropped = false
		st.pins[i].count++
		return
	}
	if len(st.pins) >= maxPins {
		if r == NotUnderstood && name == "" {
			return
		}
		r, name = NotUnderstood, "too many pins"
		if st.find(r, name, true) >= 0 {
			return
		}
	}
	st.pins = append(st.pins, Pin{Reason: r, Name: name, Digest: digest, Since: now, count: 1})
}

// Release ends a pin by its exact name, such as that of a bulk load that is over.
func (st *State) Release(r Reason, name string) {
	st.release(&event{kind: pinEnded, reason: r, name: name, exact: true})
}

func (st *State) release(e *event) {
	kept := st.pins[:0]
	only := -1
	if e.kind == pinEnded {
		if only = st.find(e.reason, e.name, e.exact); only < 0 {
			return
		}
	}
	for i := range st.pins {
		p := st.pins[i]
		switch {
		case e.kind == pinsAllEnded && p.Reason == e.reason && p.Name != masterKey:
			continue
		case i == only:
			p.count--
			if !p.Reason.counted() || p.count <= 0 {
				continue
			}
		}
		kept = append(kept, p)
	}
	st.keep(kept)
}

// find returns the index of a pin, or -1. Unless the name must be exact, one
// that differs in case only is found if there is no other.
func (st *State) find(r Reason, name string, exact bool) int {
	folded := -1
	for i := range st.pins {
		p := &st.pins[i]
		switch {
		case p.Reason != r:
		case p.Name == name:
			return i
		case !exact && equalFold(p.Name, name):
			folded = i
		}
	}
	return folded
}

// TransactionDone settles what was dropped inside a transaction: it comes back
// on a rollback and is gone once no transaction is open.
func (st *State) TransactionDone(rolledBack, stillOpen bool) {
	kept := st.pins[:0]
	for _, p := range st.pins {
		if rolledBack {
			p.dropped = false
		}
		if p.dropped && !stillOpen {
			continue
		}
		kept = append(kept, p)
	}
	st.keep(kept)
}

// Silence drops the pins of the reasons, and tells whether there were any.
func (st *State) Silence(s ReasonSet) bool {
	if s == 0 || len(st.pins) == 0 {
		return false
	}
	n := len(st.pins)
	kept := st.pins[:0]
	for _, p := range st.pins {
		if !s.Has(p.Reason) {
			kept = append(kept, p)
		}
	}
	st.keep(kept)
	return len(kept) < n
}

// Reset takes over what RESETCONNECTION did.
func (st *State) Reset() {
	st.Settings = st.Settings.AfterReset()
	kept := st.pins[:0]
	for _, p := range st.pins {
		if p.Reason.survivesReset() {
			kept = append(kept, p)
		}
	}
	st.keep(kept)
	st.settle("", time.Time{})
}

// Settle takes over settings that were read back from the server.
func (st *State) Settle(s Settings, now time.Time) {
	st.Settings = s
	st.settle("", now)
}

// NameCursor names the cursor that an RPC opened by its handle. Handle 0 says
// that the server closed it by itself.
func (st *State) NameCursor(handle int32) {
	i := st.find(Cursor, CursorName(0), true)
	if i < 0 {
		return
	}
	if handle == 0 || st.find(Cursor, CursorName(handle), true) >= 0 {
		st.Release(Cursor, CursorName(0))
		return
	}
	st.pins[i].Name = CursorName(handle)
}

// settle makes the pins of options agree with the settings.
func (st *State) settle(digest string, now time.Time) {
	loose := st.Settings.Unfollowed()
	kept := st.pins[:0]
	for _, p := range st.pins {
		if p.Reason == SetOption && !hasNamed(loose, p.Name) {
			continue
		}
		kept = append(kept, p)
	}
	st.keep(kept)
	if loose == 0 {
		return
	}
	for o := Option(0); o < optionCount; o++ {
		if loose.Has(o) && st.find(SetOption, o.String(), true) < 0 {
			st.pins = append(st.pins, Pin{Reason: SetOption, Name: o.String(), Digest: digest, Since: now, count: 1})
		}
	}
}

func hasNamed(set Options, name string) bool {
	for o := Option(0); o < optionCount; o++ {
		if set.Has(o) && o.String() == name {
			return true
		}
	}
	return false
}

// keep sets the pins; a client without any holds no memory for them.
func (st *State) keep(pins []Pin) {
	if len(pins) == 0 {
		st.pins = nil
		return
	}
	clear(st.pins[len(pins):])
	st.pins = pins
}
