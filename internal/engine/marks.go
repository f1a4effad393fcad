package engine

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// stepMark carries out the order's mark where it can be. It tells whether the
// order must not go on for now.
func (m *machine) stepMark(o *order.Order) bool {
	if o.Mark == nil {
		return false
	}
	switch o.Mark.Kind {
	case order.Cancelling:
		return m.stepCancelling(o)
	case order.Suspending:
		return m.stepSuspending(o)
	case order.Resuming:
		m.emitOrder(o, &order.ResumedEvent{Resumption: o.Mark.Resume})
		return true
	default:
		return m.stepGoing(o)
	}
}

// stepCancelling cancels an order that was marked. Jobs run to their end or
// are killed first; forks are joined first; one that has reached its end
// finishes instead.
func (m *machine) stepCancelling(o *order.Order) bool {
	if o.Mark.Cancel.FreshOnly && o.Started() {
		return false
	}
	if m.goesOnWhileMarked(o) {
		return false
	}
	if !cancellable(o) {
		return false // its job, its children or its sleep come to their end first
	}
	if !m.rules.toController(o) {
		m.cancelNow(o)
	}
	return true
}

// goesOnWhileMarked tells whether the order has to do something before its
// mark can be carried out: note how its job ended, or finish at its end.
func (m *machine) goesOnWhileMarked(o *order.Order) bool {
	switch o.State.Kind {
	case order.Processed:
		return !o.Failing || o.Last().Kind == order.Killed
	case order.Ready:
		w, err := m.workflow(o.Workflow)
		if err != nil {
			return false
		}
		_, isEnd := w.At(o.Position).(*workflow.End)
		return isEnd && o.Position.Block == o.InnerBlock && o.Mark.Kind == order.Cancelling && !o.Suspended
	}
	return false
}

// cancellable tells whether the order can be cancelled in its state.
func cancellable(o *order.Order) bool {
	switch o.State.Kind {
	case order.Processing, order.Forked, order.Sleeping:
		return false
	case order.Processed:
		return o.Failing
	}
	return !o.State.Terminated()
}

// cancelNow cancels a detached order.
func (m *machine) cancelNow(o *order.Order) {
	if o.State.Kind == order.DelayingRetry {
		o = m.emitOrder(o, &order.StateReset{})
	}
	o = m.emitOrder(o, &order.CancelledEvent{})
	m.touchParent(o)
}

// stepSuspending suspends an order that was marked.
func (m *machine) stepSuspending(o *order.Order) bool {
	switch o.State.Kind {
	case order.Fresh, order.Ready:
		if o.Failing {
			return false
		}
	case order.ProcessingKilled:
	case order.DelayingRetry, order.Sleeping:
		if !o.Mark.Suspend.ResetState {
			return false
		}
	default:
		return false // what has begun comes to its end first
	}
	if m.rules.toController(o) {
		return true
	}
	m.suspendNow(o)
	return true
}

func (m *machine) suspendNow(o *order.Order) {
	if o.State.Kind == order.DelayingRetry || o.State.Kind == order.Sleeping {
		o = m.emitOrder(o, &order.StateReset{})
	}
	m.emitOrder(o, &order.SuspendedEvent{})
}

// stepGoing ends the order's waiting.
func (m *machine) stepGoing(o *order.Order) bool {
	if o.Position == o.Mark.Go && waits(o) {
		m.emitOrder(o, &order.GoesEvent{})
		return true // the next step goes
	}
	return false
}

// waits tells whether the order waits for a moment.
func waits(o *order.Order) bool {
	if o.Goes {
		return false // its waiting was ended already, and something else holds it
	}
	switch o.State.Kind {
	case order.DelayingRetry, order.Sleeping:
		return true
	case order.Fresh:
		return o.ScheduledFor != 0
	}
	return false
}

// cancel begins to cancel an order.
func (c *Controller) cancel(o *order.Order, mode order.CancelMode) error {
	if o.State.Terminated() {
		return nil
	}
	if mode.FreshOnly && o.Started() {
		return fault.New(fault.Conflict, "CancelStartedOrder", "the order has been started already").About("Order:" + string(o.ID))
	}
	if o.Mark != nil && o.Mark.Kind == order.Cancelling && (mode.Kill == nil || o.Mark.Cancel.Kill != nil) {
		return nil
	}
	if o.Attachment.Where == order.Detached && cancellable(o) && !c.endsAnyway(o) {
		c.cancelNow(o)
		return nil
	}
	c.emitOrder(o, &order.CancellationMarked{Mode: mode})
	return nil
}

// endsAnyway tells whether a started order stands at its end: it finishes
// instead of being cancelled.
func (c *Controller) endsAnyway(o *order.Order) bool {
	if o.State.Kind != order.Ready || o.Suspended {
		return false
	}
	w, err := c.workflow(o.Workflow)
	if err != nil {
		return false
	}
	_, isEnd := w.At(o.Position).(*workflow.End)
	return isEnd && o.Position.Block == o.InnerBlock
}

// suspend begins to suspend an order.
func (c *Controller) suspend(o *order.Order, mode order.SuspendMode) error {
	if o.State.Terminated() || o.State.IsFailed() || o.State.Kind == order.Broken || o.Mark != nil && o.Mark.Kind == order.Cancelling {
		return fault.New(fault.Conflict, "CannotSuspendOrder", "the order can't be suspended in state %s", stateText(o)).About("Order:" + string(o.ID))
	}
	if o.Suspended {
		return nil
	}
	if o.Attachment.Where == order.Detached {
		k := o.State.Kind
		if k == order.Fresh || k == order.Ready || o.State.IsStopped() || mode.ResetState && (k == order.DelayingRetry || k == order.Sleeping) {
			c.suspendNow(o)
			return nil
		}
	}
	if o.Mark != nil && o.Mark.Kind == order.Suspending && mode.Kill == nil {
		return nil
	}
	c.emitOrder(o, &order.SuspensionMarked{Mode: mode})
	return nil
}

func stateText(o *order.Order) string {
	s := string(o.State.Kind)
	if o.Mark != nil {
		s += "/" + string(o.Mark.Kind)
	}
	if o.Suspended {
		s += "/suspended"
	}
	return s
}

// resume lets a suspended, failed or stopped order go on (section 5.6 of the
// reference, ResumeOrder).
func (c *Controller) resume(o *order.Order, r order.Resumption) error {
	about := "Order:" + string(o.ID)
	if o.Mark != nil && o.Mark.Kind == order.Suspending {
		if !r.IsPlain() {
			return fault.New(fault.Conflict, "CannotResumeOrder", "the order isn't suspended yet: it can only be resumed where it stands").About(about)
		}
		if o.Attachment.Where == order.Detached {
			c.emitOrder(o, &order.ResumedEvent{Resumption: r})
		} else {
			c.emitOrder(o, &order.ResumptionMarked{Resumption: r})
		}
		return nil
	}
	k := o.State.Kind
	if o.Attachment.Where != order.Detached || !o.Suspended && k != order.Failed && k != order.FailedWhileFresh && !o.State.IsStopped() && k != order.Broken {
		return fault.New(fault.Conflict, "CannotResumeOrder", "the order is %s: only a suspended, failed, stopped or broken order can be resumed", stateText(o)).About(about)
	}
	w, err := c.workflow(o.Workflow)
	if err != nil {
		return err
	}
	if r.Position != nil {
		if err := w.Reachable(o.Position, *r.Position); err != nil {
			return err
		}
		if !o.InnerBlock.Contains(*r.Position) {
			return fault.New(fault.Invalid, "UnreachablePosition", "the order executes the block %s only", o.InnerBlock).About(about)
		}
	}
	if err := checkChanged(o, w, r.Arguments); err != nil {
		return err.About(about)
	}
	last := o.Last()
	killed := last != nil && last.Kind == order.Killed && o.History.Position == o.Position && r.Position == nil && len(r.Operations) == 0
	restart := killed && restartable(w, o.Position)
	if r.RestartKilledJob != nil {
		restart = *r.RestartKilledJob
	}
	if killed && restart {
		r.AsSucceeded = false
	}
	o = c.emitOrder(o, &order.ResumedEvent{Resumption: r})
	switch {
	case c.machine.fault != nil || !killed || restart:
	case r.AsSucceeded:
		c.emitOrder(o, &order.Moved{To: o.Position.Next()})
	default:
		c.failFrom(o, w, o.Position.Block)
	}
	return c.machine.fault
}

func restartable(w *workflow.Workflow, p workflow.Position) bool {
	ex, ok := w.At(p).(*workflow.Execute)
	return !ok || !ex.Job.NotRestartable
}

// goOn ends an order's waiting.
func (c *Controller) goOn(o *order.Order, at workflow.Position) error {
	if o.Suspended || isHeld(o.Mark) || o.Position != at || !waits(o) || o.State.Kind == order.Fresh && c.isDue(o) {
		return fault.New(fault.Conflict, "GoOrderInapplicable", "the order doesn't wait at position %s: it is %s at %s", at, stateText(o), o.Position).
			About("Order:" + string(o.ID))
	}
	if o.Attachment.Where != order.Detached {
		c.emitOrder(o, &order.GoMarked{Position: at})
		return nil
	}
	c.emitOrder(o, &order.GoesEvent{})
	return nil
}
