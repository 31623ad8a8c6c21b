package main

import (
	"context"
	"flag"
	"fmt"
	"time"
)

// measureWalk names the measure of a result of rows of one kind.
func measureWalk(c cells, size int) string {
	return fmt.Sprintf("result of %d MiB, %s rows", size>>20, c)
}

// runWalk is the command "walk": a large result through everything. Who pools
// by transaction has to know where a response ends and what is in it, so a node
// in that mode steps over each value of each row.
func runWalk(ctx context.Context, args []string) error {
	o := options{}
	fs := flag.NewFlagSet("bench walk", flag.ContinueOnError)
	o.flags(fs, "walk")
	o.baselineFlag(fs)
	kind := fs.String("cells", "", "only rows of this kind: wide, mixed, narrow")
	size := fs.Int("mib", 64, "size of the result in MiB")
	blocks := fs.Int("rounds", 9, "results for each target and kind of rows")
	cpu := fs.String("profile", "", "file for a processor profile of the node in transaction mode")
	return o.run(ctx, fs, args, func(ctx context.Context) (*report, error) {
		o.backend = backendEcho // the embedded SQL server would be the slowest by far
		l, err := newPoolingLab(ctx, o, 4)
		if err != nil {
			return nil, err
		}
		defer l.close()
		if o.short {
			*size, *blocks = min(*size, 16), min(*blocks, 3)
		}
		r, start := newReport(l), time.Now()
		for _, c := range []cells{cellsWide, cellsMixed, cellsNarrow} {
			if *kind != "" && *kind != string(c) {
				continue
			}
			if err := walk(ctx, r, l.targets, c, *size<<20, *blocks, *cpu); err != nil {
				return nil, err
			}
		}
		r.Took = time.Since(start).Round(time.Second).String()
		return r, nil
	})
}

func walk(ctx context.Context, r *report, targets []target, c cells, size, blocks int, cpu string) error {
	request := order{rows: c.size(size), cells: c}.batch()
	conns, err := dialEach(ctx, targets)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	rates, costs := make([][]float64, len(targets)), make([][]float64, len(targets))
	err = rounds(ctx, blocks, len(targets), func(i int) error {
		conns[i].within(4 * patience)
		before, start := usedBy(targets[i].pid), time.Now()
		got, err := conns[i].exec(request)
		if err != nil {
			return fmt.Errorf("%s: %w", targets[i].name, err)
		}
		if got < int64(size) {
			return fmt.Errorf("%s: a result of %d bytes, not of %d", targets[i].name, got, size)
		}
		rates[i] = append(rates[i], float64(got)/1e6/time.Since(start).Seconds())
		if targets[i].pid != 0 {
			costs[i] = append(costs[i], (usedBy(targets[i].pid)-before).Seconds()*1e3/(float64(got)/1e6))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if i := indexOf(targets, targetTransaction); cpu != "" && i >= 0 {
		conns[i].within(4 * patience)
		wait := profile(ctx, targets[i].node, cpu, profileLength)
		for start := time.Now(); time.Since(start) < profileLength; {
			if _, err := conns[i].exec(request); err != nil {
				return err
			}
		}
		if err := wait(); err != nil {
			return err
		}
	}
	measure := measureWalk(c, size)
	for i, t := range targets {
		r.add(measure, t.name, "rate", "MB/s", rates[i]...)
		compare(r, measure, targets, rates, i)
		if t.pid != 0 {
			r.add(measure, t.name, "its CPU", "ms each MB", costs[i]...)
		}
	}
	return nil
}
