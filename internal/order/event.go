package order

import (
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Event is something that happened to an order. Names are past tense and
// final; fields are only added, with a zero value that means "as before".
type Event interface {
	codec.Fielder
	Type() string
}

// The events of an order (section 5.3 of the reference).
type (
	// Added begins an order.
	Added struct {
		Workflow             workflow.ID
		Arguments            value.Map // with every parameter that isn't constant
		ScheduledFor         int64
		Priority             int64
		DeleteWhenTerminated bool
		StartPosition        *workflow.Position
		InnerBlock           workflow.Block
		StopPositions        []workflow.Position
		By                   Actor
	}
	// Attachable means: the Controller is going to hand the order to an Agent.
	Attachable struct {
		Agent string
		ID    int64 // of this attachment, see Attachment
	}
	// AttachedToAgent means: the Agent has taken the order over, as it stands.
	AttachedToAgent struct{ Order *Order }
	// AttachedEvent ("OrderAttached") means: the Controller knows that the Agent has it.
	AttachedEvent struct{ Agent string }
	// Started means: the first instruction that does something is about to begin.
	Started struct{}
	// ProcessingStarted means: a process may start from now on.
	ProcessingStarted struct {
		Agent   string
		Task    string // names the process and its log at the Agent
		Job     string // as $js7JobName
		Label   string
		Try     int64  // how often this step has been entered by its Try, from 1
		Attempt int64  // how often this step was started in this try, from 1: above 1 after a lost process
		JobKey  string // names the job within its workflow version: what has a process limit of its own
	}
	// ProcessedEvent ("OrderProcessed") means: the process has ended, or never began.
	ProcessedEvent struct {
		Outcome *Outcome
		Silent  bool // it has written nothing: there is no log of the task
	}
	// ProcessingKilledEvent ("OrderProcessingKilled") follows a Killed outcome.
	ProcessingKilledEvent struct{}
	// Moved to another instruction; Reason is set when one was skipped.
	Moved struct {
		To     workflow.Position
		Reason string
	}
	// OutcomeAdded gives an outcome without a process.
	OutcomeAdded struct{ Outcome *Outcome }
	// ForkedEvent ("OrderForked") means: children have been made.
	ForkedEvent struct{ Children []ForkedChild }
	// ForkedChild is one child of a ForkedEvent.
	ForkedChild struct {
		BranchID  string // of a Fork; "" in a ForkList
		OrderID   ID
		Arguments value.Map // added to the parent's
	}
	// Joined means: every child has ended and is gone.
	Joined struct{ Outcome *Outcome }
	// CaughtEvent ("OrderCaught") means: a failure is dealt with by a catch block.
	CaughtEvent struct{ MovedTo workflow.Position }
	// Retrying means: the next round of a Try begins, now or at DelayedUntil (ms).
	Retrying struct{ DelayedUntil int64 }
	// Awoke means: a delay is over.
	Awoke struct{}
	// SleepingEvent ("OrderSleeping") means: waits until a moment (ms).
	SleepingEvent struct {
		Until int64
		Cause string
	}
	// FailedEvent ("OrderFailed") means: the order has failed and stays where it is.
	FailedEvent struct{ MovedTo workflow.Position }
	// FailedInForkEvent ("OrderFailedInFork") means: the child has failed and joins.
	FailedInForkEvent struct{ MovedTo workflow.Position }
	// BrokenEvent ("OrderBroken") means: the order can't be executed.
	BrokenEvent struct{ Problem *Problem }
	// StoppedEvent ("OrderStopped") means: by Stop, or by stopOnFailure.
	StoppedEvent struct{}
	// FinishedEvent ("OrderFinished") means: the order has reached its end.
	FinishedEvent struct{ Outcome *Outcome }
	// CancelledEvent ("OrderCancelled") means: the order was ended by a command.
	CancelledEvent struct{}
	// Detachable means: the Agent has done what it can; the Controller takes over.
	Detachable struct{}
	// DetachedEvent ("OrderDetached") means: the Agent has let go.
	DetachedEvent struct{}
	// CancellationMarked means: the order is going to be cancelled.
	CancellationMarked struct{ Mode CancelMode }
	// CancellationMarkedOnAgent means: the Agent knows.
	CancellationMarkedOnAgent struct{}
	// StateReset means: a waiting state was left.
	StateReset struct{}
	// SuspensionMarked means: the order is going to be suspended.
	SuspensionMarked struct{ Mode SuspendMode }
	// SuspensionMarkedOnAgent means: the Agent knows.
	SuspensionMarkedOnAgent struct{}
	// SuspendedEvent ("OrderSuspended").
	SuspendedEvent struct{}
	// ResumptionMarked means: the order is going to be resumed.
	ResumptionMarked struct{ Resumption Resumption }
	// ResumedEvent ("OrderResumed").
	ResumedEvent struct{ Resumption Resumption }
	// GoMarked means: the order's waiting is going to be ended.
	GoMarked struct{ Position workflow.Position }
	// GoesEvent ("OrderGoes") means: the order's waiting was ended by a command.
	GoesEvent struct{}
	// PriorityChanged gives another priority.
	PriorityChanged struct{ Priority int64 }
	// Transferred to another version of its workflow, at the same position.
	Transferred struct{ To WorkflowPosition }
	// DeletionMarked means: the order is deleted as soon as it is terminated.
	DeletionMarked struct{}
	// Deleted means: the order is forgotten.
	Deleted struct{}
)

// Type returns the event's name in the log's JSON form.
func (*Added) Type() string { return "OrderAdded" }

// Type returns the event's name.
func (*Attachable) Type() string { return "OrderAttachable" }

// Type returns the event's name.
func (*AttachedToAgent) Type() string { return "OrderAttachedToAgent" }

// Type returns the event's name.
func (*AttachedEvent) Type() string { return "OrderAttached" }

// Type returns the event's name.
func (*Started) Type() string { return "OrderStarted" }

// Type returns the event's name.
func (*ProcessingStarted) Type() string { return "OrderProcessingStarted" }

// Type returns the event's name.
func (*ProcessedEvent) Type() string { return "OrderProcessed" }

// Type returns the event's name.
func (*ProcessingKilledEvent) Type() string { return "OrderProcessingKilled" }

// Type returns the event's name.
func (*Moved) Type() string { return "OrderMoved" }

// Type returns the event's name.
func (*OutcomeAdded) Type() string { return "OrderOutcomeAdded" }

// Type returns the event's name.
func (*ForkedEvent) Type() string { return "OrderForked" }

// Type returns the event's name.
func (*Joined) Type() string { return "OrderJoined" }

// Type returns the event's name.
func (*CaughtEvent) Type() string { return "OrderCaught" }

// Type returns the event's name.
func (*Retrying) Type() string { return "OrderRetrying" }

// Type returns the event's name.
func (*Awoke) Type() string { return "OrderAwoke" }

// Type returns the event's name.
func (*SleepingEvent) Type() string { return "OrderSleeping" }

// Type returns the event's name.
func (*FailedEvent) Type() string { return "OrderFailed" }

// Type returns the event's name.
func (*FailedInForkEvent) Type() string { return "OrderFailedInFork" }

// Type returns the event's name.
func (*BrokenEvent) Type() string { return "OrderBroken" }

// Type returns the event's name.
func (*StoppedEvent) Type() string { return "OrderStopped" }

// Type returns the event's name.
func (*FinishedEvent) Type() string { return "OrderFinished" }

// Type returns the event's name.
func (*CancelledEvent) Type() string { return "OrderCancelled" }

// Type returns the event's name.
func (*Detachable) Type() string { return "OrderDetachable" }

// Type returns the event's name.
func (*DetachedEvent) Type() string { return "OrderDetached" }

// Type returns the event's name.
func (*CancellationMarked) Type() string { return "OrderCancellationMarked" }

// Type returns the event's name.
func (*CancellationMarkedOnAgent) Type() string { return "OrderCancellationMarkedOnAgent" }

// Type returns the event's name.
func (*StateReset) Type() string { return "OrderStateReset" }

// Type returns the event's name.
func (*SuspensionMarked) Type() string { return "OrderSuspensionMarked" }

// Type returns the event's name.
func (*SuspensionMarkedOnAgent) Type() string { return "OrderSuspensionMarkedOnAgent" }

// Type returns the event's name.
func (*SuspendedEvent) Type() string { return "OrderSuspended" }

// Type returns the event's name.
func (*ResumptionMarked) Type() string { return "OrderResumptionMarked" }

// Type returns the event's name.
func (*ResumedEvent) Type() string { return "OrderResumed" }

// Type returns the event's name.
func (*GoMarked) Type() string { return "OrderGoMarked" }

// Type returns the event's name.
func (*GoesEvent) Type() string { return "OrderGoes" }

// Type returns the event's name.
func (*PriorityChanged) Type() string { return "OrderPriorityChanged" }

// Type returns the event's name.
func (*Transferred) Type() string { return "OrderTransferred" }

// Type returns the event's name.
func (*DeletionMarked) Type() string { return "OrderDeletionMarked" }

// Type returns the event's name.
func (*Deleted) Type() string { return "OrderDeleted" }

// Walk describes the fields.
func (e *Added) Walk(w codec.Walker) {
	w.Obj("workflowId", true, func(w codec.Walker) { walkID(w, &e.Workflow) })
	w.Map("arguments", &e.Arguments)
	w.Int("scheduledFor", &e.ScheduledFor)
	w.Int("priority", &e.Priority)
	w.Bool("deleteWhenTerminated", &e.DeleteWhenTerminated)
	w.OptPos("startPosition", &e.StartPosition)
	w.Block("innerBlock", &e.InnerBlock)
	codec.Positions(w, "stopPositions", &e.StopPositions)
	w.Obj("by", e.By.Account != "" || e.By.Method != "", e.By.Walk)
}

// Walk describes the fields.
func (e *Attachable) Walk(w codec.Walker) {
	w.Str("agentPath", &e.Agent)
	w.Int("attachmentId", &e.ID)
}

// Walk describes the fields.
func (e *AttachedToAgent) Walk(w codec.Walker) {
	if e.Order == nil {
		e.Order = &Order{}
	}
	WalkWhole(w, e.Order)
}

// Walk describes the fields.
func (e *AttachedEvent) Walk(w codec.Walker) { w.Str("agentPath", &e.Agent) }

// Walk describes the fields.
func (e *ProcessingStarted) Walk(w codec.Walker) {
	w.Str("subagentId", &e.Agent)
	w.Str("taskId", &e.Task)
	w.Str("jobName", &e.Job)
	w.Str("label", &e.Label)
	w.Int("try", &e.Try)
	w.Int("attempt", &e.Attempt)
	w.Str("jobKey", &e.JobKey)
}

func walkOutcome(w codec.Walker, p **Outcome) {
	if *p == nil {
		*p = &Outcome{}
	}
	if !w.Obj("outcome", true, (*p).Walk) {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "an outcome is missing"))
	}
}

// Walk describes the fields.
func (e *ProcessedEvent) Walk(w codec.Walker) {
	walkOutcome(w, &e.Outcome)
	w.Bool("silent", &e.Silent)
}

// Walk describes the fields.
func (e *Moved) Walk(w codec.Walker) {
	w.Pos("to", &e.To)
	w.Obj("reason", e.Reason != "", func(w codec.Walker) { w.Str("TYPE", &e.Reason) })
}

// Walk describes the fields.
func (e *OutcomeAdded) Walk(w codec.Walker) { walkOutcome(w, &e.Outcome) }

// Walk describes the fields.
func (e *ForkedEvent) Walk(w codec.Walker) { codec.List(w, "children", &e.Children) }

// Walk describes the fields.
func (c *ForkedChild) Walk(w codec.Walker) {
	w.Str("branchId", &c.BranchID)
	codec.Text(w, "orderId", &c.OrderID)
	w.Map("arguments", &c.Arguments)
}

// Walk describes the fields.
func (e *Joined) Walk(w codec.Walker) { walkOutcome(w, &e.Outcome) }

// Walk describes the fields.
func (e *CaughtEvent) Walk(w codec.Walker) { w.Pos("movedTo", &e.MovedTo) }

// Walk describes the fields.
func (e *Retrying) Walk(w codec.Walker) { w.Int("delayedUntil", &e.DelayedUntil) }

// Walk describes the fields.
func (e *SleepingEvent) Walk(w codec.Walker) {
	w.Int("until", &e.Until)
	w.Obj("cause", e.Cause != "", func(w codec.Walker) { w.Str("TYPE", &e.Cause) })
}

// Walk describes the fields.
func (e *FailedEvent) Walk(w codec.Walker) { w.Pos("movedTo", &e.MovedTo) }

// Walk describes the fields.
func (e *FailedInForkEvent) Walk(w codec.Walker) { w.Pos("movedTo", &e.MovedTo) }

// Walk describes the fields.
func (e *BrokenEvent) Walk(w codec.Walker) { codec.Opt(w, "problem", &e.Problem) }

// Walk describes the fields.
func (e *FinishedEvent) Walk(w codec.Walker) { codec.Opt(w, "outcome", &e.Outcome) }

// Walk describes the fields.
func (e *CancellationMarked) Walk(w codec.Walker) { codec.Always(w, "mode", &e.Mode) }

// Walk describes the fields.
func (e *SuspensionMarked) Walk(w codec.Walker) { codec.Always(w, "mode", &e.Mode) }

// Walk describes the fields.
func (e *ResumptionMarked) Walk(w codec.Walker) { e.Resumption.Walk(w) }

// Walk describes the fields.
func (e *ResumedEvent) Walk(w codec.Walker) { e.Resumption.Walk(w) }

// Walk describes the fields.
func (e *GoMarked) Walk(w codec.Walker) { w.Pos("position", &e.Position) }

// Walk describes the fields.
func (e *PriorityChanged) Walk(w codec.Walker) { w.Int("priority", &e.Priority) }

// Walk describes the fields.
func (e *Transferred) Walk(w codec.Walker) { codec.Always(w, "workflowPosition", &e.To) }

// Events without fields.

// Walk describes no fields.
func (*Started) Walk(codec.Walker) {}

// Walk describes no fields.
func (*ProcessingKilledEvent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*Awoke) Walk(codec.Walker) {}

// Walk describes no fields.
func (*StoppedEvent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*CancelledEvent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*Detachable) Walk(codec.Walker) {}

// Walk describes no fields.
func (*DetachedEvent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*CancellationMarkedOnAgent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*StateReset) Walk(codec.Walker) {}

// Walk describes no fields.
func (*SuspensionMarkedOnAgent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*SuspendedEvent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*GoesEvent) Walk(codec.Walker) {}

// Walk describes no fields.
func (*DeletionMarked) Walk(codec.Walker) {}

// Walk describes no fields.
func (*Deleted) Walk(codec.Walker) {}
