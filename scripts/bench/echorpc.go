package main

import (
	"encoding/binary"
	"fmt"
	"strings"

	"sluice/tds"
)

// echoHandles is what the echo server keeps of a session: which handles of
// prepared statements it has given out since the last reset. As with SQL
// Server, they are numbered from 1 on each connection.
type echoHandles struct {
	database string
	last     int32
	open     map[int32]bool
}

// answer appends the answer to a request of which payload is the first packet.
func (e *echoHandles) answer(dst []byte, typ tds.PacketType, payload []byte) ([]byte, order, error) {
	switch typ {
	case tds.PacketRPC:
		dst, err := e.calls(dst, payload)
		return dst, order{}, err
	case tds.PacketSQLBatch:
		b, err := tds.DecodeSQLBatch(payload, protocol)
		if err != nil {
			return nil, order{}, err
		}
		if dst, ok := e.question(dst, b.Text); ok {
			return dst, order{}, nil
		}
		o, err := orderOf(b.Text)
		return appendOne(dst, tds.Done{}), o, err
	}
	return appendOne(dst, tds.Done{}), order{}, nil
}

// question answers what a node may ask of a session: whether a transaction is
// open, which none ever is, and its settings. A made-up row would be believed.
func (e *echoHandles) question(dst []byte, text string) (answer []byte, ok bool) {
	switch {
	case text == "SELECT @@TRANCOUNT":
		dst = tds.AppendColMetadata(dst, []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}}}, protocol)
		dst = append(dst, byte(tds.TokenRow), 0, 0, 0, 0)
	case strings.HasPrefix(text, "SELECT CONCAT(@@OPTIONS, "):
		value := "5432|2147483647|-1|7|mdy|2|us_english|" + e.database
		dst = tds.AppendColMetadata(dst, []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}}, protocol)
		u := tds.AppendUTF16(nil, value)
		dst = append(binary.LittleEndian.AppendUint16(append(dst, byte(tds.TokenRow)), uint16(len(u))), u...)
	default:
		return dst, false
	}
	return tds.Done{Status: tds.DoneCount, Count: 1}.Append(dst, protocol), true
}

// appendOne appends a result of one row; done says how it ends.
func appendOne(dst []byte, done tds.Done) []byte {
	dst = tds.AppendColMetadata(dst, []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}}}, protocol)
	dst = append(dst, byte(tds.TokenRow), 1, 0, 0, 0)
	done.Status |= tds.DoneCount
	done.Count = 1
	return done.Append(dst, protocol)
}

// calls answers the calls of an RPC message that came in one packet.
func (e *echoHandles) calls(dst, payload []byte) ([]byte, error) {
	h, err := tds.DecodeAllHeaders(payload, protocol)
	if err != nil {
		return nil, err
	}
	for b := payload[h.Size:]; ; {
		call, err := tds.ScanRPC(b)
		if err != nil {
			return nil, err
		}
		b = b[call.Size:]
		handle, places := int32(0), 0
		for len(b) > 0 && !tds.IsRPCSeparator(b[0], protocol) {
			p, err := tds.ScanParam(b)
			if err != nil {
				return nil, err
			}
			if v := b[p.ValueAt:p.Size]; places == 0 && p.Type.ID == tds.TypeIntN && len(v) == 5 {
				handle = int32(binary.LittleEndian.Uint32(v[1:]))
			}
			places++
			b = b[p.Size:]
		}
		more := tds.DoneStatus(0)
		if len(b) > 0 {
			more = tds.DoneMore | tds.DoneRPCInBatch
			b = b[1:]
		}
		if dst, err = e.call(dst, call.ProcID, handle, more); err != nil || more == 0 {
			return dst, err
		}
	}
}

func (e *echoHandles) call(dst []byte, proc tds.ProcID, handle int32, more tds.DoneStatus) ([]byte, error) {
	inProc := tds.Done{Kind: tds.TokenDoneInProc, Status: tds.DoneMore}
	end := tds.Done{Kind: tds.TokenDoneProc, Status: more, CurCmd: tds.CurCmdExecute}
	if (proc == tds.ProcExecute || proc == tds.ProcUnprepare) && !e.open[handle] {
		refused := tds.ServerError{Number: unknownHandle, State: 2, Class: 16, Line: 1, Text: fmt.Sprintf("handle %d", handle)}
		dst = refused.Append(dst, protocol)
		end.Status |= tds.DoneError
		return end.Append(dst, protocol), nil
	}
	switch proc {
	case tds.ProcExecuteSQL, tds.ProcExecute:
		dst = appendOne(dst, inProc)
	case tds.ProcPrepare, tds.ProcPrepExec:
		delete(e.open, handle)
		if e.open == nil {
			e.open = map[int32]bool{}
		}
		e.last++
		e.open[e.last] = true
		if proc == tds.ProcPrepExec {
			dst = appendOne(dst, inProc)
		}
	case tds.ProcUnprepare:
		delete(e.open, handle)
	default:
		return nil, fmt.Errorf("echo: procedure %v is not known", proc)
	}
	dst = append(dst, byte(tds.TokenReturnStatus), 0, 0, 0, 0)
	if proc == tds.ProcPrepare || proc == tds.ProcPrepExec {
		value := binary.LittleEndian.AppendUint32([]byte{4}, uint32(e.last))
		dst = tds.ReturnValue{Type: intParam, Status: 1, Value: value}.Append(dst, protocol)
	}
	return end.Append(dst, protocol), nil
}

// unknownHandle is SQL Server's number for a handle that it does not know.
const unknownHandle = 8179

var intParam = tds.TypeInfo{ID: tds.TypeIntN, Size: 4}
