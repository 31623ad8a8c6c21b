package configs

import (
	"strings"
	"testing"
)

func TestRouteLogin(t *testing.T) {
	const three = `
buckets:
  - {id: b1, host: h1, max_connections: 1, database: app1, databases: [shared]}
  - {id: b2, host: h2, max_connections: 1, database: App2, databases: [shared]}
  - {id: b3, host: h3, max_connections: 1}
`
	const rules = `
routes:
  - {database: "app1*", read_only: true, bucket: b3}
  - {database: "app1*", bucket: B1}
  - {server_name: "*.reports", user: "r?", app_name: "*Studio*", bucket: b2}
`
	tests := []struct {
		name, yaml string
		login      Login
		want       string // empty: no route
	}{
		{"database", three, Login{Database: "app1"}, "b1"},
		{"database in other case", three, Login{Database: "aPP2"}, "b2"},
		{"database wins over server name", three, Login{Database: "app1", ServerName: "b2"}, "b1"},
		{"database of two buckets", three, Login{Database: "shared"}, ""},
		{"database of two buckets, server name decides", three, Login{Database: "shared", ServerName: "B2"}, "b2"},
		{"server name", three, Login{ServerName: "b3"}, "b3"},
		{"unknown", three, Login{Database: "other", ServerName: "h1"}, ""},
		{"nothing said", three, Login{}, ""},
		{"default", three + "default_bucket: b3\n", Login{Database: "other"}, "b3"},
		{"only bucket", oneBucket, Login{Database: "other"}, "b1"},
		{"route", three + rules, Login{Database: "APP1_x"}, "b1"},
		{"route by intent", three + rules, Login{Database: "app1", ReadOnly: true}, "b3"},
		{"route with all conditions", three + rules, Login{ServerName: "a.reports", User: "r1", AppName: "SQL Server Management Studio"}, "b2"},
		{"route lacking one", three + rules, Login{ServerName: "a.reports", User: "rr1", AppName: "Studio"}, ""},
		{"routes switch off matching by database", three + rules, Login{Database: "app2"}, ""},
		{"routes switch off the only bucket", oneBucket + "routes: [{database: x, bucket: b1}]\n", Login{Database: "y"}, ""},
		{"routes, then default", three + rules + "default_bucket: b2\n", Login{Database: "x"}, "b2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, ok := mustParse(t, tt.yaml).RouteLogin(tt.login)
			if b.ID != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", b.ID, ok, tt.want)
			}
		})
	}
}

func TestMatchPattern(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "a", true},
		{"*a", "ba", true},
		{"*", "", true},
		{"a*c", "abbc", true},
		{"a*c", "abbcd", false},
		{"?", "", false},
		{"?", "é", true},
		{"a?c", "abc", true},
		{"*ab*ab", "abab", true},
		{"*ab*ab", "aab", false},
		{"[a]", "a", false},
		{"[a]", "[a]", true},
		{strings.Repeat("*a", 50) + "b", strings.Repeat("a", 1000), false}, // must not take exponential time
	}
	for _, tt := range tests {
		if got := matchPattern([]rune(tt.pattern), []rune(tt.s)); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.s, got)
		}
	}
}
