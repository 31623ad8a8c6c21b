package statement

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/tds"
)

// nvarchar appends a parameter of type nvarchar.
func nvarchar(dst []byte, name, value string) []byte {
	dst = tds.ParamHeader{Name: name, Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}.Append(dst)
	v := u16(value)
	return append(binary.LittleEndian.AppendUint16(dst, uint16(len(v))), v...)
}

// nvarcharMax appends a parameter of type nvarchar(max) in chunks.
func nvarcharMax(dst []byte, name, value string, chunk int) []byte {
	dst = tds.ParamHeader{Name: name, Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.Max}}.Append(dst)
	v := u16(value)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(v)))
	for len(v) > 0 {
		n := min(chunk, len(v))
		dst = append(binary.LittleEndian.AppendUint32(dst, uint32(n)), v[:n]...)
		v = v[n:]
	}
	return binary.LittleEndian.AppendUint32(dst, 0)
}

func intParam(dst []byte, name string, n int32) []byte {
	dst = tds.ParamHeader{Name: name, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}.Append(dst)
	return binary.LittleEndian.AppendUint32(append(dst, 4), uint32(n))
}

func executeSQL(text, params string, args ...int32) []byte {
	b := tds.RPCHeader{ProcID: tds.ProcExecuteSQL}.Append(nil)
	b = nvarchar(nvarchar(b, "", text), "", params)
	for _, n := range args {
		b = intParam(b, "@p1", n)
	}
	return b
}

func withParam(text string) []byte {
	b := tds.RPCHeader{ProcID: tds.ProcExecuteSQL}.Append(nil)
	return intParam(nvarchar(nvarchar(b, "", text), "", "@id int"), "@id", 42)
}

func byName(name string) []byte { return tds.RPCHeader{Name: name}.Append(nil) }

func rpcBodies() []struct {
	name string
	body []byte
	want string
} {
	proc := func(id tds.ProcID) []byte { return tds.RPCHeader{ProcID: id}.Append(nil) }
	sep := func(a, b []byte) []byte { return append(append(append([]byte(nil), a...), tds.RPCBatchFlag), b...) }
	lock := func(owner string) []byte {
		b := nvarchar(byName("sp_getapplock"), "@Resource", "r")
		return nvarchar(nvarchar(b, "@LockMode", "Exclusive"), "@LockOwner", owner)
	}
	long := "SELECT '" + strings.Repeat("x", 40_000) + "' SET CONTEXT_INFO 0x05"
	return []struct {
		name string
		body []byte
		want string
	}{
		{"executesql", executeSQL("SELECT @p1 SET NOCOUNT ON", "@p1 int", 1), ""},
		{"executesql context", executeSQL("SET CONTEXT_INFO 0x01", ""), "SET CONTEXT_INFO 0x01"},
		{"executesql by name", nvarchar(byName("sp_executesql"), "@statement", "BEGIN TRAN"), "Begins"},
		{"executesql max", nvarcharMax(proc(tds.ProcExecuteSQL), "", long, 1001), "SET CONTEXT_INFO 0x05"},
		{"two", sep(executeSQL("SELECT 1", ""), executeSQL("DECLARE c CURSOR FOR SELECT @@IDENTITY", "")), "cursor c"},
		{"user procedure", intParam(byName("[db].dbo.[my proc]"), "@a", 5), "Identity | Writes | Unseen"},
		{"lock of the session", lock("Session"), "app_lock r"},
		{"lock of the transaction", lock("Transaction"), ""},
		{"lock by default", nvarchar(byName("sys.sp_getapplock"), "@Resource", "r"), ""},
		{"locked and released", sep(lock("Session"), nvarchar(nvarchar(byName("sp_releaseapplock"), "@Resource", "r"), "@LockOwner", "Session")), ""},
		{"context", intParam(nvarchar(byName("sp_set_session_context"), "@key", "tenant"), "@value", 7), "EXEC sys.sp_set_session_context N'tenant', 7"},
		{"context text", nvarcharMax(nvarchar(byName("sp_set_session_context"), "", "k"), "", "it's", 3), "EXEC sys.sp_set_session_context N'k', N'it''s'"},
		{"context read only", intParam(intParam(nvarchar(byName("sp_set_session_context"), "@key", "k"), "@value", 7), "@read_only", 1), "session_context_readonly k"},
		{"context by parameter", withParam("EXEC sp_set_session_context @key=N'Tenant', @value=@id; SELECT 1"), "EXEC sys.sp_set_session_context N'Tenant', 42"},
		{"context by a variable of its own", withParam("SELECT @id = 5; EXEC sp_set_session_context @key=N'Tenant', @value=@id"), "session_context Tenant"},
		{"context by another parameter", withParam("EXEC sp_set_session_context @key=N'Tenant', @value=@other"), "session_context Tenant"},
		{"context by parameter, set again", withParam("EXEC sp_set_session_context N'k', @id EXEC sp_set_session_context N'k', 7"), "EXEC sys.sp_set_session_context N'k', 7 | session_context k"},
		{"context by parameter, or not", withParam("IF 1=1 EXEC sp_set_session_context N'k', @id"), "session_context k"},
		{"context info by int", withParam("SET CONTEXT_INFO @id"), "unknown CONTEXT_INFO"},
		{"prepare", nvarchar(nvarchar(intParam(proc(tds.ProcPrepare), "", 0), "", ""), "", "SET CONTEXT_INFO 0x01"), "Handles"},
		{"prepexec", nvarchar(nvarchar(intParam(proc(tds.ProcPrepExec), "", 0), "", ""), "", "SET CONTEXT_INFO 0x01"), "SET CONTEXT_INFO 0x01 | Handles"},
		{"execute", intParam(proc(tds.ProcExecute), "", 1), "Handles"},
		{"unprepare", intParam(proc(tds.ProcUnprepare), "", 1), "Handles"},
		{"cursor open", nvarchar(intParam(proc(tds.ProcCursorOpen), "", 0), "", "SELECT 1"), "cursor API cursor | OpensCursor"},
		{"cursor close", intParam(proc(tds.ProcCursorClose), "", 180150003), ""},
		{"reset", byName("sp_reset_connection"), "Resets"},
		{"app role", nvarchar(byName("sp_setapprole"), "", "r"), "app_role"},
		{"xml", byName("sp_xml_preparedocument"), "xml_document"},
		{"another server", byName("srv.db.dbo.sp_who"), "Identity | Writes | Unseen"},
	}
}

func TestRPC(t *testing.T) {
	for _, tc := range rpcBodies() {
		v := Judge{}.RPC(tc.body, true, Settings{})
		if got := told(&v, ^Effects(0)); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A body in parts is judged like the whole.
func TestRPCInParts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sc := Judge{}.NewScan(RPCBody, Settings{})
	for _, tc := range rpcBodies() {
		for _, size := range []int{1, 7, 100, 1 << 20} {
			sc.Restart(RPCBody, Settings{})
			for b := tc.body; len(b) > 0; {
				n := min(len(b), 1+rnd.IntN(size))
				sc.Feed(b[:n])
				b = b[n:]
			}
			v := sc.End()
			if got := told(&v, ^Effects(0)); got != tc.want {
				t.Errorf("%s in parts of %d: got %q, want %q", tc.name, size, got, tc.want)
			}
		}
	}
}

// What is missing pins, unless there is nothing that could follow.
func TestRPCCut(t *testing.T) {
	for _, tc := range rpcBodies() {
		for cut := range min(len(tc.body), 200) {
			v := Judge{}.RPC(tc.body[:cut], false, Settings{})
			if v.Effects&Cut == 0 || !v.Pins() {
				t.Fatalf("%s cut after %d bytes does not pin", tc.name, cut)
			}
		}
	}
}
