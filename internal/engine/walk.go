package engine

import "github.com/signet-scheduler/signet/internal/workflow"

// enclosingTry returns the innermost Try around p, looking outward through
// then, else and options only, with its position.
func enclosingTry(w *workflow.Workflow, p workflow.Position) (*workflow.Try, workflow.Position, bool) {
	for b := p.Block; ; {
		at, branch, ok := b.Split()
		if !ok {
			return nil, workflow.Position{}, false
		}
		if _, _, isTry := workflow.TryIndex(branch); isTry {
			try, ok := w.At(at).(*workflow.Try)
			return try, at, ok
		}
		if kind, _ := workflow.CutBranch(branch); kind == workflow.BranchFork {
			return nil, workflow.Position{}, false
		}
		b = at.Block
	}
}

// failure is where an order goes that fails.
type failure uint8

const (
	failsForGood failure = iota
	failsInFork          // and joins
	failsIntoCatch
	failsByStopping
)

// whereFails searches outward from p for what deals with a failure (section
// 1.3 of the reference): a try block, an option, the boundary of a fork.
func whereFails(w *workflow.Workflow, p workflow.Position, inner workflow.Block, uncatchable bool) (failure, workflow.Position) {
	for b := p.Block; b != inner; {
		at, branch, ok := b.Split()
		if !ok {
			break
		}
		kind, _ := workflow.CutBranch(branch)
		switch ins := w.At(at).(type) {
		case *workflow.Options:
			if ins.StopOnFailure != nil {
				if *ins.StopOnFailure {
					return failsByStopping, p
				}
				return outerFailure(w, at, inner, uncatchable, p)
			}
		case *workflow.Try:
			if i, isCatch, ok := workflow.TryIndex(branch); ok && !isCatch && !uncatchable && !exhausted(ins, i) {
				return failsIntoCatch, at.Into(workflow.CatchBranch(i))
			}
		case *workflow.Fork:
			if kind == workflow.BranchFork {
				return forkFailure(ins.JoinIfFailed), p
			}
		case *workflow.ForkList:
			return forkFailure(ins.JoinIfFailed), p
		}
		b = at.Block
	}
	return failsForGood, p
}

// outerFailure goes on behind an Options that switches stopOnFailure off: no
// outer Options counts any more.
func outerFailure(w *workflow.Workflow, from workflow.Position, inner workflow.Block, uncatchable bool, p workflow.Position) (failure, workflow.Position) {
	how, to := whereFails(w, from, inner, uncatchable)
	switch how {
	case failsByStopping:
		// Look on for a Try or fork outside of that Options.
		for b := from.Block; ; {
			at, _, ok := b.Split()
			if !ok {
				return failsForGood, p
			}
			if o, isOptions := w.At(at).(*workflow.Options); isOptions && o.StopOnFailure != nil && *o.StopOnFailure {
				return outerFailure(w, at, inner, uncatchable, p)
			}
			b = at.Block
		}
	case failsIntoCatch:
		return how, to
	default:
		return how, p
	}
}

func forkFailure(join bool) failure {
	if join {
		return failsInFork
	}
	return failsForGood
}

// exhausted tells whether the catch block of round i begins with a Retry that
// can't begin another round: then the Try isn't entered any more, and the
// order fails where it failed.
func exhausted(try *workflow.Try, i int) bool {
	if try.Retry.MaxTries == 0 || i+1 < try.Retry.MaxTries {
		return false
	}
	_, isRetry := try.Catch.Instructions[0].(*workflow.Retry)
	return isRetry
}

// inFork tells whether p lies in a branch of a fork below inner, and returns
// the fork's position.
func inFork(p workflow.Position, inner workflow.Block) (workflow.Position, bool) {
	for b := p.Block; b != inner; {
		at, branch, ok := b.Split()
		if !ok {
			break
		}
		if kind, _ := workflow.CutBranch(branch); kind == workflow.BranchFork {
			return at, true
		}
		b = at.Block
	}
	return workflow.Position{}, false
}
