package backend

// Session is what is known of the server's session behind a shared connection.
// The zero value is a session as its login left it.
type Session struct {
	// State is what those who share the connection keep of it, nil at first.
	State SessionState
	// Print tells states apart, for the choice of a connection: of those that
	// could be had the one is best whose Print is what the client's own would be.
	// 0 is a session as its login left it.
	Print uint64
	// Owner is the client session that used the connection last, 0 if none did
	// since it was cleaned.
	Owner uint64
}

// SessionState is told of what is done to the connection while nobody leases it.
type SessionState interface {
	// Resetting is called before a reset is sent: from then on the server's
	// prepared statements are gone, whether it acknowledges the reset or not.
	Resetting()
	// Cleaned is called when the session is as its login left it.
	Cleaned()
}

func (s *Session) resetting() {
	if s.State != nil {
		s.State.Resetting()
	}
}

func (s *Session) cleaned() {
	if s.State != nil {
		s.State.Cleaned()
	}
	s.Print, s.Owner = 0, 0
}
