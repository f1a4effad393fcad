package workflow

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// AgentPaths returns the paths of all Agents that the workflow names, sorted.
// The caller must not change it.
func (w *Workflow) AgentPaths() []string { return w.agents }

// JobResources returns the paths of all job resources that the workflow names:
// for itself, for its jobs, and as constants in expressions; sorted. The
// caller must not change it.
func (w *Workflow) JobResources() []string { return w.jobResources }

// Walk calls visit for every instruction, in the order of the document, an
// instruction before its blocks. Positions are normalized.
func (w *Workflow) Walk(visit func(Position, Instruction)) { walk("", w.Block, visit) }

func walk(b Block, seq *Sequence, visit func(Position, Instruction)) {
	for nr, ins := range seq.Instructions {
		pos := b.Position(nr)
		visit(pos, ins)
		for _, branch := range Branches(ins) {
			walk(pos.Branch(branch.ID), branch.Block, visit)
		}
	}
}

// JobAt returns the job that the instruction at p executes, or nil.
func (w *Workflow) JobAt(p Position) *Job {
	if e, ok := w.At(p).(*Execute); ok {
		return e.Job
	}
	return nil
}

// JobKey names the job that the instruction at p executes, unique over all
// versions of all workflows: "path~version:block#name" for a named job, with
// the block that defines it, and "path~version:position" for an anonymous one.
// A ':' in the version id is written as %3A. It is "" when no job is executed
// at p. Jobs have the same key in every round of a Try and in every child of a
// ForkList.
func (w *Workflow) JobKey(p Position) string {
	e, ok := w.At(p).(*Execute)
	if !ok {
		return ""
	}
	key := w.ID.Path + "~" + escapeVersion.Replace(w.ID.VersionID) + ":"
	p = p.Normalize()
	if e.JobName == "" {
		return key + p.String()
	}
	for b := p.Block; ; {
		if seq := w.BlockAt(b); seq != nil && seq.Jobs[e.JobName] != nil {
			return key + string(b) + "#" + e.JobName
		}
		at, _, ok := b.Split()
		if !ok {
			return "" // Parse has found the job, so this can't be reached
		}
		b = at.Block
	}
}

var escapeVersion = strings.NewReplacer("%", "%25", ":", "%3A")

// passable tells whether an order may be moved into and out of a branch: then,
// else, try, catch and options; a fork is a boundary.
func passable(branch string) bool {
	kind, _ := CutBranch(branch)
	switch kind {
	case BranchThen, BranchElse, BranchTry, BranchCatch, BranchOptions:
		return true
	}
	return false
}

// boundary returns the innermost block around b that an order must not leave
// by a move: that of a fork branch, or the workflow's own.
func boundary(b Block) Block {
	for {
		at, branch, ok := b.Split()
		if !ok || !passable(branch) {
			return b
		}
		b = at.Block
	}
}

// Reachable tells why an order can't be moved from one position to another, or
// nil: both must exist, and the move must neither enter nor leave a branch of
// a fork. The error is Invalid, code UnreachablePosition.
func (w *Workflow) Reachable(from, to Position) error {
	for _, p := range []Position{from, to} {
		if w.At(p) == nil {
			return fault.New(fault.Invalid, "UnreachablePosition", "the workflow %s has no position %s", w.ID, p)
		}
	}
	if boundary(from.Block) != boundary(to.Block) {
		return fault.New(fault.Invalid, "UnreachablePosition",
			"position %s can't be reached from position %s: an order can't be moved into or out of a branch of a fork", to, from)
	}
	return nil
}
