package tds

import (
	"fmt"
	"strings"
	"testing"
)

// rowset is a response of n equal rows, cut into payloads of packets of the
// given size.
func rowset(cols []Column, row []byte, n, packetSize int) (payloads [][]byte, size int) {
	b := AppendColMetadata(nil, cols, V74)
	for range n {
		b = append(b, row...)
	}
	b = Done{Status: DoneCount, CurCmd: CurCmdSelect, Count: uint64(n)}.Append(b, V74)
	size = len(b)
	for room := packetSize - HeaderSize; len(b) > 0; b = b[min(room, len(b)):] {
		payloads = append(payloads, b[:min(room, len(b))])
	}
	return payloads, size
}

func intColumns(n int, id TypeID) (cols []Column) {
	for i := range n {
		cols = append(cols, Column{Name: fmt.Sprintf("c%d", i), Type: TypeInfo{ID: id, Size: 4}})
	}
	return cols
}

func varcharColumns(n int) (cols []Column) {
	for i := range n {
		cols = append(cols, Column{Name: fmt.Sprintf("c%d", i), Type: TypeInfo{ID: TypeBigVarChar, Size: 8000}})
	}
	return cols
}

// BenchmarkWalker follows 1,000 rows in packets of 4,096 bytes and reports the
// time for each row. It must not allocate.
func BenchmarkWalker(b *testing.B) {
	varchar := func(n int) string { return string(le16(n)) + strings.Repeat("x", n) }
	for _, bm := range []struct {
		name string
		cols []Column
		row  []byte
	}{
		{"1 int", intColumns(1, TypeInt4), cat(TokenRow, "1234")},
		{"3 intn", intColumns(3, TypeIntN), cat(TokenRow, "\x041234\x041234\x00")},
		{"3 intn NBCROW", intColumns(3, TypeIntN), cat(TokenNBCRow, 4, "\x041234\x041234")},
		{"10 varchar of 20", varcharColumns(10), cat(TokenRow, strings.Repeat(varchar(20), 10))},
		{"10 varchar of 200", varcharColumns(10), cat(TokenRow, strings.Repeat(varchar(200), 10))},
		{"1 varchar(max) of 8000", []Column{{Type: TypeInfo{ID: TypeBigVarChar, Size: Max}}}, cat(TokenRow, plp(strings.Repeat("x", 8000)))},
	} {
		b.Run(bm.name, func(b *testing.B) {
			const rows = 1000
			payloads, size := rowset(bm.cols, bm.row, rows, DefaultPacketSize)
			var w Walker
			w.Reset(V74)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range payloads {
					if err := w.Feed(p); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.EndOfMessage(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

// BenchmarkWalkerSmall follows the response to a statement without rows, the
// commonest kind.
func BenchmarkWalkerSmall(b *testing.B) {
	p := Done{Kind: TokenDoneProc, CurCmd: CurCmdExecute}.Append(cat(TokenReturnStatus, le32(0)), V74)
	w := Walker{Handler: handlerFunc(func(Token, []byte, int) error { return nil })}
	w.Reset(V74)
	b.ReportAllocs()
	for b.Loop() {
		if w.Feed(p) != nil || w.EndOfMessage() != nil {
			b.Fatal(w.Err())
		}
	}
}
