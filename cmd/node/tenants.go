package main

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"

	"sluice/actors/session"
	"sluice/actors/tenants"
)

// tenantsReport is the answer of /debug/tenants.
type tenantsReport struct {
	Node string `json:"node"`
	By   string `json:"by"`
	tenants.Ranking
}

const (
	defaultTenants = 20
	maxTenants     = 500
)

// debugTenants answers /debug/tenants: who has waited, used and failed most on
// this node in the last 10 to 20 minutes. ?by= is wait, use or errors, ?n= how
// many, ?format=text gives a table.
func (n *node) debugTenants(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	by := cmp.Or(q.Get("by"), "wait")
	measure, ok := tenants.ParseMeasure(by)
	if !ok {
		http.Error(w, "by must be wait, use or errors", http.StatusBadRequest)
		return
	}
	most, err := strconv.Atoi(cmp.Or(q.Get("n"), strconv.Itoa(defaultTenants)))
	if err != nil || most < 1 || most > maxTenants {
		http.Error(w, "n must be a number from 1 to "+strconv.Itoa(maxTenants), http.StatusBadRequest)
		return
	}
	rep := tenantsReport{Node: n.env.Node, By: by, Ranking: n.metrics.sessions.Tenants.Top(measure, most, n.liveTenants)}
	if q.Get("format") != "text" {
		writeJSON(w, http.StatusOK, rep)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "waited_s\tused_s\terrors\tbucket\tdatabase\tlogin\tapp\n")
	for _, row := range rep.Tenants {
		fmt.Fprintf(t, "%.3f\t%.3f\t%.0f\t%s\t%s\t%s\t%s\n", row.Waited, row.Used, row.Errors,
			row.Bucket, oneLine(row.Database), oneLine(row.Login), oneLine(row.App))
	}
	fmt.Fprintf(t, "all others by %s: %.3f of %.3f since %s\n", by, rep.Other, rep.Total, rep.Since.UTC().Format("15:04:05"))
	_ = t.Flush() // the reader may have gone
}

// liveTenants tells what the leases that are under way have cost so far.
func (n *node) liveTenants(yield func(tenants.Live)) {
	session.Census(n.env, func(s session.Standing) {
		if s.Waited > 0 || s.Held > 0 {
			yield(tenants.Live{Tenant: s.Tenant, Waited: s.Waited, Held: s.Held})
		}
	})
}

// oneLine makes a name that a client chose fit for a table.
func oneLine(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Trim(strconv.Quote(s), `"`)
}
