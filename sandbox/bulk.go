package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// errDiscarded says that the client took back a bulk load before its end.
var errDiscarded = errors.New("sandbox: bulk load taken back by the client")

// bulkLoad answers a bulk-load message: COLMETADATA, rows, DONE (MS-TDS
// 2.2.6.1). Rows go to the engine as they arrive.
func (s *session) bulkLoad(h tds.Header, first []byte) error {
	if s.bulk == "" {
		return fmt.Errorf("%w: bulk data without INSERT BULK", errProtocol)
	}
	stmt := s.bulk
	s.bulk = ""
	s.conn.srv.requests.Add(1)
	ctx, err := s.start()
	if err != nil {
		return err
	}
	s.out.begin()
	s.sink.begin(ctx, false)
	r := &bulkReader{in: s.in, version: s.version, last: h, buf: append([]byte(nil), first...)}
	n, err := s.load(ctx, stmt, r)
	if drained := r.drain(); drained != nil && !errors.Is(drained, errDiscarded) && !errors.Is(drained, errAttention) {
		return errors.Join(drained, s.stop())
	}
	stopped := s.stop()
	if r.attention || r.discarded() {
		return s.bulkTakenBack(r.attention)
	}
	if err == nil {
		s.sink.Done(tsql.Done{CurCmd: tds.CurCmdBulkInsert, Count: uint64(n), HasCount: s.sink.errors == 0})
		s.sink.endBatch()
	}
	return errors.Join(s.conclude(ctx, err), stopped)
}

func (s *session) bulkTakenBack(attention bool) error {
	if err := s.discarded(); err != nil || !attention {
		return err
	}
	return s.acknowledge()
}

func (s *session) load(ctx context.Context, stmt string, r *bulkReader) (int64, error) {
	cols, err := r.columns()
	if err != nil {
		return 0, err
	}
	return s.engine.BulkInsert(ctx, stmt, cols, func() ([]tsql.Value, error) {
		row, err := r.row()
		if errors.Is(err, io.EOF) {
			s.in.watch.arm() // no more input is due: from now on an attention may come
		}
		return row, err
	})
}

// bulkReader decodes a bulk-load message packet by packet.
type bulkReader struct {
	in      *packetReader
	version tds.Version

	last      tds.Header // of the packet read last
	attention bool       // an attention came in the midst of the message
	buf       []byte     // read, from at on not decoded
	at        int
	types     []tds.TypeInfo
	values    []tsql.Value
	done      bool // the DONE token has been seen
}

func (r *bulkReader) discarded() bool { return r.last.EOM() && r.last.Status&tds.StatusIgnore != 0 }

// more reads packets until there are twice as many bytes to decode as now, so
// that trying again after each call costs no more than the data itself.
func (r *bulkReader) more() error {
	if r.at > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	for want := 2 * len(r.buf); len(r.buf) <= want; {
		if r.last.EOM() {
			return fmt.Errorf("%w: bulk data: %w", errProtocol, io.ErrUnexpectedEOF)
		}
		p, err := r.packet()
		if err != nil {
			return err
		}
		if len(r.buf)+len(p) > maxRequest {
			return fmt.Errorf("%w: row of more than %d bytes", errProtocol, maxRequest)
		}
		r.buf = append(r.buf, p...)
		if r.last.EOM() {
			return nil
		}
	}
	return nil
}

func (r *bulkReader) packet() ([]byte, error) {
	h, p, err := r.in.next()
	switch {
	case err != nil:
		return nil, err
	case h.Type == tds.PacketAttention:
		r.attention = true
		return nil, errAttention
	case h.Type != tds.PacketBulkLoad:
		return nil, fmt.Errorf("%w: %v packet within bulk data", errProtocol, h.Type)
	}
	r.last = h
	if r.discarded() {
		return nil, errDiscarded
	}
	return p, nil
}

// drain reads the rest of the message.
func (r *bulkReader) drain() error {
	for !r.last.EOM() && !r.attention {
		if _, err := r.packet(); err != nil {
			return err
		}
	}
	return nil
}

// try decodes with f, which reads buf from at on and may fail with
// tds.ErrShort; then it reads more and tries again.
func (r *bulkReader) try(f func(b []byte) (int, error)) error {
	for {
		n, err := f(r.buf[r.at:])
		if err == nil {
			r.at += n
			return nil
		}
		if !errors.Is(err, tds.ErrShort) {
			return err
		}
		if err := r.more(); err != nil {
			return err
		}
	}
}

// columns reads the COLMETADATA that a bulk load begins with.
func (r *bulkReader) columns() (cols []tsql.Column, err error) {
	if r.discarded() {
		return nil, errDiscarded
	}
	err = r.try(func(b []byte) (int, error) {
		if len(b) == 0 {
			return 0, tds.ErrShort
		}
		if tds.Token(b[0]) != tds.TokenColMetadata {
			return 0, fmt.Errorf("%w: bulk data begins with token 0x%02x", errProtocol, b[0])
		}
		wire, n, err := tds.DecodeColMetadata(b[1:], r.version)
		if err != nil {
			return 0, err
		}
		for _, c := range wire {
			r.types = append(r.types, c.Type)
			cols = append(cols, tsql.Column{Name: c.Name, Type: c.Type, Nullable: c.Flags&tds.ColNullable != 0, Identity: c.Flags&tds.ColIdentity != 0})
		}
		return 1 + n, nil
	})
	r.values = make([]tsql.Value, len(cols))
	return cols, err
}

// row reads the next row, into a slice that it reuses; io.EOF after the last.
func (r *bulkReader) row() ([]tsql.Value, error) {
	if r.done || r.at == len(r.buf) && r.last.EOM() {
		return nil, io.EOF
	}
	err := r.try(func(b []byte) (int, error) {
		if len(b) == 0 {
			return 0, tds.ErrShort
		}
		switch tds.Token(b[0]) {
		case tds.TokenDone:
			r.done = true
			return len(b), r.drain()
		case tds.TokenRow:
		default:
			return 0, fmt.Errorf("%w: token 0x%02x in bulk data", errProtocol, b[0])
		}
		vr := valueReader{b: b[1:]}
		for i, t := range r.types {
			_, r.values[i] = vr.value(t, true)
		}
		return len(b) - len(vr.b), vr.err
	})
	if err == nil && r.done {
		err = io.EOF
	}
	return r.values, err
}
