package engine

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// command carries out one command. What doesn't fit any more is passed over:
// the events tell the Controller how things are.
func (a *Agent) command(cmd AgentCommand) {
	switch cmd := cmd.(type) {
	case *AttachItem:
		a.attachItem(cmd)
	case *DetachItem:
		a.emit("", &ItemDetached{Item: cmd.Item, Agent: a.cfg.Agent})
		a.unhold(cmd.Item)
	case *AttachPathControl:
		a.emit("", &PathControlled{Control: cmd.Control})
		a.unhold(cmd.Control.ref())
	case *AttachWorkflowControl:
		a.emit("", &WorkflowControlled{Control: cmd.Control})
	case *AttachOrder:
		a.attachOrder(cmd.Order)
	case *DetachOrder:
		if o, ok := a.orders.get(cmd.OrderID); ok && o.Attachment.Where == order.Detaching {
			a.emitOrder(o, &order.DetachedEvent{})
		}
	case *MarkOrder:
		a.markOrder(cmd)
	case *ConfirmEvents:
		if cmd.Until > a.confirmed.v && cmd.Until <= a.lastID {
			a.emit("", &EventsReleased{Reader: "controller", Until: cmd.Until})
		}
	}
}

// attachItem takes a document over, or says why not. The shell has verified
// it; the event says what it found.
func (a *Agent) attachItem(cmd *AttachItem) {
	v := cmd.Verdict
	if v == nil {
		v = &Verdict{Problem: &order.Problem{Code: "NotVerified", Message: "the document was not verified"}}
	}
	if old, ok := a.items.get(cmd.Item.String()); ok && v.Problem != nil && old.Document == cmd.Document {
		// It was trusted once, and may be so again: orders wait.
		a.emit("", &ItemAttachedToMe{Item: cmd.Item, Document: cmd.Document, Signer: old.Signer})
		a.emit("", &ItemQuarantined{Item: cmd.Item, Agent: a.cfg.Agent, Problem: v.Problem})
		return
	}
	if v.Problem != nil {
		a.emit("", &ItemRefused{Item: cmd.Item, Agent: a.cfg.Agent, Problem: v.Problem})
		return
	}
	if it, ok := a.items.get(cmd.Item.String()); ok && cmd.Item.Kind.Versioned() && it.Document.Text != cmd.Document.Text {
		a.emit("", &ItemRefused{Item: cmd.Item, Agent: a.cfg.Agent, Problem: &order.Problem{
			Code: "VersionChanged", Message: "another text of the version " + cmd.Item.VersionID + " is here already",
		}})
		return
	}
	if old, ok := a.items.get(cmd.Item.String()); !ok || old.Document.Text != cmd.Document.Text {
		if p := a.outdatedHere(cmd); p != nil {
			a.emit("", &ItemRefused{Item: cmd.Item, Agent: a.cfg.Agent, Problem: p})
			return
		}
	}
	a.emit("", &ItemAttachedToMe{Item: cmd.Item, Document: cmd.Document, Signer: v.Signer})
	a.unhold(cmd.Item)
}

// attachOrder takes an order over. Its arguments have to fit the signed
// document, whoever sends them; that is looked at here and again before each
// start, since the document may be in quarantine now.
func (a *Agent) attachOrder(o *order.Order) {
	if _, exists := a.orders.get(o.ID); exists || o.ID == "" || !o.State.FreshOrReady() || o.Suspended {
		return
	}
	// It was here, and has left: the Controller has yet to read so. An order
	// without a number may be another, but the leader that sends it is of an earlier
	// version, which will be followed by one of this; a job that runs twice is worse
	// than one that waits until then.
	if l, ok := a.left.get(o.ID); ok && (l.attachment == o.Attachment.ID || o.Attachment.ID == 0) {
		return
	}
	mine := *o
	mine.Attachment.Where, mine.Attachment.Agent = order.Attached, a.cfg.Agent
	mine.Mark = nil
	a.emit(string(o.ID), &order.AttachedToAgent{Order: &mine})
	w, err := a.workflow(o.Workflow)
	if err != nil {
		return // the order's first step deals with it
	}
	if err := checkArguments(w, o); err != nil {
		a.refuseArguments(&mine, err)
	}
}

// refuseArguments lets an order fail whose arguments don't fit.
func (a *Agent) refuseArguments(o *order.Order, err error) {
	a.emitOrder(o, &order.OutcomeAdded{Outcome: &order.Outcome{
		Kind: order.Fails, Message: order.ProblemOf(err).Message, Uncatchable: true,
	}})
}

// checkArguments checks what an order brings against the signed document.
// Impure final values are the Controller's; constant ones are never sent, so
// nobody can put another value in their place. Names that a ForkList gave its
// children aren't declared.
func checkArguments(w *workflow.Workflow, o *order.Order) error {
	p := w.Preparation
	if p == nil {
		return nil
	}
	var problems []fault.Problem
	report := func(name, message string) {
		problems = append(problems, fault.Problem{Where: "$.arguments." + name, Message: message})
	}
	for i := range p.Parameters {
		prm := &p.Parameters[i]
		v, given := o.Arguments[prm.Name]
		switch {
		case given && prm.Final != nil && prm.Final.Pure():
			report(prm.Name, "FinalOrderArgument: the parameter is a constant of the workflow")
		case given:
			problems = append(problems, prm.CheckValue(v)...)
		case prm.Required():
			report(prm.Name, "MissingOrderArgument")
		}
	}
	if !p.AllowUndeclared && !givesArguments(w, o.Position) {
		for _, name := range o.Arguments.Names() {
			if p.Parameter(name) == nil {
				report(name, "UndeclaredOrderArgument")
			}
		}
	}
	if len(problems) > 0 {
		return &fault.Error{Kind: fault.Invalid, Code: "InvalidOrderArguments", Message: "the Agent refuses the order's arguments: they don't fit the signed workflow", Problems: problems[:min(len(problems), workflow.MaxProblems)]}
	}
	return nil
}

// givesArguments tells whether a position lies in a ForkList that gives its
// children arguments of their own.
func givesArguments(w *workflow.Workflow, p workflow.Position) bool {
	for at, ok := p.Parent(); ok; at, ok = at.Parent() {
		if f, isList := w.At(at).(*workflow.ForkList); isList && f.ChildToArguments != nil {
			return true
		}
	}
	return false
}

func (a *Agent) markOrder(cmd *MarkOrder) {
	o, ok := a.orders.get(cmd.OrderID)
	if !ok || o.Attachment.Where != order.Attached {
		return
	}
	switch cmd.Mark.Kind {
	case order.Cancelling:
		if cmd.Mark.Cancel.FreshOnly && o.Started() {
			return
		}
		a.emitOrder(o, &order.CancellationMarked{Mode: cmd.Mark.Cancel})
	case order.Suspending:
		a.emitOrder(o, &order.SuspensionMarked{Mode: cmd.Mark.Suspend})
	case order.Resuming:
		switch {
		case o.Mark != nil && o.Mark.Kind == order.Suspending:
			a.emitOrder(o, &order.ResumedEvent{Resumption: cmd.Mark.Resume})
		case o.Mark == nil: // the mark that it takes back has never come here
			a.emitOrder(o, &order.ResumptionMarked{Resumption: cmd.Mark.Resume})
		}
	case order.Going:
		if waits(o) && o.Position == cmd.Mark.Go {
			a.emitOrder(o, &order.GoesEvent{})
		}
	}
}
