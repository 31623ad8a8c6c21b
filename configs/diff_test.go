package configs

import (
	"reflect"
	"slices"
	"testing"
)

func TestCompareBuckets(t *testing.T) {
	const start = "id: b1, host: db, max_connections: 5, username: u, password: p"
	tests := []struct {
		name, bucket string
		want         BucketChange
		limitOnly    bool
		reconnect    bool
	}{
		{"limit only", "id: b1, host: db, max_connections: 9, username: u, password: p", BucketChange{Limit: true}, true, false},
		{"host", "id: b1, host: db2, max_connections: 5, username: u, password: p", BucketChange{Address: true, TLS: true}, false, true},
		{"port", start + ", port: 1434", BucketChange{Address: true}, false, true},
		{"password", "id: b1, host: db, max_connections: 5, username: u, password: q", BucketChange{Login: true}, false, true},
		{"tls", start + ", backend_tls: {mode: strict}", BucketChange{TLS: true}, false, true},
		{"database", start + ", database: x", BucketChange{Databases: true}, false, false},
		{"pooling", start + ", pooling: transaction", BucketChange{Pooling: true}, false, false},
		{"pins", start + ", pins: {silence: [cursor]}", BucketChange{Pooling: true}, false, false},
		{"timing", start + ", queue_timeout: 1s", BucketChange{Timing: true}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Compare(mustParse(t, "buckets: [{"+start+"}]"), mustParse(t, "buckets: [{"+tt.bucket+"}]"))
			if len(d.Changed) != 1 || len(d.Added)+len(d.Removed)+len(d.Live)+len(d.Restart) > 0 {
				t.Fatalf("diff %+v", d)
			}
			got := d.Changed[0]
			if got.Reconnect() != tt.reconnect || (tt.limitOnly && !got.LimitOnly()) {
				t.Errorf("reconnect %v, limit only %v", got.Reconnect(), got.LimitOnly())
			}
			got.Old, got.New = EffectiveBucket{}, EffectiveBucket{}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCompareAddedAndRemoved(t *testing.T) {
	d := Compare(
		mustParse(t, "buckets: [{id: b1, host: a, max_connections: 1}, {id: b2, host: b, max_connections: 1}]"),
		mustParse(t, "buckets: [{id: b3, host: c, max_connections: 1}, {id: b2, host: b, max_connections: 1}]"))
	if len(d.Added) != 1 || d.Added[0].ID != "b3" || len(d.Removed) != 1 || d.Removed[0].ID != "b1" || len(d.Changed) != 0 {
		t.Errorf("diff %+v", d)
	}
}

func TestCompareSettings(t *testing.T) {
	d := Compare(mustParse(t, oneBucket), mustParse(t, oneBucket+`
proxy: {listen_port: 1500, queue_timeout: 1s}
log: {level: debug, format: json}
routes: [{bucket: b1}]
gossip: {join: [x]}
admin: {token: 0123456789abcdef}
`))
	if want := []string{"proxy.queue_timeout", "routes", "log.level"}; !slices.Equal(d.Live, want) {
		t.Errorf("live %q, want %q", d.Live, want)
	}
	if want := []string{"proxy.listen_port", "log.format", "admin.token", "gossip.join"}; !slices.Equal(d.Restart, want) {
		t.Errorf("restart %q, want %q", d.Restart, want)
	}
	if len(d.Changed) != 1 || !d.Changed[0].Timing {
		t.Errorf("the bucket that inherits the default: %+v", d.Changed)
	}
	c := mustParse(t, oneBucket)
	if d := Compare(c, mustParse(t, oneBucket)); !d.Empty() {
		t.Errorf("same files differ: %+v", d)
	}
}
