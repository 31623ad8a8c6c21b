package configs

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// reference is the reference without its tables. {{table PREFIX ...}} stands for
// those of the keys that begin with one of the prefixes, {{retired}} for the
// table of keys without a meaning.
//
//go:embed doc_reference.md
var reference string

// usageRetired is the usage of keys that are accepted and do nothing.
const usageRetired = "no longer used"

// WriteReference writes docs/configuration.md: every key with its default and
// its meaning, in Markdown.
func WriteReference(w io.Writer) error {
	t, err := template.New("reference").Funcs(template.FuncMap{
		"table":   func(prefixes ...string) string { return table(keysOf(prefixes)) },
		"retired": func() string { return table(retiredKeys()) },
	}).Parse(reference)
	if err != nil {
		return fmt.Errorf("reference of the configuration: %w", err)
	}
	if err := t.Execute(w, nil); err != nil {
		return fmt.Errorf("reference of the configuration: %w", err)
	}
	return nil
}

func keysOf(prefixes []string) []Key {
	var keys []Key
	for _, k := range Keys() {
		for _, prefix := range prefixes {
			if strings.HasPrefix(k.Path, prefix) && k.Usage != usageRetired {
				keys = append(keys, k)
				break
			}
		}
	}
	return keys
}

func retiredKeys() []Key {
	var keys []Key
	for _, k := range Keys() {
		if k.Usage == usageRetired {
			keys = append(keys, k)
		}
	}
	return keys
}

func table(keys []Key) string {
	var b strings.Builder
	b.WriteString("| Key | Default | Meaning |\n|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "| `%s` |%s| %s |\n", k.Path, k.shownDefault(), k.marks()+k.meaning())
		for _, old := range slices.Sorted(maps.Keys(renamed)) {
			if now := renamed[old]; now == k.Path {
				fmt.Fprintf(&b, "| `%s` | | Older name of `%s`. Setting both to different values is an error. |\n", old, now)
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shownDefault returns the cell of the default. What is no text to write into a
// file, such as "host name", is not shown as one.
func (k Key) shownDefault() string {
	switch {
	case k.Default == "":
		return " "
	case strings.Contains(k.Default, " "), k.InList() && k.Default == "required":
		return " " + k.Default + " "
	}
	return " `" + k.Default + "` "
}

func (k Key) marks() string {
	switch {
	case k.Live && k.Secret:
		return "*Live, secret.* "
	case k.Live:
		return "*Live.* "
	case k.Secret:
		return "*Secret.* "
	}
	return ""
}

func (k Key) meaning() string {
	if text := meanings[k.Path]; text != "" || k.Usage == "" {
		return text
	}
	return strings.ToUpper(k.Usage[:1]) + k.Usage[1:] + "."
}
