package sluice_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "sluice"

// layer says what the packages at and below a folder may import of this
// module, directly or through others. Tests may import more.
type layer struct {
	folder  string
	only    []string // nothing of ours but these (nil: no such rule)
	never   []string
	stdOnly bool
}

var layers = []layer{
	{folder: "tds", only: []string{"tds"}, stdOnly: true},
	{folder: "actors/actor", only: []string{"actors/actor"}, stdOnly: true},
	{folder: "configs", only: []string{"configs"}},
	{folder: "gossip", only: []string{"gossip"}},
	{folder: "actors", never: []string{"cmd", "sandbox", "configs"}},
	{folder: "actors/queue", never: []string{"actors/session", "actors/bucket", "actors/backend"}},
	{folder: "actors/backend", never: []string{"actors/session", "actors/bucket", "actors/queue"}},
	{folder: "actors/bucket", never: []string{"actors/session", "actors/keeper"}},
	{folder: "actors/session", never: []string{"actors/keeper"}},
	{folder: "actors/keeper", never: []string{"actors/session", "gossip"}},
	{folder: "actors/prepared", only: []string{"tds", "actors/prepared"}},
	{folder: "actors/refusal", only: []string{"tds", "actors/refusal"}},
	{folder: "actors/statement", only: []string{"tds", "actors/statement"}},
	{folder: "actors/tenants", only: []string{"actors/tenants"}, stdOnly: true},
	{folder: "limits", never: []string{"actors", "cmd", "sandbox", "configs"}},
	{folder: "sandbox", never: []string{"actors", "cmd", "configs"}},
}

// importers says who alone may import a folder directly.
var importers = map[string][]string{
	"sandbox": {"cmd", "sandbox", "scripts/rig"},
	"cmd":     {"cmd"},
	"scripts": {"cmd/loadgen", "scripts"},
}

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// packages lists our packages and everything they need, without tests.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// ours returns the folder of a package of this module.
func ours(path string) (folder string, ok bool) {
	return strings.CutPrefix(path, module+"/")
}

func within(folder string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return folder == root || strings.HasPrefix(folder, root+"/")
	})
}

// watchSources looks at every Go file, so that a cached result of this test is
// dropped when one changes: the go command does not see what go list reads.
func watchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 1 && d.Name()[0] == '.'):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDirectionOfDependence(t *testing.T) {
	watchSources(t)
	all := packages(t)
	for path, p := range all {
		folder, ok := ours(path)
		if !ok {
			continue
		}
		for _, l := range layers {
			if !within(folder, l.folder) {
				continue
			}
			for _, dep := range p.Deps {
				l.check(t, folder, dep, all[dep].Standard)
			}
		}
		for _, dep := range p.Imports {
			to, ok := ours(dep)
			for root, allowed := range importers {
				if ok && within(to, root) && !within(folder, allowed...) {
					t.Errorf("%s imports %s: only %s may", folder, to, strings.Join(allowed, " and "))
				}
			}
		}
	}
}

func (l layer) check(t *testing.T, folder, dep string, standard bool) {
	t.Helper()
	to, own := ours(dep)
	switch {
	case !own && l.stdOnly && !standard:
		t.Errorf("%s depends on %s: %s takes the standard library only", folder, dep, l.folder)
	case own && l.only != nil && !within(to, l.only...):
		t.Errorf("%s depends on %s: %s depends on nothing of ours", folder, to, l.folder)
	case own && within(to, l.never...):
		t.Errorf("%s depends on %s: the direction is cmd -> session -> bucket -> queue, backend -> actor, tds, limits", folder, to)
	}
}
