package configs

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
)

// decode writes the values of m over those of c. What does not fit its key and
// what fits no key goes to ps, with the place that from knows.
func decode(m map[string]any, c *Config, from origins, ps *problems) {
	keys := schema()
	unknownKeys(m, "", keys, from, ps)
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook:           mapstructure.DecodeHookFuncType(fromText),
		Result:               c,
		TagName:              "mapstructure",
		IgnoreUntaggedFields: true,
	})
	if err != nil { // the result is no pointer: cannot be
		ps.add(Problem{Want: "a decoder", Err: err})
		return
	}
	for _, e := range decodeErrors(dec.Decode(m)) {
		k, _ := lookup(keys, e.Name())
		place, _ := from.find(e.Name())
		p := at(place, e.Name())
		p.Value, p.Want, p.Err = shown(k, place), wanted(k.typ), errors.Unwrap(e)
		ps.add(p)
	}
}

// unknownKeys reports the keys of m that are none. The decoder's own list of
// unused keys leaves out the keys of every group with another mistake in it.
func unknownKeys(m map[string]any, path string, keys []Key, from origins, ps *problems) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		key := joinPath(path, name)
		known, ok := lookup(keys, key)
		if !ok {
			// The value is not shown: a misspelt password is one still.
			place, _ := from.find(key)
			p := at(place, key)
			p.Want = unknownKey(keys, key)
			ps.add(p)
			continue
		}
		if !known.isGroup() {
			continue
		}
		switch v := m[name].(type) {
		case map[string]any:
			if known.typ.Kind() != reflect.Slice {
				unknownKeys(v, key, keys, from, ps)
			}
		case []any:
			for i, item := range v {
				if entry, ok := item.(map[string]any); ok {
					unknownKeys(entry, indexPath(key, i), keys, from, ps)
				}
			}
		}
	}
}

// decodeErrors returns the errors of single keys inside a decoder's error.
func decodeErrors(err error) []*mapstructure.DecodeError {
	if err == nil {
		return nil
	}
	if one, ok := err.(*mapstructure.DecodeError); ok { //nolint:errorlint // walks the tree itself
		if inner := decodeErrors(one.Unwrap()); len(inner) > 0 {
			return inner
		}
		return []*mapstructure.DecodeError{one}
	}
	var all []*mapstructure.DecodeError
	switch w := err.(type) { //nolint:errorlint // walks the tree itself
	case interface{ Unwrap() []error }:
		for _, e := range w.Unwrap() {
			all = append(all, decodeErrors(e)...)
		}
	case interface{ Unwrap() error }:
		all = decodeErrors(w.Unwrap())
	}
	return all
}

// shown returns the text of a value for an error message. A text in the place
// of a group is not shown: nobody knows what it is.
func shown(k Key, from origin) string {
	if k.typ == nil || k.isGroup() {
		return ""
	}
	if k.Secret {
		return Secret(from.text).String()
	}
	return from.text
}

var errNotOfType = errors.New("not of the type of its key")

// fromText is the decoder's hook that turns the text of a scalar into what its
// key holds; other values pass.
func fromText(from, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if !ok {
		if data != nil && to.Kind() == reflect.String {
			return nil, errNotOfType
		}
		return data, nil
	}
	switch to {
	case durationType:
		return parseDuration(text)
	case stringsType:
		return splitList(text), nil
	case secretType:
		return Secret(text), nil
	}
	switch to.Kind() {
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errNotOfType
		}
		return n, nil
	case reflect.Bool:
		return parseBool(text)
	case reflect.String:
		if to.PkgPath() != "" { // one of our sets of words
			return strings.ToLower(text), nil
		}
		return text, nil
	}
	return data, nil
}

// parseDuration reads a Go duration, or a plain number as seconds.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		ns := seconds * float64(time.Second)
		if math.IsNaN(ns) || math.Abs(ns) >= math.MaxInt64 {
			return 0, errNotOfType
		}
		return time.Duration(ns), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errNotOfType
	}
	return d, nil
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errNotOfType
}

// splitList splits "a, b" into its parts; an empty text has none.
func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// wanted says in words what a value of type t looks like.
func wanted(t reflect.Type) string {
	if t == nil {
		return "a known key"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case durationType:
		return "must be a duration such as 500ms, 30s or 1h30m, or a number of seconds"
	case stringsType:
		return "must be a list of texts"
	}
	switch t.Kind() {
	case reflect.Int:
		return "must be a whole number"
	case reflect.Bool:
		return "must be true or false"
	case reflect.String:
		return "must be a text"
	case reflect.Slice:
		return "must be a list, each entry beginning with a dash"
	}
	return "must be a group of keys"
}

// unknownKey says that a key does not exist, and which one may be meant.
func unknownKey(keys []Key, name string) string {
	name = normalize(name)
	if best := suggest(keys, name); best != "" {
		group, leaf := splitKey(best)
		if own, _ := splitKey(name); own == group {
			best = leaf
		}
		return fmt.Sprintf("unknown key, did you mean %s?", best)
	}
	return "unknown key"
}
