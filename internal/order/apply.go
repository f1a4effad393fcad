package order

import (
	"maps"
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
			args = withArguments(o.Arguments, c.Arguments)
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
		c.Attachment = Attachment{Attaching, e.Agent, e.ID}
	case *AttachedEvent:
		c.Attachment.Where, c.Attachment.Agent = Attached, e.Agent
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
		if c.Mark != nil && (c.Mark.Kind == Cancelling && c.Mark.Cancel.FreshOnly || c.Mark.Kind == Going) {
			c.Mark = nil
		}
	case *ProcessingStarted:
		c.State = State{Kind: Processing, Task: e.Task, Agent: e.Agent, JobKey: e.JobKey}
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
		c.History = c.History.push(e.MovedTo, &Outcome{Kind: Caught})
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
			c.History = c.History.push(c.Position, e.Outcome)
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
		c.Goes = true
		if c.Mark != nil && c.Mark.Kind == Going {
			c.Mark = nil // a newer mark stays
		}
	case *PriorityChanged:
		c.Priority = e.Priority
	case *Transferred:
		c.Workflow, c.Position = e.To.Workflow, e.To.Position
	case *DeletionMarked:
		c.DeleteWhenTerminated = true
	case *Deleted:
		return nil, nil // nil is the deleted order
	default:
		return nil, fault.New(fault.Internal, "InapplicableOrderEvent", "Order:%s: %s begins an order", o.ID, ev.Type())
	}
	return &c, nil
}

func (o *Order) addOutcome(out *Outcome) {
	o.History = o.History.push(o.Position, out)
	o.Failing = !out.IsSucceeded()
	if out.ProcessLost {
		o.Failing = false // the step is repeated
	}
}

func (o *Order) moveTo(p workflow.Position) {
	o.Position = p
	o.Resumed = false
	if o.State.Kind != Fresh { // else GoOrder still lets it start
		o.State = State{Kind: Ready}
		o.Goes = false
	}
	if o.Mark != nil && o.Mark.Kind == Going {
		o.Mark = nil // it was meant for the place that the order has left
	}
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

// resume carries out a resumption: the history is changed, and the order is
// Ready at its place. One that was only marked goes on as if it hadn't been.
func (o *Order) resume(r *Resumption) (*Order, error) {
	o.Mark = nil
	if !o.resumable() {
		return o, nil
	}
	o.Suspended, o.Resumed, o.Failing = false, true, false
	switch o.State.Kind {
	case FailedWhileFresh, StoppedWhileFresh:
		o.State = State{Kind: Fresh}
	case Failed, Stopped, Broken:
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
	if len(r.Arguments) > 0 {
		o.Arguments = withArguments(o.Arguments, r.Arguments)
	}
	if r.AsSucceeded {
		o.History = o.History.push(o.Position, &Outcome{Kind: Succeeded})
	}
	return o, nil
}

// withArguments returns arguments in which some have taken the place of those of
// their names.
func withArguments(all, some value.Map) value.Map {
	args := make(value.Map, len(all)+len(some))
	maps.Copy(args, all)
	maps.Copy(args, some)
	return args
}

// resumable tells whether the order waits for a ResumeOrder command.
func (o *Order) resumable() bool {
	switch o.State.Kind {
	case Failed, FailedWhileFresh, Stopped, StoppedWhileFresh, Broken:
		return true
	}
	return o.Suspended
}

// before drops the history from the oldest step at p on: resuming at a
// position makes what followed it void.
func before(h *Step, p workflow.Position) *Step {
	rest := h
	for s := h; s != nil; s = s.Prev {
		if s.Position == p {
			rest = s.Prev
		}
	}
	return rest
}

// ChildBranch returns what stands behind the last '|' of a child's id.
func (id ID) ChildBranch() string { return string(id[strings.LastIndexByte(string(id), '|')+1:]) }
