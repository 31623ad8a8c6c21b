package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// caseTimeout bounds one case; a case that hangs is a failure, not a hung run.
const caseTimeout = 300 * time.Second

// testCase is one line of the output.
type testCase struct {
	name  string
	needs []string // capabilities without which the case is skipped
	run   func(ctx context.Context, e endpoint) (string, error)
}

// skipError is returned by a case that finds that it does not apply.
type skipError struct{ reason string }

func (s skipError) Error() string { return "skipped: " + s.reason }

// runCases runs the cases in order and writes one line for each:
// name, tab, and the result, "SKIP reason" or "FAIL reason".
// It returns how many failed.
func runCases(w io.Writer, e endpoint, cases []testCase, wanted func(string) bool) int {
	failed := 0
	for _, c := range cases {
		if !wanted(c.name) {
			continue
		}
		result := runCase(e, c)
		if strings.HasPrefix(result, "FAIL ") {
			failed++
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", c.name, result); err != nil {
			return failed + 1 // a result that nobody gets is no result
		}
	}
	return failed
}

// runCase runs one case and renders its outcome as one line.
func runCase(e endpoint, c testCase) string {
	if lacked := e.missing(c.needs); lacked != "" {
		return "SKIP the endpoint lacks " + lacked
	}
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	text, err := c.run(ctx, e)
	var skip skipError
	switch {
	case errors.As(err, &skip):
		return "SKIP " + skip.reason
	case err != nil:
		return "FAIL " + oneLine(strings.TrimSpace(text+" "+describeError(err)))
	}
	return oneLine(text)
}
