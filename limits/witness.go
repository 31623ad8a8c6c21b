package limits

import (
	"maps"
	"time"
)

// Witness is the memory of a node that others name as their witness: whom it
// heard within the hold time. It is lost with the process, and its boot id with
// it, so nobody mistakes a forgetful witness for the one that promised.
type Witness struct {
	name     string
	boot     string
	since    time.Duration
	hold     time.Duration
	config   string
	promises map[Session]promise
	dead     map[Session]time.Duration // since when
	reported Epoch                     // the last recovery that it reported to
	latest   uint64                    // number of the latest epoch heard of

	off rules
}

type promise struct {
	until time.Duration
	Promise
}

// NewWitness returns a witness that starts now. Boot must be new with every start.
func NewWitness(name, boot string, p Params, now time.Duration) *Witness {
	return &Witness{
		name: name, boot: boot, since: now, hold: p.Hold, config: p.Fingerprint(),
		promises: map[Session]promise{}, dead: map[Session]time.Duration{},
	}
}

// beat hears a session (R7). A heartbeat that was overtaken by a later one is
// not heard: it would put an older list of slots over a newer one.
func (w *Witness) beat(b Beat, now time.Duration) (BeatAck, bool) {
	ack := BeatAck{Session: b.Session, Witness: w.name, Seq: b.Seq, Boot: w.boot}
	if b.Config != w.config {
		ack.Config, ack.Dead = w.config, true
		return ack, true
	}
	if _, dead := w.dead[b.Session]; dead && !w.off.has(RuleDead) {
		ack.Dead = true
		return ack, true
	}
	old, ok := w.promises[b.Session]
	switch {
	case (!ok || now > old.until) && w.missed(b.Epoch):
		w.bury(b.Session, now)
		ack.Dead = true
		return ack, true
	case ok && b.Seq <= old.Seq && !w.off.has(RuleBeatOrder):
		return ack, false
	}
	w.latest = max(w.latest, b.Epoch.N)
	w.promises[b.Session] = promise{now + longer(w.hold), Promise{b.Seq, b.Own}}
	return ack, true
}

// missed tells whether a session of epoch e should have been in the last report
// to a recovery: that one may have ended in the belief that there is no such
// session, since none knew its name.
func (w *Witness) missed(e Epoch) bool {
	return w.reported.N > 0 && e != w.reported && e.N <= w.reported.N && !w.off.has(RuleReportAll)
}

// old tells whether every promise that an earlier process of this name gave has
// run out.
func (w *Witness) old(now time.Duration) bool {
	return now-w.since > longer(w.hold) || w.off.has(RuleReportOld)
}

// consent agrees to the death of s, unless it promised s otherwise (R9).
func (w *Witness) consent(s Session, now time.Duration) GiveConsent {
	out := GiveConsent{Session: s, Witness: w.name, Consent: Consent{w.boot, w.old(now)}}
	if p, ok := w.promises[s]; ok && now <= p.until && !w.off.has(RulePromise) {
		return out
	}
	w.bury(s, now)
	out.Given = true
	return out
}

func (w *Witness) bury(s Session, now time.Duration) {
	delete(w.promises, s)
	w.dead[s] = now
}

// report names all promises that hold, and buries who is missing and has none.
func (w *Witness) report(q AskReport, now time.Duration) Report {
	out := Report{Epoch: q.Epoch, Witness: w.name, Old: w.old(now), Latest: w.latest, Missing: q.Missing, Promises: map[Session]Promise{}}
	for s, p := range w.promises {
		if now <= p.until {
			out.Promises[s] = p.Promise
		}
	}
	if !out.Old {
		return out // it will not count
	}
	if q.Epoch.N >= w.latest {
		w.reported, w.latest = q.Epoch, q.Epoch.N
	}
	for _, s := range q.Missing {
		if _, promised := out.Promises[s]; !promised {
			w.bury(s, now)
		}
	}
	return out
}

// forgetAfter is for how many hold times the dead are remembered: far longer
// than a message can be late.
const forgetAfter = 100

// tidy drops what can have no effect any more.
func (w *Witness) tidy(now time.Duration) {
	maps.DeleteFunc(w.promises, func(_ Session, p promise) bool { return now > p.until+forgetAfter*w.hold })
	maps.DeleteFunc(w.dead, func(_ Session, at time.Duration) bool { return now-at > forgetAfter*w.hold })
}
