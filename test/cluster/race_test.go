//go:build race

package cluster_test

// raceEnabled tells whether the race detector runs; it makes everything raceFactor
// times slower.
const (
	raceEnabled = true
	raceFactor  = 4
)
