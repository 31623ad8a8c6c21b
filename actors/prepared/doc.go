// Package prepared lets the handles of prepared statements work when each
// request of a session may run on another connection.
//
// SQL Server numbers the handles of each connection from 1. A client that
// prepared on one connection and executes on another would get an error at
// best, and another client's statement at worst. So clients get numbers of ours
// (Handles), which stand for statements (Store); each connection knows under
// which number of its own it has which statement (Cache); and on the way one
// number is put in the place of the other (Plan).
//
// For each RPC message of a client:
//
//	r, err := Inspect(payload, whole, v)         // err: pin, relay as it is
//	d := Decide(&r, &handles, nil)               // before a connection is taken
//	if d.Answer != nil { ... }                   // done: no connection needed
//	// a connection is there, its settings are the client's
//	plan.Prepare(payload, &r, &handles, cache, scope, tran)
//	if b := plan.Before(); b != nil {            // run it as an RPC message of
//		// its own; its tokens go to plan.BeforeToken, its response to nobody
//		answer, err := plan.BeforeEnd()
//	}
//	// send payload; walk the response with plan.Feed, tokens go to plan.Token
//	plan.End()
//
// and for each SQL batch DecideText. The package holds no goroutine and no
// connection; only the Store may be used by several goroutines at once.
package prepared
