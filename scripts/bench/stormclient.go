package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"sluice/tds"
)

// stormClient runs statements in several ways over one connection.
type stormClient struct {
	conn    *conn
	next    int              // number of the next statement
	kept    map[string]int32 // handles of statements
	buf     []byte
	walker  tds.Walker
	unknown *atomic.Int64 // errors 8179

	// What the answer that is being read has shown.
	handle int32
	failed error
}

func newStormClient(c *conn, number int, unknown *atomic.Int64) *stormClient {
	s := &stormClient{conn: c, next: number, kept: map[string]int32{}, unknown: unknown}
	s.walker.Handler = s
	s.walker.Reset(protocol)
	return s
}

// turn runs the next statement some times.
func (s *stormClient) turn(way string, uses int) error {
	number := s.next % stormTexts
	s.next++
	text := fmt.Sprintf("SELECT @p + %d AS v", number)
	switch way {
	case wayBatch:
		return s.times(uses, func(i int) error { return s.batch(fmt.Sprintf("SELECT %d + %d AS v", i, number)) })
	case wayExecuteSQL:
		return s.times(uses, func(i int) error { return s.call(stormExecuteSQL(text, i)...) })
	case wayKept:
		h, ok := s.kept[text]
		if !ok {
			if err := s.call(stormPrepare(tds.ProcPrepare, text)...); err != nil {
				return err
			}
			h = s.handle
			s.kept[text] = h
		}
		return s.times(uses, func(i int) error { return s.call(stormExecute(h, i)...) })
	}
	done := 0
	if way == wayPrepExec {
		if err := s.call(append(stormPrepare(tds.ProcPrepExec, text), intValue(0))...); err != nil {
			return err
		}
		done = 1
	} else if err := s.call(stormPrepare(tds.ProcPrepare, text)...); err != nil {
		return err
	}
	h := s.handle
	if err := s.times(uses-done, func(i int) error { return s.call(stormExecute(h, i)...) }); err != nil {
		return err
	}
	return s.call(callHead(tds.ProcUnprepare), intValue(h))
}

func (s *stormClient) times(n int, f func(i int) error) error {
	for i := range n {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *stormClient) batch(text string) error {
	return s.send(tds.PacketSQLBatch, tds.SQLBatch{Text: text}.Append(s.buf[:0], protocol))
}

// part is a part of an RPC message: the head of a call, or a parameter.
type part func(b []byte) []byte

func callHead(p tds.ProcID) part { return tds.RPCHeader{ProcID: p}.Append }

func intValue(n int32) part {
	return func(b []byte) []byte {
		b = append(tds.ParamHeader{Type: intParam}.Append(b), 4)
		return binary.LittleEndian.AppendUint32(b, uint32(n))
	}
}

// handleOut is an output parameter that is NULL before.
func handleOut(b []byte) []byte {
	return append(tds.ParamHeader{Status: tds.ParamByRef, Type: intParam}.Append(b), 0)
}

func textValue(text string) part {
	return func(b []byte) []byte {
		b = tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}.Append(b)
		u := tds.AppendUTF16(nil, text)
		return append(binary.LittleEndian.AppendUint16(b, uint16(len(u))), u...)
	}
}

const stormParams = "@p int"

func stormExecuteSQL(text string, value int) []part {
	return []part{callHead(tds.ProcExecuteSQL), textValue(text), textValue(stormParams), intValue(int32(value))}
}

func stormPrepare(p tds.ProcID, text string) []part {
	return []part{callHead(p), handleOut, textValue(stormParams), textValue(text)}
}

func stormExecute(handle int32, value int) []part {
	return []part{callHead(tds.ProcExecute), intValue(handle), intValue(int32(value))}
}

func (s *stormClient) call(parts ...part) error {
	b := tds.AppendAllHeaders(s.buf[:0], 0, protocol)
	for _, p := range parts {
		b = p(b)
	}
	return s.send(tds.PacketRPC, b)
}

// send sends a request and reads the answer to its end. An error 8179 is
// counted, any other is returned.
func (s *stormClient) send(typ tds.PacketType, payload []byte) error {
	s.buf = payload
	s.handle, s.failed = 0, nil
	if _, err := s.conn.net.Write(tds.AppendMessage(nil, typ, 0, 0, packetSize, payload)); err != nil {
		return err
	}
	for {
		h, p, err := s.conn.reader.next()
		if err == nil {
			err = s.walker.Feed(p[tds.HeaderSize:])
		}
		if err != nil {
			return err
		}
		if !h.EOM() {
			continue
		}
		if err := s.walker.EndOfMessage(); err != nil {
			return err
		}
		var refused *tds.ServerError
		if errors.As(s.failed, &refused) && refused.Number == unknownHandle {
			s.unknown.Add(1)
			return nil
		}
		return s.failed
	}
}

// Token implements tds.Handler.
func (s *stormClient) Token(t tds.Token, body []byte, _ int) error {
	switch t {
	case tds.TokenReturnValue:
		rv, err := tds.DecodeReturnValue(body, protocol, false)
		if err != nil {
			return err
		}
		if n, ok := rv.Int(); ok {
			s.handle = n
		}
	case tds.TokenError:
		e, err := tds.DecodeServerError(body, protocol)
		if err != nil {
			return err
		}
		if s.failed == nil {
			s.failed = e
		}
	}
	return nil
}
