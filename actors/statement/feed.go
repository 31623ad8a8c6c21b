package statement

import "bytes"

// feeder gives a reader its text in parts.
type feeder struct {
	carry []byte // what the parts before left unread
}

// feed judges the next part, which is not kept.
func (f *feeder) feed(r *reader, part []byte) {
	b := part
	if len(f.carry) > 0 {
		f.carry = append(f.carry, part...)
		b = f.carry
	}
	r.lex.b, r.lex.pos, r.lex.final = b[:len(b)&^1], 0, false
	r.run()
	r.save()
	f.carry = append(f.carry[:0], b[r.lex.pos:]...)
	r.lex.b = nil
}

// finish judges what is left, with which the text ends, or goes on unseen.
func (f *feeder) finish(r *reader, complete bool) {
	r.lex.b, r.lex.pos, r.lex.final = f.carry[:len(f.carry)&^1], 0, complete
	r.run()
	if !complete {
		r.cut()
	}
	r.end()
	f.carry = f.carry[:0]
}

// save copies the texts of tokens that are still needed out of the input.
func (r *reader) save() {
	for ; r.saved < r.n; r.saved++ {
		r.toks[r.saved].text = bytes.Clone(r.toks[r.saved].text)
	}
	if r.into == 2 {
		r.target.text = bytes.Clone(r.target.text)
	}
}
