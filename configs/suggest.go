package configs

import (
	"path"
	"strings"
)

// suggest returns the key nearest to name: one of the same group spelt alike,
// or one of the same name in another group, or nothing.
func suggest(keys []Key, name string) string {
	group, leaf := splitKey(name)
	limit := max(2, len(leaf)/3) // letters that may be wrong
	best, bestCost := "", limit+1
	for _, k := range keys {
		g, l := splitKey(k.Path)
		cost := distance(leaf, l)
		if g != group {
			// The right word in the wrong group comes after a near word in
			// the right one.
			if cost > 1 {
				continue
			}
			cost += limit - 1
		}
		if cost < bestCost {
			best, bestCost = k.Path, cost
		}
	}
	return best
}

func splitKey(name string) (group, leaf string) {
	group, leaf = path.Split(strings.ReplaceAll(name, ".", "/"))
	return strings.TrimSuffix(group, "/"), leaf
}

// maxKeyLength bounds the work on absurd keys.
const maxKeyLength = 64

// distance counts the letters to add, drop, change or swap with their neighbour
// to make b out of a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > maxKeyLength || len(b) > maxKeyLength {
		return maxKeyLength
	}
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
