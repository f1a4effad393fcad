package workflow

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

// Bounds of positions that come from outside.
const (
	MaxPositionDepth = 64        // branches of a position
	MaxBranchID      = 200       // bytes of a branch id
	maxNr            = 1_000_000 // greatest instruction number
)

// AppendJSON appends the flat array of the reference: [1,"try+0",2].
func (p Position) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	if p.Block != "" {
		dst = append(p.Block.appendElements(dst), ',')
	}
	return append(strconv.AppendInt(dst, int64(p.Nr), 10), ']')
}

// AppendJSON appends the flat array of the reference, of even length:
// [1,"try+0"]; the workflow's own block is [].
func (b Block) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	if b != "" {
		dst = b.appendElements(dst)
	}
	return append(dst, ']')
}

func (b Block) appendElements(dst []byte) []byte {
	i := 0
	for part := range strings.SplitSeq(string(b), "/") {
		if i > 0 {
			dst = append(dst, ',')
		}
		if i%2 == 0 {
			dst = append(dst, part...)
		} else {
			dst = value.AppendJSON(dst, value.String(unescapeBranch.Replace(part)))
		}
		i++
	}
	return dst
}

// MarshalJSON returns AppendJSON of p.
func (p Position) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// MarshalJSON returns AppendJSON of b.
func (b Block) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes, strictly.
func (p *Position) UnmarshalJSON(data []byte) error {
	n, err := parseSmall(data)
	if err != nil {
		return err
	}
	q, err := ParsePosition(n)
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// UnmarshalJSON reads what AppendJSON writes, strictly.
func (b *Block) UnmarshalJSON(data []byte) error {
	n, err := parseSmall(data)
	if err != nil {
		return err
	}
	c, err := ParseBlock(n)
	if err != nil {
		return err
	}
	*b = c
	return nil
}

func parseSmall(data []byte) (*strictjson.Node, error) {
	return strictjson.Parse(data, strictjson.Limits{MaxBytes: 64 << 10, MaxDepth: 2, MaxNodes: 2*MaxPositionDepth + 10})
}

// ParsePosition reads the flat array [nr, branch, nr, …]: an odd number of
// elements, at most MaxPositionDepth branches. It doesn't need to exist in any
// workflow. The error is Invalid, code InvalidPosition.
func ParsePosition(n *strictjson.Node) (Position, error) {
	items, err := positionItems(n)
	if err != nil {
		return Position{}, err
	}
	if len(items)%2 == 0 {
		return Position{}, invalidPosition("a position has an odd number of elements ([nr, branch, nr, …]), this one has %d", len(items))
	}
	b, err := blockOf(items[:len(items)-1])
	if err != nil {
		return Position{}, err
	}
	nr, err := positionNr(items[len(items)-1])
	if err != nil {
		return Position{}, err
	}
	return Position{Block: b, Nr: nr}, nil
}

// ParseBlock reads the flat array [nr, branch, …] of a block: an even number
// of elements; [] is the workflow's own block. The error is Invalid, code
// InvalidPosition.
func ParseBlock(n *strictjson.Node) (Block, error) {
	items, err := positionItems(n)
	if err != nil {
		return "", err
	}
	if len(items)%2 != 0 {
		return "", invalidPosition("a block position has an even number of elements ([nr, branch, …]), this one has %d", len(items))
	}
	return blockOf(items)
}

// ParseBlockText reads the text form of a block, as string(b) writes it, and
// accepts no other spelling of it. The error is Invalid, code InvalidPosition.
func ParseBlockText(s string) (Block, error) {
	if s == "" {
		return "", nil
	}
	parts := strings.Split(s, "/")
	if len(parts)%2 != 0 || len(parts) > 2*MaxPositionDepth {
		return "", invalidPosition("%s is not the text of a block position", quoted(s))
	}
	var b Block
	for i := 0; i < len(parts); i += 2 {
		nr, err := strconv.Atoi(parts[i])
		if err != nil {
			return "", invalidPosition("%s is not an instruction number", quoted(parts[i]))
		}
		branch := unescapeBranch.Replace(parts[i+1])
		if err := checkStep(nr, branch); err != nil {
			return "", err
		}
		b = Position{Block: b, Nr: nr}.Branch(branch)
	}
	if string(b) != s {
		return "", invalidPosition("%s is not the canonical text of a block position", quoted(s))
	}
	return b, nil
}

func positionItems(n *strictjson.Node) ([]*strictjson.Node, error) {
	if n == nil || n.Kind != strictjson.Array {
		return nil, invalidPosition("a position is an array like [1] or [1,\"then\",0]")
	}
	if len(n.Items) > 2*MaxPositionDepth+1 {
		return nil, invalidPosition("a position has at most %d branches", MaxPositionDepth)
	}
	return n.Items, nil
}

func blockOf(items []*strictjson.Node) (Block, error) {
	var text strings.Builder
	for i := 0; i < len(items); i += 2 {
		nr, err := positionNr(items[i])
		if err != nil {
			return "", err
		}
		if items[i+1].Kind != strictjson.String {
			return "", invalidPosition("element %d of the position must be a branch id, a string, but is %s", i+1, items[i+1].Kind)
		}
		branch := items[i+1].Text
		if err := checkStep(nr, branch); err != nil {
			return "", err
		}
		if i > 0 {
			text.WriteByte('/')
		}
		text.WriteString(strconv.Itoa(nr))
		text.WriteByte('/')
		text.WriteString(escapeBranch.Replace(branch))
	}
	return Block(text.String()), nil
}

func positionNr(n *strictjson.Node) (int, error) {
	nr, err := n.Int()
	if err != nil || nr < 0 || nr > maxNr {
		return 0, invalidPosition("an instruction number is an integer from 0 to %d", maxNr)
	}
	return int(nr), nil
}

func checkStep(nr int, branch string) error {
	switch {
	case nr < 0 || nr > maxNr:
		return invalidPosition("an instruction number is an integer from 0 to %d", maxNr)
	case branch == "" || len(branch) > MaxBranchID:
		return invalidPosition("a branch id has 1 to %d bytes", MaxBranchID)
	case !utf8.ValidString(branch):
		return invalidPosition("the branch id %s is not UTF-8", quoted(branch))
	}
	return nil
}

func invalidPosition(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidPosition", format, args...)
}
