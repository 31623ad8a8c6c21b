// Package limits is the slot protocol: how the nodes of a fleet share the
// max_connections of each bucket so that together they never exceed it,
// whatever fails.
//
// A slot is the right to have one backend connection open. Every slot has one
// owner, a node or the ledger; nodes get most of them ahead of need, so that
// taking one is a local decision. [Ledger] is the authority on who owns what,
// [Node] is a node's side of it, [Witness] remembers who was heard lately, so
// that a fleet outlives the loss of its ledger. All three are pure: they are
// given messages and the time and return what is to be done, without
// goroutines, clocks, sockets or randomness of their own. The same code runs
// in a process and in the simulator of this package's tests.
//
// DESIGN.md explains the rules R1 to R20 that the comments name, and what the
// promise does not cover.
package limits
