package tds

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

var resultColumns = []ResultColumn{{"name", ResultText}, {"n", ResultInt}, {"share", ResultFloat}, {"on", ResultBit}}

// A walker, which follows servers' responses, must find the tokens where they are.
func TestResultSetIsWalked(t *testing.T) {
	for _, v := range []Version{V71, V72, V74} {
		b := AppendResultColumns(nil, resultColumns, v)
		rows := [][]any{
			{"bucket-001", int64(-7), 0.25, true},
			{nil, nil, nil, nil},
			{"", int64(0), 0.0, false},
			{strings.Repeat("ä𝄞", 3000), int64(1) << 60, -1e300, true},
		}
		for _, r := range rows {
			var err error
			if b, err = AppendResultRow(b, resultColumns, r); err != nil {
				t.Fatal(err)
			}
		}
		b = Done{Status: DoneCount, CurCmd: CurCmdSelect, Count: uint64(len(rows))}.Append(b, v)
		seen := &tokenCount{of: map[Token]int{}}
		w := Walker{Handler: seen}
		w.Reset(v)
		if err := w.Feed(b); err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		if err := w.EndOfMessage(); err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		if seen.of[TokenDone] != 1 {
			t.Errorf("%v: %v", v, seen.of)
		}
		cols, n, err := DecodeColMetadata(b[1:], v)
		if err != nil || len(cols) != len(resultColumns) || cols[3].Name != "on" || cols[0].Type.Collation != defaultCollation {
			t.Errorf("%v: columns %+v, %v", v, cols, err)
		}
		if b[1+n] != byte(TokenRow) {
			t.Errorf("%v: 0x%02x behind the columns", v, b[1+n])
		}
	}
}

type tokenCount struct{ of map[Token]int }

func (c *tokenCount) Token(t Token, _ []byte, _ int) error {
	c.of[t]++
	return nil
}

func TestResultRowBytes(t *testing.T) {
	got, err := AppendResultRow([]byte{0xAA}, resultColumns, []any{"ab", int64(258), nil, true})
	want := []byte{0xAA, 0xD1, 4, 0, 'a', 0, 'b', 0, 8, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got % x, %v, want % x", got, err, want)
	}
	long, err := AppendResultRow(nil, resultColumns[:1], []any{strings.Repeat("x", 5000)})
	if err != nil || len(long) != 3+8000 {
		t.Errorf("a long text takes %d bytes, %v", len(long), err)
	}
}

func TestResultRowThatDoesNotFit(t *testing.T) {
	for _, r := range [][]any{{"a"}, {1, nil, nil, nil}, {nil, "1", nil, nil}, {nil, 1, nil, nil}, {nil, nil, int64(1), nil}, {nil, nil, nil, "true"}, {true, nil, nil, nil}} {
		if got, err := AppendResultRow([]byte{7}, resultColumns, r); !errors.Is(err, ErrResultValue) || !bytes.Equal(got, []byte{7}) {
			t.Errorf("%v: % x, %v", r, got, err)
		}
	}
}
