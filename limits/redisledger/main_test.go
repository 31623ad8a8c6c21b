package redisledger

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	LogClient(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}
