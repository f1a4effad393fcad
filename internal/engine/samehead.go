package engine

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// sameHead tells whether two instructions are the same but for the blocks in
// them: an order inside can go on in the other version.
func sameHead(a, b workflow.Instruction) bool {
	if a.Type() != b.Type() || a.Label() != b.Label() {
		return false
	}
	switch a := a.(type) {
	case *workflow.Execute:
		b, _ := b.(*workflow.Execute)
		return a.JobName == b.JobName && sameJob(a.Job, b.Job) && sameNamed(a.DefaultArguments, b.DefaultArguments)
	case *workflow.If:
		b, _ := b.(*workflow.If)
		return slices.EqualFunc(a.IfThens, b.IfThens, func(x, y workflow.IfThen) bool { return sameExpr(x.Predicate, y.Predicate) })
	case *workflow.Try:
		b, _ := b.(*workflow.Try)
		return a.Retry.MaxTries == b.Retry.MaxTries && slices.Equal(a.Retry.Delays, b.Retry.Delays)
	case *workflow.Fork:
		b, _ := b.(*workflow.Fork)
		return a.JoinIfFailed == b.JoinIfFailed && a.AgentPath == b.AgentPath &&
			slices.EqualFunc(a.Branches, b.Branches, func(x, y workflow.ForkBranchDef) bool { return x.ID == y.ID })
	case *workflow.ForkList:
		b, _ := b.(*workflow.ForkList)
		return a.JoinIfFailed == b.JoinIfFailed && a.AgentPath == b.AgentPath && sameExpr(a.Children, b.Children) &&
			sameFunction(a.ChildToID, b.ChildToID) && sameFunction(a.ChildToArguments, b.ChildToArguments)
	case *workflow.Fail:
		b, _ := b.(*workflow.Fail)
		return sameExpr(a.Message, b.Message) && a.Uncatchable == b.Uncatchable && sameMap(a.NamedValues, b.NamedValues)
	case *workflow.Sleep:
		b, _ := b.(*workflow.Sleep)
		return sameExpr(a.Duration, b.Duration)
	case *workflow.Options:
		b, _ := b.(*workflow.Options)
		return (a.StopOnFailure == nil) == (b.StopOnFailure == nil) && (a.StopOnFailure == nil || *a.StopOnFailure == *b.StopOnFailure)
	}
	return true
}

func sameJob(a, b *workflow.Job) bool {
	return a.AgentPath == b.AgentPath && a.Executable.Type == b.Executable.Type && a.Executable.Script == b.Executable.Script &&
		a.Executable.Path == b.Executable.Path && a.Executable.V1 == b.Executable.V1 && sameNamed(a.Executable.Env, b.Executable.Env) &&
		slices.EqualFunc(a.Executable.Command, b.Executable.Command, func(x, y workflow.CommandWord) bool {
			return slices.EqualFunc(x.Parts, y.Parts, sameExpr)
		}) &&
		a.Executable.Meaning.Set == b.Executable.Meaning.Set && a.Executable.Meaning.Failure == b.Executable.Meaning.Failure &&
		slices.Equal(a.Executable.Meaning.Codes, b.Executable.Meaning.Codes) &&
		sameNamed(a.DefaultArguments, b.DefaultArguments) && slices.Equal(a.JobResourcePaths, b.JobResourcePaths) &&
		a.ProcessLimit == b.ProcessLimit && a.Timeout == b.Timeout && a.SigkillDelay == b.SigkillDelay &&
		a.FailOnErrWritten == b.FailOnErrWritten && a.NotRestartable == b.NotRestartable
}

func sameExpr(a, b *expr.Expr) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Source() == b.Source()
}

func sameFunction(a, b *expr.Function) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Source() == b.Source()
}

func sameNamed(a, b []workflow.NamedExpr) bool {
	return slices.EqualFunc(a, b, func(x, y workflow.NamedExpr) bool { return x.Name == y.Name && sameExpr(x.Expr, y.Expr) })
}

func sameMap(a, b value.Map) bool {
	return slices.EqualFunc(a.Names(), b.Names(), func(x, y string) bool { return x == y && value.Equal(a[x], b[y]) })
}
