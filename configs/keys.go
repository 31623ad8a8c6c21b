package configs

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Key describes one configuration key.
type Key struct {
	// Path is the name with its groups, as in "proxy.listen_port"; the entries
	// of a list are written as in "buckets[].host".
	Path    string
	Default string // as text; empty when there is none
	Usage   string // one line of help; empty for the entries of lists
	Secret  bool   // never printed, and no flag
	Live    bool   // a reload applies a change without a restart

	typ reflect.Type
}

// InList reports whether the key belongs to the entries of a list, which have
// neither flags nor plain environment variables.
func (k Key) InList() bool { return strings.Contains(k.Path, "[]") }

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
	stringsType  = reflect.TypeFor[[]string]()
)

// Keys returns every key in the order of the types: groups and lists are not
// keys, what is in them is.
func Keys() []Key {
	var keys []Key
	for _, k := range schema() {
		if !k.isGroup() {
			keys = append(keys, k)
		}
	}
	return keys
}

// schema returns every key, groups and lists of groups included.
func schema() []Key {
	return walkType(nil, reflect.ValueOf(base()).Elem(), "", false)
}

func (k Key) isGroup() bool {
	t := k.typ
	for t.Kind() == reflect.Pointer || (t.Kind() == reflect.Slice && t != stringsType) {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

func walkType(keys []Key, v reflect.Value, prefix string, live bool) []Key {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("mapstructure")
		if name == "" {
			continue
		}
		k := Key{
			Path:   prefix + name,
			Usage:  f.Tag.Get("usage"),
			Secret: f.Type == secretType,
			Live:   live || f.Tag.Get("live") == "true",
			typ:    f.Type,
		}
		if k.Default = f.Tag.Get("default"); k.Default == "" && !k.isGroup() && !strings.Contains(prefix, "[]") {
			k.Default = formatValue(v.Field(i))
		}
		keys = append(keys, k)
		switch ft := f.Type; {
		case ft.Kind() == reflect.Struct:
			keys = walkType(keys, v.Field(i), k.Path+".", k.Live)
		case ft.Kind() == reflect.Pointer && ft.Elem().Kind() == reflect.Struct:
			keys = walkType(keys, reflect.New(ft.Elem()).Elem(), k.Path+".", k.Live)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			keys = walkType(keys, reflect.New(ft.Elem()).Elem(), k.Path+"[].", k.Live)
		}
	}
	return keys
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// normalize turns "buckets[3].host" into "buckets[].host" for a look-up.
func normalize(path string) string {
	return indexes.ReplaceAllString(strings.ToLower(path), "[]")
}

func lookup(keys []Key, path string) (Key, bool) {
	path = normalize(path)
	list, isEntry := strings.CutSuffix(path, "[]")
	for _, k := range keys {
		switch {
		case k.Path == path:
			return k, true
		case isEntry && k.Path == list && k.typ.Kind() == reflect.Slice:
			k.typ = k.typ.Elem()
			return k, true
		}
	}
	return Key{}, false
}

func bucketKey(i int, name string) string { return fmt.Sprintf("buckets[%d].%s", i, name) }
func userKey(i int, name string) string   { return fmt.Sprintf("auth.users[%d].%s", i, name) }
func routeKey(i int, name string) string  { return fmt.Sprintf("routes[%d].%s", i, name) }

// formatValue writes a value the way a file would hold it.
func formatValue(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return formatDuration(x)
	case []string:
		return strings.Join(x, ",")
	case Secret:
		return x.String()
	}
	return fmt.Sprint(v.Interface())
}

// formatDuration is time.Duration's String without its trailing zero units.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
