// Command gomssql runs the driver cases with go-mssqldb against a TDS endpoint
// and prints one line for each: its name, a tab, and what was seen.
//
// The endpoint comes from the TDS_* variables described in ../README.md;
// arguments, if any, are prefixes of the names of the cases to run.
// The exit status is 1 if a case failed.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	e, err := endpointFromEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gomssql:", err)
		os.Exit(2)
	}
	cases, err := allCases(e)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gomssql:", err)
		os.Exit(2)
	}
	wanted := func(name string) bool {
		return len(os.Args) == 1 || slices.ContainsFunc(os.Args[1:], func(p string) bool { return strings.HasPrefix(name, p) })
	}
	if runCases(os.Stdout, e, cases, wanted) > 0 {
		os.Exit(1)
	}
}

// allCases lists every case in the order in which they run.
func allCases(e endpoint) ([]testCase, error) {
	text, err := os.ReadFile(envOr("TDS_CASES", "../cases.sql"))
	if err != nil {
		return nil, err
	}
	shared, err := sharedCases(string(text))
	if err != nil {
		return nil, err
	}
	return slices.Concat(loginCases(), shared, roundTripCases(), transactionCases(), preparedCases(),
		bulkCases(), largeCases(), poolCases(e), cancelCases(), patternCases()), nil
}
