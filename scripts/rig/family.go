package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Kin is a process that a child of ours started. The start time tells it from a
// later process with the same number.
type Kin struct {
	PID   int
	start string
}

// Children lists the processes that pid has started and that still run.
func Children(pid int) []Kin {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	var all []Kin
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue
		}
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				if start, ok := startTime(child); ok {
					all = append(all, Kin{child, start})
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

// Running tells whether it is still the same process.
func (k Kin) Running() bool {
	start, ok := startTime(k.PID)
	return ok && start == k.start
}

// Kill kills the process if it still runs.
func (k Kin) Kill() {
	if k.Running() {
		_ = syscall.Kill(k.PID, syscall.SIGKILL) // it may have ended just now
	}
}
