package main

import "time"

// pauseGrace is how long after a process goes on its sockets may still be open:
// it has to notice first that its time is over.
const pauseGrace = time.Second

// tolerated returns the times in which the limit is known not to hold: a node
// that was stopped for so long that the others had to take it for dead keeps its
// sockets until it runs again. What counts is for how long nobody can have heard
// the node, so a short stop is excused too if it was cut off before.
func tolerated(list []Mark, witnesses int, hold time.Duration) []span {
	var spans []span
	for _, m := range list {
		if m.Step.Fault != Pause && m.Step.Fault != LongPause || m.To.IsZero() {
			continue
		}
		// The last word before the stop is up to one heartbeat old, and the
		// others' clocks run on while this machine is busy: hence not all of hold.
		const step, percent = 50 * time.Millisecond, 80
		last := m.From
		for last.After(m.To.Add(-hold)) && !heard(list, m.Step.Node, witnesses, hold, last) {
			last = last.Add(-step)
		}
		if m.To.Sub(last) > hold*percent/100 {
			spans = append(spans, span{m.From, m.To.Add(pauseGrace)})
		}
	}
	return spans
}

// onLoan is how many connections of a bucket nodes that were stopped at t may
// have kept although their loans had ended: the right to a borrowed slot lasts
// for the loan time only, which is shorter than a pause may be.
func onLoan(list []Mark, bucket int, t time.Time) int {
	sum := 0
	for _, m := range list {
		stopped := m.Step.Fault == Pause || m.Step.Fault == LongPause
		if stopped && bucket < len(m.Borrowed) && (span{m.From, m.To.Add(pauseGrace)}).has(t) {
			sum += m.Borrowed[bucket]
		}
	}
	return sum
}

// settle is how long Redis is of no use after it came back.
const settle = 2 * time.Second

// heard tells whether Redis or a majority of the witnesses, which are the first
// nodes, can have heard a node at t, apart from a stop of the node itself that
// begins at t.
func heard(list []Mark, node, witnesses int, hold time.Duration, t time.Time) bool {
	redis := true
	away := map[int]bool{} // witnesses that do not hear the node
	for _, m := range list {
		if m.From.After(t) {
			continue
		}
		since := func(after time.Duration) bool { return m.To.IsZero() || !t.After(m.To.Add(after)) }
		own := m.Step.Node == node
		switch m.Step.Fault {
		case RedisKill, RedisBack, RedisOld, RedisPause, RedisHang, RedisAway, RedisFlush:
			redis = redis && !since(settle)
		case SlowRedis:
			// A heartbeat may come too late, and those under way when the link is
			// mended may be lost.
			redis = redis && !(own && since(settle))
		case CutRedis:
			redis = redis && !(own && since(0))
		case Kill, KillGuard, Leave:
			// A witness that was started again knows nothing, and without Redis
			// nobody counts on it before it has learnt enough.
			if since(hold) {
				away[m.Step.Node] = true
			}
		case Pause, LongPause:
			switch {
			case own && m.From.Before(t) && since(0):
				return false
			case !own && since(0):
				away[m.Step.Node] = true
			}
		case CutGossip, CutBoth, Slow:
			if !since(0) {
				continue
			}
			away[m.Step.Node] = true
			if own {
				redis = redis && m.Step.Fault == CutGossip
				for w := 1; w <= witnesses; w++ {
					away[w] = w != node
				}
			}
		}
	}
	hear := 0
	for w := 1; w <= witnesses; w++ {
		if w == node || !away[w] {
			hear++
		}
	}
	return redis || witnesses > 0 && hear >= witnesses/2+1
}
