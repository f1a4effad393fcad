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

// enclosingCatch returns the Try in whose catch block p stands, its position,
// and the round, from 0. A Try inside of that catch block doesn't count.
func enclosingCatch(w *workflow.Workflow, p workflow.Position) (try *workflow.Try, at workflow.Position, round int, ok bool) {
	for b := p.Block; ; {
		at, branch, ok := b.Split()
		if !ok {
			return nil, workflow.Position{}, 0, false
		}
		if i, isCatch, ok := workflow.TryIndex(branch); ok && isCatch {
			try, ok := w.At(at).(*workflow.Try)
			return try, at, i, ok
		}
		b = at.Block
	}
}

// whereFails searches outward from p for what deals with a failure (section
// 1.3 of the reference): a Try, an Options that decides, the boundary of a
// fork. Of several Options around p only the innermost that says something
// counts.
func whereFails(w *workflow.Workflow, p workflow.Position, inner workflow.Block, uncatchable bool) (failure, workflow.Position) {
	decided := false
	for b := p.Block; b != inner; {
		at, branch, ok := b.Split()
		if !ok {
			break
		}
		switch ins := w.At(at).(type) {
		case *workflow.Options:
			if ins.StopOnFailure != nil && !decided {
				if *ins.StopOnFailure {
					return failsByStopping, p
				}
				decided = true
			}
		case *workflow.Try:
			if i, isCatch, ok := workflow.TryIndex(branch); ok && !isCatch && !uncatchable && !exhausted(ins, i) {
				return failsIntoCatch, at.Into(workflow.CatchBranch(i))
			}
		case *workflow.Fork:
			return forkFailure(ins.JoinIfFailed), p
		case *workflow.ForkList:
			return forkFailure(ins.JoinIfFailed), p
		}
		b = at.Block
	}
	return failsForGood, p
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
