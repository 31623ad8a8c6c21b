package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// prefix starts the names of the tables and procedures that this suite makes.
const prefix = "drv_go"

// sharedCases parses the file of text-only cases that all suites run.
func sharedCases(file string) ([]testCase, error) {
	var cases []testCase
	for i, block := range strings.Split(file, "\n--# ")[1:] {
		header, body, found := strings.Cut(block, "\n")
		if !found {
			return nil, fmt.Errorf("case %d: no text after its header %q", i, header)
		}
		name, needs, _ := strings.Cut(strings.TrimSpace(header), " needs=")
		var batches []string
		for _, b := range strings.Split("\n"+strings.TrimRight(body, "\n")+"\n", "\nGO\n") {
			batches = append(batches, strings.ReplaceAll(strings.Trim(b, "\n"), "{p}", prefix))
		}
		cases = append(cases, testCase{
			name:  name,
			needs: list(needs),
			run: func(ctx context.Context, e endpoint) (string, error) {
				return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
					return runBatches(ctx, c, batches)
				})
			},
		})
	}
	return cases, nil
}
