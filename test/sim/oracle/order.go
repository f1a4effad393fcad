package oracle

import (
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
		b.wrong(2, AddedTwice, old, e, "the order exists already: it is %s", old.where())
		return
	}
	l := newLife(e.Key, ev)
	b.orders[l.id] = l
	b.remember(l, e)
	b.s.added[l.id]++
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
		l.state = ready
		if l.mark == cancelling && l.freshOnly || l.mark == going {
			l.mark = unmarked
		}
	case *order.Moved:
		b.moved(l, e, ev)
	case *order.OutcomeAdded:
		b.need(l, e, freshOrReady, here)
		l.outcome(ev.Outcome)
	case *order.ForkedEvent:
		b.goesOn(l, e, ready, here)
		b.fork(l, e, ev)
	case *order.Joined:
		b.need(l, e, forked, detached)
		b.join(l, e)
		l.state = processed
		l.outcome(ev.Outcome)
	case *order.CaughtEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, here)
		b.needFailing(l, e)
		l.moveTo(ev.MovedTo)
		l.failing, l.losses, l.lost, l.killed = false, 0, false, false
	case *order.Retrying:
		b.goesOn(l, e, ready, here)
		if ev.DelayedUntil != 0 {
			l.state = delayingRetry
		}
	case *order.Awoke:
		b.need(l, e, delayingRetry, here)
		l.state = ready
	case *order.SleepingEvent:
		b.goesOn(l, e, ready, here)
		l.state = sleeping
	case *order.FailedEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, detached)
		l.stop(failed, failedWhileFresh, ev.MovedTo)
	case *order.FailedInForkEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, detached)
		if l.parent == nil {
			b.wrong(2, WrongChild, l, e, "the order is no child of a fork")
		}
		l.stop(failedInFork, failedInFork, ev.MovedTo)
	case *order.StoppedEvent:
		b.need(l, e, freshOrReady|processed|processingKilled, detached)
		l.stop(stopped, stoppedWhileFresh, l.position)
	case *order.BrokenEvent:
		b.need(l, e, anyOpen&^(processing|broken), here)
		l.state, l.failing, l.mark = broken, false, unmarked
	case *order.FinishedEvent:
		b.goesOn(l, e, ready, detached)
		if l.parent != nil {
			b.wrong(2, WrongChild, l, e, "a child order is joined, it doesn't finish")
		}
		l.state, l.failing, l.mark = finished, false, unmarked
	default:
		return false
	}
	return true
}

// needFailing tells what is wrong when an order fails whose last outcome was good.
func (b *book) needFailing(l *life, e *engine.Stamped) {
	if !l.failing && !l.wrong && l.state&(processed|processingKilled) != 0 {
		b.wrong(2, IllegalEvent, l, e, "its last outcome hasn't failed")
	}
}

func (b *book) moved(l *life, e *engine.Stamped, ev *order.Moved) {
	b.goesOn(l, e, freshOrReady|processed|sleeping, here)
	if ev.To == l.position && !(l.lost && l.state == processed) {
		b.wrong(2, IllegalEvent, l, e, "the order is there already, at %s", l.position)
	}
	if l.killed && l.state == processed {
		b.wrong(2, IllegalEvent, l, e, "its process was killed, which has to be told first")
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
		return ok && at == parent.position && kind == workflow.BranchFork && s.isEnd(c)
	}
	return false
}

// isEnd tells whether an order stands at the end of its block, as far as its
// document is known.
func (s *Stream) isEnd(l *life) bool {
	w := s.documents[l.workflow].parse()
	if w == nil {
		return true
	}
	_, end := w.At(l.position).(*workflow.End)
	return end
}

// handOver takes what happens between Controller and Agent.
func (b *book) handOver(l *life, e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *order.Attachable:
		b.goesOn(l, e, freshOrReady, detached)
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

// control takes what follows from commands.
func (b *book) control(l *life, e *engine.Stamped) {
	switch ev := e.Event.(type) {
	case *order.CancelledEvent:
		b.need(l, e, anyOpen&^(processing|forked|sleeping), detached)
		if l.mark != cancelling {
			b.byCommand(e, "CancelOrders", l.id)
		}
		l.state, l.failing, l.suspended, l.mark = cancelled, false, false, unmarked
	case *order.CancellationMarked:
		b.marked(l, e, cancelling, "CancelOrders")
		l.freshOnly = ev.Mode.FreshOnly
	case *order.SuspensionMarked:
		b.marked(l, e, suspending, "SuspendOrders")
	case *order.ResumptionMarked:
		b.marked(l, e, resuming, "ResumeOrders")
	case *order.GoMarked:
		b.marked(l, e, going, "GoOrder")
	case *order.CancellationMarkedOnAgent:
		b.knownMark(l, e, cancelling)
	case *order.SuspensionMarkedOnAgent:
		b.knownMark(l, e, suspending)
	case *order.StateReset:
		b.need(l, e, delayingRetry|sleeping, detached)
		l.state = ready
	case *order.SuspendedEvent:
		b.suspended(l, e)
	case *order.ResumedEvent:
		b.resumed(l, e, ev)
	case *order.GoesEvent:
		b.need(l, e, fresh|delayingRetry|sleeping, here)
		if l.place == detached && l.mark != going {
			b.byCommand(e, "GoOrder", l.id)
		}
		l.mark = unmarked
	case *order.PriorityChanged:
		b.need(l, e, anyOpen, anywhere)
		b.byCommand(e, "ChangeOrder", l.id)
	case *order.DeletionMarked:
		b.need(l, e, anyOpen, anywhere)
		b.byCommand(e, "DeleteOrdersWhenTerminated", l.id)
		if l.parent != nil || l.deletable {
			b.wrong(2, IllegalEvent, l, e, "it is a child order, or marked already")
		}
		l.deletable = true
	case *order.Transferred:
		b.need(l, e, anyOpen, detached)
		b.byCommand(e, "TransferOrders", l.id)
		l.workflow, l.position, l.ran = ev.To.Workflow, ev.To.Position, nil
	}
}

func (b *book) marked(l *life, e *engine.Stamped, m mark, command string) {
	b.need(l, e, anyOpen, anywhere)
	b.byCommand(e, command, l.id)
	l.mark, l.onAgent = m, false
}

func (b *book) knownMark(l *life, e *engine.Stamped, m mark) {
	b.need(l, e, anyOpen, attached)
	if l.mark != m {
		b.wrong(2, IllegalEvent, l, e, "no such mark is on its way to the Agent")
	}
	l.onAgent = true
}

func (b *book) suspended(l *life, e *engine.Stamped) {
	b.need(l, e, freshOrReady|processingKilled|stopped|stoppedWhileFresh, detached)
	if l.suspended {
		b.wrong(2, IllegalEvent, l, e, "the order is suspended already")
	}
	if l.mark != suspending && !b.s.items.stopsAt(l) {
		b.byCommand(e, "SuspendOrders", l.id)
	}
	l.suspended, l.mark = true, unmarked
	if l.state == processingKilled {
		l.state, l.failing = ready, false
	}
}

func (b *book) resumed(l *life, e *engine.Stamped, ev *order.ResumedEvent) {
	b.need(l, e, anyOpen, anywhere)
	held := l.mark == suspending || l.mark == resuming
	if !held && (!l.resumable() || l.place != detached) {
		b.wrong(2, IllegalEvent, l, e, "there is nothing to resume: the order is %s", l.where())
	}
	if l.place != attached && l.mark != resuming {
		b.byCommand(e, "ResumeOrders", l.id)
	}
	l.resume(&ev.Resumption)
}
