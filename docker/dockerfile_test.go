package docker

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// instruction is one line of a Dockerfile, continuation lines joined.
type instruction struct{ name, args string }

func dockerfile() ([]instruction, error) {
	b, err := os.ReadFile("Dockerfile")
	if err != nil {
		return nil, err
	}
	var list []instruction
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		list = append(list, instruction{name, strings.TrimSpace(args)})
	}
	return list, nil
}

func instructions(t *testing.T, name string) []string {
	t.Helper()
	all, err := dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, i := range all {
		if i.name == name {
			args = append(args, i.args)
		}
	}
	if len(args) == 0 {
		t.Fatalf("the Dockerfile has no %s", name)
	}
	return args
}

func TestDockerfileShape(t *testing.T) {
	all, err := dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"FROM", "WORKDIR", "COPY", "ARG", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
	final := 0
	for i, in := range all {
		if !slices.Contains(known, in.name) {
			t.Errorf("unknown instruction %s", in.name)
		}
		if in.name == "FROM" {
			final = i
		}
	}
	for _, in := range all[final:] {
		if in.name == "RUN" {
			t.Errorf("the last stage has no shell to run %s", in.args)
		}
	}
	if user := instructions(t, "USER"); user[len(user)-1] != "65532:65532" {
		t.Errorf("the node runs as %s", user)
	}
	for _, name := range []string{"ENTRYPOINT", "CMD"} {
		var words []string
		if err := json.Unmarshal([]byte(instructions(t, name)[0]), &words); err != nil {
			t.Errorf("%s is not in the form without a shell: %v", name, err)
		}
	}
	if _, command, _ := strings.Cut(instructions(t, "HEALTHCHECK")[0], "CMD "); json.Unmarshal([]byte(command), new([]string)) != nil {
		t.Errorf("HEALTHCHECK needs a shell: %s", command)
	}
}

// ignored tells what the build context does without: the last line of
// Dockerfile.dockerignore that matches a path, or a folder above it, decides.
func ignored(t *testing.T, name string) bool {
	t.Helper()
	out := false
	for line := range strings.Lines(string(read(t, "Dockerfile.dockerignore"))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, keep := strings.CutPrefix(line, "!")
		if matches(t, pattern, name) {
			out = !keep
		}
	}
	return out
}

func matches(t *testing.T, pattern, name string) bool {
	t.Helper()
	anywhere, deep := strings.CutPrefix(pattern, "**/")
	parts := strings.Split(name, "/")
	for i := range parts {
		subject := strings.Join(parts[:i+1], "/")
		if deep {
			subject = parts[i]
		}
		ok, err := path.Match(anywhere, subject)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return true
		}
	}
	return false
}

// The build has every source that it needs, and none of the secrets.
func TestBuildContext(t *testing.T) {
	for _, args := range instructions(t, "COPY") {
		words := strings.Fields(args)
		if strings.HasPrefix(words[0], "--from=") {
			continue
		}
		for _, source := range words[:len(words)-1] {
			mustExist(t, "COPY", filepath.Join("..", source))
			if source != "." && ignored(t, source) {
				t.Errorf("COPY %s: it is not in the build context", source)
			}
		}
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}\n{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}\n{{end}}{{end}}{{end}}", "./cmd/node")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.FieldsSeq(string(out)) {
		rel, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		if ignored(t, filepath.ToSlash(rel)) {
			t.Errorf("the build needs %s, which is not in the build context", rel)
		}
	}
	for _, name := range []string{"docker/.env", ".git/config", "cmd/node/tls.key", "bin/sluice", "configs/load_test.go", "tds/testdata/x", "docker/kubernetes/secret.env"} {
		if !ignored(t, name) {
			t.Errorf("%s is in the build context", name)
		}
	}
}

// buildCommand is the Dockerfile's own, for another place and version.
func buildCommand(to string) (string, error) {
	all, err := dockerfile()
	if err != nil {
		return "", err
	}
	for _, in := range all {
		if in.name == "RUN" && strings.Contains(in.args, "go build") {
			return strings.NewReplacer("/out/sluice", to, "${VERSION}", "stack-test").Replace(in.args), nil
		}
	}
	return "", fmt.Errorf("the Dockerfile builds nothing: %v", all)
}

// binary builds the node as the Dockerfile says, once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	to := filepath.Join(scratch, "sluice")
	command, err := buildCommand(to)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return to, nil
})

func sluice(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// scratch is a folder for what several tests share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "sluice-stack-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

func TestImageBinary(t *testing.T) {
	out, err := exec.Command(sluice(t), "version").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "sluice stack-test" {
		t.Errorf("version says %q, %v", out, err)
	}
	if runtime.GOOS != "linux" {
		return // the image's binary is an ELF file, this one is not
	}
	f, err := elf.Open(sluice(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary is not static: an image without libc cannot run it")
		}
	}
}
