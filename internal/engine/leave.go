package engine

import (
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// stepEnd leaves a block, joins a fork, or ends the order.
func (m *machine) stepEnd(o *order.Order) {
	if o.Position.Block == o.InnerBlock {
		m.finish(o, nil)
		return
	}
	at, branch, ok := o.Position.Block.Split()
	if !ok {
		m.finish(o, nil)
		return
	}
	if kind, _ := workflow.CutBranch(branch); kind == workflow.BranchFork {
		if !m.rules.toController(o) {
			m.touchParent(o)
		}
		return
	}
	m.emitOrder(o, &order.Moved{To: at.Next()})
}

// touchParent lets a forked parent look whether its children have ended.
func (m *machine) touchParent(o *order.Order) {
	if p, ok := m.orders.get(o.Parent); ok && p.State.Kind == order.Forked {
		m.touch(p.ID)
	}
}

// stepFinish carries out a Finish instruction: the end of the order, or of a
// branch.
func (m *machine) stepFinish(o *order.Order, ins *workflow.Finish) {
	var out *order.Outcome
	if f := ins.Outcome; f != nil {
		out = &order.Outcome{Kind: order.Succeeded, Values: f.NamedValues}
		if f.Failed {
			out = &order.Outcome{Kind: order.Fails, Message: f.Message, Values: f.NamedValues}
		}
	}
	if fork, ok := inFork(o.Position, o.InnerBlock); ok && o.Parent != "" {
		m.finishBranch(o, fork, out)
		return
	}
	m.finish(o, out)
}

// finishBranch ends a branch of a fork: its child goes to the branch's end, or
// fails.
func (m *machine) finishBranch(o *order.Order, fork workflow.Position, out *order.Outcome) {
	if out != nil {
		o = m.emitOrder(o, &order.OutcomeAdded{Outcome: out})
		if o.Failing {
			return
		}
	}
	w, err := m.workflow(o.Workflow)
	if err != nil {
		m.withoutWorkflow(o, err)
		return
	}
	block := o.Position.Block
	for b := o.Position.Block; !b.IsRoot(); {
		at, _, _ := b.Split()
		if at == fork {
			block = b
			break
		}
		b = at.Block
	}
	m.emitOrder(o, &order.Moved{To: block.Position(len(w.BlockAt(block).Instructions) - 1)})
}

// finish ends an order that isn't in a fork.
func (m *machine) finish(o *order.Order, out *order.Outcome) {
	if m.rules.toController(o) || !m.start(o) {
		return
	}
	m.emitOrder(m.orders.m[o.ID], &order.FinishedEvent{Outcome: out})
}

// fail lets an order whose last outcome failed go where that is dealt with.
func (m *machine) fail(o *order.Order) {
	w, err := m.workflow(o.Workflow)
	switch {
	case err == nil:
		m.failFrom(o, w, o.Position.Block)
	case !m.quarantined(o.ID, workflowRef(o.Workflow)):
		m.failHere(o)
	}
}

// failHere fails an order for good.
func (m *machine) failHere(o *order.Order) {
	if !m.rules.toController(o) {
		m.emitOrder(o, &order.FailedEvent{MovedTo: o.Position})
		m.touchParent(o)
	}
}

// failFrom is fail, looking outward from a block.
func (m *machine) failFrom(o *order.Order, w *workflow.Workflow, b workflow.Block) {
	last := o.Last()
	how, to := whereFails(w, b.Position(0), o.InnerBlock, last != nil && last.Uncatchable)
	if how == failsIntoCatch {
		m.emitOrder(o, &order.CaughtEvent{MovedTo: to})
		return
	}
	if m.rules.toController(o) {
		return
	}
	switch how {
	case failsByStopping:
		m.emitOrder(o, &order.StoppedEvent{})
	case failsInFork:
		o = m.emitOrder(o, &order.FailedInForkEvent{MovedTo: o.Position})
		m.touchParent(o)
	default:
		m.emitOrder(o, &order.FailedEvent{MovedTo: o.Position})
	}
}
