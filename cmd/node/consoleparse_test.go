package main

import (
	"fmt"
	"strings"
	"testing"

	"sluice/actors/session"
)

func TestParseBatch(t *testing.T) {
	for text, want := range map[string]string{
		"SHOW BUCKETS":                                "SHOW(BUCKETS)",
		"  show buckets ;":                            "SHOW(buckets)",
		"PAUSE [bucket-001] 5":                        "PAUSE('bucket-001' 5)",
		"pause 'a''b'; resume \"c\"":                  "PAUSE('a'b') RESUME('c')",
		"SHOW\nQUEUE\nb.1":                            "SHOW(QUEUE b.1)",
		"SHOW QUEUE\nSHOW PINS":                       "SHOW(QUEUE) SHOW(PINS)",
		"set a on\nset b off\n":                       "pass pass",
		"SET NOCOUNT ON SHOW BUCKETS":                 "pass SHOW(BUCKETS)",
		"SET NOCOUNT ON; KILL 7":                      "pass KILL(7)",
		"-- SHOW x\n/* KILL 1 */ SHOW PINS -- KILL 2": "SHOW(PINS)",
		"select 'KILL 1; KILL 2'":                     "SELECT('KILL 1; KILL 2')",
		"select N'x', n":                              "SELECT('x' , n)",
		"IF @@TRANCOUNT > 0 ROLLBACK":                 "pass",
		"":                                            "",
		"[":                                           "()",
		"'":                                           "()",
		"N'":                                          "()",
		"/*":                                          "",
		"FLY me":                                      "FLY(me)",
		"select 1\nfrom t where a = 'show'\nSHOW CONFIG": "SELECT(1 from t where a = 'show') SHOW(CONFIG)",
	} {
		var got []string
		for _, p := range parseBatch(text) {
			if p.verb == "" && p.args == nil {
				got = append(got, "pass")
				continue
			}
			var args []string
			for _, a := range p.args {
				if a.quoted {
					a.text = "'" + a.text + "'"
				}
				args = append(args, a.text)
			}
			got = append(got, fmt.Sprintf("%s(%s)", p.verb, strings.Join(args, " ")))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %q, want %q", text, strings.Join(got, " "), want)
		}
	}
}

func FuzzParseBatch(f *testing.F) {
	for _, s := range []string{"SHOW BUCKETS; PAUSE [a]]b] 'c''d'", "/* -- */ N'x' \"", "select cast(a as b), 'c' as d, e = f(g) from h", "convert(", "SELECT CAST(", "SELECT CONVERT(a,", "SELECT = ="} {
		f.Add(s)
	}
	o := &operator{n: &node{env: &session.Env{Node: "node-1"}}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range parseBatch(text) {
			if p.verb == "SELECT" {
				r := o.probe(p.args)
				for _, row := range r.Rows {
					if len(row) != len(r.Columns) {
						t.Fatalf("%d values for %d columns", len(row), len(r.Columns))
					}
				}
			}
		}
	})
}

func TestTableAsText(t *testing.T) {
	tab := newTable("name", "n:i", "share:f", "on:b")
	tab.add("ä", 7, 0.5, true)
	tab.add("longer, with a comma", nil, nil, nil)
	var text, csv strings.Builder
	tab.writeText(&text)
	want := "name                  n  share  on\n--------------------  -  -----  ----\nä                     7    0.5  true\nlonger, with a comma\n"
	if text.String() != want {
		t.Errorf("text:\n%s\nwant:\n%s", text.String(), want)
	}
	if err := tab.writeCSV(&csv); err != nil || csv.String() != "name,n,share,on\nä,7,0.5,true\n\"longer, with a comma\",,,\n" {
		t.Errorf("csv: %v\n%s", err, csv.String())
	}
	if b, err := tab.MarshalJSON(); err != nil || string(b) != `[{"name":"ä","n":7,"share":0.5,"on":true},{"name":"longer, with a comma","n":null,"share":null,"on":null}]` {
		t.Errorf("json: %v %s", err, b)
	}
}
