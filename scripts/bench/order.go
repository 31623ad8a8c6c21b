package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sluice/tds"
)

// order is what a request asks of the echo server. It travels in a comment
// behind a plain statement, so that whoever judges statements on the way sees
// nothing out of the ordinary.
type order struct {
	takes time.Duration // before the answer
	rows  int           // of a result of some size; 0: one row of one column
	cells cells
}

// cells is what the rows of a result are made of.
type cells string

// The kinds of rows, from those that are stepped over in one go to those of
// which each byte counts.
const (
	cellsWide   cells = "wide"   // VARBINARY(8000) that fills a packet
	cellsMixed  cells = "mixed"  // INT, ten VARCHAR of 20 bytes
	cellsNarrow cells = "narrow" // INT NOT NULL, two INT NULL, one of them NULL
)

const orderPrefix = "SELECT 1 -- echo"

func (o order) text() string {
	text := orderPrefix
	if o.takes > 0 {
		text += " takes=" + o.takes.String()
	}
	if o.rows > 0 {
		text += fmt.Sprintf(" rows=%d cells=%s", o.rows, o.cells)
	}
	return text
}

func (o order) batch() []byte { return batch(o.text()) }

// orderOf reads the order in the text of a batch; one without gets the zero order.
func orderOf(text string) (o order, err error) {
	rest, ok := strings.CutPrefix(text, orderPrefix)
	if !ok {
		return o, nil
	}
	for _, f := range strings.Fields(rest) {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "takes":
			o.takes, err = time.ParseDuration(value)
		case "rows":
			o.rows, err = strconv.Atoi(value)
		case "cells":
			o.cells = cells(value)
		default:
			err = fmt.Errorf("echo: order %q is not known", f)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// rowData is how many bytes of data a row needs to fill a packet: the row has
// a token byte and a two-byte length besides.
const rowData = packetSize - tds.HeaderSize - 3

// row returns the columns of a result and one row of it.
func (c cells) row() (columns []tds.Column, row []byte) {
	le := binary.LittleEndian
	switch c {
	case cellsMixed:
		columns = append(columns, tds.Column{Name: "id", Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}})
		row = append(row, byte(tds.TokenRow), 1, 0, 0, 0)
		for i := range 10 {
			columns = append(columns, tds.Column{Name: "c" + strconv.Itoa(i), Type: tds.TypeInfo{ID: tds.TypeBigVarChar, Size: 100}})
			row = append(le.AppendUint16(row, 20), strings.Repeat("x", 20)...)
		}
	case cellsNarrow:
		null := tds.TypeInfo{ID: tds.TypeIntN, Size: 4}
		columns = []tds.Column{{Name: "id", Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}}, {Name: "a", Type: null}, {Name: "b", Type: null}}
		row = []byte{byte(tds.TokenRow), 1, 0, 0, 0, 4, 2, 0, 0, 0, 0}
	default:
		columns = []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: 8000}}}
		row = append(le.AppendUint16([]byte{byte(tds.TokenRow)}, rowData), make([]byte, rowData)...)
	}
	return columns, row
}

// size is how many rows make at least n bytes of payload.
func (c cells) size(n int) int {
	_, row := c.row()
	return (n + len(row) - 1) / len(row)
}

// writeRows sends a result, many packets at a time. The packets all have the
// same size but for the first, which carries the metadata, and those at the end.
func (o order) writeRows(w io.Writer) error {
	const room = packetSize - tds.HeaderSize
	columns, row := o.cells.row()
	head := tds.AppendColMetadata(nil, columns, protocol)
	first := tds.Header{Type: tds.PacketReply, Length: tds.HeaderSize + len(head), SPID: 51}
	if _, err := w.Write(append(first.Append(nil), head...)); err != nil {
		return err
	}
	// As many rows as a packet has bytes fill as many packets as a row has bytes.
	atOnce, packets := room, len(row)
	if len(row) == room {
		atOnce, packets = 16, 16
	}
	payload := make([]byte, 0, packets*room)
	for range atOnce {
		payload = append(payload, row...)
	}
	block := make([]byte, 0, packets*packetSize)
	for b := payload; len(b) > 0; b = b[room:] {
		block = append(tds.Header{Type: tds.PacketReply, Length: packetSize, SPID: 51}.Append(block), b[:room]...)
	}
	left := o.rows
	for ; left >= atOnce; left -= atOnce {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	rest := tds.Done{Status: tds.DoneCount, Count: uint64(o.rows)}.Append(payload[:left*len(row):left*len(row)], protocol)
	_, err := w.Write(tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, rest))
	return err
}
