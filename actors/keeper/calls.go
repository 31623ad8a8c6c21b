package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/actors/actor"
	"sluice/limits"
)

// What a message between keepers holds, by its first byte.
const (
	tagMsg   = 'm' // a limits.Msg
	tagCall  = 'c' // a call to the ledger, to be made for the sender
	tagReply = 'r' // its reply
)

// maxRelays bounds the calls under way for one other process.
const maxRelays = 2

var errFrame = errors.New("keeper: not a message between keepers")

// relayed is a call made by way of another process.
type relayed struct {
	Call uint64          `json:"call"`
	Op   json.RawMessage `json:"op"`
}

// relayedReply is its reply; Failed if there was none.
type relayedReply struct {
	Call   uint64       `json:"call"`
	Failed bool         `json:"failed,omitempty"`
	Reply  limits.Reply `json:"reply"`
}

func (k *Keeper) send(x limits.Send) {
	b, err := limits.EncodeMsg(x.Msg)
	if err != nil {
		k.cfg.Log.Error("message to another node not sent", "err", err)
		return
	}
	if l, ok := x.Msg.(limits.Lend); ok && l.Try == 0 {
		k.shared.lent.Add(uint64(l.N))
	}
	k.cfg.Send(x.To, append([]byte{tagMsg}, b...))
}

func (k *Keeper) received(c *actor.Context[Msg], m Received) {
	if err := k.read(c, m); err != nil {
		k.cfg.Log.Warn("message from another node not understood", "from", m.From, "err", err)
	}
}

func (k *Keeper) read(c *actor.Context[Msg], m Received) error {
	if len(m.Bytes) == 0 {
		return fmt.Errorf("%w: empty", errFrame)
	}
	body := m.Bytes[1:]
	switch m.Bytes[0] {
	case tagMsg:
		msg, err := limits.DecodeMsg(body)
		if err != nil {
			return err
		}
		if l, ok := msg.(limits.Lend); ok && l.Try == 0 {
			k.shared.borrowed.Add(uint64(max(l.N, 0)))
		}
		k.step(c, limits.Received{From: m.From, Msg: msg})
		return nil
	case tagCall:
		var r relayed
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("%w: %w", errFrame, err)
		}
		op, err := limits.DecodeOp(r.Op)
		if err != nil {
			return err
		}
		k.relay(m.From, r.Call, op)
		return nil
	case tagReply:
		var r relayedReply
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("%w: %w", errFrame, err)
		}
		if k.relays[r.Call] {
			delete(k.relays, r.Call)
			k.step(c, limits.Answer{Call: r.Call, Reply: r.Reply, Failed: r.Failed})
		}
		return nil
	}
	return fmt.Errorf("%w: it begins with %#x", errFrame, m.Bytes[0])
}

// call makes a call to the ledger, directly or by way of another process.
func (k *Keeper) call(x limits.CallLedger) {
	if x.Via != "" {
		k.callVia(x)
		return
	}
	k.work(func() Msg {
		reply, err := k.ask(x.Op)
		return answered{answer: limits.Answer{Call: x.Call, Reply: reply, Failed: err != nil}}
	})
}

func (k *Keeper) ask(op limits.Op) (limits.Reply, error) {
	ctx, cancel := context.WithTimeout(k.ctx, k.cfg.CallTimeout)
	defer cancel()
	reply, err := k.cfg.Ledger.Do(ctx, op)
	if err != nil && k.ctx.Err() == nil {
		k.cfg.Log.Debug("call to the ledger failed", "op", limits.OpName(op), "err", err)
	}
	return reply, err
}

// work runs f on a goroutine and sends the keeper what it returns.
func (k *Keeper) work(f func() Msg) {
	k.workers.Go(func() { _ = k.self.Send(k.ctx, f()) })
}

func (k *Keeper) callVia(x limits.CallLedger) {
	op, err := limits.EncodeOp(x.Op)
	if err == nil {
		op, err = json.Marshal(relayed{x.Call, op})
	}
	if err != nil {
		k.cfg.Log.Error("call to the ledger not made", "err", err)
	} else {
		k.relays[x.Call] = true
		k.cfg.Send(x.Via, append([]byte{tagCall}, op...))
	}
	k.work(func() Msg { // what comes first decides
		ctx, cancel := context.WithTimeout(k.ctx, k.cfg.CallTimeout)
		defer cancel()
		<-ctx.Done()
		return answered{answer: limits.Answer{Call: x.Call, Failed: true}}
	})
}

// relay makes a call for another process. It is as safe as a repeated call of
// its own: every call is numbered and counts from when its maker sent it.
func (k *Keeper) relay(from limits.Process, call uint64, op limits.Op) {
	if k.asked[from] >= maxRelays {
		return
	}
	k.asked[from]++
	k.shared.relayed.Add(1)
	k.work(func() Msg {
		reply, err := k.ask(op)
		return answered{answer: limits.Answer{Call: call, Reply: reply, Failed: err != nil}, relay: from}
	})
}

func (k *Keeper) answered(c *actor.Context[Msg], m answered) {
	if m.relay == "" {
		delete(k.relays, m.answer.Call)
		k.step(c, m.answer)
		return
	}
	if k.asked[m.relay]--; k.asked[m.relay] <= 0 {
		delete(k.asked, m.relay)
	}
	b, err := json.Marshal(relayedReply{m.answer.Call, m.answer.Failed, m.answer.Reply})
	if err != nil {
		k.cfg.Log.Error("reply of the ledger not passed on", "err", err)
		return
	}
	k.cfg.Send(m.relay, append([]byte{tagReply}, b...))
}
