package docker

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// compose is what the tests need of compose.yaml, in its long form.
type compose struct {
	Services map[string]service
	Networks map[string]any
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       struct{ Context, Dockerfile string }
	Environment map[string]string
	Command     []string
	Entrypoint  []string
	Volumes     []string
	Ports       []string
	Networks    []string
	Restart     string
	Grace       string                                `yaml:"stop_grace_period"`
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
}

func loadCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal(read(t, "compose.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The schema is that of the Compose Specification; it knows every key.
func TestComposeSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/compose-spec.json")
	if err != nil {
		t.Fatal(err)
	}
	var file any
	if err := yaml.Unmarshal(read(t, "compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(file); err != nil {
		t.Error(err)
	}
}

func TestComposeReferences(t *testing.T) {
	c := loadCompose(t)
	usedNetworks, usedVolumes := map[string]bool{}, map[string]bool{}
	for name, s := range c.Services {
		if s.Image == "" || strings.HasSuffix(s.Image, ":") {
			t.Errorf("%s has no image", name)
		}
		if s.Build.Context != "" {
			mustExist(t, name, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		}
		if len(s.Networks) == 0 {
			t.Errorf("%s is in the default network, where everything reaches everything", name)
		}
		for _, n := range s.Networks {
			usedNetworks[n] = true
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s is in the network %s, which there is not", name, n)
			}
		}
		for _, v := range s.Volumes {
			from, to, _ := strings.Cut(v, ":")
			if to, _, _ = strings.Cut(to, ":"); !filepath.IsAbs(to) {
				t.Errorf("%s: volume %s has no absolute target", name, v)
			}
			if strings.HasPrefix(from, ".") {
				mustExist(t, name, from)
				continue
			}
			usedVolumes[from] = true
			if _, ok := c.Volumes[from]; !ok {
				t.Errorf("%s uses the volume %s, which there is not", name, from)
			}
		}
		c.checkDependencies(t, name)
		oneShot := s.Restart == "no"
		if len(s.Healthcheck.Test) == 0 && !oneShot {
			t.Errorf("%s has no health check", name)
		}
	}
	for n := range c.Networks {
		if !usedNetworks[n] {
			t.Errorf("nobody is in the network %s", n)
		}
	}
	for v := range c.Volumes {
		if !usedVolumes[v] {
			t.Errorf("nobody uses the volume %s", v)
		}
	}
}

func (c compose) checkDependencies(t *testing.T, name string) {
	t.Helper()
	for on, how := range c.Services[name].DependsOn {
		other, ok := c.Services[on]
		switch {
		case !ok:
			t.Errorf("%s depends on %s, which there is not", name, on)
		case how.Condition == "service_healthy" && len(other.Healthcheck.Test) == 0:
			t.Errorf("%s waits until %s is healthy, which it never says", name, on)
		case how.Condition == "service_completed_successfully" && other.Restart != "no":
			t.Errorf("%s waits for the end of %s, which is restarted", name, on)
		case c.dependsOn(on, name, 0):
			t.Errorf("%s and %s wait for each other", name, on)
		}
	}
}

func (c compose) dependsOn(name, on string, depth int) bool {
	if depth > len(c.Services) {
		return true
	}
	for next := range c.Services[name].DependsOn {
		if next == on || c.dependsOn(next, on, depth+1) {
			return true
		}
	}
	return false
}

func mustExist(t *testing.T, who, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("%s: %v", who, err)
	}
}

// Every published port is of this machine only, and is published once.
func TestComposePorts(t *testing.T) {
	published := map[string]string{}
	for name, s := range loadCompose(t).Services {
		for _, p := range s.Ports {
			host, _, err := net.SplitHostPort(p[:strings.LastIndex(p, ":")])
			if err != nil || !net.ParseIP(host).IsLoopback() {
				t.Errorf("%s publishes %s to more than this machine", name, p)
			}
			at := p[:strings.LastIndex(p, ":")]
			if other, twice := published[at]; twice {
				t.Errorf("%s and %s publish %s", name, other, at)
			}
			published[at] = name
		}
	}
}

var variable = regexp.MustCompile(`(^|[^$])\$\{([A-Z_]+)(?::([?-])([^}]*))?\}`)

// envExample returns the variables of .env.example.
func envExample(t *testing.T, path string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(string(read(t, path))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("%s: %q", path, line)
		}
		env[name] = value
	}
	return env
}

// expand puts variables into a text as docker compose does.
func expand(text string, env map[string]string) (string, error) {
	var missing error
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		p := variable.FindStringSubmatch(m)
		value := env[p[2]]
		switch {
		case value == "" && p[3] == "-":
			value = p[4]
		case value == "":
			missing = fmt.Errorf("%s is not set", p[2])
		}
		return p[1] + value
	})
	return strings.ReplaceAll(out, "$$", "$"), missing
}

// What compose.yaml wants to know is in .env.example, and nothing else is.
func TestComposeVariables(t *testing.T) {
	env := envExample(t, ".env.example")
	used := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(string(read(t, "compose.yaml")), -1) {
		used[m[2]] = true
		if _, ok := env[m[2]]; !ok && m[3] != "-" {
			t.Errorf(".env.example lacks %s", m[2])
		}
	}
	for name := range env {
		if !used[name] {
			t.Errorf(".env.example has %s, which nobody uses", name)
		}
	}
}

// All nodes are witnesses, members to join and balanced to.
func TestComposeNodes(t *testing.T) {
	c := loadCompose(t)
	var nodes []string
	for name := range maps.Keys(c.Services) {
		if strings.HasPrefix(name, "node-") {
			nodes = append(nodes, name)
		}
	}
	slices.Sort(nodes)
	var proxy struct {
		Gossip struct{ Join []string }
		Limits struct{ Witnesses []string }
	}
	if err := yaml.Unmarshal(read(t, "node/proxy.yaml"), &proxy); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(nodes, proxy.Gossip.Join) || !slices.Equal(nodes, proxy.Limits.Witnesses) {
		t.Errorf("compose.yaml has %v, node/proxy.yaml joins %v and has the witnesses %v", nodes, proxy.Gossip.Join, proxy.Limits.Witnesses)
	}
	balancer, scraped := string(read(t, "haproxy/haproxy.cfg")), string(read(t, "prometheus/prometheus.yml"))
	states := map[string]string{}
	for _, n := range nodes {
		s := c.Services[n]
		if id := s.Environment["SLUICE_PROXY_INSTANCE_ID"]; id != n {
			t.Errorf("%s calls itself %q", n, id)
		}
		if !strings.Contains(balancer, fmt.Sprintf("  server %s %s:1433\n", n, n)) {
			t.Errorf("haproxy.cfg lacks %s", n)
		}
		if !strings.Contains(scraped, n+":9090") {
			t.Errorf("prometheus.yml lacks %s", n)
		}
		for _, v := range s.Volumes {
			if from, to, _ := strings.Cut(v, ":"); to == "/var/lib/sluice" {
				if other, shared := states[from]; shared {
					t.Errorf("%s and %s share a state_dir", n, other)
				}
				states[from] = n
			}
		}
	}
	if len(states) != len(nodes) {
		t.Errorf("%d nodes have %d volumes at limits.state_dir", len(nodes), len(states))
	}
}
