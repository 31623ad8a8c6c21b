package configs

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Dump returns the configuration as YAML, in the form Load reads, with secrets
// masked and a comment behind each value that is not a default, saying where it
// was given.
func (c *Config) Dump() string {
	node := c.node(reflect.ValueOf(c).Elem(), "")
	out, err := yaml.Marshal(node)
	if err != nil { // a tree of texts has nothing that could fail
		return "configuration not printable: " + err.Error() + "\n"
	}
	return string(out)
}

// String returns what Dump returns.
func (c *Config) String() string { return c.Dump() }

func (c *Config) node(v reflect.Value, path string) *yaml.Node {
	switch {
	case v.Kind() == reflect.Pointer:
		return c.node(v.Elem(), path)
	case v.Kind() == reflect.Struct:
		return c.group(v, path)
	case v.Kind() == reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, c.node(v.Index(i), indexPath(path, i)))
		}
		if v.Len() == 0 || v.Type() == stringsType {
			n.Style = yaml.FlowStyle
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: formatValue(v)}
	if v.Kind() == reflect.String {
		n.Tag = "!!str" // makes the encoder quote what would read as a number
		if _, err := parseBool(n.Value); err == nil {
			n.Style = yaml.DoubleQuotedStyle // a bool to older readers
		}
	}
	if from, exact := c.origins.find(path); exact && !strings.HasSuffix(path, "]") {
		n.LineComment = from.String()
	}
	return n
}

func (c *Config) group(v reflect.Value, path string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("mapstructure"), v.Field(i)
		if name == "" || (f.Kind() == reflect.Pointer && f.IsNil()) {
			continue
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, c.node(f, joinPath(path, name)))
	}
	return n
}
