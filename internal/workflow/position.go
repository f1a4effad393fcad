package workflow

import (
	"strconv"
	"strings"
)

// Block names a block of instructions by the way to it: the empty Block is the
// workflow itself, "1/try+0" the try block of instruction 1 in its first
// round, "1/try+0/2/then" the then block in there. In the text form '/'
// separates the alternating instruction numbers and branch ids, and a '/', or
// '%' in a branch id is written as %2F, %25. A Block is comparable and can be
// a map key. (Section 1.2 of the reference: BranchPath.)
type Block string

// Position is the place of one instruction: number Nr, from 0, in Block. Its
// JSON form is the flat array [nr, branch, nr, ...] of the reference. The zero
// Position is [0], the first instruction of the workflow. Dynamic state, as
// the try counter, stands in the branch ids (section 1.2 of the reference).
type Position struct {
	Block Block
	Nr    int
}

// The fixed branch ids. BranchTry and BranchCatch carry "+N", the index of the
// round from 0, and BranchFork carries "+ID" in a Fork and nothing in a ForkList.
const (
	BranchThen    = "then"
	BranchElse    = "else"
	BranchTry     = "try"
	BranchCatch   = "catch"
	BranchFork    = "fork"
	BranchOptions = "options"
)

var (
	escapeBranch   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescapeBranch = strings.NewReplacer("%2F", "/", "%25", "%")
)

// At returns the position [nr] of the workflow's own block.
func At(nr int) Position { return Position{Nr: nr} }

// Position returns instruction nr of the block.
func (b Block) Position(nr int) Position { return Position{Block: b, Nr: nr} }

// IsRoot tells whether b is the workflow's own block.
func (b Block) IsRoot() bool { return b == "" }

// Split returns the position of the instruction that holds the block, and the
// branch id of the block in that instruction. ok is false for the root block.
func (b Block) Split() (at Position, branch string, ok bool) {
	if b == "" {
		return Position{}, "", false
	}
	s := string(b)
	i := strings.LastIndexByte(s, '/')
	branch = unescapeBranch.Replace(s[i+1:])
	s = s[:i]
	j := strings.LastIndexByte(s, '/')
	nr, _ := strconv.Atoi(s[j+1:])
	if j < 0 {
		return Position{Nr: nr}, branch, true
	}
	return Position{Block: Block(s[:j]), Nr: nr}, branch, true
}

// Branch returns the block branch of the instruction at p.
func (p Position) Branch(branch string) Block {
	n := strconv.Itoa(p.Nr)
	if p.Block == "" {
		return Block(n + "/" + escapeBranch.Replace(branch))
	}
	return Block(string(p.Block) + "/" + n + "/" + escapeBranch.Replace(branch))
}

// Into returns the first position of block branch of the instruction at p.
func (p Position) Into(branch string) Position { return p.Branch(branch).Position(0) }

// Next returns the position behind p in the same block.
func (p Position) Next() Position { return Position{Block: p.Block, Nr: p.Nr + 1} }

// Parent returns the position of the instruction whose block p is in.
func (p Position) Parent() (Position, bool) {
	at, _, ok := p.Block.Split()
	return at, ok
}

// TryBranch returns the branch id of the i-th round, from 0, of a Try.
func TryBranch(i int) string { return BranchTry + "+" + strconv.Itoa(i) }

// CatchBranch returns the branch id of the catch block of the i-th round.
func CatchBranch(i int) string { return BranchCatch + "+" + strconv.Itoa(i) }

// ForkBranch returns the branch id of the branch id of a Fork.
func ForkBranch(id string) string { return BranchFork + "+" + id }

// ThenBranch returns the branch id of the i-th condition of an If, from 0.
func ThenBranch(i int) string {
	if i == 0 {
		return BranchThen
	}
	return BranchThen + "+" + strconv.Itoa(i+1)
}

// CutBranch splits a branch id into its kind and what stands behind '+':
// "try+3" is ("try", "3"), "fork+A" ("fork", "A"), "else" ("else", "").
func CutBranch(branch string) (kind, suffix string) {
	kind, suffix, _ = strings.Cut(branch, "+")
	return kind, suffix
}

// TryIndex returns the round, from 0, that a try or catch branch id carries.
// A bare "try" is round 0. ok is false for other branch ids, and for a round
// that isn't written as TryBranch and CatchBranch write it.
func TryIndex(branch string) (i int, isCatch, ok bool) {
	kind, suffix, numbered := strings.Cut(branch, "+")
	if kind != BranchTry && kind != BranchCatch {
		return 0, false, false
	}
	if numbered {
		n, err := strconv.Atoi(suffix)
		if err != nil || n < 0 || strconv.Itoa(n) != suffix {
			return 0, false, false
		}
		i = n
	}
	return i, kind == BranchCatch, true
}

// TryCount returns how often the nearest Try around p has been entered, from
// 1; 0 when there is none. It looks outward through then and else only, as the
// reference does.
func TryCount(p Position) int {
	for b := p.Block; ; {
		at, branch, ok := b.Split()
		if !ok {
			return 0
		}
		if i, _, isTry := TryIndex(branch); isTry {
			return i + 1
		}
		if kind, _ := CutBranch(branch); kind != BranchThen && kind != BranchElse {
			return 0
		}
		b = at.Block
	}
}

// Normalize drops the dynamic part of try and catch branches: the static place
// in the workflow's text, as breakpoints and look-ups use it.
func (p Position) Normalize() Position { return Position{Block: p.Block.Normalize(), Nr: p.Nr} }

// Normalize drops the dynamic part of try and catch branches.
func (b Block) Normalize() Block {
	if !strings.Contains(string(b), "try+") && !strings.Contains(string(b), "catch+") {
		return b
	}
	at, branch, _ := b.Split()
	if _, _, ok := TryIndex(branch); ok {
		branch, _ = CutBranch(branch)
	}
	return Position{Block: at.Block.Normalize(), Nr: at.Nr}.Branch(branch)
}

// Contains tells whether p lies in b or in a block inside it.
func (b Block) Contains(p Position) bool {
	if b == "" || p.Block == b {
		return true
	}
	return strings.HasPrefix(string(p.Block), string(b)+"/")
}

// String returns p as the reference prints it: "0/fork+A:1", and "1" for [1].
func (p Position) String() string {
	if p.Block == "" {
		return strconv.Itoa(p.Nr)
	}
	return string(p.Block) + ":" + strconv.Itoa(p.Nr)
}
