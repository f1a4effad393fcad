package workflow

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// maxRanges bounds a set of integers.
const maxRanges = 1000

// ParseRange reads a set of integers: a string like "0,3..9", or an array of
// integers and pairs, [0,[3,9]]. The error is Invalid, code InvalidRange.
func ParseRange(n *strictjson.Node) (Range, error) {
	var r Range
	switch n.Kind {
	case strictjson.String:
		if strings.TrimSpace(n.Text) == "" {
			return nil, nil
		}
		for part := range strings.SplitSeq(n.Text, ",") {
			iv, err := parseInterval(strings.TrimSpace(part))
			if err != nil {
				return nil, err
			}
			if r = append(r, iv); len(r) > maxRanges {
				break
			}
		}
	case strictjson.Array:
		for _, item := range n.Items {
			iv, err := intervalOf(item)
			if err != nil {
				return nil, err
			}
			if r = append(r, iv); len(r) > maxRanges {
				break
			}
		}
	default:
		return nil, invalidRange(`expected a string like "0,3..9" or an array like [0,[3,9]], but this is %s`, n.Kind)
	}
	if len(r) > maxRanges {
		return nil, invalidRange("more than %d ranges", maxRanges)
	}
	return r.merged(), nil
}

func parseInterval(s string) ([2]int, error) {
	first, last, isRange := strings.Cut(s, "..")
	from, err := parseCode(first)
	if err != nil {
		return [2]int{}, err
	}
	to := from
	if isRange {
		if to, err = parseCode(last); err != nil {
			return [2]int{}, err
		}
	}
	return interval(from, to)
}

func parseCode(s string) (int, error) {
	i, err := strconv.ParseInt(s, 10, 32)
	if err != nil || s[0] == '+' {
		return 0, invalidRange("%s is not an integer", quoted(s))
	}
	return int(i), nil
}

func intervalOf(n *strictjson.Node) ([2]int, error) {
	if n.Kind != strictjson.Array {
		i, err := codeOf(n)
		return [2]int{i, i}, err
	}
	if len(n.Items) != 2 {
		return [2]int{}, invalidRange("a range has two elements, [from,to], this one has %d", len(n.Items))
	}
	from, err := codeOf(n.Items[0])
	if err != nil {
		return [2]int{}, err
	}
	to, err := codeOf(n.Items[1])
	if err != nil {
		return [2]int{}, err
	}
	return interval(from, to)
}

func codeOf(n *strictjson.Node) (int, error) {
	i, err := n.Int()
	if err != nil {
		return 0, invalidRange("%s", message(err))
	}
	if i < math.MinInt32 || i > math.MaxInt32 {
		return 0, invalidRange("%d is out of range", i)
	}
	return int(i), nil
}

func interval(from, to int) ([2]int, error) {
	if from > to {
		return [2]int{}, invalidRange("the range %d..%d goes backwards", from, to)
	}
	return [2]int{from, to}, nil
}

// merged returns the set with sorted, disjoint intervals that don't touch.
func (r Range) merged() Range {
	slices.SortFunc(r, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	out := r[:0]
	for _, iv := range r {
		if last := len(out) - 1; last >= 0 && iv[0] <= out[last][1]+1 {
			out[last][1] = max(out[last][1], iv[1])
		} else {
			out = append(out, iv)
		}
	}
	return out
}

// String returns the text form, "0,3..9"; two neighbours are written as two
// integers.
func (r Range) String() string {
	var b strings.Builder
	for i, iv := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(iv[0]))
		switch {
		case iv[1] == iv[0]+1:
			b.WriteByte(',')
			b.WriteString(strconv.Itoa(iv[1]))
		case iv[1] > iv[0]:
			b.WriteString("..")
			b.WriteString(strconv.Itoa(iv[1]))
		}
	}
	return b.String()
}

func invalidRange(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidRange", format, args...)
}
