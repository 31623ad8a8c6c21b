package tds

import (
	"encoding/binary"
	"fmt"
)

// ProcID names a system procedure by number (MS-TDS 2.2.6.6).
type ProcID uint16

// Procedures with a number.
const (
	ProcCursor          ProcID = 1
	ProcCursorOpen      ProcID = 2
	ProcCursorPrepare   ProcID = 3
	ProcCursorExecute   ProcID = 4
	ProcCursorPrepExec  ProcID = 5
	ProcCursorUnprepare ProcID = 6
	ProcCursorFetch     ProcID = 7
	ProcCursorOption    ProcID = 8
	ProcCursorClose     ProcID = 9
	ProcExecuteSQL      ProcID = 10
	ProcPrepare         ProcID = 11
	ProcExecute         ProcID = 12
	ProcPrepExec        ProcID = 13
	ProcPrepExecRPC     ProcID = 14
	ProcUnprepare       ProcID = 15
)

var procNames = [...]string{
	ProcCursor: "sp_cursor", ProcCursorOpen: "sp_cursoropen", ProcCursorPrepare: "sp_cursorprepare",
	ProcCursorExecute: "sp_cursorexecute", ProcCursorPrepExec: "sp_cursorprepexec", ProcCursorUnprepare: "sp_cursorunprepare",
	ProcCursorFetch: "sp_cursorfetch", ProcCursorOption: "sp_cursoroption", ProcCursorClose: "sp_cursorclose",
	ProcExecuteSQL: "sp_executesql", ProcPrepare: "sp_prepare", ProcExecute: "sp_execute",
	ProcPrepExec: "sp_prepexec", ProcPrepExecRPC: "sp_prepexecrpc", ProcUnprepare: "sp_unprepare",
}

func (p ProcID) String() string {
	if int(p) < len(procNames) && procNames[p] != "" {
		return procNames[p]
	}
	return fmt.Sprintf("proc %d", uint16(p))
}

// Option flags of an RPC request.
const (
	RPCWithRecompile uint16 = 0x01
	RPCNoMetadata    uint16 = 0x02
	RPCReuseMetadata uint16 = 0x04
)

// Bytes that separate the requests of an RPC batch.
const (
	RPCBatchFlag71 byte = 0x80 // TDS 7.1
	RPCBatchFlag   byte = 0xFF // TDS 7.2 and later
	RPCNoExecFlag  byte = 0xFE
)

// RPCHeader is the head of one RPC request: all that comes before its
// parameters. Exactly one of ProcID and Name is set.
type RPCHeader struct {
	ProcID  ProcID
	Name    string
	Options uint16
	Size    int // bytes read
}

// Proc is the procedure's name, whichever way it was given.
func (r RPCHeader) Proc() string {
	if r.ProcID != 0 {
		return r.ProcID.String()
	}
	return r.Name
}

// DecodeRPCHeader reads the head of an RPC request, b beginning after
// ALL_HEADERS or after a batch separator.
func DecodeRPCHeader(b []byte) (RPCHeader, error) {
	c := cursor{b: b}
	var r RPCHeader
	n := c.u16()
	if n == 0xFFFF {
		r.ProcID = ProcID(c.u16())
	} else {
		r.Name = DecodeUTF16(c.take(2 * int(n)))
	}
	r.Options = c.u16()
	if c.err != nil {
		return r, fmt.Errorf("RPC: %w", c.err)
	}
	r.Size = len(b) - len(c.b)
	return r, nil
}

// Append appends the head; parameters follow.
func (r RPCHeader) Append(dst []byte) []byte {
	if r.ProcID != 0 {
		dst = append(dst, 0xFF, 0xFF)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r.ProcID))
	} else {
		dst = appendUSVarchar(dst, r.Name)
	}
	return binary.LittleEndian.AppendUint16(dst, r.Options)
}
