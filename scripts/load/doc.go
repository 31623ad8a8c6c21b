// Package load drives SQL Server, or what stands before it, with many clients
// that check every answer.
//
// Each client has a row of its own in its bucket's table and knows what the row
// may hold: an answer that was meant for someone else, or a write that was lost,
// is counted as wrong, apart from errors. With an interval between operations
// the load is open: an operation has a time at which it is meant to start, and
// its response time counts from there even if the client was still busy with the
// one before. Without an interval each client starts the next operation as soon
// as it can.
package load
