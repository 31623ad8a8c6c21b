// Package tdstest helps to test programs that speak TDS: a scripted server, a
// scripted client, a connection that misbehaves as told, and certificates. It
// is for tests only and trusts its caller.
package tdstest
