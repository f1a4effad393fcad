package oracle

import (
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// control takes what follows from commands.
func (b *book) control(l *life, e *engine.Stamped) {
	switch ev := e.Event.(type) {
	case *order.CancelledEvent:
		b.need(l, e, anyOpen&^(processing|forked|sleeping), detached)
		if l.mark != cancelling {
			b.byCommand(e, "CancelOrders", l.id)
		}
		l.state, l.failing, l.suspended, l.mark = cancelled, false, false, unmarked
		b.s.dies(b, l)
	case *order.CancellationMarked:
		b.marked(l, e, cancelling, "CancelOrders", ev.Mode.Kill != nil)
		l.freshOnly = ev.Mode.FreshOnly
	case *order.SuspensionMarked:
		b.marked(l, e, suspending, "SuspendOrders", ev.Mode.Kill != nil)
	case *order.ResumptionMarked:
		b.marked(l, e, resuming, "ResumeOrders", false)
	case *order.GoMarked:
		b.marked(l, e, going, "GoOrder", false)
	case *order.CancellationMarkedOnAgent:
		b.knownMark(l, e, cancelling)
	case *order.SuspensionMarkedOnAgent:
		b.knownMark(l, e, suspending)
	case *order.StateReset:
		b.need(l, e, delayingRetry|sleeping, detached)
		l.state, l.goes = ready, false
	case *order.SuspendedEvent:
		b.suspended(l, e)
	case *order.ResumedEvent:
		b.resumed(l, e, ev)
	case *order.GoesEvent:
		b.need(l, e, fresh|delayingRetry|sleeping, here)
		if l.place == detached && l.mark != going {
			b.byCommand(e, "GoOrder", l.id)
		}
		if l.goes {
			b.wrong(2, IllegalEvent, l, e, "its waiting was ended already")
		}
		l.goes = true
		if l.mark == going {
			l.mark = unmarked
		}
	case *order.PriorityChanged:
		b.need(l, e, anyOpen, anywhere)
		if l.priority == ev.Priority {
			b.wrong(2, IllegalEvent, l, e, "it has the priority %d already", l.priority)
		}
		l.priority = ev.Priority
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
		if l.workflow == ev.To.Workflow {
			b.wrong(2, IllegalEvent, l, e, "it is of the version %s already", l.workflow)
		}
		b.use(l.workflow, -1)
		b.use(ev.To.Workflow, 1)
		l.workflow, l.position, l.ran = ev.To.Workflow, ev.To.Position, nil
	}
}

// marked takes a mark. At the Controller one like it is set again only when it
// says more than before.
func (b *book) marked(l *life, e *engine.Stamped, m mark, command string, kill bool) {
	b.need(l, e, anyOpen, anywhere)
	if again := l.mark == m && b.agent == ""; again && (m == cancelling && (!kill || l.kill) || m == suspending && !kill) {
		b.wrong(2, IllegalEvent, l, e, "the order is marked so already")
	}
	l.kill = kill
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
	if l.mark != suspending && !b.s.items.stopsAt(l) && !b.s.late {
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
