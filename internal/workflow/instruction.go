package workflow

import (
	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/value"
)

// Instruction is one instruction of a workflow. The concrete types are the
// pointer types of this file; adding one is a checklist in CONTRIBUTING.
type Instruction interface {
	// Label returns the label given by the author, or "".
	Label() string
	// Type returns the TYPE of the JSON form.
	Type() string
}

// Labeled holds the label that every instruction may carry.
type Labeled struct{ Name string }

// Label returns the label, or "".
func (l Labeled) Label() string { return l.Name }

type (
	// Execute runs a job: Execute.Named looks JobName up outward from its
	// block, Execute.Anonymous carries the job itself and has no JobName. Job
	// is set in both cases once the workflow is parsed.
	Execute struct {
		Labeled
		JobName          string
		Job              *Job
		DefaultArguments []NamedExpr // stronger than the job's, weaker than the order's
	}

	// If enters the block of the first condition that is true, else Else.
	If struct {
		Labeled
		IfThens []IfThen
		Else    *Sequence // may be nil
	}

	// IfThen is one condition of an If with its block.
	IfThen struct {
		Predicate *expr.Expr
		Then      *Sequence
	}

	// Try runs its Try block; when that fails, its Catch block, in which a
	// Retry may begin the next round by the policy.
	Try struct {
		Labeled
		Try   *Sequence
		Catch *Sequence
		Retry RetryPolicy
	}

	// Retry begins the next round of the Try in whose catch block it stands.
	Retry struct{ Labeled }

	// Fork splits the order into one child for each branch and joins them.
	Fork struct {
		Labeled
		Branches     []ForkBranchDef
		JoinIfFailed bool
		AgentPath    string // where to fork; "" = the engine decides
	}

	// ForkBranchDef is one branch of a Fork.
	ForkBranchDef struct {
		ID    string
		Block *Sequence
	}

	// ForkList splits the order into one child for each element of Children.
	ForkList struct {
		Labeled
		Children         *expr.Expr
		ChildToID        *expr.Function
		ChildToArguments *expr.Function // nil: children get the parent's arguments only
		Block            *Sequence
		JoinIfFailed     bool
		AgentPath        string
	}

	// Fail lets the order fail with Message and NamedValues.
	Fail struct {
		Labeled
		Message     *expr.Expr // may be nil
		NamedValues value.Map
		Uncatchable bool
	}

	// Finish ends the order, or the branch of a fork. Outcome is nil, or a
	// Succeeded or Failed outcome.
	Finish struct {
		Labeled
		Outcome *FinishOutcome
	}

	// FinishOutcome is the outcome that a Finish gives.
	FinishOutcome struct {
		Failed      bool
		Message     string
		NamedValues value.Map
	}

	// Stop stops the order where it stands; resuming needs another position.
	Stop struct{ Labeled }

	// Options sets StopOnFailure for its block: nil leaves it as outside.
	Options struct {
		Labeled
		StopOnFailure *bool
		Block         *Sequence
	}

	// Sleep waits for Duration seconds.
	Sleep struct {
		Labeled
		Duration *expr.Expr
	}

	// Empty does nothing; authors use it for a label or a place holder.
	Empty struct{ Labeled }

	// End is the end of a block: written by the author, or implicit.
	End struct {
		Labeled
		Implicit bool
	}
)

// Type returns the TYPE of the JSON form.
func (e *Execute) Type() string {
	if e.JobName == "" {
		return "Execute.Anonymous"
	}
	return "Execute.Named"
}

// Type returns the TYPE of the JSON form.
func (*If) Type() string { return "If" }

// Type returns the TYPE of the JSON form.
func (*Try) Type() string { return "Try" }

// Type returns the TYPE of the JSON form.
func (*Retry) Type() string { return "Retry" }

// Type returns the TYPE of the JSON form.
func (*Fork) Type() string { return "Fork" }

// Type returns the TYPE of the JSON form.
func (*ForkList) Type() string { return "ForkList" }

// Type returns the TYPE of the JSON form.
func (*Fail) Type() string { return "Fail" }

// Type returns the TYPE of the JSON form.
func (*Finish) Type() string { return "Finish" }

// Type returns the TYPE of the JSON form.
func (*Stop) Type() string { return "Stop" }

// Type returns the TYPE of the JSON form.
func (*Options) Type() string { return "Options" }

// Type returns the TYPE of the JSON form.
func (*Sleep) Type() string { return "Sleep" }

// Type returns the TYPE of the JSON form.
func (*Empty) Type() string { return "EmptyInstruction" }

// Type returns the TYPE of the JSON form.
func (e *End) Type() string {
	if e.Implicit {
		return "ImplicitEnd"
	}
	return "End"
}

// Child returns the block behind a branch id of instruction ins, dynamic parts
// ("try+3") included, or nil when it has no such block.
func Child(ins Instruction, branch string) *Sequence {
	kind, suffix := CutBranch(branch)
	switch ins := ins.(type) {
	case *If:
		if branch == BranchElse {
			return ins.Else
		}
		for i := range ins.IfThens {
			if branch == ThenBranch(i) {
				return ins.IfThens[i].Then
			}
		}
	case *Try:
		if _, isCatch, ok := TryIndex(branch); ok && isCatch {
			return ins.Catch
		} else if ok {
			return ins.Try
		}
	case *Fork:
		if kind == BranchFork {
			for i := range ins.Branches {
				if ins.Branches[i].ID == suffix {
					return ins.Branches[i].Block
				}
			}
		}
	case *ForkList:
		if branch == BranchFork {
			return ins.Block
		}
	case *Options:
		if branch == BranchOptions {
			return ins.Block
		}
	}
	return nil
}

// Branch is one block of an instruction with its static branch id.
type Branch struct {
	ID    string
	Block *Sequence
}

// Branches returns every block of ins with its static branch id, in the order
// of the document.
func Branches(ins Instruction) []Branch {
	switch ins := ins.(type) {
	case *If:
		var bs []Branch
		for i := range ins.IfThens {
			bs = append(bs, Branch{ThenBranch(i), ins.IfThens[i].Then})
		}
		if ins.Else != nil {
			bs = append(bs, Branch{BranchElse, ins.Else})
		}
		return bs
	case *Try:
		return []Branch{{BranchTry, ins.Try}, {BranchCatch, ins.Catch}}
	case *Fork:
		bs := make([]Branch, len(ins.Branches))
		for i, b := range ins.Branches {
			bs[i] = Branch{ForkBranch(b.ID), b.Block}
		}
		return bs
	case *ForkList:
		return []Branch{{BranchFork, ins.Block}}
	case *Options:
		return []Branch{{BranchOptions, ins.Block}}
	}
	return nil
}

// BlockAt returns the instructions of block b, or nil when the workflow has no
// such block.
func (w *Workflow) BlockAt(b Block) *Sequence {
	at, branch, ok := b.Split()
	if !ok {
		return w.Block
	}
	ins := w.At(at)
	if ins == nil {
		return nil
	}
	return Child(ins, branch)
}

// At returns the instruction at p, or nil when the workflow has no such place.
func (w *Workflow) At(p Position) Instruction {
	s := w.BlockAt(p.Block)
	if s == nil || p.Nr < 0 || p.Nr >= len(s.Instructions) {
		return nil
	}
	return s.Instructions[p.Nr]
}

// Labels returns the normalized position of every label.
func (w *Workflow) Labels() map[string]Position { return w.labels }
