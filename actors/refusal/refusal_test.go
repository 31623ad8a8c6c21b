package refusal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/tds"
)

func TestCausesAreDistinct(t *testing.T) {
	names := map[string]Cause{}
	for i, c := range All() {
		info := c.Describe()
		if int(c) != 50000+i {
			t.Errorf("%d is %v: numbers have gaps", c, i)
		}
		if other, taken := names[info.Name]; taken {
			t.Errorf("%d and %d are both named %s", c, other, info.Name)
		}
		names[info.Name] = c
		if c.String() != info.Name || info.Name == "" || strings.Trim(info.Name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%d has the name %q", c, info.Name)
		}
		if info.Class < 11 || info.Class > 25 {
			t.Errorf("%v has class %d, which is no error", c, info.Class)
		}
		if info.Class >= 20 && !info.Closes {
			t.Errorf("%v has class %d, at which clients hang up, and does not close", c, info.Class)
		}
		if info.Text == "" || strings.HasSuffix(info.Text, ".") {
			t.Errorf("%v has the text %q", c, info.Text)
		}
	}
	if got := Cause(1).Describe().Name; got != "internal" {
		t.Errorf("an unknown cause is %s", got)
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		err  Error
		want string
	}{
		{Error{Cause: Internal}, "Sluice: internal error."},
		{Error{Cause: Draining, Node: "n1"}, "Sluice: this node is shutting down (node n1)."},
		{
			Error{Cause: QueueTimeout, Bucket: "b1", Node: "n1", Waited: 30*time.Second + 1234*time.Microsecond},
			"Sluice: no connection became free in time (bucket b1, node n1, waited 30.001s).",
		},
		{
			Error{Cause: BackendUnavailable, Bucket: "b1", Detail: "failed at tls", Err: errors.New("secret host name")},
			"Sluice: the server cannot be reached: failed at tls (bucket b1).",
		},
		{Error{Cause: NoRoute, Detail: `database "x"`}, `Sluice: no bucket serves this login: database "x".`},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestUnwrap(t *testing.T) {
	behind := errors.New("connection refused")
	if err := error(&Error{Cause: BackendUnavailable, Err: behind}); !errors.Is(err, behind) {
		t.Error("what lies behind a refusal cannot be found")
	}
}

// TestTokens reads back what clients are sent, in each style and version.
func TestTokens(t *testing.T) {
	type sent struct {
		number int32
		class  byte
	}
	tests := []struct {
		cause          Cause
		plain, drivers []sent
	}{
		{QueueTimeout, []sent{{50004, 16}}, []sent{{10928, 16}, {50004, 16}}},
		{QueueFull, []sent{{50005, 16}}, []sent{{40501, 16}, {50005, 16}}},
		{BackendUnavailable, []sent{{50003, 20}}, []sent{{40613, 20}, {50003, 20}}},
		{NoRoute, []sent{{4060, 11}, {50002, 16}}, []sent{{4060, 11}, {50002, 16}}},
		{LoginRejected, []sent{{18456, 14}, {50010, 14}}, []sent{{18456, 14}, {50010, 14}}},
		{Protocol, []sent{{50015, 20}}, []sent{{50015, 20}}},
	}
	for _, tt := range tests {
		for style, want := range map[Style][]sent{StyleSluice: tt.plain, StyleDrivers: tt.drivers} {
			for _, v := range []tds.Version{tds.V71, tds.V74} {
				e := Error{Cause: tt.cause, Bucket: "b1", Node: "n1"}
				b := e.Tokens([]byte("before"), v, style)
				if string(b[:6]) != "before" {
					t.Fatal("what was there before is overwritten")
				}
				var got []sent
				for b = b[6:]; len(b) > 0; {
					token, body, rest, err := tds.NextToken(b, v)
					if err != nil || token != tds.TokenError {
						t.Fatalf("%v: token %v, %v", tt.cause, token, err)
					}
					m, err := tds.DecodeServerError(body, v)
					if err != nil || m.Text != e.Error() || m.Server != "n1" || m.State != 1 {
						t.Errorf("%v: %+v, %v", tt.cause, m, err)
					}
					got, b = append(got, sent{m.Number, m.Class}), rest
				}
				if len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
					t.Errorf("%v, style %d, %v: got %v, want %v", tt.cause, style, v, got, want)
				}
			}
		}
	}
}

// TestOwnNumberIsAlwaysSent: whatever goes before it, our number comes last.
func TestOwnNumberIsAlwaysSent(t *testing.T) {
	for _, c := range All() {
		for _, style := range []Style{StyleSluice, StyleDrivers} {
			b := (&Error{Cause: c}).Tokens(nil, tds.V74, style)
			var last int32
			for len(b) > 0 {
				_, body, rest, err := tds.NextToken(b, tds.V74)
				if err != nil {
					t.Fatal(err)
				}
				m, err := tds.DecodeServerError(body, tds.V74)
				if err != nil {
					t.Fatal(err)
				}
				last, b = m.Number, rest
			}
			if last != int32(c) {
				t.Errorf("%v: the last number is %d", c, last)
			}
		}
	}
}
