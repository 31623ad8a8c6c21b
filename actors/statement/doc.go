// Package statement tells what a client's request does to the state of the
// server session it runs in: which SET options, database and context it leaves
// behind, what ties the client to that session (a pin) and what ends the tie.
//
// It reads T-SQL with a lexer over UTF-16LE bytes and recognises statements by
// their reserved words; it is no parser. Where the text does not say for certain
// what the session is like afterwards, the answer is "unknown", which pins.
// DESIGN.md says what is promised.
//
// The package does no I/O, starts no goroutine and keeps no state of its own:
// a State belongs to the session that made it.
package statement
