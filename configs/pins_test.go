package configs

import (
	"fmt"
	"strings"
	"testing"
)

// What a route does not say, its bucket does, then the node.
func TestRoutePooling(t *testing.T) {
	c := mustParse(t, `
proxy: {pooling: observe}
buckets:
  - {id: b1, host: h1, max_connections: 1, pooling: transaction, pins: {silence: [cursor, TEMP_TABLE], raise: set_option}}
  - {id: b2, host: h2, max_connections: 1}
routes:
  - {app_name: a, bucket: b1}
  - {app_name: b, bucket: b1, pooling: session}
  - {app_name: c, bucket: b1, pins: {silence: []}}
  - {app_name: d, bucket: b2, pooling: transaction, pins: {raise: [unseen_code]}}
  - {app_name: e, bucket: b2}
default_bucket: b1
`)
	for app, want := range map[string]string{
		"a": "0 b1 transaction [cursor TEMP_TABLE] [set_option]",
		"b": "1 b1 session [cursor TEMP_TABLE] [set_option]",
		"c": "2 b1 transaction [] [set_option]",
		"d": "3 b2 transaction [] [unseen_code]",
		"e": "4 b2 observe [] []",
		"f": "-1 b1 transaction [cursor TEMP_TABLE] [set_option]",
	} {
		l := Login{AppName: app}
		b, ok := c.RouteLogin(l)
		if !ok {
			t.Fatalf("%s: no bucket", app)
		}
		i := c.MatchRoute(l)
		mode, pins := c.RoutePooling(i, b)
		if got := fmt.Sprint(i, " ", b.ID, " ", mode, " ", pins.Silence, " ", pins.Raise); got != want {
			t.Errorf("%s: %s, want %s", app, got, want)
		}
	}
}

func TestPinRemarks(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"silenced", "proxy: {pooling: transaction}\nroutes: [{bucket: b1, pins: {silence: [cursor, app_lock]}}]", "routes[0]: pins.silence cursor, app_lock: clients may lose such state between two requests"},
		{"of no use", "routes: [{bucket: b1, pins: {raise: set_option}}]", "routes[0]: pins is not used, pooling is session"},
		{"of use", "routes: [{bucket: b1, pooling: transaction, pins: {raise: set_option}}]", ""},
		{"nothing", "proxy: {pooling: transaction}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustParse(t, oneBucket+tt.yaml)
			got := strings.Join(c.poolingRemarks(), "; ")
			if got != tt.want {
				t.Errorf("%q", got)
			}
			if tt.want != "" && !strings.Contains(strings.Join(c.Warnings, "; "), tt.want) {
				t.Errorf("warnings %q", c.Warnings)
			}
		})
	}
	two := `
buckets:
  - {id: b1, host: h1, max_connections: 1, pins: {silence: cursor}}
routes:
  - {app_name: a, bucket: b1, pooling: transaction}
default_bucket: b1
`
	if got := mustParse(t, two).poolingRemarks(); len(got) != 1 || !strings.HasPrefix(got[0], "bucket b1: pins.silence cursor") {
		t.Errorf("%q", got)
	}
}
