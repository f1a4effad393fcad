package mirror

import (
	"math/bits"
	"slices"
)

// first collects the first of many rows: those that come behind as many as are
// wanted are thrown away now and then.
type first struct {
	less func(a, b ranked) int
	most int
	kept []ranked
	last *ranked // nothing behind it is wanted; nil: not known yet
}

func (f *first) add(r ranked) {
	const slack = 100
	if f.most == 0 || f.last != nil && f.less(r, *f.last) > 0 {
		return
	}
	if f.kept = append(f.kept, r); len(f.kept) < 2*f.most+slack {
		return
	}
	sortPart(f.kept, f.most-1, f.most, f.less)
	f.kept = f.kept[:f.most]
	last := f.kept[f.most-1]
	f.last = &last
}

// from returns what was wanted from an index on, in order.
func (f *first) from(i int) []ranked {
	to := min(f.most, len(f.kept))
	i = min(i, to)
	sortPart(f.kept, i, to, f.less)
	return f.kept[i:to]
}

// sortPart brings what belongs between from and to, were all sorted, to its place,
// in order: of 100,000 rows, a page shows a hundred. It sorts by halves, as
// quicksort does, but leaves halves alone in which nobody is interested.
func sortPart(rows []ranked, from, to int, less func(a, b ranked) int) {
	const few = 50
	to = min(to, len(rows))
	for tries := 2 * bits.Len(uint(len(rows))); tries > 0 && len(rows) > few && from < to; tries-- {
		middle := halve(rows, less)
		switch {
		case to <= middle:
			rows = rows[:middle]
		case from >= middle:
			rows, from, to = rows[middle:], from-middle, to-middle
		default:
			sortPart(rows[:middle], from, middle, less)
			rows, from, to = rows[middle:], 0, to-middle
		}
	}
	if from < to {
		slices.SortFunc(rows, less)
	}
}

// halve moves rows so that none before an index, which is neither the first nor
// behind the last, comes behind one that follows.
func halve(rows []ranked, less func(a, b ranked) int) int {
	pivot := rows[(len(rows)-1)/2]
	i, j := -1, len(rows)
	for {
		for i++; less(rows[i], pivot) < 0; i++ {
			continue
		}
		for j--; less(pivot, rows[j]) < 0; j-- {
			continue
		}
		if i >= j {
			return j + 1
		}
		rows[i], rows[j] = rows[j], rows[i]
	}
}
