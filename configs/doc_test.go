package configs

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestReferenceIsGenerated(t *testing.T) {
	have, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := WriteReference(&want); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(have, want.Bytes()) {
		return
	}
	haveLines, wantLines := strings.Split(string(have), "\n"), strings.Split(want.String(), "\n")
	for i := 0; i < min(len(haveLines), len(wantLines)); i++ {
		if haveLines[i] != wantLines[i] {
			t.Errorf("line %d is\n\t%s\nand must be\n\t%s", i+1, haveLines[i], wantLines[i])
			break
		}
	}
	t.Error("docs/configuration.md is not what the code says: run go generate ./configs")
}

// Every key has a table, one only, and a meaning.
func TestReferenceExplainsEveryKey(t *testing.T) {
	var ref strings.Builder
	if err := WriteReference(&ref); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, k := range Keys() {
		known[k.Path] = true
		if n := strings.Count(ref.String(), "\n| `"+k.Path+"` |"); n != 1 {
			t.Errorf("%s is in %d tables: see doc_reference.md", k.Path, n)
		}
		if k.meaning() == "" {
			t.Errorf("%s has neither a usage nor a meaning: see doc_meanings.go", k.Path)
		}
		if strings.ContainsAny(k.meaning(), "|\n") {
			t.Errorf("the meaning of %s would break its table", k.Path)
		}
	}
	for path := range meanings {
		if !known[path] {
			t.Errorf("doc_meanings.go explains %s, which is no key", path)
		}
	}
}
