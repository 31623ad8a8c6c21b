package tsql

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

func (r *runner) print(x *printStmt) error {
	v, t, err := r.eval(x.e, false)
	if err != nil {
		return err
	}
	s := ""
	if v != nil {
		if s, err = toText(v, t, convOpts{}); err != nil {
			return err
		}
	}
	limit := 8000
	if t.isNational() {
		limit = 4000
	}
	r.s.lastErr = 0
	r.sink.Message(Message{Class: 0, State: 1, Text: cutString(s, limit, t), Proc: r.f.proc, Line: x.line})
	return nil
}

func (r *runner) raise(x *raiseStmt) error {
	vals := make([]Value, 0, len(x.args))
	for _, a := range x.args {
		v, _, err := r.eval(a, false)
		if err != nil {
			return err
		}
		vals = append(vals, v)
	}
	msg, mt, err := r.eval(x.msg, false)
	if err != nil {
		return err
	}
	class, err := r.evalInt(x.class)
	if err != nil {
		return err
	}
	state, err := r.evalInt(x.state)
	if err != nil {
		return err
	}
	const number = 50000
	text := ""
	if mt.isInt() {
		n, _ := toInt(msg)
		if n < 13000 {
			return errf(2732, "Error number %d is invalid. The number must be from 13000 through 2147483647 and it cannot be 50000.", n)
		}
		return errf(18054, "Error %d, severity %d, state %d was raised, but no message with that error number was found in sys.messages. If error is larger than 50000, make sure the user-defined message is added using sp_addmessage.", n, class, state)
	}
	if msg != nil {
		if text, err = toText(msg, mt, convOpts{}); err != nil {
			return err
		}
	}
	if text, err = formatMessage(text, vals); err != nil {
		return err
	}
	if class > 18 && !x.log {
		return errf(2754, "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.")
	}
	if state < 0 || state > 255 {
		state = 1
	}
	class = max(0, min(class, 25))
	e := &sqlError{msg: Message{Number: number, Class: byte(class), State: byte(state), Text: clip(text, 8000), Line: x.line, Proc: r.f.proc}, raised: true}
	if class <= 10 {
		if class == 10 {
			e.msg.Class = 0
		}
		r.s.lastErr = 0
		if x.setError {
			r.s.lastErr = number
		}
		r.message(e)
		return nil
	}
	return e
}

func (r *runner) evalInt(e expr) (int64, error) {
	v, t, err := r.eval(e, false)
	if err != nil {
		return 0, err
	}
	if v, err = convert(v, t, tInt, convOpts{}); err != nil {
		return 0, err
	}
	n, _ := toInt(v)
	return n, nil
}

// formatMessage fills in the printf-like marks of RAISERROR and FORMATMESSAGE.
func formatMessage(f string, args []Value) (string, error) {
	var b strings.Builder
	n := 0
	next := func() (Value, bool) {
		n++
		if n > len(args) {
			return nil, false
		}
		return args[n-1], true
	}
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		i++
		spec := "%"
		for i < len(f) && strings.IndexByte("-+0# .*123456789", f[i]) >= 0 {
			if f[i] == '*' {
				v, _ := next()
				w, _ := toInt(v)
				spec += strconv.FormatInt(max(-8000, min(w, 8000)), 10)
			} else {
				spec += string(f[i])
			}
			i++
		}
		for i < len(f) && (f[i] == 'l' || f[i] == 'h' || f[i] == 'I' || f[i] == '6' || f[i] == '4') {
			i++
		}
		if i >= len(f) {
			break
		}
		if len(spec) > 12 {
			return "", errf(2787, "Invalid format specification: '%s'.", clip(spec, 20))
		}
		switch f[i] {
		case '%':
			b.WriteByte('%')
		case 'd', 'i', 'u', 'o', 'x', 'X':
			v, ok := next()
			k, isInt := toInt(v)
			switch {
			case !ok || v == nil:
				b.WriteString("(null)")
			case !isInt:
				return "", errf(2786, "The data type of substitution parameter %d does not match the expected type of the format specification.", n)
			default:
				verb := string(f[i])
				if verb == "i" || verb == "u" {
					verb = "d"
				}
				fmt.Fprintf(&b, spec+verb, k)
			}
		case 's':
			v, ok := next()
			s, isStr := v.(string)
			switch {
			case !ok || v == nil:
				s = "(null)"
			case !isStr:
				return "", errf(2786, "The data type of substitution parameter %d does not match the expected type of the format specification.", n)
			}
			fmt.Fprintf(&b, spec+"s", s)
		default:
			return "", errf(2787, "Invalid format specification: '%s'.", spec+string(f[i]))
		}
	}
	return b.String(), nil
}

func (r *runner) throw(x *throwStmt) error {
	if x.number == nil {
		if len(r.s.caught) == 0 {
			return abortf(10704, "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.").class(15)
		}
		e := *r.s.caught[len(r.s.caught)-1]
		e.throws = true
		return &e
	}
	n, err := r.evalInt(x.number)
	if err != nil {
		return err
	}
	if n < 50000 {
		return errf(35100, "Error number %d in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.", n)
	}
	v, t, err := r.eval(x.msg, false)
	if err != nil {
		return err
	}
	text := ""
	if v != nil {
		if text, err = toText(v, t, convOpts{}); err != nil {
			return err
		}
	}
	state, err := r.evalInt(x.state)
	if err != nil {
		return err
	}
	return &sqlError{msg: Message{Number: int32(n), Class: 16, State: byte(state), Text: text, Line: x.line, Proc: r.f.proc}, ends: endsBatch, throws: true}
}

// wait runs WAITFOR DELAY and WAITFOR TIME.
func (r *runner) wait(x *waitStmt) error {
	v, t, err := r.eval(x.e, false)
	if err != nil {
		return err
	}
	var d time.Duration
	switch val := v.(type) {
	case nil:
		return errors.Join(nil)
	case string:
		p := timeParser{s: val, order: "mdy"}
		at, ok := p.parse()
		if !ok {
			return errf(148, "Incorrect time syntax in time string '%s' used with WAITFOR.", val).class(15)
		}
		d = at.Sub(dateOf(at))
	case time.Time:
		d = val.Sub(dateOf(val))
	default:
		return errf(9815, "Waitfor delay and waitfor time cannot be of type %s.", kindNames[t.kind])
	}
	if x.until {
		now := time.Now().UTC()
		if d -= now.Sub(dateOf(now)); d < 0 {
			d += 24 * time.Hour
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	r.plain(cmdNone)
	return nil
}
