package redisledger

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogClient sends what the Redis client writes by itself, such as each attempt
// to connect in vain, to log at level debug; without it that goes to standard
// error. It is for the whole process and must come before the first Open.
func LogClient(log *slog.Logger) { redis.SetLogger(clientLog{log}) }

type clientLog struct{ log *slog.Logger }

// Printf implements what the client wants of a logger.
func (c clientLog) Printf(ctx context.Context, format string, v ...any) {
	if c.log.Enabled(ctx, slog.LevelDebug) {
		c.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
	}
}
