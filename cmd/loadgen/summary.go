package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"sluice/scripts/load"
)

// summary prints what a person wants to know first.
func summary(w io.Writer, res load.Result) {
	fmt.Fprintf(w, "%d operations in %.1f s, %.0f a second; %d errors, %d wrong answers; %d of %d clients never served\n\n",
		res.Operations, res.Seconds, res.PerSecond, res.Errors, res.Wrong, res.PerClient.Unserved, res.PerClient.Clients)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "response ms\tcount\terrors\twrong\tp50\tp90\tp99\tp99.9\tmax\tservice p99\t")
	for _, k := range res.Kinds {
		p := k.Response
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", k.Kind, k.Count, k.Errors, k.Wrong, p.P50, p.P90, p.P99, p.P999, p.Max, k.Service.P99)
	}
	_ = t.Flush() // to a terminal
	if len(res.Buckets) > 1 {
		fmt.Fprintln(w)
		for _, b := range res.Buckets {
			fmt.Fprintf(w, "%s: %d clients, %d operations, %d to %d a client\n", b.Database, b.Clients, b.Operations, b.PerClient.Min, b.PerClient.Max)
		}
	}
	if len(res.Failures) > 0 {
		fmt.Fprintln(w, "\nerrors")
	}
	for _, f := range res.Failures {
		fmt.Fprintf(w, "  %6dx %s %s (%s), first at %.1f s: %s\n", f.Count, f.Class, number(f.Number), f.Kind, f.First, f.Text)
	}
	for _, x := range res.WrongOnes {
		fmt.Fprintf(w, "  WRONG at %.1f s (%s): %s\n", x.At.Sub(res.Started).Seconds(), x.Kind, x.Text)
	}
}

// number is an error's number as text, empty if it has none.
func number(n int32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
