package docker_test

import (
	"encoding/json"
	"slices"
	"testing"
)

type dashboard struct {
	UID         string  `json:"uid"`
	Title       string  `json:"title"`
	Panels      []panel `json:"panels"`
	Annotations struct {
		List []struct{ Expr string } `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct{ Name, Type, Definition string } `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ UID string }
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		RefID, Expr string
		Datasource  struct{ UID string }
	}
}

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func expressions(d dashboard) (all []string) {
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, a.Expr)
	}
	return all
}

func TestDashboardRefersToMetricsThatExist(t *testing.T) {
	known, d := reference(t), loadDashboard(t)
	all := expressions(d)
	for _, v := range d.Templating.List {
		all = append(all, v.Definition)
	}
	for _, e := range all {
		if wrong := wrongIn(known, e); len(wrong) > 0 {
			t.Errorf("%s names %v", e, wrong)
		}
	}
}

func TestDashboardIsWellFormed(t *testing.T) {
	d := loadDashboard(t)
	if d.UID != "sluice" || d.Title == "" {
		t.Errorf("uid %q, title %q", d.UID, d.Title)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	if want := []string{"datasource datasource", "bucket query", "instance query"}; !slices.Equal(variables, want) {
		t.Errorf("variables %v, want %v", variables, want)
	}
	titles, ids := map[string]bool{}, map[int]bool{}
	for i, p := range d.Panels {
		titles[p.Title] = true
		if p.Title == "" || p.ID <= 0 || ids[p.ID] {
			t.Errorf("panel %d %q: its title or id is missing or not its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.X < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 24 {
			t.Errorf("%s lies at %+v", p.Title, g)
		}
		for _, o := range d.Panels[:i] {
			if h := o.GridPos; g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
				t.Errorf("%q lies on %q", p.Title, o.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.Expr == "" || refs[target.RefID] || target.Datasource.UID != "${datasource}" || p.Datasource.UID != "${datasource}" {
				t.Errorf("%s: target %+v", p.Title, target)
			}
			refs[target.RefID] = true
		}
		if len(refs) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
	}
	for _, title := range []string{
		"Connections against limit", "Pinning", "Queue", "Latency P50, P95, P99", "Errors", "Redis", "Instances", "Gossip", "Fairness",
	} {
		if !titles[title] {
			t.Errorf("there is no panel %q", title)
		}
	}
}
