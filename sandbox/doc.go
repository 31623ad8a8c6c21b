// Package sandbox is a small SQL Server that runs inside the process: a TDS
// server with sessions, logins, encryption, transactions, bulk load and
// cancellation as the real one has them on the wire, in front of the T-SQL
// engine of package tsql. It is the backend of the demonstration, of tests and
// of benchmarks; it is no database server for data that matters.
//
// Two things set it apart from a server: it counts its connections so exactly
// that it can bear witness to limits kept by others (Stats, Events), and it can
// be told to misbehave (SetFault).
package sandbox
