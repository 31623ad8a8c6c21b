package rig

import (
	"time"

	"sluice/sandbox"
)

// Ids of sessions are given from the lowest free one.
const (
	firstSPID = 51
	lastSPID  = 1000
)

// KillSome kills that many sessions of the server, as KILL does, those with the
// lowest ids; 0: all.
func (s *Server) KillSome(count int) {
	if count == 0 {
		s.KillAll()
		return
	}
	for spid := firstSPID; spid <= lastSPID && count > 0; spid++ {
		if s.KillSession(spid) {
			count--
		}
	}
}

// GoAway kills all sessions of the server and has it reset who connects.
func (s *Server) GoAway() {
	s.SetFault(sandbox.Fault{Kind: sandbox.RefuseConnect})
	s.KillAll()
}

// ComeBack ends GoAway.
func (s *Server) ComeBack() { s.ClearFaults() }

// Slow makes what the server and its clients send each other late, each way; 0:
// as fast as it goes again.
func (s *Server) Slow(by time.Duration) { s.link.Set(slowness(by)) }

// slowRate is what a slow link carries, in bytes per second, each way of each
// connection.
const slowRate = 256 << 10

func slowness(by time.Duration) sandbox.Shape {
	if by == 0 {
		return sandbox.Shape{}
	}
	return sandbox.Shape{Delay: by, Jitter: by / 2, Rate: slowRate}
}
