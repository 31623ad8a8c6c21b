package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"sluice/tds"
)

// told are the states in a response, those that cannot be recovered marked.
func told(t *testing.T, ts []token) string {
	t.Helper()
	var out []string
	for i, tk := range ts {
		if tk.kind != tds.TokenSessionState {
			continue
		}
		if i != len(ts)-2 {
			t.Errorf("the state is not right before the end: %v", ts)
		}
		s, err := tds.DecodeSessionState(tk.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range s.States {
			mark := ""
			if !s.Recoverable {
				mark = "!"
			}
			out = append(out, fmt.Sprintf("%s%d", mark, v.ID))
		}
	}
	return strings.Join(out, " ")
}

func TestSessionRecovery(t *testing.T) {
	s := start(t, Options{})
	c := connect(t, s, tds.Login7{Features: []tds.Feature{{ID: tds.FeatureSessionRecovery}}})
	for _, step := range []struct{ sql, want string }{
		{"SELECT 1", ""},
		{"SET NOCOUNT ON SET LOCK_TIMEOUT 5", "0 5"},
		{"SET NOCOUNT ON", ""},
		{"BEGIN TRAN SET DATEFIRST 3", "!8"}, // one token has one status
		{"SELECT 1", "2"},
		{"COMMIT", "8"},
		{"CREATE TABLE #t (a int)", "!8"},
		{"BEGIN TRAN COMMIT", ""},
		{"DROP TABLE #t", "8"},
		{"EXEC sp_getapplock 'r', 'Exclusive', 'Session'", "!8"},
		{"EXEC sp_releaseapplock 'r', 'Session'", "8"},
		{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE SELECT 1", "7"},
		{"SET CONTEXT_INFO 0x0102", "11"},
		{"SELECT 1/0", ""},
	} {
		if got := told(t, c.batch(step.sql)); got != step.want {
			t.Errorf("%s: told %q, want %q", step.sql, got, step.want)
		}
	}
	c.batch("CREATE TABLE #t (a int)")
	c.sendBatch("SELECT 1", tds.StatusReset)
	if got := told(t, c.answer()); got != "7" { // which a reset leaves
		t.Errorf("after a reset: %q", got)
	}
	call := c.call(rpc("sp_executesql", 0, param("", nvType, "SET CONTEXT_INFO 0x01")))
	if got := told(t, call); got != "11" {
		t.Errorf("by an RPC: %q, %v", got, call)
	}
}

// Who does not ask is told nothing, nor who would go on with another session.
func TestSessionRecoveryNotAsked(t *testing.T) {
	recovers := tds.Feature{ID: tds.FeatureSessionRecovery}
	for name, tt := range map[string]struct {
		o        Options
		features []tds.Feature
		acked    bool
	}{
		"asked":         {Options{}, []tds.Feature{recovers}, true},
		"not asked":     {Options{}, nil, false},
		"old server":    {Options{NoSessionRecovery: true}, []tds.Feature{recovers}, false},
		"with a state":  {Options{}, []tds.Feature{{ID: tds.FeatureSessionRecovery, Data: []byte{1, 2, 3}}}, false},
		"another asked": {Options{}, []tds.Feature{{ID: tds.FeatureUTF8Support}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, tt.o)
			c := dial(t, s)
			c.preLogin(tds.EncryptNotSupported)
			ts := c.login(tds.Login7{UserName: "sa", Features: tt.features})
			acked := false
			if ack := find(ts, tds.TokenFeatureExtAck); ack != nil {
				a, err := tds.DecodeFeatureExtAck(ack.body)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range a.Features {
					acked = acked || f.ID == tds.FeatureSessionRecovery
					if states, err := tds.DecodeSessionStates(f.Data); f.ID == tds.FeatureSessionRecovery && (err != nil || len(states) < 5) {
						t.Errorf("%d states, %v", len(states), err)
					}
				}
			}
			if acked != tt.acked {
				t.Errorf("acknowledged: %v", acked)
			}
			if got := told(t, c.batch("SET NOCOUNT ON CREATE TABLE #t (a int)")); (got != "") != tt.acked {
				t.Errorf("told %q", got)
			}
		})
	}
}
