//go:build !race

package archive

const slowness = 1
