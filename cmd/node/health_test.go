package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"sluice/sandbox"
)

func TestHealthCommand(t *testing.T) {
	n := startNode(t, testConfig(bucketFor("bucket-001", server(t, sandbox.Options{}), 2, "app1")))
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	node := n.addrs["health"].String()

	ask := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(context.Background(), append([]string{"health"}, args...), &out, &out)
		return strings.TrimSpace(out.String()), err
	}
	good := func(args ...string) {
		t.Helper()
		if text, err := ask(args...); err != nil || text != "ok" {
			t.Errorf("health %q says %q and %v, want ok", args, text, err)
		}
	}
	bad := func(why string, args ...string) {
		t.Helper()
		if _, err := ask(args...); !errors.Is(err, errUnhealthy) || !strings.Contains(err.Error(), why) {
			t.Errorf("health %q gives the error %v, want one with %q", args, err, why)
		}
	}
	good("--address", node)
	good("--address", node, "--ready")
	bad("deadline", "--address", silent.Addr().String(), "--timeout", "50ms")
	n.draining.Store(true)
	good("--address", node) // it lives as long as it drains
	bad("draining", "--address", node, "--ready")
	if _, err := ask("--help"); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("--help gives %v", err)
	}
}
