package gossip

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// figures makes TestFigures run, which takes minutes.
var figures = flag.Bool("figures", false, "measure clusters of 3, 16 and 100 members")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
