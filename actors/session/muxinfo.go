package session

import "time"

// PinInfo is a reason why a session keeps its backend, as Inspect tells it.
type PinInfo struct {
	Reason    string        `json:"reason"`
	Name      string        `json:"name,omitempty"`
	Statement string        `json:"statement,omitempty"` // its first 60 characters, literals as ?
	For       time.Duration `json:"for_ns"`
	since     time.Time
}

// PinMetrics are told how many sessions are pinned, and for how long they were,
// by reason. They may be called by any goroutine.
type PinMetrics interface {
	Pinned(reason string)
	Unpinned(reason string, after time.Duration)
}

// show keeps what there is to tell of the client's pins, and counts those that
// are new or have ended. It is called with the port's mu held.
func (x *muxed) show() {
	pins := x.state.Pins()
	if len(pins) == 0 && len(x.shown) == 0 {
		return
	}
	shown := make([]PinInfo, 0, len(pins))
	for _, p := range pins {
		shown = append(shown, PinInfo{Reason: p.Reason.String(), Name: p.Name, Statement: p.Digest, since: p.Since})
	}
	x.count(x.shown, shown)
	if len(shown) == 0 {
		shown = nil
	}
	x.shown = shown
}

// count tells the metrics which reasons the client is pinned for, each once.
func (x *muxed) count(was, is []PinInfo) {
	if x.share.Pins == nil {
		return
	}
	has := func(list []PinInfo, reason string) (since time.Time, ok bool) {
		for _, p := range list {
			if p.Reason == reason {
				return p.since, true
			}
		}
		return time.Time{}, false
	}
	for i, p := range was {
		if _, dup := has(was[:i], p.Reason); dup {
			continue
		}
		if _, still := has(is, p.Reason); !still {
			x.share.Pins.Unpinned(p.Reason, time.Since(p.since))
		}
	}
	for i, p := range is {
		if _, dup := has(is[:i], p.Reason); dup {
			continue
		}
		if _, already := has(was, p.Reason); !already {
			x.share.Pins.Pinned(p.Reason)
		}
	}
}

// pinInfos is what Inspect tells. It is called with the port's mu held.
func (x *muxed) pinInfos() []PinInfo {
	all := make([]PinInfo, len(x.shown))
	copy(all, x.shown)
	for i := range all {
		all[i].For = time.Since(all[i].since)
	}
	return all
}
