//go:build race

package archive

// slowness is how much slower the race detector makes all; the largest archives are
// so much smaller then.
const slowness = 10
