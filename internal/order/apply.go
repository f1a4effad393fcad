package order

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// New returns the order that an Added event begins.
func New(id ID, e *Added, eventID int64) *Order {
	o := &Order{
		ID: id, Workflow: e.Workflow, State: State{Kind: Fresh}, Arguments: e.Arguments,
		ScheduledFor: e.ScheduledFor, Priority: e.Priority, DeleteWhenTerminated: e.DeleteWhenTerminated,
		InnerBlock: e.InnerBlock, StopPositions: e.StopPositions, By: e.By, AddedAt: eventID,
		Position: e.InnerBlock.Position(0),
	}
	if e.StartPosition != nil {
		o.Position = *e.StartPosition
	}
	return o
}

// Children returns the orders that a ForkedEvent makes of o, in its order.
func (o *Order) Children(e *ForkedEvent, eventID int64) []*Order {
	children := make([]*Order, len(e.Children))
	for i, c := range e.Children {
		branch := workflow.BranchFork
		if c.BranchID != "" {
			branch = workflow.ForkBranch(c.BranchID)
		}
		args := o.Arguments
		if len(c.Arguments) > 0 {
			args = make(value.Map, len(o.Arguments)+len(c.Arguments))
			for k, v := range o.Arguments {
				args[k] = v
			}
			for k, v := range c.Arguments {
				args[k] = v
			}
		}
		children[i] = &Order{
			ID: c.OrderID, Workflow: o.Workflow, Position: o.Position.Into(branch), State: State{Kind: Ready},
			Arguments: args, ScheduledFor: o.ScheduledFor, Priority: o.Priority, Attachment: o.Attachment,
			Parent: o.ID, History: o.History, By: o.By, AddedAt: eventID,
		}
	}
	return children
}

// Apply folds an event into o and returns the new order, nil for one that is
// deleted. An event that doesn't fit the order's state is an internal error:
// the log would not be what was decided (InapplicableOrderEvent).
//
// Added and AttachedToAgent begin an order (New, and the order of the event);
// what ForkedEvent and Joined do to the children is the caller's business.
func Apply(o *Order, ev Event) (*Order, error) {
	c := *o
	if !fits(o, ev) {
		return nil, fault.New(fault.Internal, "InapplicableOrderEvent", "Order:%s in state %s (%s) can't take %s",
			o.ID, o.State.Kind, o.Attachment.Where, ev.Type())
	}
	switch e := ev.(type) {
	case *Attachable:
		c.Attachment = Attachment{Attaching, e.Agent}
	case *AttachedEvent:
		c.Attachment = Attachment{Attached, e.Agent}
	case *Detachable:
		c.Attachment.Where = Detaching
	case *DetachedEvent:
		c.Attachment = Attachment{}
		if c.Mark != nil && c.Mark.OnAgent {
			m := *c.Mark
			m.OnAgent = false
			c.Mark = &m
		}
	case *Started:
		c.State = State{Kind: Ready}
		c.Goes = false
		if c.Mark != nil && c.Mark.Kind == Cancelling && c.Mark.Cancel.FreshOnly {
			c.Mark = nil
		}
	case *ProcessingStarted:
		c.State = State{Kind: Processing, Task: e.Task, Agent: e.Agent}
		c.Resumed = false
	case *ProcessedEvent:
		c.addOutcome(e.Outcome)
		c.State = State{Kind: Processed}
	case *ProcessingKilledEvent:
		c.State = State{Kind: ProcessingKilled}
	case *Moved:
		c.moveTo(e.To)
	case *OutcomeAdded:
		c.addOutcome(e.Outcome)
	case *ForkedEvent:
		c.State = State{Kind: Forked, Children: make([]ChildRef, len(e.Children))}
		for i, ch := range e.Children {
			c.State.Children[i] = ChildRef{ch.BranchID, ch.OrderID}
		}
		c.Resumed = false
	case *Joined:
		c.addOutcome(e.Outcome)
		c.State = State{Kind: Processed}
	case *CaughtEvent:
		c.moveTo(e.MovedTo)
		c.Failing = false
		c.History = &Step{c.History, e.MovedTo, &Outcome{Kind: Caught}}
	case *Retrying:
		c.Resumed = false
		if e.DelayedUntil != 0 {
			c.State = State{Kind: DelayingRetry, Until: e.DelayedUntil}
		}
	case *Awoke:
		c.State = State{Kind: Ready}
		c.Goes = false
	case *SleepingEvent:
		c.State = State{Kind: Sleeping, Until: e.Until}
		c.Resumed = false
	case *FailedEvent:
		c.fail(Failed, FailedWhileFresh, e.MovedTo)
	case *FailedInForkEvent:
		c.fail(FailedInFork, FailedInFork, e.MovedTo)
	case *BrokenEvent:
		c.State = State{Kind: Broken, Problem: e.Problem}
		c.Failing, c.Mark = false, nil
	case *StoppedEvent:
		c.fail(Stopped, StoppedWhileFresh, c.Position)
	case *FinishedEvent:
		if e.Outcome != nil {
			c.History = &Step{c.History, c.Position, e.Outcome}
		}
		c.State = State{Kind: Finished}
		c.Failing, c.Mark = false, nil
	case *CancelledEvent:
		c.State = State{Kind: Cancelled}
		c.Failing, c.Mark, c.Suspended = false, nil, false
	case *CancellationMarked:
		c.Mark = &Mark{Kind: Cancelling, Cancel: e.Mode}
	case *SuspensionMarked:
		c.Mark = &Mark{Kind: Suspending, Suspend: e.Mode}
	case *ResumptionMarked:
		c.Mark = &Mark{Kind: Resuming, Resume: e.Resumption}
	case *GoMarked:
		c.Mark = &Mark{Kind: Going, Go: e.Position}
	case *CancellationMarkedOnAgent, *SuspensionMarkedOnAgent:
		if c.Mark != nil {
			m := *c.Mark
			m.OnAgent = true
			c.Mark = &m
		}
	case *StateReset:
		c.State = State{Kind: Ready}
		c.Goes = false
	case *SuspendedEvent:
		c.suspend()
	case *ResumedEvent:
		return c.resume(&e.Resumption)
	case *GoesEvent:
		c.Goes, c.Mark = true, nil
	case *PriorityChanged:
		c.Priority = e.Priority
	case *Transferred:
		c.Workflow, c.Position = e.To.Workflow, e.To.Position
	case *DeletionMarked:
		c.DeleteWhenTerminated = true
	case *Deleted:
		return nil, nil //nolint:nilnil // nil is the deleted order
	default:
		return nil, fault.New(fault.Internal, "InapplicableOrderEvent", "Order:%s: %s begins an order", o.ID, ev.Type())
	}
	return &c, nil
}

// fits is the table of which event is applicable to which order (section 5 of
// the reference).
func fits(o *Order, ev Event) bool {
	s := o.State
	detached, attached := o.Attachment.Where == Detached, o.Attachment.Where == Attached
	here := detached || attached
	switch ev.(type) {
	case *Attachable:
		return detached && (s.FreshOrReady() || s.Kind == Forked) && !o.Suspended
	case *AttachedEvent:
		return o.Attachment.Where == Attaching
	case *Detachable:
		return attached
	case *DetachedEvent:
		return attached || o.Attachment.Where == Detaching
	case *Started:
		return here && s.Kind == Fresh
	case *ProcessingStarted:
		return attached && s.Kind == Ready && !o.Suspended
	case *ProcessedEvent:
		return attached && (s.Kind == Processing || s.Kind == Ready)
	case *ProcessingKilledEvent:
		return s.Kind == Processed && o.Last() != nil && o.Last().Kind == Killed
	case *Moved:
		return here && (s.FreshOrReady() || s.Kind == Processed || s.Kind == Sleeping || s.Kind == ProcessingKilled)
	case *OutcomeAdded:
		return !s.Terminated()
	case *ForkedEvent:
		return here && s.Kind == Ready
	case *Joined:
		return detached && s.Kind == Forked
	case *CaughtEvent:
		return here && (s.FreshOrReady() || s.Kind == Processed || s.Kind == ProcessingKilled)
	case *Retrying:
		return here && s.Kind == Ready
	case *Awoke:
		return here && s.Kind == DelayingRetry
	case *SleepingEvent:
		return here && s.Kind == Ready
	case *FailedEvent, *FailedInForkEvent, *StoppedEvent:
		return detached && (s.FreshOrReady() || s.Kind == Processed || s.Kind == ProcessingKilled)
	case *BrokenEvent:
		return !s.Terminated()
	case *FinishedEvent:
		return detached && s.Kind == Ready || detached && s.Kind == Processed
	case *CancelledEvent:
		return detached && !s.Terminated() && s.Kind != Processing
	case *CancellationMarked, *SuspensionMarked, *ResumptionMarked, *GoMarked:
		return !s.Terminated()
	case *CancellationMarkedOnAgent, *SuspensionMarkedOnAgent:
		return true
	case *StateReset:
		return s.Kind == DelayingRetry || s.Kind == Sleeping
	case *SuspendedEvent:
		return detached && !o.Suspended && !s.Terminated() && s.Kind != Processing
	case *ResumedEvent:
		return detached && (o.Suspended || s.Kind == Failed || s.Kind == FailedWhileFresh || s.IsStopped() || s.Kind == Broken) ||
			o.Mark != nil && o.Mark.Kind == Suspending
	case *GoesEvent:
		return here && (s.Kind == Fresh || s.Kind == DelayingRetry || s.Kind == Sleeping)
	case *PriorityChanged, *DeletionMarked:
		return true
	case *Transferred:
		return detached
	case *Deleted:
		return s.Terminated()
	}
	return false
}

func (o *Order) addOutcome(out *Outcome) {
	o.History = &Step{o.History, o.Position, out}
	o.Failing = !out.IsSucceeded()
	if out.ProcessLost {
		o.Failing = false // the step is repeated
	}
}

func (o *Order) moveTo(p workflow.Position) {
	o.Position = p
	if o.State.Kind != Fresh {
		o.State = State{Kind: Ready}
	}
	o.Resumed, o.Goes = false, false
}

func (o *Order) fail(kind, whileFresh StateKind, at workflow.Position) {
	if o.State.Kind == Fresh {
		kind = whileFresh
	}
	o.State = State{Kind: kind}
	o.Position = at
	o.Failing, o.Mark = false, nil
}

func (o *Order) suspend() {
	o.Suspended, o.Mark, o.Resumed = true, nil, false
	if o.State.Kind == ProcessingKilled {
		o.State, o.Failing = State{Kind: Ready}, false
	}
}

// resume carries out a resumption: the history is changed, the order is Ready
// at its place, and a Suspending mark is taken back.
func (o *Order) resume(r *Resumption) (*Order, error) {
	o.Mark, o.Suspended, o.Resumed, o.Failing = nil, false, true, false
	switch o.State.Kind {
	case FailedWhileFresh, StoppedWhileFresh:
		o.State = State{Kind: Fresh}
	case Failed, FailedInFork, Stopped, Broken, ProcessingKilled:
		o.State = State{Kind: Ready}
	}
	if r.Position != nil {
		o.Position = *r.Position
		o.History = before(o.History, *r.Position)
	}
	for i := range r.Operations {
		h, ok := r.Operations[i].apply(o.History)
		if !ok {
			return nil, fault.New(fault.Invalid, "UnknownPositionInHistory", "Order:%s: no historic outcome at position %s", o.ID, r.Operations[i].At)
		}
		o.History = h
	}
	if r.AsSucceeded {
		o.History = &Step{o.History, o.Position, &Outcome{Kind: Succeeded}}
	}
	return o, nil
}

// before drops the history from the newest step at p on: resuming at a
// position makes what followed it void.
func before(h *Step, p workflow.Position) *Step {
	for s := h; s != nil; s = s.Prev {
		if s.Position == p {
			return s.Prev
		}
	}
	return h
}

// ChildBranch returns what stands behind the last '|' of a child's id.
func (id ID) ChildBranch() string { return string(id[strings.LastIndexByte(string(id), '|')+1:]) }
