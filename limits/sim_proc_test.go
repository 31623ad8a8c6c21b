package limits

import (
	"fmt"
	"maps"
	"time"
)

// start begins a new process on h.
func (h *host) start() {
	w := h.w
	if h.proc != nil && h.proc.alive {
		return
	}
	p := &proc{h: h, alive: true, govs: map[string]*gov{}}
	h.proc = p
	p.node = NewNode(NewProcess(h.name, w.rnd.Uint64()), w.p, w.tag, h.clock())
	p.node.off = w.off
	if p.node.witness != nil {
		p.node.witness.off = w.off
	}
	for _, b := range sorted(w.limit) {
		p.govs[b] = &gov{p: p, bucket: b}
	}
	p.step(Configure{Declared: maps.Clone(Counts(h.conf))})
	p.ticking()
	p.gossip()
}

// later runs f in the process: when it is not stopped, and if it lives.
func (p *proc) later(d time.Duration, f func()) {
	w := p.h.w
	w.after(d, func() {
		if !p.alive {
			return
		}
		if w.now < p.frozen {
			p.later(p.frozen-w.now+w.upTo(time.Millisecond), f)
			return
		}
		f()
	})
}

func (p *proc) ticking() {
	p.step(Tick{})
	d := max(p.node.Wake()-p.h.clock(), time.Millisecond)
	p.later(d, p.ticking)
}

// gossip tells the process who else is there and what they have to spare,
// somewhat late.
func (p *proc) gossip() {
	w := p.h.w
	var peers []Process
	for _, o := range w.hosts {
		if o == p.h || o.proc == nil || w.cut[[2]int{o.index, p.h.index}] {
			continue
		}
		if o.proc.alive {
			peers = append(peers, o.proc.node.self)
			spare := Counts{}
			for b, g := range o.proc.govs {
				if bk := o.proc.node.books[b]; bk != nil {
					spare[b] = max(bk.own-bk.out()-g.inUse, 0)
				}
			}
			p.step(Hint{o.proc.node.self, spare})
		}
	}
	p.step(Peers{peers})
	p.later(600*time.Millisecond+w.upTo(600*time.Millisecond), p.gossip)
}

func (p *proc) step(e Event) {
	if !p.alive || p.left {
		return
	}
	if p.h.w.steps != nil {
		p.h.w.steps[fmt.Sprintf("%T", e)]++
	}
	for _, x := range p.node.Step(p.h.clock(), e) {
		p.do(x)
	}
	switch e := e.(type) {
	case Answer:
		p.believes()
	case Received:
		if _, lend := e.Msg.(Lend); lend {
			p.h.w.lendingHolds()
		}
	}
}

func (p *proc) do(x Effect) {
	w := p.h.w
	if w.trace != nil {
		w.trace("%s %T %+v", p.node.session, x, x)
	}
	switch x := x.(type) {
	case Entitle:
		g := p.govs[x.Bucket]
		p.inOrder(&g.inbox, func() { g.entitle(x) })
	case Send:
		for _, o := range w.hosts {
			if o.proc != nil && o.proc.node.self == x.To {
				p.send(o, x.Msg)
			}
		}
	case CallLedger:
		p.callLedger(x)
	case Left:
		p.left = true
		p.h.crash(false)
	case Note:
		if len(w.violations) == 0 {
			w.log = append(w.log, fmt.Sprintf("%8.3f   %s: %s", w.now.Seconds(), p.h.name, x.Text))
		}
	}
}

// inOrder delivers messages of one queue in order, each a little late.
func (p *proc) inOrder(last *time.Duration, f func()) {
	w := p.h.w
	at := max(w.now+w.upTo(2*time.Millisecond), *last)
	*last = at
	p.later(at-w.now, f)
}

func (w *world) delay() time.Duration {
	if !w.calm && w.chance(0.02) {
		return w.upTo(6 * time.Second)
	}
	return time.Millisecond + w.upTo(19*time.Millisecond)
}

func (p *proc) send(o *host, m Msg) {
	w := p.h.w
	to := o.proc
	deliver := func() {
		if w.cut[[2]int{p.h.index, o.index}] {
			return
		}
		to.later(0, func() { to.step(Received{p.node.self, m}) })
	}
	if w.chance(w.loss) {
		return
	}
	w.after(w.delay(), deliver)
	if !w.calm && w.chance(0.02) {
		w.after(w.delay(), deliver)
	}
}

// crash ends the process. With guard, its death is reported to the ledger when
// no loan of its slots can be in use any more.
func (h *host) crash(guard bool) {
	p := h.proc
	if p == nil || !p.alive {
		return
	}
	p.alive = false
	for _, g := range p.govs {
		g.open, g.inUse = 0, 0
	}
	if !guard {
		return
	}
	w := h.w
	wait := max(p.node.LentUntil()-h.clock(), 0)
	if p.node.off.has(RuleLeaveLoans) {
		wait = 0
	}
	for _, s := range p.node.Sessions() {
		var report func()
		report = func() {
			st := w.storeFor(h)
			if st == nil || !st.up {
				w.after(200*time.Millisecond, report)
				return
			}
			if r := st.ledger.Do(Leave{s}, st.replid); r.Status != OK {
				w.after(200*time.Millisecond, report)
			}
		}
		w.after(time.Duration(float64(wait)*1.01)+500*time.Millisecond, report)
	}
}
