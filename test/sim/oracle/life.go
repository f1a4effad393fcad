package oracle

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// state is an order's state; as a bit, so that a rule can name several.
type state uint32

const (
	fresh state = 1 << iota
	ready
	processing
	processed
	processingKilled
	delayingRetry
	sleeping
	forked
	failed
	failedWhileFresh
	failedInFork
	stopped
	stoppedWhileFresh
	broken
	finished
	cancelled

	terminated   = finished | cancelled
	anyOpen      = cancelled<<1 - 1 - terminated
	freshOrReady = fresh | ready
	goesNowhere  = failed | failedWhileFresh | stopped | stoppedWhileFresh | broken
)

var stateNames = []string{
	"Fresh", "Ready", "Processing", "Processed", "ProcessingKilled", "DelayingRetry", "Sleeping", "Forked",
	"Failed", "FailedWhileFresh", "FailedInFork", "Stopped", "StoppedWhileFresh", "Broken", "Finished", "Cancelled",
}

func (s state) String() string {
	for i, name := range stateNames {
		if s == 1<<i {
			return name
		}
	}
	return "no state"
}

func stateOf(kind order.StateKind) state {
	for i, name := range stateNames {
		if name == string(kind) {
			return 1 << i
		}
	}
	return 0
}

// place tells who has an order; as a bit, too.
type place uint8

const (
	detached place = 1 << iota
	attaching
	attached
	detaching

	here     = detached | attached
	anywhere = detached | attaching | attached | detaching
)

func (p place) String() string {
	switch p {
	case attaching:
		return "attaching"
	case attached:
		return "attached"
	case detaching:
		return "detaching"
	}
	return "at the Controller"
}

// mark is a command that waits for its order.
type mark uint8

const (
	unmarked mark = iota
	cancelling
	suspending
	resuming
	going
)

// life is one order as one log tells it.
type life struct {
	id       string
	workflow workflow.ID
	position workflow.Position
	state    state
	place    place
	agent    string

	scheduledFor int64 // milliseconds; 0: at once
	until        int64 // of delayingRetry and sleeping
	priority     int64
	stops        []workflow.Position

	mark      mark
	freshOnly bool // of cancelling
	kill      bool // of cancelling and suspending
	onAgent   bool // the Agent knows the mark
	suspended bool
	goes      bool // a command has ended its waiting
	gaveUp    bool // resumed behind a killed process: it may fail where it stands
	failing   bool // the last outcome failed, and nobody has dealt with it
	lost      bool // the last outcome says that the process was lost
	killed    bool // the last outcome says that the process was killed
	deletable bool // goes when it has ended
	wrong     bool // told already: what follows from it isn't worth telling

	losses   int64 // how often in a row the process of this step was lost; -1: not known
	lossAt   workflow.Position
	run      run
	ran      map[step]bool // steps that have started since the order was last resumed
	parent   *life
	children []*life
	told     int64 // its newest event in the story
}

// run is the process that runs now.
type run struct {
	task  string
	job   jobOf
	start *start // for History and Effects; nil without them
}

// step is what may start only once.
type step struct {
	position workflow.Position
	try      int64
}

func (l *life) isOpen() bool { return l.state&terminated == 0 }

func (l *life) resumable() bool { return l.suspended || l.state&goesNowhere != 0 }

// where tells the life in words, for findings.
func (l *life) where() string {
	var b strings.Builder
	b.WriteString(l.state.String())
	if l.suspended {
		b.WriteString(", suspended")
	}
	if l.failing {
		b.WriteString(", failing")
	}
	b.WriteString(", " + l.place.String())
	if l.place != detached {
		b.WriteString(" (" + l.agent + ")")
	}
	b.WriteString(", at " + l.position.String())
	return b.String()
}

func newLife(id string, e *order.Added) *life {
	l := &life{
		id: id, workflow: e.Workflow, state: fresh, place: detached, deletable: e.DeleteWhenTerminated, position: e.InnerBlock.Position(0),
		scheduledFor: e.ScheduledFor, priority: e.Priority, stops: e.StopPositions,
	}
	if e.StartPosition != nil {
		l.position = *e.StartPosition
	}
	return l
}

// handedOver is the order as an Agent has taken it over.
func handedOver(o *order.Order) *life {
	l := &life{
		id: string(o.ID), workflow: o.Workflow, position: o.Position, state: stateOf(o.State.Kind), place: attached, agent: o.Attachment.Agent,
		suspended: o.Suspended, failing: o.Failing, deletable: o.DeleteWhenTerminated, lossAt: o.Position,
		scheduledFor: o.ScheduledFor, priority: o.Priority, stops: o.StopPositions, goes: o.Goes, until: o.State.Until,
	}
	for h := o.History; h != nil && h.Position == o.Position && h.Outcome.ProcessLost; h = h.Prev {
		l.losses++
	}
	return l
}

// childrenOf returns the orders that a fork makes.
func childrenOf(l *life, e *order.ForkedEvent) []*life {
	children := make([]*life, len(e.Children))
	for i := range e.Children {
		c := &e.Children[i]
		branch := workflow.BranchFork
		if c.BranchID != "" {
			branch = workflow.ForkBranch(c.BranchID)
		}
		children[i] = &life{
			id: string(c.OrderID), workflow: l.workflow, position: l.position.Into(branch), state: ready, place: l.place, agent: l.agent, parent: l,
			priority: l.priority,
		}
	}
	return children
}

// outcome notes how a step ended.
func (l *life) outcome(out *order.Outcome) {
	l.lost, l.killed = out.ProcessLost, out.Kind == order.Killed
	l.failing = !out.IsSucceeded() && !l.lost
	switch {
	case !l.lost:
		l.losses = 0
	case l.losses >= 0 && l.lossAt == l.position:
		l.losses++
	case l.losses >= 0:
		l.losses, l.lossAt = 1, l.position
	}
}

func (l *life) moveTo(p workflow.Position) {
	l.position, l.gaveUp = p, false
	if l.state != fresh {
		l.state, l.goes = ready, false
	}
	if l.mark == going {
		l.mark = unmarked
	}
}

// stop ends the way of an order for now.
func (l *life) stop(as, whileFresh state, at workflow.Position) {
	if l.state == fresh {
		as = whileFresh
	}
	l.state, l.position = as, at
	l.failing, l.gaveUp, l.mark = false, false, unmarked
}

// resume lets the order go on; its steps may run again.
func (l *life) resume(r *order.Resumption) {
	l.mark = unmarked
	if !l.resumable() {
		return
	}
	l.suspended, l.failing, l.lost, l.gaveUp = false, false, false, l.killed
	l.ran = nil
	switch {
	case l.state&(failedWhileFresh|stoppedWhileFresh) != 0:
		l.state = fresh
	case l.state&goesNowhere != 0:
		l.state = ready
	}
	if r.Position != nil {
		l.position = *r.Position
	}
	if r.Position != nil || len(r.Operations) > 0 || r.AsSucceeded {
		l.losses = -1 // its history was changed
	}
}

// adopted tells whether an event of this order, at a Controller, is news of its
// Agent.
func (l *life) adopted(ev engine.Event) bool {
	switch ev.(type) {
	case *order.CancellationMarked, *order.SuspensionMarked, *order.ResumptionMarked, *order.GoMarked,
		*order.PriorityChanged, *order.DeletionMarked, *order.Deleted, *order.Added:
		return false
	case *order.AttachedEvent, *order.Detachable, *order.DetachedEvent, *order.CancellationMarkedOnAgent, *order.SuspensionMarkedOnAgent:
		return true
	}
	return l.place == attached
}
