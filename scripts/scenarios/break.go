package main

import "time"

// broken is the fleet of a scenario whose condition is broken on purpose. What a
// break does to the run itself is in the scenario.
func broken(s scenario) fleet {
	f := s.fleet
	switch s.name {
	case "baseline":
		f.limit += 5
	case "burst":
		f.set = append(f.set, "proxy.max_queue_size=20")
	case "steady":
		f.set = append(f.set, "tls.mode=on")
	case "instance":
		f.hold = 45 * time.Second
	case "redis":
		f.witnesses = 0
	case "uneven":
		f.limit -= f.limit / 5
	}
	return f
}
