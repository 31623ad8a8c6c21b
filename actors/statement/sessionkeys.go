package statement

import (
	"slices"
	"strings"
)

// maxKeys bounds the session context that is followed, in bytes of text.
const maxKeys = 1024

// key separators cannot occur in what is kept: such keys pin.
const (
	keyEnd   = "\x00"
	valueEnd = "\x01"
)

// Session context is kept as key, keyEnd, literal, valueEnd, ..., ordered by
// key, so that equal contexts are equal strings. Keys that differ in case may be
// the same one for a server: a second spelling is not followed.

// setKey sets a key to a literal. It returns false if it cannot be followed.
func (s *Settings) setKey(key, literal string) bool {
	if key == "" || strings.ContainsAny(key+literal, keyEnd+valueEnd) || s.unknown.Has(SessionKeys) {
		return false
	}
	list := splitKeys(s.keys)
	kept := list[:0]
	for _, e := range list {
		k, _, _ := strings.Cut(e, keyEnd)
		if k != key && equalFold(k, key) {
			return false
		}
		if k != key {
			kept = append(kept, e)
		}
	}
	if literal != "NULL" {
		kept = append(kept, key+keyEnd+literal)
	}
	slices.Sort(kept)
	keys := strings.Join(kept, valueEnd)
	if len(keys) > maxKeys {
		return false
	}
	s.keys = keys
	return true
}

func splitKeys(keys string) []string {
	if keys == "" {
		return nil
	}
	return strings.Split(keys, valueEnd)
}

// replayKeys appends the calls that turn one session context into another.
func replayKeys(dst []string, from, to string) []string {
	have, want := splitKeys(from), splitKeys(to)
	for _, e := range have {
		k, _, _ := strings.Cut(e, keyEnd)
		if !slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, k+keyEnd) }) {
			dst = append(dst, setContextCall(k, "NULL"))
		}
	}
	for _, e := range want {
		if !slices.Contains(have, e) {
			k, v, _ := strings.Cut(e, keyEnd)
			dst = append(dst, setContextCall(k, v))
		}
	}
	return dst
}

func setContextCall(key, literal string) string {
	return "EXEC sys.sp_set_session_context " + quote("N'", key) + ", " + literal
}

// quote spells a string literal; open is ' or N'.
func quote(open, s string) string { return open + strings.ReplaceAll(s, "'", "''") + "'" }

// bracket spells a delimited name.
func bracket(s string) string { return "[" + strings.ReplaceAll(s, "]", "]]") + "]" }
