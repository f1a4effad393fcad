package consensus

import (
	"crypto/rand"
	"io"
	"testing"

	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
)

func restore(r io.Reader) { rand.Reader = r }

// TestSimulationFinds gives the simulation mistakes on purpose: each must be
// found within a number of seeds, or its silence means nothing.
func TestSimulationFinds(t *testing.T) {
	defer restore(rand.Reader)
	for _, c := range []struct {
		name   string
		bugs   bugs
		within uint64
	}{
		{"send before sync", bugs{sendBeforeSync: true}, 60},
		{"speculative state kept", bugs{toy: toy.Bugs{KeepSpeculative: true}}, 200},
		{"no dedupe", bugs{toy: toy.Bugs{NoDedupe: true}}, 20},
		{"refused before commit", bugs{earlyReply: true}, 60},
		{"no sync on open", bugs{noSyncOnOpen: true}, 600},
		{"retention forgotten", bugs{toy: toy.Bugs{ForgetRetention: true}}, 20},
		{"same identity", bugs{sameIdentity: true}, 60},
		{"promoted early", bugs{promoteEarly: true}, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= c.within; seed++ {
				members, local := shape(seed)
				if _, err := simulate(seed, members, local, c.bugs, *simSteps); err != nil {
					t.Logf("found at seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not found in %d seeds", c.within)
		})
	}
}

// TestSimulationRepeats runs seeds twice: the same seed must give the same trace.
func TestSimulationRepeats(t *testing.T) {
	defer restore(rand.Reader)
	for seed := uint64(1); seed <= 12; seed++ {
		members, local := shape(seed)
		a, err := simulate(seed, members, local, bugs{}, 500)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b, err := simulate(seed, members, local, bugs{}, 500)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if a.trace != b.trace || len(a.stream) != len(b.stream) {
			t.Errorf("seed %d: two runs differ", seed)
		}
	}
}
