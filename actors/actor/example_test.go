package actor_test

import (
	"context"
	"fmt"

	"sluice/actors/actor"
)

// Msg is the sealed set of messages a counter understands.
type Msg interface{ counterMsg() }

// Add is told by anybody.
type Add struct{ N int }

// Get is asked by anybody.
type Get struct{ Reply actor.Reply[int] }

func (Add) counterMsg() {}
func (Get) counterMsg() {}

type counter struct{ sum int }

func (k *counter) Receive(_ *actor.Context[Msg], m Msg) {
	switch m := m.(type) {
	case Add:
		k.sum += m.N
	case Get:
		_ = m.Reply(k.sum) // nobody waits any more: nothing is lost
	}
}

func Example() {
	ctx := context.Background()
	sys := actor.NewSystem()
	ref := actor.Spawn(sys, "counter", func() actor.Actor[Msg] { return new(counter) }, actor.With(actor.Mailbox(16)))

	for n := range 4 {
		if err := ref.Tell(Add{n}); err != nil {
			fmt.Println("refused:", err)
		}
	}
	sum, err := actor.Ask(ctx, ref, func(r actor.Reply[int]) Msg { return Get{r} })
	fmt.Println(sum, err)

	fmt.Println(sys.Shutdown(ctx, nil))
	fmt.Println(ref.Tell(Add{1}))
	// Output:
	// 6 <nil>
	// <nil>
	// actor: stopped
}
