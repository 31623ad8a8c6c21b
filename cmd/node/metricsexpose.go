package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// expose writes samples, which come without metadata and in any order, as
// Prometheus wants them: by family, each with its HELP and TYPE from the
// reference. Of the runtime's and the process's metrics only those of the
// reference are written.
func expose(w io.Writer, samples []byte) {
	known := byFamily()
	lines := map[string][][]byte{}
	var unknown [][]byte
	for line := range bytes.Lines(samples) {
		if len(line) < 2 || line[0] == '#' {
			continue
		}
		name := familyOf(known, sampleName(line))
		if name == "" {
			if bytes.HasPrefix(line, []byte("proxy_")) {
				unknown = append(unknown, line)
			}
			continue
		}
		lines[name] = append(lines[name], line)
	}
	for _, s := range reference {
		for _, f := range s.families {
			if len(lines[f.name]) == 0 {
				continue
			}
			fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
			for _, line := range lines[f.name] {
				_, _ = w.Write(line)
			}
		}
	}
	for _, line := range unknown { // a test finds them
		_, _ = w.Write(line)
	}
}

func sampleName(line []byte) string {
	return string(line[:max(bytes.IndexAny(line, "{ "), 0)])
}

// familyOf returns the family that a sample's name belongs to, "" if none.
func familyOf(known map[string]family, name string) string {
	if _, ok := known[name]; ok {
		return name
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(name, suffix)
		if f := known[base]; ok && (f.kind == "histogram" || f.kind == "summary" && suffix != "_bucket") {
			return base
		}
	}
	return ""
}
