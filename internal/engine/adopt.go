package engine

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
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
		last := a.Observed
		for i := range events {
			s := &events[i]
			if s.ID <= last {
				continue
			}
			last = s.ID
			if err := c.adopt(agent, s); err != nil {
				return err
			}
			if c.machine.fault != nil {
				return c.machine.fault
			}
		}
		if last > a.Observed {
			c.emit(agent, &AgentEventsObserved{UntilEventID: last})
		}
		return nil
	})
}

// adopt turns one event of an Agent into our own.
func (c *Controller) adopt(agent string, s *Stamped) error {
	switch e := s.Event.(type) {
	case *AgentInitialized, *ControllerInitialized, *AgentBatchReceived, *EventsReleased:
		return nil // the Agent's own bookkeeping
	case *AgentReady:
		c.emitAt(agent, e, s.Time())
		return nil
	case *ItemAttachedToMe:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemAttached{Item: ref, Agent: agent} }, s)
	case *ItemRefused:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemRefused{Item: ref, Agent: agent, Problem: e.Problem} }, s)
	case *ItemQuarantined:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemQuarantined{Item: ref, Agent: agent, Problem: e.Problem} }, s)
	case *ItemReleased:
		return c.adoptItem(agent, e.Item, func(ref ItemRef) Event { return &ItemReleased{Item: ref, Agent: agent} }, s)
	case *ItemDetached:
		return c.adoptItemDetached(agent, e.Item, s)
	case *PathControlled:
		return c.adoptItem(agent, pathControlRef(e.Control.Path), func(ref ItemRef) Event { return &ItemAttached{Item: ref, Agent: agent} }, s)
	case *WorkflowControlled:
		return c.adoptItem(agent, workflowControlRef(e.Control.Workflow), func(ref ItemRef) Event { return &ItemAttached{Item: ref, Agent: agent} }, s)
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
func (c *Controller) adoptItem(agent string, said ItemRef, make func(ItemRef) Event, s *Stamped) error {
	at, ok := c.attached.get(attachKey(agent, said))
	if !ok {
		return nil // the Agent was reset meanwhile
	}
	ref := at.Ref
	if said.Revision != 0 && said.Revision != ref.Revision || at.State == ItemIsDetachable {
		return nil // about an older revision; news of the newer one will follow
	}
	c.emitAt("", make(ref), s.Time())
	return nil
}

func (c *Controller) adoptItemDetached(agent string, said ItemRef, s *Stamped) error {
	at, ok := c.attached.get(attachKey(agent, said))
	if !ok || at.State != ItemIsDetachable {
		return nil
	}
	c.emitAt("", &ItemDetached{Item: at.Ref, Agent: agent}, s.Time())
	if at.Ref.Kind == item.KindWorkflow {
		c.collect(workflowID(at.Ref))
	} else if it, ok := c.items.get(at.Ref.String()); ok && it.Removed {
		c.collectItem(it.Ref)
	}
	return nil
}

// adoptOrder takes over an event of an order that the Agent has.
func (c *Controller) adoptOrder(agent string, s *Stamped) error {
	o, ok := c.orders.get(order.ID(s.Key))
	if !ok || o.Attachment.Agent != agent {
		return c.strange(agent, s, "the order isn't at that Agent")
	}
	ev := s.Event
	switch e := ev.(type) {
	case *order.AttachedToAgent:
		if o.Attachment.Where != order.Attaching {
			return c.strange(agent, s, "the order was not given to it")
		}
		ev = &order.AttachedEvent{Agent: agent}
	case *order.DetachedEvent:
		if o.Attachment.Where != order.Detaching {
			return c.strange(agent, s, "the order is not being taken back")
		}
	case *order.CancellationMarked:
		if o.Mark == nil {
			return nil
		}
		ev = &order.CancellationMarkedOnAgent{}
	case *order.SuspensionMarked:
		if o.Mark == nil {
			return nil
		}
		ev = &order.SuspensionMarkedOnAgent{}
	case *order.ResumptionMarked, *order.GoMarked:
		return nil // what follows from it comes as an event of its own
	case *order.ForkedEvent:
		if err := c.checkForked(agent, o, e, s); err != nil {
			return err
		}
	case *order.ProcessingStarted, *order.ProcessedEvent, *order.ProcessingKilledEvent, *order.Started, *order.Moved, *order.OutcomeAdded,
		*order.CaughtEvent, *order.Retrying, *order.Awoke, *order.SleepingEvent, *order.BrokenEvent, *order.Detachable,
		*order.ResumedEvent, *order.GoesEvent, *order.StateReset:
	default:
		return c.strange(agent, s, "only a Controller decides this")
	}
	if _, detached := ev.(*order.DetachedEvent); !detached && o.Attachment.Where != order.Attached && o.Attachment.Where != order.Attaching {
		return c.strange(agent, s, "the order is not at that Agent any more")
	}
	c.emitAt(s.Key, ev, s.Time())
	if _, detached := ev.(*order.DetachedEvent); detached && c.machine.fault == nil {
		c.touchParent(c.orders.m[o.ID])
	}
	return nil
}

// checkForked makes sure that an Agent's fork makes only children of its own
// order.
func (c *Controller) checkForked(agent string, o *order.Order, e *order.ForkedEvent, s *Stamped) error {
	if len(e.Children) > maxChildren {
		return c.strange(agent, s, "too many children")
	}
	for _, ch := range e.Children {
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
		if ok && a.LogID != "" && a.LogID != logID {
			return fault.New(fault.Conflict, "AgentLogMismatch",
				"the Agent %s comes with another log than before: its data were lost or restored. Orders that were there are held; confirm with ResetAgent that the old Agent is gone", agent)
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
	return cmds
}

func (c *Controller) attachCommand(ref ItemRef) AgentCommand {
	switch ref.Kind {
	case kindPathControl:
		control := PathControl{Path: ref.Path}
		if p, ok := c.paths.get(ref.Path); ok {
			control = *p
		}
		return &AttachPathControl{Control: control}
	case kindWorkflowControl:
		id := workflow.ID{Path: ref.Path, VersionID: ref.VersionID}
		return &AttachWorkflowControl{Control: WorkflowControl{Workflow: id, Breakpoints: c.Breakpoints(id)}}
	}
	it, ok := c.items.get(ref.String())
	if !ok {
		return nil
	}
	return &AttachItem{Item: it.Ref, Document: it.Document}
}
