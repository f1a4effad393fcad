package engine

import (
	"iter"
	"slices"
)

// least returns the n least of some values, sorted; n 0: all of them. A page of a
// long list costs a look at each value, and no sorting of all.
func least[T any](all iter.Seq[T], n int, compare func(a, b T) int) []T {
	const slack = 100
	var found []T
	full := false // nothing behind the n-th is wanted
	for v := range all {
		if full && compare(v, found[n-1]) > 0 {
			continue
		}
		found = append(found, v)
		if n > 0 && len(found) >= 2*n+slack {
			slices.SortFunc(found, compare)
			found, full = found[:n], true
		}
	}
	slices.SortFunc(found, compare)
	if n > 0 && len(found) > n {
		found = found[:n]
	}
	return found
}
