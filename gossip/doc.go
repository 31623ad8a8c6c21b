// Package gossip tells the nodes of a cluster about each other.
//
// Gossip finds members, notices their end and spreads small values: each value
// has one writer and a key, and the newest version wins. All of it is hints:
// what arrives may be late, missing or doubled, and a member that is called
// failed may be alive. Nothing that must hold may rest on it.
//
// Links are connections of the nodes' own for messages to one peer: in order,
// at most once, kept open.
//
// Both carry bytes that they do not look into. DESIGN.md has sizes and limits.
package gossip
