package configs

import "reflect"

// Value is one key with its value as text, secrets masked.
type Value struct {
	Key, Value string
	From       string // where it was given; "default" if nowhere
	Live       bool   // a reload applies a change
}

// Values returns every key that has a value, those in lists once per entry, in
// the order of the types.
func (c *Config) Values() []Value {
	return c.values(nil, reflect.ValueOf(c).Elem(), "", schema())
}

func (c *Config) values(all []Value, v reflect.Value, path string, keys []Key) []Value {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return c.values(all, v.Elem(), path, keys)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("mapstructure"); name != "" {
				all = c.values(all, v.Field(i), joinPath(path, name), keys)
			}
		}
		return all
	case v.Kind() == reflect.Slice && v.Type() != stringsType:
		for i := range v.Len() {
			all = c.values(all, v.Index(i), indexPath(path, i), keys)
		}
		return all
	}
	k, _ := lookup(keys, path)
	from := "default"
	if o, exact := c.origins.find(path); exact {
		from = o.String()
	}
	return append(all, Value{Key: path, Value: formatValue(v), From: from, Live: k.Live})
}
