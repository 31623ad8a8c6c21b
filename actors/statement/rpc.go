package statement

import (
	"bytes"
	"encoding/binary"

	"sluice/tds"
)

// rpcState is what comes next in a message of RPC requests.
type rpcState uint8

const (
	rpcHead  rpcState = iota
	rpcParam          // a parameter, or the mark between two requests
	rpcValue          // a value that is waited for until it is whole
	rpcBytes          // left bytes of a long value
	rpcChunk          // the length of a chunk of a long value
	rpcLost           // not understood
)

// Bounds of what is looked at in RPC requests.
const (
	maxArgs   = 4        // parameters of a system procedure
	maxWait   = 64 << 10 // bytes of what is waited for until it is whole
	maxValue  = 1 << 10  // bytes of a long value of a system procedure
	rpcDigest = 256      // bytes of text for the digest
)

// rpc judges the requests of an RPC message as its bytes come.
type rpc struct {
	outer reader // collects the verdict
	inner reader // of the text that is being read
	f     feeder // of inner
	carry []byte
	state rpcState

	// The request that is being read.
	name  string // of a system procedure
	proc  procedure
	args  [maxArgs]argument
	n     int  // parameters seen
	place int  // of the text among them; -1 for none
	read  bool // the text was read

	// The parameter that is being read.
	typ  tds.TypeInfo
	arg  int  // its place in args; -1 if it does not matter
	text bool // it is the text
	left uint64
	long []byte

	head  [rpcDigest]byte // of the first text, for the digest
	heads int
}

func (c *rpc) begin(j Judge, s Settings) {
	*c = rpc{carry: c.carry[:0], f: feeder{c.f.carry[:0]}, long: c.long[:0]}
	c.outer.begin(j, s, false, 0)
}

// RPC judges the requests of an RPC message (after ALL_HEADERS). If the body is
// not complete, what is missing pins.
func (j Judge) RPC(body []byte, complete bool, s Settings) Verdict {
	var c rpc
	c.begin(j, s)
	c.feed(body)
	return c.end(complete)
}

// feed takes the next part of the message, which is not kept.
func (c *rpc) feed(part []byte) {
	b := part
	if len(c.carry) > 0 {
		c.carry = append(c.carry, part...)
		b = c.carry
	}
	for len(b) > 0 {
		n := c.step(b)
		if n == 0 {
			if len(b) <= maxWait {
				break
			}
			c.lose()
		}
		b = b[n:]
	}
	if len(b) > 0 || len(c.carry) > 0 {
		c.carry = append(c.carry[:0], b...)
	}
}

func (c *rpc) lose() {
	c.state = rpcLost
	c.outer.event(event{kind: pinMade, reason: NotUnderstood, name: "RPC"})
}

// step reads one thing at the start of b and returns its size, 0 if it is not
// whole yet.
func (c *rpc) step(b []byte) int {
	switch c.state {
	case rpcHead:
		return c.request(b)
	case rpcParam:
		return c.param(b)
	case rpcValue:
		n, err := tds.ParamValueSize(c.typ, b)
		if err != nil {
			return 0 // a type that is not known was refused before
		}
		c.value(b[:n])
		c.endParam()
		return n
	case rpcBytes:
		n := int(min(c.left, uint64(len(b))))
		c.part(b[:n])
		if c.left -= uint64(n); c.left == 0 {
			if c.typ.PLP() {
				c.state = rpcChunk
			} else {
				c.endLong()
			}
		}
		return n
	case rpcChunk:
		if len(b) < 4 {
			return 0
		}
		c.left = uint64(binary.LittleEndian.Uint32(b))
		c.state = rpcBytes
		if c.left == 0 {
			c.endLong()
		}
		return 4
	}
	return len(b)
}

// request reads the head of a request.
func (c *rpc) request(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	n := int(binary.LittleEndian.Uint16(b))
	size := 6
	if n != 0xFFFF {
		size = 4 + 2*n
	}
	if len(b) < size {
		return 0
	}
	c.proc, c.name, c.n, c.place, c.read = procUser, "", 0, -1, false
	c.args = [maxArgs]argument{}
	if n == 0xFFFF {
		c.known(tds.ProcID(binary.LittleEndian.Uint16(b[2:])).String())
	} else {
		c.named(b[2 : 2+2*n])
	}
	c.state = rpcParam
	return size
}

// named finds the procedure of a name such as [db].dbo.[p];1.
func (c *rpc) named(text []byte) {
	var toks [12]token
	l := lexer{b: text, final: true}
	n := 0
	for n < len(toks) {
		if l.next(&toks[n]); toks[n].kind == tokEnd {
			break
		}
		n++
	}
	parsed := parseName(toks[:n])
	switch t := parsed.last(); {
	case t == nil:
		c.outer.unseen("RPC")
	case parsed.n == 4 || !t.isSystem():
		c.outer.userProcedure(t)
	default:
		c.known(t.value())
	}
}

func (c *rpc) known(name string) {
	c.name, c.proc = name, procedureNamed(name)
	c.place = textPlace(name)
	if c.proc == procUser {
		c.outer.unseen(known(name))
	}
}

// textPlace is the place of the parameter that is a T-SQL text, or -1.
func textPlace(name string) int {
	switch name {
	case "sp_executesql":
		return 0
	case "sp_cursoropen", "sp_prepexecrpc":
		return 1
	case "sp_prepare", "sp_prepexec", "sp_cursorprepare":
		return 2
	case "sp_cursorprepexec":
		return 3
	}
	return -1
}

// null ends a parameter that is NULL.
func (c *rpc) null() {
	if c.arg >= 0 {
		c.args[c.arg].value = token{kind: tokWord, kw: kwNull}
	}
	if c.text {
		c.f.finish(&c.inner, true)
	}
	c.endParam()
}

// part takes a part of a long value.
func (c *rpc) part(b []byte) {
	switch {
	case c.text && c.unicode():
		c.keepHead(b)
		c.f.feed(&c.inner, b)
	case c.arg >= 0:
		c.long = append(c.long, b[:min(len(b), max(0, maxValue+1-len(c.long)))]...)
	}
}

// endLong ends a long value.
func (c *rpc) endLong() {
	switch {
	case c.text:
		c.f.finish(&c.inner, true)
		if !c.unicode() {
			c.outer.unseen(c.name)
		}
	case c.arg >= 0:
		c.args[c.arg].value = valueToken(c.typ, c.long)
		if len(c.long) > maxValue {
			c.args[c.arg].value = token{kind: tokString, lost: true}
		}
	}
	c.endParam()
}

// value takes a whole value with its length.
func (c *rpc) value(b []byte) {
	switch {
	case c.text && c.unicode():
		if len(b) < 2 || b[0] == 0xFF && b[1] == 0xFF {
			c.inner.end()
			return
		}
		b = b[2:]
		c.keepHead(b)
		c.inner.lex.b, c.inner.lex.final = b[:len(b)&^1], true
		c.inner.run()
		c.inner.end()
		c.inner.lex.b = nil
	case c.text:
		c.outer.unseen(c.name)
	case c.arg >= 0:
		c.args[c.arg].value = shortToken(c.typ, b)
	}
}

func (c *rpc) unicode() bool {
	return c.typ.ID == tds.TypeNVarChar || c.typ.ID == tds.TypeNChar || c.typ.ID == tds.TypeNText
}

func (c *rpc) keepHead(b []byte) { c.heads += copy(c.head[c.heads:], b) }

func (c *rpc) endParam() {
	if c.text && c.unicode() && c.name != "sp_prepare" { // which runs nothing
		c.outer.absorb(&c.inner)
	}
	c.n++
	c.state = rpcParam
}

// end returns the verdict.
func (c *rpc) end(complete bool) Verdict {
	r := &c.outer
	if c.text && c.state != rpcParam && c.state != rpcHead {
		c.f.finish(&c.inner, false)
		r.absorb(&c.inner)
	}
	switch {
	case c.state == rpcLost:
	case !complete:
		c.call()
		r.cut()
	case c.state != rpcParam || len(c.carry) > 0:
		c.call()
		r.event(event{kind: pinDoubted, reason: NotUnderstood})
	default:
		c.call()
	}
	r.end()
	if r.v.Pins() || r.v.varied != 0 {
		if r.v.Digest = clip(c.name); c.heads > 0 {
			r.v.Digest = Digest(bytes.Clone(c.head[:c.heads]))
		}
	}
	return r.v
}
