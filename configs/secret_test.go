package configs

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsMaskedEverywhere(t *testing.T) {
	const secret = "hunter2"
	c := mustParse(t, `
admin: {token: hunter2}
redis: {password: hunter2}
auth: {users: [{user: a, password: hunter2, backend_user: b, backend_password: hunter2}]}
buckets: [{id: b1, host: db, max_connections: 1, username: u, password: hunter2}]
`)
	values := []any{
		c, *c, c.Buckets, c.Buckets[0], &c.Buckets[0], c.EffectiveBuckets(), c.Auth, c.Admin, c.Redis.Password,
		Compare(mustParse(t, oneBucket), c),
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, secret) || strings.Contains(got, "68756e74") {
				t.Errorf("%s of %T shows the secret", verb, v)
			}
		}
		out, err := json.Marshal(v)
		if err != nil || strings.Contains(string(out), secret) {
			t.Errorf("json of %T: %s, %v", v, out, err)
		}
		var b strings.Builder
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		if strings.Contains(b.String(), secret) {
			t.Errorf("slog of %T shows the secret: %s", v, b.String())
		}
	}
	if Secret("").String() != "" || Secret("x").Reveal() != "x" {
		t.Error("empty or revealed secret is wrong")
	}
}

func TestDumpLoadsAgain(t *testing.T) {
	const text = `
proxy: {queue_timeout: 1500ms}
log: {level: debug}
tls: {mode: off}
routes: [{database: "a*", read_only: true, bucket: b1}]
gossip: {join: ["[::1]:7946", n2]}
buckets: [{id: b1, host: "::1", max_connections: 5, username: "0123", databases: ["off", "a: b"], min_idle: 1, backend_tls: {mode: login}}]
`
	c := mustParse(t, text)
	again, err := parse(t, c.Dump())
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Dump())
	}
	if d := Compare(c, again); !d.Empty() {
		t.Errorf("differs: %+v\n%s", d, c.Dump())
	}
	if !strings.Contains(c.Dump(), "level: debug # a.yaml:3") {
		t.Errorf("no origin in\n%s", c.Dump())
	}
}
