package oracle

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// orderEvent takes an event of an order; false: it isn't one.
func (b *book) orderEvent(e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *order.Added:
		b.add(e, ev)
		return true
	case *order.AttachedToAgent:
		b.takeOver(e, ev)
		return true
	case *order.Deleted:
		if l := b.find(e); l != nil {
			b.need(l, e, terminated, anywhere)
			if l.parent != nil {
				b.wrong(2, WrongChild, l, e, "a child order goes with its parent")
			}
			if !l.deletable {
				b.byCommand(e, "DeleteOrdersWhenTerminated", l.id)
			}
			b.bury(l, "it was deleted")
		}
		return true
	}
	if !isOrders(e.Event) {
		return false
	}
	if l := b.find(e); l != nil && !b.job(l, e) && !b.way(l, e) && !b.handOver(l, e) {
		b.control(l, e)
	}
	return true
}

// isOrders tells order events from others by their type's package.
func isOrders(ev engine.Event) bool {
	switch ev.(type) {
	case *order.Attachable, *order.AttachedEvent, *order.Started, *order.ProcessingStarted, *order.ProcessedEvent, *order.ProcessingKilledEvent,
		*order.Moved, *order.OutcomeAdded, *order.ForkedEvent, *order.Joined, *order.CaughtEvent, *order.Retrying, *order.Awoke, *order.SleepingEvent,
		*order.FailedEvent, *order.FailedInForkEvent, *order.BrokenEvent, *order.StoppedEvent, *order.FinishedEvent, *order.CancelledEvent,
		*order.Detachable, *order.DetachedEvent, *order.CancellationMarked, *order.CancellationMarkedOnAgent, *order.StateReset,
		*order.SuspensionMarked, *order.SuspensionMarkedOnAgent, *order.SuspendedEvent, *order.ResumptionMarked, *order.ResumedEvent,
		*order.GoMarked, *order.GoesEvent, *order.PriorityChanged, *order.Transferred, *order.DeletionMarked:
		return true
	}
	return false
}

// add begins an order at the Controller.
func (b *book) add(e *engine.Stamped, ev *order.Added) {
	if old := b.orders[e.Key]; old != nil {
		b.remember(old, e)
		b.byCommand(e, "AddOrders", e.Key)
		b.wrong(2, AddedTwice, old, e, "the order exists already: it is %s", old.where())
		return
	}
	l := newLife(e.Key, ev)
	b.orders[l.id] = l
	b.remember(l, e)
	b.s.added[l.id]++
	b.use(l.workflow, 1)
	switch {
	case b.agent != "":
		b.wrong(2, IllegalEvent, l, e, "only a Controller adds orders")
	case strings.Contains(l.id, "|"):
		b.wrong(2, WrongChild, l, e, "a child order begins with its parent's fork")
	default:
		b.s.mayAdd(l, e)
	}
}

// takeOver begins an order at an Agent.
func (b *book) takeOver(e *engine.Stamped, ev *order.AttachedToAgent) {
	if old := b.orders[e.Key]; old != nil {
		b.remember(old, e)
		b.wrong(2, AddedTwice, old, e, "the Agent has the order already: it is %s", old.where())
		return
	}
	l := handedOver(ev.Order)
	l.id = e.Key
	b.orders[e.Key] = l
	b.remember(l, e)
	switch {
	case b.agent == "":
		b.wrong(2, IllegalEvent, l, e, "only an Agent takes orders over")
	case ev.Order.Attachment.Agent != b.agent:
		b.wrong(2, WrongAgent, l, e, "the order was meant for the Agent %q", ev.Order.Attachment.Agent)
	case l.state&freshOrReady == 0 || l.suspended:
		b.wrong(2, IllegalEvent, l, e, "an order that is %s isn't handed over", l.where())
	}
}

// way takes what happens to an order on its way through the workflow, besides jobs.
func (b *book) way(l *life, e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *order.Started:
		b.goesOn(l, e, fresh, here)
		b.due(l, e, l.scheduledFor)
		l.state, l.goes = ready, false
		if l.mark == cancelling && l.freshOnly || l.mark == going {
			l.mark = unmarked
		}
	case *order.Moved:
		b.moved(l, e, ev)
	case *order.OutcomeAdded:
		b.need(l, e, freshOrReady, here)
		if l.failing {
			b.wrong(2, IllegalEvent, l, e, "its last outcome failed, and nothing has dealt with that")
		}
		b.started(l, e)
		l.outcome(ev.Outcome)
	case *order.ForkedEvent:
		b.goesOn(l, e, ready, here)
		b.standsAt(l, e, isFork)
		b.fork(l, e, ev)
	case *order.Joined:
		b.need(l, e, forked, detached)
		b.join(l, e)
		l.state = processed
		l.outcome(ev.Outcome)
	case *order.CaughtEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, here)
		b.fails(l, e)
		l.moveTo(ev.MovedTo)
		l.failing, l.losses, l.lost, l.killed = false, 0, false, false
	case *order.Retrying:
		b.goesOn(l, e, ready, here)
		b.standsAt(l, e, isRetry)
		if ev.DelayedUntil != 0 {
			l.state, l.until = delayingRetry, ev.DelayedUntil
		}
	case *order.Awoke:
		b.need(l, e, delayingRetry, here)
		b.due(l, e, l.until)
		l.state, l.goes = ready, false
	case *order.SleepingEvent:
		b.goesOn(l, e, ready, here)
		b.standsAt(l, e, isSleep)
		l.state, l.until = sleeping, ev.Until
	default:
		return b.stops(l, e)
	}
	return true
}

// stops takes what ends the way of an order, for now or for good.
func (b *book) stops(l *life, e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *order.FailedEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, detached)
		b.fails(l, e)
		l.stop(failed, failedWhileFresh, ev.MovedTo)
	case *order.FailedInForkEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, detached)
		b.fails(l, e)
		if l.parent == nil {
			b.wrong(2, WrongChild, l, e, "the order is no child of a fork")
		}
		l.stop(failedInFork, failedInFork, ev.MovedTo)
	case *order.StoppedEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, detached)
		if !l.failing && !l.gaveUp && l.state&(processed|processingKilled) == 0 {
			b.started(l, e)
			b.standsAt(l, e, isStop)
		}
		l.stop(stopped, stoppedWhileFresh, l.position)
	case *order.BrokenEvent:
		b.need(l, e, anyOpen&^(processing|broken), here)
		l.state, l.failing, l.mark = broken, false, unmarked
	case *order.FinishedEvent:
		b.goesOn(l, e, ready, detached)
		if l.parent != nil {
			b.wrong(2, WrongChild, l, e, "a child order is joined, it doesn't finish")
		}
		if !slices.Contains(l.stops, l.position) && !slices.Contains(l.stops, l.position.Normalize()) {
			b.standsAt(l, e, isEnd)
		}
		l.state, l.failing, l.mark = finished, false, unmarked
		b.s.dies(b, l)
	default:
		return false
	}
	return true
}

func (b *book) moved(l *life, e *engine.Stamped, ev *order.Moved) {
	b.goesOn(l, e, freshOrReady|processed|sleeping, here)
	if ev.To == l.position && !(l.lost && l.state == processed) {
		b.wrong(2, IllegalEvent, l, e, "the order is there already, at %s", l.position)
	}
	if l.state == sleeping {
		b.due(l, e, l.until)
	}
	l.moveTo(ev.To)
}

// fork makes the children.
func (b *book) fork(l *life, e *engine.Stamped, ev *order.ForkedEvent) {
	l.state = forked
	l.children = childrenOf(l, ev)
	for _, c := range l.children {
		switch other := b.orders[c.id]; {
		case other != nil:
			b.wrong(2, WrongChild, l, e, "the child order %s exists already", c.id)
			continue
		case !strings.HasPrefix(c.id, l.id+"|"):
			b.wrong(2, WrongChild, l, e, "%s is no child order of this one", c.id)
		}
		b.orders[c.id] = c
		b.use(c.workflow, 1)
		c.told = l.told // its story begins with its parent's
	}
}

// join takes the children back.
func (b *book) join(l *life, e *engine.Stamped) {
	for _, c := range l.children {
		if b.orders[c.id] != c {
			b.wrong(2, WrongChild, l, e, "the child order %s is not there", c.id)
			continue
		}
		if c.place != detached || c.suspended || c.failing || !b.s.joinable(l, c) {
			b.wrong(2, WrongChild, l, e, "the child order %s hasn't come to its end: it is %s", c.id, c.where())
		}
		b.bury(c, "it was joined with its parent")
	}
	l.children = nil
}

// joinable tells whether a child is where it can be joined: failed for that,
// cancelled, or at the end of its branch.
func (s *Stream) joinable(parent, c *life) bool {
	switch c.state {
	case failedInFork, cancelled:
		return true
	case ready:
		at, branch, ok := c.position.Block.Split()
		kind, _ := workflow.CutBranch(branch)
		return ok && at == parent.position && kind == workflow.BranchFork && isEnd(s.instruction(c))
	}
	return false
}

// handOver takes what happens between Controller and Agent.
func (b *book) handOver(l *life, e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *order.Attachable:
		b.goesOn(l, e, freshOrReady, detached)
		b.standsAt(l, e, func(i workflow.Instruction) bool { return isFor(i, ev.Agent) })
		b.s.mayAttach(l, e, ev.Agent)
		l.place, l.agent = attaching, ev.Agent
	case *order.AttachedEvent:
		b.need(l, e, anyOpen, attaching)
		b.sameAgent(l, e, ev.Agent)
		l.place = attached
	case *order.Detachable:
		b.need(l, e, anyOpen&^processing, attached)
		l.place = detaching
	case *order.DetachedEvent:
		b.need(l, e, anyOpen&^processing, attached|detaching)
		if l.place == attached {
			b.s.adoption.abrupt(l.agent, l.id, e.ID) // right only when the Agent is given up
		}
		if b.agent != "" {
			b.bury(l, leftAgent)
			return true
		}
		l.place, l.agent, l.onAgent = detached, "", false
	default:
		return false
	}
	return true
}

func (b *book) sameAgent(l *life, e *engine.Stamped, agent string) {
	if agent != l.agent {
		b.wrong(2, WrongAgent, l, e, "this is the Agent %q, and the order is %s", agent, l.where())
	}
}
