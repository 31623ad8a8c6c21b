package load

import (
	"cmp"
	"math"
	"slices"
)

// spread deals clients out to buckets by weight and returns how many each gets.
// Who is owed the largest fraction of a client gets one that is left over.
func spread(clients int, buckets []Bucket) []int {
	sum := 0.0
	for _, b := range buckets {
		sum += b.Weight
	}
	counts, owed := make([]int, len(buckets)), make([]float64, len(buckets))
	order := make([]int, len(buckets))
	left := clients
	for i, b := range buckets {
		exact := float64(clients) * b.Weight / sum
		counts[i], owed[i], order[i] = int(math.Floor(exact)), exact-math.Floor(exact), i
		left -= counts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(owed[b], owed[a]) })
	for i := range left {
		counts[order[i%len(order)]]++
	}
	return counts
}

// assign returns the bucket of every client. Neighbours, which start one after
// the other, have different buckets as far as the weights allow.
func assign(clients int, buckets []Bucket) []int {
	want := spread(clients, buckets)
	got := make([]int, len(buckets))
	homes := make([]int, clients)
	for i := range homes {
		best, most := -1, math.Inf(-1)
		for b := range buckets {
			if got[b] == want[b] {
				continue
			}
			// How far the bucket is behind its share of the clients so far.
			behind := float64(want[b])*float64(i+1)/float64(clients) - float64(got[b])
			if behind > most {
				best, most = b, behind
			}
		}
		homes[i] = best
		got[best]++
	}
	return homes
}
