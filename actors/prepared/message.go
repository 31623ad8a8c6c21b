package prepared

import (
	"encoding/binary"
	"fmt"

	"sluice/tds"
)

// maxNVarChar is the longest value of an nvarchar that is not nvarchar(max), in
// bytes.
const maxNVarChar = 8000

var intType = tds.TypeInfo{ID: tds.TypeIntN, Size: 4}

// appendSeparator begins another call if dst holds one already.
func appendSeparator(dst []byte, first bool, v tds.Version) []byte {
	switch {
	case first:
		return dst
	case v.AtLeast(tds.V72):
		return append(dst, tds.RPCBatchFlag)
	}
	return append(dst, tds.RPCBatchFlag71)
}

// appendUnprepares appends calls of sp_unprepare, separated but without a
// separator before the first.
func appendUnprepares(dst []byte, handles []int32, v tds.Version) []byte {
	for i, h := range handles {
		dst = tds.RPCHeader{ProcID: tds.ProcUnprepare}.Append(appendSeparator(dst, i == 0, v))
		dst = append(tds.ParamHeader{Type: intType}.Append(dst), 4)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(h))
	}
	return dst
}

// appendPrepare appends a call of sp_prepare that does not ask for metadata.
func appendPrepare(dst []byte, st *Statement, v tds.Version) []byte {
	dst = tds.RPCHeader{ProcID: tds.ProcPrepare}.Append(dst)
	dst = append(tds.ParamHeader{Status: tds.ParamByRef, Type: intType}.Append(dst), 0)
	dst = appendTextParam(dst, st.params, st.noParams, v)
	return appendTextParam(dst, st.stmt, false, v)
}

// appendTextParam appends a positional parameter with UTF-16LE text.
func appendTextParam(dst, text []byte, null bool, v tds.Version) []byte {
	le := binary.LittleEndian
	switch {
	case len(text) <= maxNVarChar:
		dst = tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: maxNVarChar}}.Append(dst)
		if null {
			return le.AppendUint16(dst, 0xFFFF)
		}
		return append(le.AppendUint16(dst, uint16(len(text))), text...)
	case !v.AtLeast(tds.V72):
		dst = tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNText, Size: len(text)}}.Append(dst)
		return append(le.AppendUint32(dst, uint32(len(text))), text...)
	}
	dst = tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.Max}}.Append(dst)
	dst = le.AppendUint64(dst, uint64(len(text)))
	dst = append(le.AppendUint32(dst, uint32(len(text))), text...)
	return le.AppendUint32(dst, 0)
}

// appendCallEnd appends how the response to a call that succeeded ends.
func appendCallEnd(dst []byte, status tds.DoneStatus, v tds.Version) []byte {
	dst = append(dst, byte(tds.TokenReturnStatus), 0, 0, 0, 0)
	return tds.Done{Kind: tds.TokenDoneProc, Status: status, CurCmd: tds.CurCmdExecute}.Append(dst, v)
}

// unknownHandle is SQL Server's number for a handle that it does not know.
// Drivers prepare anew when they see it.
const unknownHandle = 8179

// appendUnknown appends the response to a call with a handle that is not known.
func appendUnknown(dst []byte, handle int32, server string, status tds.DoneStatus, v tds.Version) []byte {
	e := tds.ServerError{
		Number: unknownHandle, State: 2, Class: 16, Line: 1, Server: server,
		Text: fmt.Sprintf("Could not find prepared statement with handle %d.", handle),
	}
	dst = e.Append(dst, v)
	return tds.Done{Kind: tds.TokenDoneProc, Status: status | tds.DoneError, CurCmd: tds.CurCmdExecute}.Append(dst, v)
}
