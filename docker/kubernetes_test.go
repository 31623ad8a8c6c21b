package docker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sluice/configs"
)

// labels are those by which everything finds the pods.
type labels map[string]string

type labelSelector struct {
	MatchLabels labels `yaml:"matchLabels"`
}

// manifest is what the tests need of a Kubernetes object.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels labels
	}
	Spec struct {
		ServiceName string `yaml:"serviceName"`
		Replicas    int
		Ports       []servicePort
		Template    podTemplate
		PodSelector labelSelector `yaml:"podSelector"`
		Ingress     []struct{ Ports []struct{ Port string } }
		Endpoints   []struct{ Port string } `yaml:"podMetricsEndpoints"`
		JobLabel    string                  `yaml:"jobLabel"`
		// A Service has plain labels here, the others a labelSelector.
		Selector yaml.Node
	}
	// Of a Kustomization.
	Resources []string
	ConfigMap []generator `yaml:"configMapGenerator"`
	Secret    []generator `yaml:"secretGenerator"`
	Images    []struct{ Name string }
}

type generator struct {
	Name        string
	Files, Envs []string
}

type servicePort struct {
	Name, Protocol string
	Port           int
	TargetPort     string `yaml:"targetPort"`
}

type podTemplate struct {
	Metadata struct{ Labels labels }
	Spec     struct {
		Containers []container
		Volumes    []struct {
			Name      string
			ConfigMap struct{ Name string } `yaml:"configMap"`
			EmptyDir  map[string]any        `yaml:"emptyDir"`
		}
		Spread []struct {
			Selector labelSelector `yaml:"labelSelector"`
		} `yaml:"topologySpreadConstraints"`
	}
}

type container struct {
	Name, Image string
	Args        []string
	Env         []struct{ Name string }
	EnvFrom     []struct {
		SecretRef struct{ Name string } `yaml:"secretRef"`
	} `yaml:"envFrom"`
	Ports []struct {
		Name, Protocol string
		ContainerPort  int `yaml:"containerPort"`
	}
	Readiness probe `yaml:"readinessProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Mounts    []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// manifests reads every object of a folder's files.
func manifests(t *testing.T, names ...string) []manifest {
	t.Helper()
	var all []manifest
	for _, name := range names {
		dec := yaml.NewDecoder(bytes.NewReader(read(t, filepath.Join("kubernetes", name))))
		for {
			var m manifest
			if err := dec.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, m)
		}
	}
	return all
}

func one(t *testing.T, all []manifest, kind, name string) manifest {
	t.Helper()
	for _, m := range all {
		if m.Kind == kind && (name == "" || m.Metadata.Name == name) {
			return m
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return manifest{}
}

func kustomized(t *testing.T) (manifest, []manifest) {
	t.Helper()
	k := manifests(t, "kustomization.yaml")[0]
	return k, manifests(t, k.Resources...)
}

func TestKubernetesKinds(t *testing.T) {
	_, all := kustomized(t)
	versions := map[string]string{
		"Namespace": "v1", "Service": "v1", "StatefulSet": "apps/v1", "PodDisruptionBudget": "policy/v1",
		"NetworkPolicy": "networking.k8s.io/v1", "PodMonitor": "monitoring.coreos.com/v1",
	}
	seen := map[string]bool{}
	for _, m := range append(all, manifests(t, "monitoring.yaml")...) {
		if versions[m.Kind] != m.APIVersion || m.APIVersion == "" {
			t.Errorf("%s %s has the version %q", m.Kind, m.Metadata.Name, m.APIVersion)
		}
		if id := m.Kind + "/" + m.Metadata.Name; seen[id] {
			t.Errorf("%s is there twice", id)
		} else {
			seen[id] = true
		}
	}
}

// Everything that selects pods selects those of the StatefulSet.
func TestKubernetesSelectors(t *testing.T) {
	_, all := kustomized(t)
	set := one(t, all, "StatefulSet", "sluice")
	pod := set.Spec.Template.Metadata.Labels
	selects := func(who string, want labels) {
		t.Helper()
		if len(want) == 0 {
			t.Errorf("%s selects everything", who)
		}
		for name, value := range want {
			if pod[name] != value {
				t.Errorf("%s selects %s=%s, pods have %q", who, name, value, pod[name])
			}
		}
	}
	for _, m := range append(all, manifests(t, "monitoring.yaml")...) {
		switch m.Kind {
		case "Namespace":
		case "NetworkPolicy":
			selects(m.Kind, m.Spec.PodSelector.MatchLabels)
		case "Service":
			var plain labels
			if err := m.Spec.Selector.Decode(&plain); err != nil {
				t.Fatal(err)
			}
			selects(m.Metadata.Name, plain)
		default:
			var s labelSelector
			if err := m.Spec.Selector.Decode(&s); err != nil {
				t.Fatal(err)
			}
			selects(m.Kind, s.MatchLabels)
		}
	}
	for _, s := range set.Spec.Template.Spec.Spread {
		selects("topologySpreadConstraints", s.Selector.MatchLabels)
	}
	one(t, all, "Service", set.Spec.ServiceName)
}

// The alerts find the nodes by their job, in the stack and in Kubernetes.
func TestJob(t *testing.T) {
	_, all := kustomized(t)
	pod := one(t, all, "StatefulSet", "sluice").Spec.Template.Metadata.Labels
	job := pod[one(t, manifests(t, "monitoring.yaml"), "PodMonitor", "sluice").Spec.JobLabel]
	asked := regexp.MustCompile(`job="([^"]*)"`).FindAllSubmatch(read(t, "prometheus/alerts.yml"), -1)
	if len(asked) == 0 {
		t.Error("no alert asks for a job")
	}
	for _, m := range asked {
		if string(m[1]) != job || !strings.Contains(string(read(t, "prometheus/prometheus.yml")), "job_name: "+job+"\n") {
			t.Errorf("alerts ask for the job %s, pods have %s", m[1], job)
		}
	}
}

// The pod's ports are those of the configuration, and whoever names one means
// one that there is.
func TestKubernetesPorts(t *testing.T) {
	_, all := kustomized(t)
	c := one(t, all, "StatefulSet", "sluice").Spec.Template.Spec.Containers[0]
	d := configs.Defaults()
	want := map[string]string{
		"tds": fmt.Sprint(d.Proxy.ListenPort), "health": fmt.Sprint(d.Proxy.HealthCheckPort), "metrics": fmt.Sprint(d.Proxy.MetricsPort),
		"gossip": fmt.Sprint(d.Gossip.BindPort), "gossip-udp": fmt.Sprint(d.Gossip.BindPort) + "UDP", "peer": fmt.Sprint(d.Gossip.PeerPort),
	}
	have := map[string]string{}
	for _, p := range c.Ports {
		have[p.Name] = fmt.Sprint(p.ContainerPort, p.Protocol)
		if have[p.Name] != want[p.Name] {
			t.Errorf("port %s is %s, the node's default is %s", p.Name, have[p.Name], want[p.Name])
		}
	}
	if len(have) != len(want) {
		t.Errorf("the pod has the ports %v, the node %v", have, want)
	}
	named := func(who, port string) {
		t.Helper()
		if _, ok := have[port]; !ok {
			t.Errorf("%s means the port %q", who, port)
		}
	}
	named("readinessProbe", c.Readiness.HTTPGet.Port)
	named("livenessProbe", c.Liveness.HTTPGet.Port)
	for _, m := range append(all, manifests(t, "monitoring.yaml")...) {
		for _, p := range m.Spec.Ports {
			named(m.Metadata.Name, p.TargetPort)
			if fmt.Sprint(p.Port, p.Protocol) != have[p.TargetPort] {
				t.Errorf("%s leads %d%s to the pod's %s", m.Metadata.Name, p.Port, p.Protocol, have[p.TargetPort])
			}
		}
		for _, in := range m.Spec.Ingress {
			for _, p := range in.Ports {
				named(m.Kind, p.Port)
			}
		}
		for _, e := range m.Spec.Endpoints {
			named(m.Kind, e.Port)
		}
	}
	if c.Readiness.HTTPGet.Path != "/health/ready" || c.Liveness.HTTPGet.Path != "/health/live" {
		t.Errorf("probes ask %s and %s", c.Readiness.HTTPGet.Path, c.Liveness.HTTPGet.Path)
	}
}

// Volumes, configuration and secrets are where the node looks for them.
func TestKubernetesVolumes(t *testing.T) {
	k, all := kustomized(t)
	spec := one(t, all, "StatefulSet", "sluice").Spec.Template.Spec
	c := spec.Containers[0]
	mounts := map[string]string{}
	for _, m := range c.Mounts {
		mounts[m.Name] = m.MountPath
	}
	for _, v := range spec.Volumes {
		at, ok := mounts[v.Name]
		if !ok {
			t.Errorf("the volume %s is mounted nowhere", v.Name)
		}
		delete(mounts, v.Name)
		switch {
		case v.ConfigMap.Name != "":
			files := k.ConfigMap[0].Files
			if v.ConfigMap.Name != k.ConfigMap[0].Name {
				t.Errorf("the ConfigMap %s is not made", v.ConfigMap.Name)
			}
			for _, arg := range c.Args {
				if dir, file := filepath.Split(arg); filepath.IsAbs(arg) && (filepath.Clean(dir) != at || !slices.Contains(files, file)) {
					t.Errorf("the node reads %s, the ConfigMap with %v is at %s", arg, files, at)
				}
			}
		case v.EmptyDir != nil:
			if !strings.Contains(string(read(t, "kubernetes/proxy.yaml")), "state_dir: "+at+"\n") {
				t.Errorf("nothing uses %s", at)
			}
		default:
			t.Errorf("the volume %s follows the pod: state_dir must not", v.Name)
		}
	}
	for name := range mounts {
		t.Errorf("the mount %s has no volume", name)
	}
	if c.EnvFrom[0].SecretRef.Name != k.Secret[0].Name || k.Images[0].Name != c.Image {
		t.Errorf("the pod has the Secret %s and the image %s", c.EnvFrom[0].SecretRef.Name, c.Image)
	}
	for _, f := range append(k.Resources, k.ConfigMap[0].Files...) {
		mustExist(t, "kustomization.yaml", filepath.Join("kubernetes", f))
	}
	mustExist(t, "kustomization.yaml", filepath.Join("kubernetes", k.Secret[0].Envs[0]+".example"))
}

// The witnesses are pods that there are, by the names that they give themselves.
func TestKubernetesWitnesses(t *testing.T) {
	_, all := kustomized(t)
	set := one(t, all, "StatefulSet", "sluice")
	var pods, hosts []string
	for i := range set.Spec.Replicas {
		pods = append(pods, fmt.Sprintf("%s-%d", set.Metadata.Name, i))
		hosts = append(hosts, pods[i]+"."+set.Spec.ServiceName)
	}
	var proxy struct {
		Gossip struct{ Join []string }
		Limits struct{ Witnesses []string }
	}
	if err := yaml.Unmarshal(read(t, "kubernetes/proxy.yaml"), &proxy); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(proxy.Limits.Witnesses, pods) || !slices.Equal(proxy.Gossip.Join, hosts) {
		t.Errorf("the pods are %v, the witnesses %v, to join are %v", pods, proxy.Limits.Witnesses, proxy.Gossip.Join)
	}
	if name := set.Spec.Template.Spec.Containers[0].Env[0].Name; name != "SLUICE_PROXY_INSTANCE_ID" {
		t.Errorf("the first variable is %s", name)
	}
}
