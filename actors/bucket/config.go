package bucket

import (
	"context"
	"log/slog"

	"sluice/actors/backend"
	"sluice/tds"
)

// Config is what a governor is made from.
type Config struct {
	ID       string
	Node     string
	Settings Settings
	Queue    QueueSettings
	Target   *backend.Target
	// Warm opens connections for MinIdle; nil leaves them to clients' logins.
	Warm    *Warm
	Metrics *Metrics
	Log     *slog.Logger

	// Governed buckets begin with no slots and get them by Entitle; others
	// have those of Settings.Limit until the first Entitle.
	Governed bool
	// Report is told how the bucket stands. It is called in the governor's
	// turns and must not block; nil: nobody wants to know. It is called
	// when an Entitle was seen; when Open has changed while it is above Slots
	// or was until now, while requests wait, or after Shut; when requests begin
	// or cease to wait; and otherwise at most once a second if anything has
	// changed. A grant that finds a free slot is none of these.
	Report func(Usage)
	// Admit says whether the node's right to its slots still holds. It is asked
	// immediately before each dial, by whichever goroutine dials, and must not
	// block. Without the right nothing is opened and the request fails with
	// refusal.SlotLost. nil: always.
	Admit func() bool
	// Why is a short text on why there are fewer slots than Settings.Limit, for
	// clients that waited in vain. It is called in the governor's turns and
	// must not block; nil: none.
	Why func() string

	// What is done to connections; tests put their own here.
	dial  func(context.Context, *backend.Target, *tds.Login7, backend.Key) (*backend.Conn, error)
	clean func(context.Context, *backend.Conn) error
	close func(*backend.Conn)
}

func (c *Config) setDefaults() {
	if c.dial == nil {
		c.dial = backend.Dial
	}
	if c.clean == nil {
		c.clean = func(ctx context.Context, conn *backend.Conn) error { return conn.Clean(ctx) }
	}
	if c.close == nil {
		c.close = (*backend.Conn).Close
	}
}
