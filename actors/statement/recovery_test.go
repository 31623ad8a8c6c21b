package statement

import (
	"testing"

	"sluice/tds"
)

func TestRecovery(t *testing.T) {
	token := func(seq uint32, good bool, ids ...byte) tds.SessionState {
		s := tds.SessionState{SeqNo: seq, Recoverable: good}
		for _, id := range ids {
			s.States = append(s.States, tds.SessionStateValue{ID: id})
		}
		return s
	}
	reset := tds.SessionState{SeqNo: 1 << 30} // stands for one
	tests := []struct {
		name   string
		tokens []tds.SessionState
		want   bool
	}{
		{"nothing said", nil, true},
		{"good", []tds.SessionState{token(0, true, 0, 7)}, true},
		{"bad", []tds.SessionState{token(0, false, 8)}, false},
		{"good again", []tds.SessionState{token(0, false, 8), token(1, true, 8)}, true},
		{"another is good", []tds.SessionState{token(0, false, 8), token(1, true, 9, 200)}, false},
		{"two were bad", []tds.SessionState{token(0, false, 8, 255), token(1, true, 8)}, false},
		{"an old token says good", []tds.SessionState{token(5, false, 8), token(4, true, 8)}, false},
		{"an old token says bad", []tds.SessionState{token(5, true, 8), token(4, false, 8)}, false},
		{"reset", []tds.SessionState{token(0, false, 8), reset}, true},
		{"given up", []tds.SessionState{token(tds.RecoveryOff, true, 8), reset}, false},
		{"bad in general", []tds.SessionState{token(0, false), token(1, true, 8)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Recovery
			for _, s := range tt.tokens {
				if s.SeqNo == reset.SeqNo {
					r.Reset()
					continue
				}
				r.Apply(s)
			}
			if got := r.Recoverable(); got != tt.want {
				t.Errorf("recoverable: %v", got)
			}
		})
	}
}
