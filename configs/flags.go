package configs

import (
	"reflect"

	"github.com/spf13/pflag"
)

// RegisterFlags adds one flag per key to fs, named as the key, as in
// --proxy.listen_port. Entries of lists and secrets have none: a command line
// is visible to every user of the machine. Pass fs to [Load] once it is parsed.
func RegisterFlags(fs *pflag.FlagSet) {
	for _, k := range Keys() {
		if k.InList() || k.Secret {
			continue
		}
		f := fs.VarPF(&flagText{text: k.Default, kind: flagKind(k.typ)}, k.Path, "", k.Usage)
		if k.typ.Kind() == reflect.Bool {
			f.NoOptDefVal = "true"
		}
	}
}

// flagText keeps the text of a flag: it is judged with all other values, so
// that all mistakes are reported at once.
type flagText struct{ text, kind string }

func (f *flagText) String() string         { return f.text }
func (f *flagText) Type() string           { return f.kind }
func (f *flagText) Set(given string) error { f.text = given; return nil }

// flagKind is the word for the value in the help. It avoids pflag's own type
// names, which would make viper convert the text.
func flagKind(t reflect.Type) string {
	switch {
	case t == durationType:
		return "time"
	case t == stringsType:
		return "list"
	case t.Kind() == reflect.Int:
		return "number"
	case t.Kind() == reflect.Bool:
		return "true|false"
	}
	return "text"
}
