// Package tds is the wire protocol of SQL Server (MS-TDS) as a proxy needs it:
// packets, the messages before and around login, request headers, and a
// walker that follows a response without decoding its rows.
//
// The package does no I/O of its own beyond small helpers over io.Reader and
// starts no goroutine. There is one file for each message. Encode (or Append)
// functions append to the slice they are given and return it; Decode functions
// check every length, never panic, and return values that do not alias their
// input unless they say so. Names are those of the specification; section
// numbers refer to MS-TDS v20260617.
package tds
