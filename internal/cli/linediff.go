package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// maxCompared is how many lines of each text are compared with each other; of larger
// changes all lines are told.
const maxCompared = 2000

// changedLines tells which lines of a document differ, with "-" before those that
// went and "+" before those that came. JSON is laid out first, so that what stands
// on one line can be told apart.
func changedLines(before, after string) []string {
	a, b := laidOut(before), laidOut(after)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out []string
	if len(a) <= maxCompared && len(b) <= maxCompared {
		a, b, out = unlike(a, b)
	}
	for _, line := range a {
		out = append(out, "- "+line)
	}
	for _, line := range b {
		out = append(out, "+ "+line)
	}
	return out
}

// unlike walks along the longest lines that two texts have in common, and returns
// what is left of them behind it.
func unlike(a, b []string) (restA, restB, out []string) {
	common := make([][]int, len(a)+1) // of what is left from a line on
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return a[i:], b[j:], out
}

func laidOut(text string) []string {
	if text == "" {
		return nil
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") == nil {
		text = b.String()
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
