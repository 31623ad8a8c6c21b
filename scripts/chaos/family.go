package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// kin is a process that a child of ours started. The start time tells it from a
// later process with the same number.
type kin struct {
	pid   int
	start string
}

// children lists the processes that pid has started and that still run.
func children(pid int) []kin {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	var all []kin
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue
		}
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				if start, ok := startTime(child); ok {
					all = append(all, kin{child, start})
				}
			}
		}
	}
	return all
}

// startTime is when a process started, in ticks; ok is false if it has ended.
func startTime(pid int) (start string, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The name in the second field may hold spaces; the rest comes after its bracket.
	at := strings.LastIndex(string(text), ") ")
	fields := strings.Fields(string(text[at+1:]))
	const state, started = 0, 19
	if at < 0 || len(fields) <= started || fields[state] == "Z" {
		return "", false
	}
	return fields[started], true
}

func (k kin) running() bool {
	start, ok := startTime(k.pid)
	return ok && start == k.start
}

func (k kin) kill() {
	if k.running() {
		_ = syscall.Kill(k.pid, syscall.SIGKILL) // it may have ended just now
	}
}
