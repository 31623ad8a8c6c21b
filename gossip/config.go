package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/memberlist"
)

// Limits of what is spread. With the longest ID and cluster name an entry of
// MaxEntry bytes still fits into one packet of 1400 bytes.
const (
	MaxID      = 128  // bytes of Config.ID
	MaxCluster = 64   // bytes of Config.Cluster
	MaxEntry   = 1000 // bytes of a key and its value together
	MaxKey     = 255  // bytes of a key
	MaxKeys    = 4096 // keys of one member
	MaxMeta    = memberlist.MetaMaxSize
)

// Preset is a set of intervals that fits a kind of network.
type Preset string

const (
	// LAN finds a crash in 6 s (3 members) to 10 s (100 members).
	LAN Preset = "lan"
	// WAN bears round trips of seconds; it finds a crash in about 40 s.
	WAN Preset = "wan"
	// Local is for one machine: crashes are found in about 5 s.
	Local Preset = "local"
)

// Info is what a member tells all others about itself. All of it together,
// with Config.Name, must fit into MaxMeta bytes, less some 10 for its frame.
type Info struct {
	// PeerAddr is host:port of its Links. Without a host it is the address
	// the member gossips from.
	PeerAddr string
	// Version is that of the product, for people.
	Version string
	// Witnesses and Config identify what has to be configured alike; a
	// difference is a problem. They are compared, nothing else.
	Witnesses string
	Config    string
}

// Config says what Start needs.
type Config struct {
	// ID is unique for each start of a process, for example
	// "node-1#9f3c51d0": a restarted process never conflicts with what it
	// was before. Name is the instance and stays.
	ID, Name string
	// Cluster keeps clusters apart that can reach each other.
	Cluster string
	// Protocol is the version of the values and messages. Members with
	// another one are reported and ignored.
	Protocol int
	Info     Info

	// BindAddr is an IP address, empty for all of IPv4; BindPort 0 is any
	// port. AdvertiseAddr is what others are told, an IP address; empty is
	// BindAddr, or a private address of this host.
	BindAddr      string
	BindPort      int
	AdvertiseAddr string
	AdvertisePort int
	// Join has members to start with: host, host:port, or a name with many
	// addresses. Without a port it is BindPort, or 7946.
	Join []string

	Preset Preset
	// SecretKey has 16, 24 or 32 bytes. Without one everybody who reaches the
	// port can take part.
	SecretKey []byte
	Log       *slog.Logger

	// OnChange is called after members, values or problems changed, one call
	// for many changes, on a goroutine of its own. It must not call Close or
	// Leave.
	OnChange func()

	// Transport and Lookup replace the network and the resolver, in tests.
	Transport memberlist.NodeAwareTransport
	Lookup    func(ctx context.Context, host string) ([]netip.Addr, error)
}

// pace are intervals that memberlist's presets do not have.
type pace struct {
	// predecessor is how long a restarted process may be listed beside what
	// it was before, until its name counts as taken.
	predecessor time.Duration
	join        [2]time.Duration // between attempts, least and most
}

func (c *Config) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if !printable(c.ID, MaxID) {
		bad("ID %.40q must be printable and have 1 to %d bytes", c.ID, MaxID)
	}
	if !printable(c.Name, MaxID) {
		bad("name %.40q must be printable and have 1 to %d bytes", c.Name, MaxID)
	}
	if !printable(c.Cluster, MaxCluster) {
		bad("cluster %.40q must be printable and have 1 to %d bytes", c.Cluster, MaxCluster)
	}
	if c.Protocol < 0 {
		bad("protocol %d is negative", c.Protocol)
	}
	for _, p := range []int{c.BindPort, c.AdvertisePort} {
		if p < 0 || p > 65535 {
			bad("port %d does not exist", p)
		}
	}
	// The library takes a name for "all addresses" without a word.
	bind, err := netip.ParseAddr(c.BindAddr)
	if c.BindAddr != "" && err != nil {
		bad("bind address %q is not an IP address", c.BindAddr)
	}
	if _, err := netip.ParseAddr(c.AdvertiseAddr); c.AdvertiseAddr != "" && err != nil {
		bad("advertised address %q is not an IP address", c.AdvertiseAddr)
	}
	if bind.Is6() && bind.IsUnspecified() && c.AdvertiseAddr == "" {
		bad("bind address :: needs an advertised address")
	}
	if err := checkKey(c.SecretKey); err != nil {
		errs = append(errs, err)
	}
	if _, _, err := c.Preset.settings(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func checkKey(key []byte) error {
	switch len(key) {
	case 0, 16, 24, 32:
		return nil
	}
	return fmt.Errorf("%w: secret key has %d bytes, not 16, 24 or 32", ErrConfig, len(key))
}

func (p Preset) settings() (*memberlist.Config, pace, error) {
	near := pace{predecessor: 30 * time.Second, join: [2]time.Duration{30 * time.Second, time.Minute}}
	switch p {
	case LAN, "":
		c := memberlist.DefaultLANConfig()
		// Half the library's: twice the room for values, 42 kB/s at most.
		c.GossipInterval = 100 * time.Millisecond
		return c, near, nil
	case Local:
		return memberlist.DefaultLocalConfig(), near, nil
	case WAN:
		far := near
		far.predecessor = 3 * time.Minute
		return memberlist.DefaultWANConfig(), far, nil
	}
	return nil, pace{}, fmt.Errorf("%w: preset %.40q is not lan, wan or local", ErrConfig, string(p))
}

func printable(s string, most int) bool {
	if s == "" || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
