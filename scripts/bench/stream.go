package main

import (
	"context"
	"fmt"
	"time"
)

const measureStream = "large result"

// stream measures how fast a large result comes through, from the request to
// the last byte.
func stream(ctx context.Context, r *report, targets []target, s sizes, request []byte) error {
	conns, err := dialEach(ctx, targets)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	rates := make([][]float64, len(targets))
	err = rounds(ctx, s.streamBlocks, len(targets), func(i int) error {
		conns[i].within(patience)
		start := time.Now()
		size, err := conns[i].exec(request)
		if err != nil {
			return fmt.Errorf("%s: %w", targets[i].name, err)
		}
		if size < int64(s.streamBytes) {
			return fmt.Errorf("%s: a result of %d bytes, not of %d", targets[i].name, size, s.streamBytes)
		}
		rates[i] = append(rates[i], float64(size)/1e6/time.Since(start).Seconds())
		return nil
	})
	if err != nil {
		return err
	}
	for i, t := range targets {
		r.add(measureStream, t.name, "rate", "MB/s", rates[i]...)
		compare(r, measureStream, targets, rates, i)
	}
	return nil
}

// sqlRowData is the data of a row of the request that a SQL server answers, in
// bytes.
const sqlRowData = 8000

// streamRequest asks for a result of at least size bytes.
func streamRequest(backend string, size int) []byte {
	if backend == backendEcho {
		return order{rows: (size + rowData - 1) / rowData, cells: cellsWide}.batch()
	}
	const digits = "(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))"
	return batch(fmt.Sprintf("SELECT TOP (%d) REPLICATE('x', %d) FROM %s a(n) CROSS JOIN %s b(n) CROSS JOIN %s c(n) CROSS JOIN %s d(n)",
		(size+sqlRowData-1)/sqlRowData, sqlRowData, digits, digits, digits, digits))
}
