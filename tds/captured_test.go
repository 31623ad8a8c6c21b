package tds

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// captured is one message as a real driver sent it, or the answer it got.
type captured struct {
	name string // <driver>-<message>[-reply]
	file []byte
	msg  Message
	cut  bool // only the message's first packets were kept
}

// capturedMessages reads testdata/captured/*.bin. Each holds one message in its
// packets.
func capturedMessages(tb testing.TB) (all []captured) {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "captured", "*.bin"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		m, err := ReadMessage(bytes.NewReader(b), nil, len(b))
		cut := errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !cut {
			tb.Fatalf("%s: %v", name, err)
		}
		all = append(all, captured{strings.TrimSuffix(filepath.Base(name), ".bin"), b, m, cut})
	}
	return all
}

// capturedExpectations reads what index.txt expects of each message: lines of
// the form "<file> expect: type 0x04 packets 1 payload 13 complete; <content>".
// The content was written by another decoder than ours.
func capturedExpectations(t *testing.T) map[string]string {
	t.Helper()
	expect := map[string]string{}
	f, err := os.Open(filepath.Join("testdata", "captured", "index.txt"))
	if errors.Is(err, os.ErrNotExist) {
		return expect
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if name, rest, ok := strings.Cut(s.Text(), "expect:"); ok {
			expect[strings.TrimSuffix(strings.TrimSpace(name), ".bin")] = strings.TrimSpace(rest)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return expect
}

// Messages of real drivers decode, and to what index.txt says of them.
func TestCapturedMessages(t *testing.T) {
	expect := capturedExpectations(t)
	all := capturedMessages(t)
	if len(all) == 0 {
		t.Skip("testdata/captured has no messages")
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			want, ok := expect[c.name]
			if !ok {
				t.Skip("not in index.txt")
			}
			head, content, _ := strings.Cut(want, ";")
			state := "complete"
			if c.cut {
				state = "cut"
			}
			if got := fmt.Sprintf("payload %d %s", len(c.msg.Payload), state); !strings.HasSuffix(head, got) {
				t.Errorf("%s, want %s", got, head)
			}
			c.check(t, strings.TrimSpace(content))
		})
	}
}

// check compares the decoded message with the content expected.
func (c captured) check(t *testing.T, want string) {
	v := c.version()
	switch {
	case strings.HasPrefix(want, "options"):
		p, err := DecodePreLogin(c.msg.Payload)
		if err != nil {
			t.Fatal(err)
		}
		checkOptions(t, p, want)
	case c.msg.Type == PacketReply || c.msg.Type == PacketBulkLoad:
		c.checkTokens(t, want, v)
	case c.msg.Type == PacketLogin7:
		l, err := DecodeLogin7(c.msg.Payload)
		got := fmt.Sprintf("version 0x%08x packetsize %d flags %02x%02x%02x%02x host='%s' user='%s' app='%s' server='%s' library='%s' database='%s'",
			uint32(l.Version), l.PacketSize, l.OptionFlags1, l.OptionFlags2, l.TypeFlags, l.OptionFlags3,
			l.HostName, l.UserName, l.AppName, l.ServerName, l.CltIntName, l.Database)
		if err != nil || !strings.HasPrefix(want, got) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	default:
		if got := c.request(t, v); !strings.HasPrefix(want, got) {
			t.Errorf("%s; want %s", got, want)
		}
	}
}

// version is the TDS version of the login that the message came after.
func (c captured) version() Version {
	switch {
	case strings.Contains(c.name, "tds71"):
		return V71
	case strings.Contains(c.name, "tds72"):
		return V72
	}
	return V74
}

// request describes a request as index.txt does, as far as the two agree on
// how to write texts.
func (c captured) request(t *testing.T, v Version) string {
	t.Helper()
	b := c.msg.Payload
	if c.msg.Type == PacketAttention {
		return ""
	}
	a, err := DecodeAllHeaders(b, v)
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("tran 0x%016x; ", a.Transaction)
	switch c.msg.Type {
	case PacketRPC:
		h, err := DecodeRPCHeader(b[a.Size:])
		if err != nil {
			t.Fatal(err)
		}
		if n, err := walkRPC(t, b[a.Size:], v); err != nil {
			t.Fatalf("parameter %d: %v", n, err)
		}
		if h.ProcID != 0 {
			return head + fmt.Sprintf("procedure id %d", h.ProcID)
		}
		return head + fmt.Sprintf("procedure '%s'", h.Name)
	case PacketTransMgr:
		tm, err := DecodeTransMgr(b, v)
		if err != nil {
			t.Fatal(err)
		}
		return head + fmt.Sprintf("request %d", tm.Type)
	case PacketSQLBatch:
		if s, err := DecodeSQLBatch(b, v); err != nil || len(s.Text) == 0 {
			t.Fatalf("text %q, %v", s.Text, err)
		}
	}
	return head
}

// checkOptions compares options written as "id:hex", an empty one as "id:-".
func checkOptions(t *testing.T, p PreLogin, want string) {
	for _, word := range strings.Fields(want)[1:] {
		id, value, _ := strings.Cut(word, ":")
		n, err := strconv.Atoi(id)
		if err != nil {
			t.Fatal(err)
		}
		o := PreLoginOption(n)
		if !p.Has(o) {
			t.Errorf("option %d is missing", n)
		}
		raw, _ := hex.DecodeString(value)
		switch {
		case o == OptEncryption && byte(p.Encryption) != raw[0],
			o == OptMARS && p.MARS != raw[0],
			o == OptInstance && !bytes.Equal(p.Instance, raw),
			o == OptTraceID && !bytes.Equal(p.TraceID, raw),
			o == OptVersion && p.Version.Major != raw[0]:
			t.Errorf("option %d is not %s: %+v", n, value, p)
		}
	}
}

// capturedToken is one token as index.txt writes it: name, arguments, repeats.
var capturedToken = regexp.MustCompile(`([A-Z0-9]+)(\([^)]*\))?(?:\*(\d+))?`)

// checkTokens walks a response or a bulk load and compares its tokens.
func (c captured) checkTokens(t *testing.T, want string, v Version) {
	var tokens []string
	rows := uint64(0)
	for _, m := range capturedToken.FindAllStringSubmatch(want, -1) {
		n := 1
		if m[3] != "" {
			n, _ = strconv.Atoi(m[3])
		}
		if m[1] == "ROW" || m[1] == "NBCROW" {
			rows += uint64(n)
			continue
		}
		for range n {
			tokens = append(tokens, m[1]+m[2])
		}
	}
	var w Walker
	events, err := walk(&w, v, c.msg.Payload)
	if err != nil && !(c.cut && errors.Is(err, ErrShort)) {
		t.Fatal(err)
	}
	// Of a message that was cut the last row has only begun.
	if extra := w.Rows() - rows; extra > 1 || extra == 1 && !c.cut {
		t.Errorf("%d rows, want %d", w.Rows(), rows)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.describe(v))
	}
	if g, w := strings.Join(got, " "), strings.Join(tokens, " "); g != w {
		t.Errorf("tokens %s\nwant   %s", g, w)
	}
}

// describe writes a token as index.txt does.
func (e event) describe(v Version) string {
	body := []byte(e.body)
	switch e.token {
	case TokenEnvChange:
		return fmt.Sprintf("ENVCHANGE(%d)", body[0])
	case TokenInfo, TokenError:
		name := map[Token]string{TokenInfo: "INFO", TokenError: "ERROR"}[e.token]
		if se, err := DecodeServerError(body, v); err == nil {
			return fmt.Sprintf("%s(%d,%d)", name, se.Number, se.Class)
		}
	case TokenLoginAck:
		if a, err := DecodeLoginAck(body); err == nil {
			return fmt.Sprintf("LOGINACK(0x%08x)", uint32(a.Version))
		}
	case TokenDone, TokenDoneProc, TokenDoneInProc:
		name := map[Token]string{TokenDone: "DONE", TokenDoneProc: "DONEPROC", TokenDoneInProc: "DONEINPROC"}[e.token]
		if d, err := DecodeDone(e.token, body, v); err == nil {
			return fmt.Sprintf("%s(0x%x,0x%x,%d)", name, uint16(d.Status), d.CurCmd, d.Count)
		}
	case TokenReturnStatus:
		c := cursor{b: body}
		return fmt.Sprintf("RETURNSTATUS(%d)", int32(c.u32()))
	case TokenReturnValue:
		if r, err := DecodeReturnValue(body, v, false); err == nil {
			return fmt.Sprintf("RETURNVALUE(%s)", r.Name)
		}
	case TokenColMetadata:
		if cols, n, err := DecodeColMetadata(body, v); err == nil && n == len(body) {
			return fmt.Sprintf("COLMETADATA(%d)", len(cols))
		}
	}
	return fmt.Sprintf("0x%02x", byte(e.token))
}
