package main

import (
	"fmt"
	"html/template"
	"io"

	"sluice/scripts/load"
)

// pageText is the report; it needs nothing from outside.
const pageText = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Load of {{.Started.Format "2006-01-02 15:04:05"}}</title>
<style>
body { font: 14px/1.45 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; } td, th { border: 1px solid #ccc; padding: .2em .6em; text-align: right; }
td.t, th.t { text-align: left; } .bad { color: #c01515; font-weight: bold; }
</style></head><body>
<h1>Load of {{.Started.Format "2006-01-02 15:04:05"}}</h1>
<p>{{.Config.Clients}} clients for {{printf "%.1f" .Seconds}} s: {{.Operations}} operations, {{printf "%.0f" .PerSecond}} a second.
<span {{if .Errors}}class="bad"{{end}}>{{.Errors}} errors</span>, <span {{if .Wrong}}class="bad"{{end}}>{{.Wrong}} wrong answers</span>,
{{.PerClient.Unserved}} clients never served. Seed {{.Config.Seed}}.</p>
<h2>Times in milliseconds</h2>
<p>Response times count from when an operation was meant to start, service times from when it did.</p>
<table><tr><th class="t">operation</th><th>count</th><th>errors</th><th>wrong</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th><th>service p50</th><th>service p99</th></tr>
{{range .Kinds}}<tr><td class="t">{{.Kind}}</td><td>{{.Count}}</td><td>{{.Errors}}</td><td>{{.Wrong}}</td><td>{{ms .Response.P50}}</td><td>{{ms .Response.P90}}</td><td>{{ms .Response.P99}}</td><td>{{ms .Response.P999}}</td><td>{{ms .Response.Max}}</td><td>{{ms .Service.P50}}</td><td>{{ms .Service.P99}}</td></tr>
{{end}}</table>
{{range .Charts}}<p>{{.}}</p>
{{end}}
<h2>Buckets</h2>
<table><tr><th class="t">database</th><th>clients</th><th>operations</th><th>a client: least</th><th>median</th><th>most</th></tr>
{{range .Buckets}}<tr><td class="t">{{.Database}}</td><td>{{.Clients}}</td><td>{{.Operations}}</td><td>{{.PerClient.Min}}</td><td>{{.PerClient.Median}}</td><td>{{.PerClient.Max}}</td></tr>
{{end}}</table>
<h2>Errors</h2>
{{if .Failures}}<table><tr><th>count</th><th>number</th><th class="t">class</th><th class="t">operation</th><th>first at</th><th>last at</th><th class="t">text</th></tr>
{{range .Failures}}<tr><td>{{.Count}}</td><td>{{number .Number}}</td><td class="t">{{.Class}}</td><td class="t">{{.Kind}}</td><td>{{printf "%.1f s" .First}}</td><td>{{printf "%.1f s" .Last}}</td><td class="t">{{.Text}}</td></tr>
{{end}}</table>{{else}}<p>None.</p>{{end}}
{{if .WrongOnes}}<h2 class="bad">Wrong answers</h2><ul>{{range .WrongOnes}}<li>{{.At.Format "15:04:05.000"}} {{.Kind}}: {{.Text}}</li>{{end}}</ul>{{end}}
</body></html>
`

// page writes the report of a run as HTML.
func page(w io.Writer, res load.Result) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"ms": func(v float64) string { return fmt.Sprintf("%.2f", v) }, "number": number,
	}).Parse(pageText)
	if err != nil {
		return err
	}
	var charts []template.HTML
	for _, c := range load.Charts(res) {
		charts = append(charts, template.HTML(c.SVG())) // made by us, texts escaped
	}
	return t.Execute(w, struct {
		load.Result
		Charts []template.HTML
	}{res, charts})
}
