package configs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// envPrefix begins the name of every environment variable that is read.
const envPrefix = "SLUICE_"

// envName returns the variable of a key: SLUICE_PROXY_LISTEN_PORT for
// proxy.listen_port.
func envName(path string) string {
	return envPrefix + envWord(path)
}

var notEnvLetters = regexp.MustCompile(`[^A-Z0-9]`)

func envWord(s string) string {
	return notEnvLetters.ReplaceAllString(strings.ToUpper(s), "_")
}

// bindEnv makes v read the variables of all keys outside lists and returns
// the names it listens to and the origins of those that are set.
func bindEnv(v *viper.Viper) (names map[string]bool, given origins, err error) {
	names, given = map[string]bool{}, origins{}
	for _, k := range Keys() {
		if k.InList() {
			continue
		}
		bound := []string{envName(k.Path)}
		for old, now := range renamed {
			if now == k.Path {
				bound = append(bound, envName(old))
			}
		}
		if err := v.BindEnv(append([]string{k.Path}, bound...)...); err != nil {
			return nil, nil, fmt.Errorf("binding %s: %w", bound[0], err)
		}
		for _, name := range slices.Backward(bound) { // the first one wins
			names[name] = true
			if text := os.Getenv(name); text != "" {
				given[k.Path] = origin{source: name, text: text}
			}
		}
	}
	return names, given, nil
}

// listEnv puts variables of list entries, as in SLUICE_BUCKETS_<ID>_PASSWORD
// SLUICE_AUTH_USERS_<USER>_PASSWORD and SLUICE_ADMIN_USERS_<USER>_PASSWORD, into the lists of m. It adds their
// names to names and their origins to given.
func listEnv(m map[string]any, names map[string]bool, given origins, ps *problems) {
	auth, _ := m["auth"].(map[string]any)
	admin, _ := m["admin"].(map[string]any)
	lists := []struct {
		entries any
		path    string // of the list
		named   string // key that names an entry
	}{
		{m["buckets"], "buckets", "id"},
		{auth["users"], "auth.users", "user"},
		{admin["users"], "admin.users", "user"},
	}
	keys := Keys()
	for _, l := range lists {
		entries, _ := l.entries.([]any)
		for i, e := range entries {
			entry, ok := e.(map[string]any)
			id, _ := entry[l.named].(string)
			if !ok || id == "" {
				continue
			}
			for _, k := range keys {
				name, found := strings.CutPrefix(k.Path, l.path+"[].")
				if !found || name == l.named {
					continue
				}
				variable := envName(l.path) + "_" + envWord(id) + "_" + envWord(name)
				text := os.Getenv(variable)
				if text == "" {
					continue
				}
				key := fmt.Sprintf("%s[%d].%s", l.path, i, name)
				if names[variable] {
					ps.add(Problem{Source: variable, Key: key, Want: "names two entries of the list; rename one or set the key in a file"})
				}
				names[variable] = true
				given[key] = origin{source: variable, text: text}
				setPath(entry, strings.Split(name, "."), text)
			}
		}
	}
}

func setPath(m map[string]any, path []string, text string) {
	for _, name := range path[:len(path)-1] {
		inner, ok := m[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[name] = inner
		}
		m = inner
	}
	m[path[len(path)-1]] = text
}

// serviceLink matches what Kubernetes sets for a service whose name begins
// with "sluice".
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// unknownEnv warns of variables that look meant for us and are read by nobody.
// It is no error: whatever else runs on the machine may set them.
func unknownEnv(names map[string]bool) []string {
	keys := Keys()
	var warnings []string
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || names[name] || serviceLink.MatchString(name) ||
			(strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")) {
			continue
		}
		text := "environment variable " + name + " is not read: it stands for no key"
		best, cost := "", 4
		for _, k := range keys {
			if d := distance(name, envName(k.Path)); !k.InList() && d < cost {
				best, cost = envName(k.Path), d
			}
		}
		if best != "" {
			text += "; did you mean " + best + "?"
		}
		warnings = append(warnings, text)
	}
	slices.Sort(warnings)
	return warnings
}
