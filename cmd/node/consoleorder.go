package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/session"
)

// This file is what the console changes.

const (
	pauseWait    = 10 * time.Second // of PAUSE, if it is not told
	maxPauseWait = 10 * time.Minute
	pausePoll    = 10 * time.Millisecond
)

// order carries out a command that changes something.
func (o *operator) order(st piece, a *session.ConsoleAnswer) (table, *refusal.Error) {
	most := map[string]int{"PAUSE": 2, "RESUME": 1, "KILL": 1}[st.verb]
	if len(st.args) > most {
		return table{}, badCommand("%s: nothing is expected behind %q", st.verb, o.spell(piece{verb: st.verb, args: st.args[:most]}))
	}
	switch st.verb {
	case "PAUSE":
		return o.pause(st.args)
	case "RESUME":
		return o.resume(st.args)
	case "KILL":
		return o.kill(st.args)
	case "RELOAD":
		o.n.mu.Lock()
		again := o.n.again
		o.n.mu.Unlock()
		if again == nil {
			return table{}, badCommand("RELOAD: this node has no configuration files")
		}
		now, err := again()
		if err != nil {
			return table{}, badCommand("RELOAD refused, the running configuration stays: %s", strings.TrimSpace(err.Error()))
		}
		o.n.reload(now)
		return said("reloaded; what takes effect only with a restart is in the log"), nil
	}
	a.After = o.n.stop // once the answer is on its way
	return said("the node drains and stops; this console works until it has"), nil
}

// said is a table of one text.
func said(text string) table {
	t := newTable("result")
	t.add(text)
	return t
}

func (o *operator) pause(args []token) (table, *refusal.Error) {
	if len(args) == 0 {
		return table{}, badCommand("PAUSE which bucket?")
	}
	rb, err := o.bucket(args[0])
	if err != nil {
		return table{}, err
	}
	wait := pauseWait
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1].text)
		if wait = time.Duration(n) * time.Second; err != nil || n < 0 || wait > maxPauseWait {
			return table{}, badCommand("PAUSE: %q is no number of seconds from 0 to %d", args[1].text, int(maxPauseWait.Seconds()))
		}
	}
	if err := rb.Governor.Tell(bucket.Pause{}); err != nil {
		return table{}, badCommand("the bucket does not take the order: %v", err)
	}
	g := &rb.metrics.governor.Gauges
	o.wait(inspectWithin, func() bool { return g.Paused.Load() == 1 })
	o.wait(wait, func() bool { return g.Open.Load() == 0 || g.Paused.Load() == 0 })
	text := "paused: no backend is open"
	if n := g.Open.Load(); g.Paused.Load() == 0 {
		text = "not paused: somebody has resumed it meanwhile"
	} else if n > 0 {
		text = "paused, but " + strconv.FormatInt(n, 10) + " backends are still in use: SHOW BACKENDS " + rb.ID + " says by whom"
	}
	return stand(rb, text), nil
}

// wait looks until f holds, the time is over, or the node ends.
func (o *operator) wait(most time.Duration, f func() bool) {
	ctx, cancel := context.WithTimeout(o.n.consoles, most)
	defer cancel()
	tick := time.NewTicker(pausePoll)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (o *operator) resume(args []token) (table, *refusal.Error) {
	if len(args) == 0 {
		return table{}, badCommand("RESUME which bucket?")
	}
	rb, err := o.bucket(args[0])
	if err != nil {
		return table{}, err
	}
	if err := rb.Governor.Tell(bucket.Resume{}); err != nil {
		return table{}, badCommand("the bucket does not take the order: %v", err)
	}
	o.wait(inspectWithin, func() bool { return rb.metrics.governor.Gauges.Paused.Load() == 0 })
	return stand(rb, "resumed"), nil
}

// stand is how a bucket stands, and what came of an order.
func stand(rb *runningBucket, text string) table {
	t := newTable("bucket", "paused:b", "in_use:i", "open:i", "waiting:i", "result")
	g := &rb.metrics.governor.Gauges
	t.add(rb.ID, g.Paused.Load() == 1, g.Leased.Load()+g.Dialing.Load(), g.Open.Load(), g.Waiting.Load(), text)
	return t
}

func (o *operator) kill(args []token) (table, *refusal.Error) {
	if len(args) == 0 {
		return table{}, badCommand("KILL which client? SHOW CLIENTS has their ids")
	}
	id, err := strconv.ParseUint(args[0].text, 10, 64)
	if err != nil || !session.KillOne(o.n.env, actor.ID(id), refusal.Killed) {
		return table{}, badCommand("there is no client %s", args[0].text)
	}
	return said("client " + args[0].text + " is ended"), nil
}
