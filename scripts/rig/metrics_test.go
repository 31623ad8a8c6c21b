package rig

import "testing"

func TestParseMetrics(t *testing.T) {
	m := parseMetrics([]byte(`# HELP a it
# TYPE a gauge
a 3
b{bucket_id="x",pin_reason="temp table"} 2
b{bucket_id="y"} 1.5e1
broken
bb 7
nothing here
`))
	if m["a"] != 3 || m.Bucket("b", "y") != 15 || m.Sum("b") != 17 || m.Sum("none") != 0 || len(m) != 4 {
		t.Errorf("%v", m)
	}
}
