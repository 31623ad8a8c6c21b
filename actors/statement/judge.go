package statement

// Judge judges requests. The zero value trusts unseen code.
type Judge struct {
	Unseen Policy
}

// Batch judges the text of a SQL batch (UTF-16LE, after ALL_HEADERS) of a client
// with settings s. If the text is not complete, what is missing pins.
func (j Judge) Batch(text []byte, complete bool, s Settings) Verdict {
	return j.text(text, complete, s, false)
}

// Text judges text that runs in a scope of its own, such as the first parameter
// of sp_executesql: what it sets is undone at its end, and its temporary tables
// are dropped.
func (j Judge) Text(text []byte, complete bool, s Settings) Verdict {
	return j.text(text, complete, s, true)
}

func (j Judge) text(text []byte, complete bool, s Settings, nested bool) Verdict {
	var r reader
	r.begin(j, s, nested, 0)
	r.lex.b, r.lex.final = text[:len(text)&^1], complete
	r.run()
	if !complete {
		r.cut()
	}
	r.end()
	r.leave()
	r.v.digest(text)
	return r.v
}

// Procedure judges a procedure called by name whose parameters are not seen.
func (j Judge) Procedure(name string, s Settings) Verdict {
	var r reader
	r.begin(j, s, false, 0)
	r.call(lastPart(name), nil, false)
	r.ran = true
	r.end()
	if r.v.Pins() || r.v.varied != 0 {
		r.v.Digest = clip(name)
	}
	return r.v
}

// digest notes the text if the request changes anything.
func (v *Verdict) digest(text []byte) {
	if v.Pins() || v.varied != 0 {
		v.Digest = Digest(text)
	}
}
