package engine

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestLeast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(0, 400), 0, 800).Draw(t, "values")
		n := rapid.IntRange(0, 300).Draw(t, "n")
		got := least(slices.Values(values), n, cmp.Compare)
		want := slices.Sorted(slices.Values(values))
		if n > 0 && len(want) > n {
			want = want[:n]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the least %d of %d are %v, want %v", n, len(values), got, want)
		}
	})
}
