package configs

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Sources says where the configuration comes from, in rising priority: the
// defaults, Files in their order, the environment, Flags.
type Sources struct {
	Files []string       // YAML files; a key of a later one wins, lists are replaced as a whole
	Flags *pflag.FlagSet // parsed, from RegisterFlags; nil for none
}

// Load reads, merges and validates the configuration. An error is an [*Error]
// with every problem found; the Config is nil then.
func Load(src Sources) (*Config, error) {
	var files []file
	var ps problems
	for _, path := range src.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			ps.add(Problem{Source: path, Want: "must be a readable file: " + err.Error(), Err: err})
			continue
		}
		files = append(files, file{name: path, data: data})
	}
	return load(files, src.Flags, &ps)
}

type file struct {
	name string // as errors show it
	data []byte
}

// renamed maps the older name of a key to the one it has now.
var renamed = map[string]string{"proxy.pinning_mode": "proxy.pooling"}

func load(files []file, flags *pflag.FlagSet, ps *problems) (*Config, error) {
	v := viper.New()
	given := origins{}
	var warnings []string
	for _, f := range files {
		doc, err := parseDocument(f.name, f.data, ps)
		if err != nil {
			ps.add(Problem{Source: f.name, Want: "must be YAML: " + err.Error(), Err: err})
			continue
		}
		renameOld(doc, ps)
		// Each file is decoded by itself as well: a mistake counts even when
		// a later layer hides it.
		decode(doc.root, base(), doc.origins, ps)
		for _, list := range []string{"buckets", "routes", "auth.users", "admin.users"} {
			if given.has(list) && doc.origins.has(list) {
				warnings = append(warnings, fmt.Sprintf("%s: the list %s of %s is replaced as a whole", f.name, list, given[list].source))
			}
		}
		given.overlay(doc.origins)
		if err := v.MergeConfigMap(withoutNulls(doc.root)); err != nil {
			ps.add(Problem{Source: f.name, Want: "must be mergeable: " + err.Error(), Err: err})
		}
	}
	names, fromEnv, err := bindEnv(v)
	if err != nil {
		ps.add(Problem{Want: err.Error(), Err: err})
	}
	given.overlay(fromEnv)
	fromFlags, err := bindFlags(v, flags)
	if err != nil {
		ps.add(Problem{Want: err.Error(), Err: err})
	}
	given.overlay(fromFlags)

	merged := v.AllSettings()
	listEnv(merged, names, given, ps)
	c := base()
	decode(merged, c, given, ps)
	c.origins = given
	c.resolve()
	c.validate(ps)
	c.checkFiles(ps)
	c.origins = given.withoutTexts()
	if err := ps.err(); err != nil {
		return nil, err
	}
	c.Warnings = slices.Concat(warnings, unknownEnv(names), c.remarks())
	return c, nil
}

// renameOld gives keys of doc that have a newer name that name.
func renameOld(doc document, ps *problems) {
	proxy, _ := doc.root["proxy"].(map[string]any)
	old, there := proxy["pinning_mode"]
	if !there {
		return
	}
	delete(proxy, "pinning_mode")
	from := doc.origins["proxy.pinning_mode"]
	delete(doc.origins, "proxy.pinning_mode")
	if now, both := proxy["pooling"]; both {
		if now != old {
			p := at(from, "proxy.pinning_mode")
			p.Value, p.Want = from.text, "must be left out: it is the older name of proxy.pooling, which is set as well"
			ps.add(p)
		}
		return
	}
	proxy["pooling"] = old
	doc.origins["proxy.pooling"] = from
}

// bindFlags makes v read the flags that were given and returns their origins.
func bindFlags(v *viper.Viper, flags *pflag.FlagSet) (origins, error) {
	given := origins{}
	if flags == nil {
		return given, nil
	}
	for _, k := range Keys() {
		f := flags.Lookup(k.Path)
		if f == nil || !f.Changed {
			continue
		}
		if err := v.BindPFlag(k.Path, f); err != nil {
			return nil, fmt.Errorf("binding --%s: %w", k.Path, err)
		}
		given[k.Path] = origin{source: "--" + k.Path, text: f.Value.String()}
	}
	return given, nil
}

// withoutNulls drops keys without a value, which leave what is below them.
func withoutNulls(m map[string]any) map[string]any {
	kept := make(map[string]any, len(m))
	for name, value := range m {
		switch v := value.(type) {
		case nil:
		case map[string]any:
			kept[name] = withoutNulls(v)
		default:
			kept[name] = v
		}
	}
	return kept
}
