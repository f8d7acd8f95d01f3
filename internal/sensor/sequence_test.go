package sensor

import (
	"math/rand/v2"
	"testing"
)

// TestGaps: whatever records of several CPUs go missing, the sum of the gaps is their number, once each CPU has been
// heard again.
func TestGaps(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var g gaps
		var next [4]uint64
		var lost, found uint64
		send := func(cpu uint16, arrives bool) {
			next[cpu]++
			if !arrives {
				lost++
				return
			}
			found += g.note(cpu, next[cpu])
		}
		for range 500 {
			send(uint16(rnd.IntN(4)), rnd.IntN(5) > 0)
		}
		for cpu := range uint16(4) {
			send(cpu, true)
		}
		if found != lost {
			t.Fatalf("seed %d: the gaps sum up to %d, %d records were lost", seed, found, lost)
		}
	}
}
