package sim

import (
	"flag"
	"testing"
	"time"
)

var (
	seeds = flag.Uint64("seeds", 0, "how many seeds to run; 0: a few")
	first = flag.Uint64("first", 1, "the first of them")
)

func TestSimulation(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = 50
	}
	began := time.Now()
	reached := map[string]int{}
	for seed := *first; seed < *first+n; seed++ {
		r := Run(Config{Seed: seed})
		for k, v := range r.Reached {
			reached[k] += v
		}
		if r.Err != nil {
			t.Errorf("seed %d: %v", seed, r.Err)
		}
	}
	t.Logf("%d seeds in %v: %v", n, time.Since(began), reached)
}

func TestStory(t *testing.T) {
	if *seeds == 0 {
		t.Skip("for looking at one seed")
	}
	r := Run(Config{Seed: *first, Tell: func(line string) { t.Log(line) }})
	t.Logf("%v", r.Err)
}
