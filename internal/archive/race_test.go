//go:build race

package archive

// slowness is how much slower the race detector makes all.
const slowness = 10
