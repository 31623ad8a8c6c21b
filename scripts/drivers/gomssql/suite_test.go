package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRunCases(t *testing.T) {
	result := func(text string, err error) func(context.Context, endpoint) (string, error) {
		return func(context.Context, endpoint) (string, error) { return text, err }
	}
	cases := []testCase{
		{name: "a/good", run: result("one\ttwo\nthree", nil)},
		{name: "a/lacking", needs: []string{"bulk"}, run: result("never", nil)},
		{name: "a/skipped", run: result("", skipError{"no reason"})},
		{name: "a/failed", run: result("so far", errors.New("broken"))},
		{name: "b/unwanted", run: result("never", nil)},
	}
	var out strings.Builder
	failed := runCases(&out, endpoint{lacks: []string{"bulk"}}, cases, func(name string) bool { return strings.HasPrefix(name, "a/") })
	want := "a/good\tone\\ttwo\\nthree\n" +
		"a/lacking\tSKIP the endpoint lacks bulk\n" +
		"a/skipped\tSKIP no reason\n" +
		"a/failed\tFAIL so far client error: broken\n"
	if out.String() != want || failed != 1 {
		t.Errorf("runCases wrote\n%swith %d failed, want\n%swith 1 failed", out.String(), failed, want)
	}
}

func TestSharedCases(t *testing.T) {
	cases, err := sharedCases("-- about\n\n--# a/one\nSELECT 1\nGO\nSELECT {p}_x\n\n--# a/two needs=x,y\nSELECT 2\n")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	if want := []string{"a/one", "a/two"}; !slices.Equal(names, want) {
		t.Errorf("cases %q, want %q", names, want)
	}
	if want := []string{"x", "y"}; !slices.Equal(cases[1].needs, want) {
		t.Errorf("a/two needs %q, want %q", cases[1].needs, want)
	}
	if _, err := sharedCases("\n--# a/one"); err == nil {
		t.Error("a case without text is accepted")
	}
}
