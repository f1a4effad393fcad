package workflow

import (
	"strconv"
	"strings"
)

// maxHints bounds the names that are compared: it is only a hint.
const maxHints = 200

// didYouMean returns a hint at the known name nearest to an unknown one: "",
// or `; did you mean "x"?`.
func didYouMean(unknown string, known []string) string {
	const longest = 60
	if len(unknown) > longest {
		return ""
	}
	known = known[:min(len(known), maxHints)]
	best, bestDistance := "", 1+max(1, len(unknown)/3)
	for _, name := range known {
		if strings.EqualFold(unknown, name) {
			return "; did you mean " + strconv.Quote(name) + "? (upper and lower case matter)"
		}
		if len(name) > longest {
			continue
		}
		if d := editDistance(unknown, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + strconv.Quote(best) + "?"
}

// editDistance returns how many bytes must be inserted, removed or replaced to
// make a from b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
