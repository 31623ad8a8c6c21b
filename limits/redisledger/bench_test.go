package redisledger

import (
	"fmt"
	"strings"
	"testing"

	"sluice/limits"
)

// fleet fills a ledger with sessions that all hold something in every bucket.
func fleet(b *testing.B, s *store, sessions, buckets int) limits.Epoch {
	b.Helper()
	e := s.Do(b, limits.Recover{Replid: s.replid, Tag: "t1", Config: "bench", Open: true}).Epoch
	declared := limits.Counts{}
	for i := range buckets {
		declared[bucketName(i)] = 4 * sessions
	}
	for i := range sessions {
		s.Do(b, limits.Join{Epoch: e, Session: sessionName(i), Config: "bench", Declared: declared})
	}
	version := s.Do(b, limits.Hello{}).Version
	for round := range 3 {
		for i := range sessions {
			op := limits.Sync{Epoch: e, Session: sessionName(i), Seq: uint64(round) + 1, Ack: version, Pins: benchPins}
			if round == 2 {
				op.Items = items(buckets, 3)
			}
			s.Do(b, op)
		}
	}
	return e
}

var benchPins = map[string]string{"node-0": "node-0#1f1f1f1f1f1f1f1f", "node-1": "node-1#2f2f2f2f2f2f2f2f", "node-2": "node-2#3f3f3f3f3f3f3f3f"}

func sessionName(i int) limits.Session {
	return limits.Session(fmt.Sprintf("node-%d#%016x/1", i, uint64(i+1)*0x9e3779b97f4a7c15))
}

func bucketName(i int) string { return fmt.Sprintf("bucket-%03d", i) }

func items(n, demand int) []limits.Item {
	out := make([]limits.Item, n)
	for i := range out {
		out[i] = limits.Item{Bucket: bucketName(i), Demand: demand, Age: 12}
	}
	return out
}

// inRedis reports what the server itself counts of the time in scripts, and of
// the INFO that each of them asks for.
func inRedis(b *testing.B, s *store) {
	b.Helper()
	text, err := s.client.Info(b.Context(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(text) {
		for _, c := range []string{"evalsha", "info"} {
			if rest, ok := strings.CutPrefix(line, "cmdstat_"+c+":"); ok {
				var calls, total int
				var each float64
				if _, err := fmt.Sscanf(rest, "calls=%d,usec=%d,usec_per_call=%f", &calls, &total, &each); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(each, c+"-us/op")
			}
		}
	}
}

// benchmark measures Syncs of one session after another that name so many
// buckets: what a session wants of them changes all the time. Tight lets all
// together want more than there is.
func benchmark(b *testing.B, buckets int) {
	s := installed(b)
	for _, sessions := range []int{3, 100} {
		for _, tight := range []bool{false, true} {
			b.Run(fmt.Sprintf("sessions=%d/tight=%v", sessions, tight), func(b *testing.B) {
				st := s.open(b, b.Name())
				e := fleet(b, st, sessions, buckets)
				version := st.Do(b, limits.Hello{}).Version
				demand := 2
				if tight {
					demand = 8
				}
				if err := s.client.Do(b.Context(), "CONFIG", "RESETSTAT").Err(); err != nil {
					b.Fatal(err)
				}
				seq := uint64(10)
				for b.Loop() {
					seq++
					st.Do(b, limits.Sync{
						Epoch: e, Session: sessionName(int(seq) % sessions), Seq: seq, Ack: version, Pins: benchPins, Items: items(buckets, demand+int(seq%3)),
					})
				}
				inRedis(b, st)
			})
		}
	}
}

func BenchmarkSync1Bucket(b *testing.B)    { benchmark(b, 1) }
func BenchmarkSync4Buckets(b *testing.B)   { benchmark(b, 4) }
func BenchmarkSync16Buckets(b *testing.B)  { benchmark(b, 16) }
func BenchmarkSync120Buckets(b *testing.B) { benchmark(b, 120) }
