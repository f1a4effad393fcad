package engine

import (
	"bytes"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// AgentEvents takes over news of an Agent, in one transaction with what
// follows from it and the position up to which the Agent's log is now known.
// Events that are known already are passed over. An Agent that says what it
// may not say is refused as a whole: nothing of it is believed.
func (c *Controller) AgentEvents(agent, logID string, events []Stamped, now int64) error {
	return c.transact(now, func() error {
		a, ok := c.agents.get(agent)
		if !ok || a.LogID != logID {
			return fault.New(fault.Conflict, "AgentLogMismatch", "the Agent %s has another log than the one known", agent)
		}
		last, news := a.Observed, false
		c.again = nil
		for i := range events {
			s := &events[i]
			if s.ID <= last {
				continue
			}
			last = s.ID
			news = news || !bookkeeping(s.Event)
			if err := c.adopt(agent, s); err != nil {
				return err
			}
			if c.machine.fault != nil {
				return c.machine.fault
			}
		}
		if news { // bookkeeping alone isn't worth an entry: confirming it would only make more of it
			c.emit(agent, &AgentEventsObserved{UntilEventID: last})
		}
		for _, ref := range c.again {
			c.attachItem(agent, ref)
		}
		return nil
	})
}

// bookkeeping tells whether an event concerns only the Agent's own log.
func bookkeeping(ev Event) bool {
	switch ev.(type) {
	case *AgentInitialized, *ControllerInitialized, *AgentBatchReceived, *EventsReleased:
		return true
	}
	return false
}

// adopt turns one event of an Agent into our own.
func (c *Controller) adopt(agent string, s *Stamped) error {
	if bookkeeping(s.Event) {
		return nil
	}
	switch e := s.Event.(type) {
	case *AgentReady:
		c.emitAt(agent, e, s.Time())
		return nil
	case *ItemAttachedToMe:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemAttached{Item: ref, Agent: agent} }, s)
	case *ItemRefused:
		return c.adoptRefusal(agent, e, s)
	case *ItemQuarantined:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemQuarantined{Item: ref, Agent: agent, Problem: e.Problem} }, s)
	case *ItemReleased:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemReleased{Item: ref, Agent: agent} }, s)
	case *ItemDetached:
		return c.adoptItemDetached(agent, e.Item, s)
	case *PathControlled:
		return c.adoptItem(agent, e.Control.ref(), func(ref ItemRef) Event { return &ItemAttached{Item: ref, Agent: agent} }, s)
	case *WorkflowControlled:
		return c.adoptItem(agent, e.Control.ref(), func(ref ItemRef) Event { return &ItemAttached{Item: ref, Agent: agent} }, s)
	}
	if !orderEvents[s.Event.Type()] {
		return c.strange(agent, s, "it may not report this")
	}
	return c.adoptOrder(agent, s)
}

func (c *Controller) strange(agent string, s *Stamped, why string) error {
	return fault.New(fault.Invalid, "UnexpectedAgentEvent", "the Agent %s reported %s of %q as its event %d: %s", agent, s.Event.Type(), s.Key, s.ID, why)
}

// adoptItem believes what an Agent says about a document that it was given.
// The revision is ours, not what the Agent says, unless it speaks of an older.
func (c *Controller) adoptItem(agent string, said ItemRef, as func(ItemRef) Event, s *Stamped) error {
	at, ok := c.attached.get(attachKey(agent, said))
	if !ok {
		return nil // the Agent was reset meanwhile
	}
	ref := at.Ref
	if said.Revision != 0 && said.Revision != ref.Revision || at.State == ItemIsDetachable {
		return nil // about an older revision; news of the newer one will follow
	}
	c.emitAt("", as(ref), s.Time())
	return nil
}

// adoptRefusal believes an Agent that refuses a document. When it says so once
// more, its trust set has changed: it gets the document again.
func (c *Controller) adoptRefusal(agent string, e *ItemRefused, s *Stamped) error {
	at, ok := c.attached.get(attachKey(agent, e.Item))
	again := ok && at.State == ItemIsAttached && at.Problem != nil
	if _, known := c.items.get(e.Item.String()); again && known {
		c.again = append(c.again, e.Item)
	}
	return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemRefused{Item: ref, Agent: agent, Problem: e.Problem} }, s)
}

func (c *Controller) adoptItemDetached(agent string, said ItemRef, s *Stamped) error {
	at, ok := c.attached.get(attachKey(agent, said))
	if !ok || at.State != ItemIsDetachable {
		return nil
	}
	c.emitAt("", &ItemDetached{Item: at.Ref, Agent: agent}, s.Time())
	c.collectRemoved(agent, at.Ref)
	return nil
}

// adoptOrder takes over an event of an order that the Agent has.
func (c *Controller) adoptOrder(agent string, s *Stamped) error {
	o, ok := c.orders.get(order.ID(s.Key))
	if !ok || o.Attachment.Agent != agent {
		return c.strange(agent, s, "the order isn't at that Agent")
	}
	where, ev := order.Attached, s.Event
	switch e := ev.(type) {
	case *order.AttachedToAgent:
		where, ev = order.Attaching, &order.AttachedEvent{Agent: agent}
	case *order.DetachedEvent:
		where = order.Detaching
	case *order.CancellationMarked:
		if o.Mark == nil || o.Mark.Kind != order.Cancelling || !sameFields(&o.Mark.Cancel, &e.Mode) {
			return nil // another mark has followed meanwhile
		}
		ev = &order.CancellationMarkedOnAgent{}
	case *order.SuspensionMarked:
		if o.Mark == nil || o.Mark.Kind != order.Suspending || !sameFields(&o.Mark.Suspend, &e.Mode) {
			return nil
		}
		ev = &order.SuspensionMarkedOnAgent{}
	case *order.ResumptionMarked, *order.GoMarked:
		return nil // what follows from it comes as an event of its own
	case *order.ForkedEvent:
		if err := c.checkForked(agent, o, e, s); err != nil {
			return err
		}
	case *order.Moved:
		if !c.mayMove(o, e.To) {
			return c.strange(agent, s, "the order can't go there")
		}
	case *order.CaughtEvent:
		if !c.mayMove(o, e.MovedTo) {
			return c.strange(agent, s, "the order can't go there")
		}
	case *order.ProcessingStarted:
		if e.Agent != agent {
			return c.strange(agent, s, "it names another Agent")
		}
	case *order.ResumedEvent:
		if !e.Resumption.IsPlain() {
			return c.strange(agent, s, "only a Controller decides this")
		}
		if o.Mark == nil || o.Mark.Kind != order.Resuming {
			return nil // another mark has followed meanwhile, or the Agent was told twice
		}
	case *order.ProcessedEvent, *order.ProcessingKilledEvent, *order.Started, *order.OutcomeAdded,
		*order.Retrying, *order.Awoke, *order.SleepingEvent, *order.BrokenEvent, *order.Detachable, *order.GoesEvent:
	default:
		return c.strange(agent, s, "only a Controller decides this")
	}
	if o.Attachment.Where != where {
		return c.strange(agent, s, "the order is "+stateText(o)+" "+o.Attachment.Where.String()+" for us")
	}
	c.emitAt(s.Key, ev, s.Time())
	return nil
}

func sameFields(a, b codec.Fielder) bool {
	return bytes.Equal(codec.Binary(nil, a), codec.Binary(nil, b))
}

// mayMove tells whether an order at an Agent may go to a position: it must
// exist, and no boundary of a fork may be crossed. While the workflow can't be
// read here, the Agent is believed; nothing of it starts here.
func (c *Controller) mayMove(o *order.Order, to workflow.Position) bool {
	w, err := c.workflow(o.Workflow)
	if err != nil {
		return true
	}
	if o.Position.Block == to.Block {
		return w.At(to) != nil
	}
	return w.Reachable(o.Position, to) == nil
}

// checkForked makes sure that an Agent's fork makes only children of its own
// order.
func (c *Controller) checkForked(agent string, o *order.Order, e *order.ForkedEvent, s *Stamped) error {
	if len(e.Children) > maxChildren {
		return c.strange(agent, s, "too many children")
	}
	ids := make(map[order.ID]bool, len(e.Children))
	for _, ch := range e.Children {
		if ids[ch.OrderID] {
			return c.strange(agent, s, "two children have the same id")
		}
		ids[ch.OrderID] = true
		if ch.OrderID != o.ID.Child(ch.OrderID.ChildBranch()) {
			return c.strange(agent, s, "a child's id doesn't belong to its parent")
		}
		if _, exists := c.orders.get(ch.OrderID); exists {
			return c.strange(agent, s, "a child order exists already")
		}
	}
	return nil
}

// AgentDedicated notes that the Agent's log belongs to this Controller. A log
// that isn't the one known means that the Agent has lost its data: that is
// refused until the operator has confirmed it (ResetAgent).
func (c *Controller) AgentDedicated(agent, logID string, now int64) error {
	return c.transact(now, func() error {
		a, ok := c.agents.get(agent)
		if ok {
			if err := checkLife(agent, *a, logID); err != nil {
				return err
			}
		}
		if !ok || a.LogID == "" {
			c.emit(agent, &AgentDedicated{LogID: logID})
		}
		return nil
	})
}

// AgentCoupled and AgentFailed note how the connection to an Agent is; nothing
// happens when it is known already.
func (c *Controller) AgentCoupled(agent string, now int64) error {
	return c.transact(now, func() error {
		if a, ok := c.agents.get(agent); !ok || !a.Coupled {
			c.emit(agent, &AgentCoupled{})
		}
		return nil
	})
}

// AgentFailed notes why an Agent can't be reached.
func (c *Controller) AgentFailed(agent string, p *order.Problem, now int64) error {
	return c.transact(now, func() error {
		if a, ok := c.agents.get(agent); !ok || a.Coupled || a.Problem == nil || *a.Problem != *p {
			c.emit(agent, &AgentCouplingFailed{Problem: p})
		}
		return nil
	})
}

// ToDo is what has to be done at an Agent for an order.
type ToDo uint8

// What can be to do.
const (
	Nothing ToDo = iota
	AttachIt
	DetachIt
	MarkIt
)

// ToDoFor tells what the Controller has to do at the order's Agent.
func ToDoFor(o *order.Order) ToDo {
	switch o.Attachment.Where {
	case order.Attaching:
		return AttachIt
	case order.Detaching:
		return DetachIt
	case order.Attached:
		if o.Mark != nil && !o.Mark.OnAgent {
			return MarkIt
		}
	}
	return Nothing
}

// Pending returns every order for which something is to be done at an Agent.
func (c *Controller) Pending() []Touched {
	var all []Touched
	for _, id := range c.orders.keys() {
		if o := c.orders.m[id]; ToDoFor(o) != Nothing {
			all = append(all, Touched{id, o})
		}
	}
	return all
}

// ItemCommands returns what has to be sent to an Agent, besides orders:
// documents to attach and to detach, in the order in which they are needed.
func (c *Controller) ItemCommands(agent string) []AgentCommand {
	var cmds []AgentCommand
	for _, key := range sortedKeys(c.outstanding[agent]) {
		at := c.attached.m[key]
		switch at.State {
		case ItemIsAttachable:
			if cmd := c.attachCommand(at.Ref); cmd != nil {
				cmds = append(cmds, cmd)
			}
		case ItemIsAttached:
		case ItemIsDetachable:
			cmds = append(cmds, &DetachItem{Item: at.Ref})
		}
	}
	releasesFirst(cmds)
	return cmds
}

func (c *Controller) attachCommand(ref ItemRef) AgentCommand {
	switch ref.Kind {
	case kindPathControl:
		if p, ok := c.paths.get(ref.Path); ok {
			return &AttachPathControl{Control: *p}
		}
		return nil
	case kindWorkflowControl:
		if b, ok := c.breaks.get(workflowID(ref).String()); ok {
			return &AttachWorkflowControl{Control: *b}
		}
		return nil
	}
	it, ok := c.items.get(ref.String())
	if !ok {
		return nil
	}
	return &AttachItem{Item: it.Ref, Document: it.Document}
}
