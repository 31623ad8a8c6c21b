package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a document after its aliases are expanded, so that a few lines of
// aliases of aliases, or an alias inside itself, cannot fill the memory.
const (
	maxNodes = 1 << 17
	maxDepth = 32
)

var errTooLarge = errors.New("too large or too deep once its aliases are expanded")

// privatePrefix begins top-level keys that are skipped: a place for anchors
// that other parts of the file refer to.
const privatePrefix = "x-"

// document is one YAML file as nested map[string]any and []any. Scalars stay
// the text they were written as: the decoder knows what type each key wants,
// YAML would only guess (off, 1e3, 0123).
type document struct {
	root    map[string]any
	origins origins
}

// parseDocument reads one YAML document. Problems with single keys (repeats)
// go to ps; the returned error means that nothing of the file can be used. No
// error repeats a value, which might be a secret.
func parseDocument(source string, data []byte, ps *problems) (document, error) {
	doc := document{root: map[string]any{}, origins: origins{}}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var node yaml.Node
	if err := dec.Decode(&node); err != nil {
		if errors.Is(err, io.EOF) { // an empty file sets nothing
			return doc, nil
		}
		return doc, errors.New(withoutQuotes(err.Error()))
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return doc, errors.New("more than one YAML document, separated by ---")
	}
	b := builder{source: source, origins: doc.origins, problems: ps, left: maxNodes}
	value, err := b.value(&node, "")
	if err != nil {
		return doc, err
	}
	switch root := value.(type) {
	case nil:
	case map[string]any:
		doc.root = root
		for name := range root {
			if strings.HasPrefix(name, privatePrefix) {
				delete(root, name)
			}
		}
	default:
		return doc, errors.New("not a list of keys and values")
	}
	return doc, nil
}

// withoutQuotes cuts what a YAML error quotes: `*secret` without quotation
// marks is an unknown anchor whose name is a password.
func withoutQuotes(s string) string {
	if i := strings.IndexAny(s, "'`\""); i >= 0 {
		return strings.TrimSpace(s[:i]) + " (the text is not shown here; does a value that begins with a special character lack quotation marks?)"
	}
	return s
}

// builder turns YAML nodes into values and notes where each came from.
type builder struct {
	source   string
	origins  origins
	problems *problems
	left     int // nodes that may still come
	depth    int
}

// enter counts a node and a level; the caller leaves the level by leave.
func (b *builder) enter() error {
	b.left--
	b.depth++
	if b.left < 0 || b.depth > maxDepth {
		return errTooLarge
	}
	return nil
}

func (b *builder) leave() { b.depth-- }

func (b *builder) value(n *yaml.Node, path string) (any, error) {
	defer b.leave()
	if err := b.enter(); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return b.value(n.Content[0], path)
	case yaml.AliasNode:
		return b.value(n.Alias, path)
	case yaml.MappingNode:
		b.note(path, n, "")
		m := map[string]any{}
		if err := b.fill(m, n, path, false); err != nil {
			return nil, err
		}
		return m, nil
	case yaml.SequenceNode:
		b.note(path, n, "")
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = b.value(item, indexPath(path, i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	if n.Tag == "!!null" {
		return nil, nil
	}
	b.note(path, n, n.Value)
	return n.Value, nil
}

// fill puts the pairs of mapping n into m. Pairs that come by a merge key (<<)
// do not override what is there, as YAML says.
func (b *builder) fill(m map[string]any, n *yaml.Node, path string, merged bool) error {
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key must be a plain text", k.Line)
		}
		// Keys are the same in upper and lower case.
		name := strings.ToLower(k.Value)
		key := joinPath(path, name)
		if _, there := m[name]; there {
			if !merged {
				p := at(origin{source: b.source, line: k.Line}, key)
				p.Want = fmt.Sprintf("must be given once, it is on line %d already", b.origins[key].line)
				// Not add: what is inside the group is judged all the same.
				b.problems.list = append(b.problems.list, p)
			}
			continue
		}
		if _, there := b.origins[key]; !there {
			b.origins[key] = origin{source: b.source, line: k.Line}
		}
		value, err := b.value(v, key)
		if err != nil {
			return err
		}
		m[name] = value
	}
	return b.merge(m, merges, path)
}

func (b *builder) merge(m map[string]any, from []*yaml.Node, path string) error {
	defer b.leave()
	if err := b.enter(); err != nil {
		return err
	}
	for _, n := range from {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var err error
		switch n.Kind {
		case yaml.MappingNode:
			err = b.fill(m, n, path, true)
		case yaml.SequenceNode:
			err = b.merge(m, n.Content, path)
		default:
			err = fmt.Errorf("line %d: << takes a group of keys", n.Line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) note(path string, n *yaml.Node, text string) {
	if path != "" {
		b.origins[path] = origin{source: b.source, line: n.Line, text: text}
	}
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func indexPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
