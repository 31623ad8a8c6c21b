package statement

import "strings"

// maxLater is how many values of a text may come as parameters.
const maxLater = 4

// pending is a value that a text takes from a parameter of its sp_executesql,
// which comes after the text: of a session context key, or CONTEXT_INFO.
type pending struct {
	option   Option
	key      string
	variable string // with its @
}

// waitFor notes that a value comes with a parameter. That is certain only while
// nothing ran that can assign to variables: all statements so far were of this
// kind. It returns false if the value cannot be known.
func (r *reader) waitFor(o Option, key string, t *token) bool {
	if !r.params || t.kind != tokVar || r.cond || r.dry() != 0 || r.statements != r.pendings || r.pendings == maxLater {
		return false
	}
	r.later[r.pendings] = pending{o, key, t.value()}
	r.pendings++
	return true
}

// wanted returns the place among those waited for of a parameter, or -1.
func (r *reader) wanted(name []byte) int {
	for i := range r.pendings {
		if len(name) > 0 && is(name, strings.ToUpper(r.later[i].variable)) {
			return i
		}
	}
	return -1
}

// arrive takes over the values that a text waited for; args are the parameters
// in the places that wanted gave.
func (r *reader) arrive(n *reader, args []argument) {
	const both = 1<<SessionKeys | 1<<ContextInfo
	for i := range n.pendings {
		p := &n.later[i]
		value := argument{}
		for k := range args {
			if equalFold(args[k].name, p.variable) {
				value = args[k]
			}
		}
		next := r.v.Settings
		literal, ok := value.literal()
		switch {
		case n.v.varied&both != 0: // the text sets it again later
			ok = false
		case p.option == ContextInfo:
			ok = ok && value.value.kind == tokBinary && next.setContextInfo(literal)
		default:
			ok = ok && next.setKey(p.key, literal)
		}
		switch {
		case ok:
			r.assign(&next, false)
		case p.option == ContextInfo:
			next = r.v.Settings.Forget(1 << ContextInfo)
			r.assign(&next, true)
		default:
			r.event(event{kind: pinMade, reason: SessionContext, name: known(p.key)})
		}
	}
}
