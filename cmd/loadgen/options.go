package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sluice/scripts/load"
)

// options are a command line.
type options struct {
	config           load.Config
	setup, setupOnly bool
	json, report     string
}

func parse(args []string, out io.Writer) (*options, error) {
	o, c := &options{}, load.Config{}
	fs := pflag.NewFlagSet("loadgen", pflag.ContinueOnError)
	fs.SetOutput(out)
	fs.SortFlags = false
	target := fs.String("target", "127.0.0.1:1433", "host:port of a node, a load balancer or a SQL Server")
	dsn := fs.String("dsn", "", "sqlserver://user:password@host:port?encrypt=true, instead of --target, --user and --password")
	user := fs.String("user", "sa", "login name")
	password := fs.String("password", "", "its password")
	buckets := fs.String("buckets", "app1", "databases with the share of clients of each, app1=80,app2=10,app3=10 (without one, 1), or a number: 3 is app1,app2,app3")
	fs.IntVar(&c.Clients, "total-connections", 50, "clients, each with one connection at a time")
	fs.DurationVar(&c.Interval, "query-interval", 0, "time between the starts of a client's operations (0: the next starts when the one before has ended)")
	mix := fs.String("query-mix", "mixed", "simple, prepared, executesql, transaction or mixed")
	fs.DurationVar(&c.ConnectionTime, "connection-duration", 0, "how long a client uses a connection, a fifth more or less (0: to the end)")
	fs.DurationVar(&c.RampUp, "ramp-up", 0, "time over which the clients start")
	ddl := fs.Bool("include-ddl", false, "mixed: 5% make and drop tables")
	procedures := fs.Bool("include-sprocs", false, "mixed: 5% call a stored procedure")
	fs.DurationVar(&c.Duration, "duration", time.Minute, "of everything, ramp-up included")
	fs.Int64Var(&c.MaxOperations, "max-operations", 0, "end after that many (0: no bound)")
	fs.DurationVar(&c.Hold, "hold", 0, "how long each transaction stays open; such ones write nothing")
	fs.StringVar(&c.OnConnect, "on-connect", "", "batch that each connection begins with")
	fs.DurationVar(&c.OperationTimeout, "timeout", 40*time.Second, "of a login, and of an operation beside --hold")
	fs.IntVar(&c.FirstRow, "first-row", 0, "row of the first client: load generators at the same time need rows of their own")
	fs.Uint64Var(&c.Seed, "seed", 1, "of all that is random")
	fs.BoolVar(&o.setup, "setup", false, "make tables and procedures first")
	fs.BoolVar(&o.setupOnly, "setup-only", false, "make tables and procedures and nothing else")
	fs.StringVar(&o.json, "json", "", "file for all figures as JSON")
	fs.StringVar(&o.report, "report", "", "file for a report as HTML")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%w: %q", load.ErrConfig, fs.Arg(0))
	}
	var err error
	if c.Mix, err = load.NamedMix(*mix, *procedures, *ddl); err != nil {
		return nil, err
	}
	if c.Buckets, err = parseBuckets(*buckets); err != nil {
		return nil, err
	}
	c.Target = load.Target{Addr: *target, User: *user, Password: *password}
	if *dsn != "" {
		if c.Target, err = parseDSN(*dsn); err != nil {
			return nil, err
		}
	}
	o.setup = o.setup || o.setupOnly
	o.config = c
	return o, nil
}

// maxBuckets is the largest number of buckets that can be asked for as a number.
const maxBuckets = 1000

// parseBuckets reads databases with weights, or their number.
func parseBuckets(text string) ([]load.Bucket, error) {
	var all []load.Bucket
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > maxBuckets {
			return nil, fmt.Errorf("%w: %d buckets, want 1 to %d", load.ErrConfig, n, maxBuckets)
		}
		for i := range n {
			all = append(all, load.Bucket{Database: fmt.Sprintf("app%d", i+1), Weight: 1})
		}
		return all, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, share, weighted := strings.Cut(strings.TrimSpace(part), "=")
		b := load.Bucket{Database: name, Weight: 1}
		if weighted {
			w, err := strconv.ParseFloat(share, 64)
			if err != nil || w < 0 {
				return nil, fmt.Errorf("%w: bucket %q: want name=share", load.ErrConfig, part)
			}
			b.Weight = w
		}
		if name == "" {
			return nil, fmt.Errorf("%w: a bucket without a name in %q", load.ErrConfig, text)
		}
		all = append(all, b)
	}
	return all, nil
}

// parseDSN reads a connection string in the form of a URL. The database in it
// has no meaning: --buckets says which.
func parseDSN(text string) (load.Target, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "sqlserver" || u.Host == "" {
		return load.Target{}, fmt.Errorf("%w: --dsn: want sqlserver://user:password@host:port", load.ErrConfig)
	}
	t := load.Target{Addr: u.Host, User: u.User.Username(), Params: map[string]string{}}
	if u.Port() == "" {
		t.Addr = net.JoinHostPort(u.Hostname(), "1433")
	}
	t.Password, _ = u.User.Password()
	for k, v := range u.Query() {
		t.Params[k] = v[0]
	}
	delete(t.Params, "database")
	return t, nil
}
