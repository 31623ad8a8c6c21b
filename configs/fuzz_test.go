package configs

import (
	"errors"
	"io/fs"
	"testing"
)

// FuzzLoad: whatever a file holds, Load answers with a valid configuration that
// can be printed and compared, or with an *Error, and never panics.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"proxy.yaml", "buckets.yaml"} {
		data, err := fs.ReadFile(examples, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"", "a", "- 1", "a: &a {<<: *a}", "buckets: [[[]]]", "buckets: [{id: b1, host: db, max_connections: 5, backend_tls: }]",
		"proxy: {listen_port: 99999999999999999999, pinning_mode: {}}", "proxy.listen_port: 5", "? {a: b} : c", "\"\": 1", "a.b: {c.d: 1}",
		"routes: [{read_only: null}]", "auth: {users: {}}", "gossip: {join: [null, 1]}", "!!binary x", "proxy: !!set {a, b}",
	} {
		f.Add([]byte(seed + "\n" + oneBucket))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ps problems
		c, err := load([]file{{name: "f.yaml", data: data}}, nil, &ps)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || c != nil || err.Error() == "" {
				t.Fatalf("error %v with %v", err, c)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("loaded, then invalid: %v", err)
		}
		if d := Compare(c, c); !d.Empty() {
			t.Fatalf("differs from itself: %+v", d)
		}
		_ = c.Dump()
		c.RouteLogin(Login{Database: string(data), ServerName: "b1"})
	})
}
