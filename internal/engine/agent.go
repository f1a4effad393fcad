package engine

import (
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Agent is the machine of one Agent: it owns the orders that are attached
// here and moves them from job to job, with or without its Controller. Owned
// by one goroutine.
type Agent struct {
	*machine
	logID      variable[string]
	controller variable[string]
	term       variable[int64]
	sequence   variable[int64]
	confirmed  variable[int64] // our events up to this id are the Controller's
	refused    *table[string, *order.Problem]
	left       *table[order.ID, *leftOrder]

	// Derived.
	lines    lines
	launches []*Launch // decided since the last Take
	rescan   bool      // events were taken back: all orders look again
}

// JobConfig is what an Agent's configuration says about jobs.
type JobConfig struct {
	ScriptsAllowed bool   // jobs that come as text, or name an absolute path
	ProcessLimit   int    // what this machine allows; 0: no limit known
	TaskDir        string // files of a task are below TaskDir/<task>
	ExecutablesDir string // where relative paths of executables are looked up
}

// NewAgent returns an empty Agent machine.
func NewAgent(cfg Config) *Agent {
	a := &Agent{machine: newMachine(cfg), lines: newLines()}
	u := a.undo
	a.logID, a.controller = variable[string]{undo: u}, variable[string]{undo: u}
	a.term, a.sequence, a.confirmed = variable[int64]{undo: u}, variable[int64]{undo: u}, variable[int64]{undo: u}
	a.refused = newTable[string, *order.Problem](u)
	a.left = newTable[order.ID, *leftOrder](u)
	a.rules = a
	return a
}

func (a *Agent) abandoned() {}

func (a *Agent) mine(o *order.Order) bool { return o.Attachment.Where == order.Attached }

// toController lets an order go: its events tell the Controller all about it. An
// order that came without a number of its attachment waits until the Controller
// takes it back: it couldn't be told from one that is sent once more.
func (a *Agent) toController(o *order.Order) bool {
	now := a.orders.m[o.ID]
	if now == nil {
		return true // it has left
	}
	if now.Attachment.Where == order.Attached {
		now = a.emitOrder(now, &order.Detachable{})
		if now.Attachment.ID != 0 {
			a.emitOrder(now, &order.DetachedEvent{})
		}
	}
	return true
}

// leftOrder is an order that has left, until the Controller has confirmed that it
// knows: it may have sent the order once more meanwhile.
type leftOrder struct {
	id         order.ID
	attachment int64
	event      int64 // that let it go
}

// Walk describes the fields.
func (l *leftOrder) Walk(w codec.Walker) {
	codec.Text(w, "order", &l.id)
	w.Int("attachmentId", &l.attachment)
	w.Int("event", &l.event)
}

// gone remembers an order that has left.
func (a *Agent) gone(o *order.Order, event int64) {
	if o.Attachment.ID != 0 {
		a.left.set(o.ID, &leftOrder{o.ID, o.Attachment.ID, event})
	}
}

// confirm forgets what the Controller knows.
func (a *Agent) confirm(until int64) {
	a.confirmed.set(until)
	for id, l := range a.left.m {
		if l.event <= until {
			a.left.del(id)
		}
	}
}

// changed counts processes, and takes orders that can't start any more out of
// the lines.
func (a *Agent) changed(old, now *order.Order) { a.lines.changed(old, now) }

func (a *Agent) itemChanged(old, now *Item) {
	if old != nil && now == nil && old.Ref.Kind == item.KindWorkflow {
		a.lines.forget(workflowID(old.Ref))
	}
}

func (a *Agent) rolledBack() {
	a.lines.clear()
	a.rescan = true
}

func (a *Agent) controllerID() string { return a.controller.v }

func (a *Agent) refusal(key string) *order.Problem {
	p, _ := a.refused.get(key)
	return p
}

// room tells whether this Agent may start one more process.
func (a *Agent) room() bool {
	if limit := a.cfg.Job.ProcessLimit; limit > 0 && a.lines.running >= limit {
		return false
	}
	ref, err := a.agentRef(a.cfg.Agent)
	if err != nil {
		return true // the order to be started finds out
	}
	return !ref.Disabled && (ref.ProcessLimit < 0 || a.lines.running < ref.ProcessLimit)
}

// execute lets an order wait in its job's line; serve starts it.
func (a *Agent) execute(o *order.Order, w *workflow.Workflow, ex *workflow.Execute) bool {
	if ex.Job.AgentPath != a.cfg.Agent {
		return a.toController(o)
	}
	if o.State.Kind == order.Fresh && !a.isDue(o) {
		return false
	}
	if !a.usable(o, append(resourceRefs(w), ItemRef{Kind: item.KindAgentRef, Path: a.cfg.Agent})) {
		return false
	}
	_, key, _ := strings.Cut(w.JobKey(o.Position), ":")
	job := jobID{w.ID, key}
	if a.lines.first != o.ID {
		a.lines.join(o, job, ex.Job.ProcessLimit)
		return false
	}
	if err := checkArguments(w, o); err != nil {
		a.refuseArguments(o, err)
		return false
	}
	a.start(o)
	a.process(a.orders.m[o.ID], w, ex, job)
	return true
}

// serve starts what is first in line, job by job in turn, while there is room.
func (a *Agent) serve() bool {
	served := false
	for a.machine.fault == nil && a.lines.any() && a.room() {
		id, ok := a.lines.next()
		if !ok {
			continue
		}
		served = true
		if o, ok := a.orders.get(id); ok {
			a.lines.first = id
			a.step(o)
			a.lines.first = ""
		}
	}
	return served
}

// process decides that a process may start, and what it is. A problem with
// its environment is the outcome of the step.
func (a *Agent) process(o *order.Order, w *workflow.Workflow, ex *workflow.Execute, job jobID) {
	executions := a.lines.executed(job)
	task := strconv.FormatInt(max(a.micros, a.lastID+1), 10)
	name := jobName(w, o.Position, ex)
	l, err := a.launch(o, w, ex, task, name, executions)
	o = a.emitOrder(o, &order.ProcessingStarted{
		Agent: a.cfg.Agent, Task: task, Job: name, Label: ex.Label(), JobKey: job.key,
		Try: int64(max(1, workflow.TryCount(o.Position))), Attempt: attempts(o) + 1,
	})
	if err != nil {
		a.emitOrder(o, &order.ProcessedEvent{Outcome: order.DisruptedBy(err)})
		return
	}
	a.launches = append(a.launches, l)
}

// jobName returns the name of a named job, and "path:position" of another.
func jobName(w *workflow.Workflow, p workflow.Position, ex *workflow.Execute) string {
	if ex.JobName != "" {
		return ex.JobName
	}
	return w.ID.Path + ":" + p.Normalize().String()
}

// attempts counts how often in a row the process of this step was lost.
func attempts(o *order.Order) int64 {
	var n int64
	for h := o.History; h != nil && h.Position == o.Position && h.Outcome.ProcessLost; h = h.Prev {
		n++
	}
	return n
}

// Batch carries out a numbered batch of a Controller's commands. It tells
// whether the batch was new; one that was seen is passed over.
func (a *Agent) Batch(b *AgentBatch, now int64) (fresh bool, err error) {
	if err := a.checkBatch(b); err != nil {
		return false, err
	}
	if b.Term == a.term.v && b.Sequence <= a.sequence.v {
		return false, nil
	}
	err = a.transactLaunching(now, func() error {
		if now := a.Estate().named(b.Estate.Installation); a.controller.v == "" || now != a.estate.v {
			a.emit("", &ControllerInitialized{ControllerID: b.ControllerID, Estate: now})
		}
		for _, cmd := range b.Commands { // before orders that have left and come back
			if _, ok := cmd.(*ConfirmEvents); ok {
				a.command(cmd)
			}
		}
		for _, cmd := range b.Commands {
			if _, ok := cmd.(*ConfirmEvents); !ok {
				a.command(cmd)
			}
		}
		a.emit("", &AgentBatchReceived{Term: b.Term, Sequence: b.Sequence})
		return nil
	})
	return true, err
}

func (a *Agent) checkBatch(b *AgentBatch) error {
	switch {
	case b.LogID != a.logID.v:
		return fault.New(fault.Conflict, "AgentLogMismatch", "this Agent's log is not the one that the Controller knows")
	case a.controller.v != "" && a.controller.v != b.ControllerID:
		return fault.New(fault.Forbidden, "AgentWrongController", "this Agent belongs to the Controller %s", a.controller.v)
	case b.Term < a.term.v:
		return fault.New(fault.Conflict, "DeposedLeader", "term %d is over: the Agent has seen term %d", b.Term, a.term.v)
	}
	return a.checkEstate(b)
}

// ProcessEnded notes how a process ended. An end that is known already is
// passed over.
func (a *Agent) ProcessEnded(id order.ID, task string, out *order.Outcome, now int64) error {
	return a.processed(id, task, &order.ProcessedEvent{Outcome: out}, now)
}

// ProcessEndedSilently is ProcessEnded of a process that has written nothing:
// there is no log of the task.
func (a *Agent) ProcessEndedSilently(id order.ID, task string, out *order.Outcome, now int64) error {
	return a.processed(id, task, &order.ProcessedEvent{Outcome: out, Silent: true}, now)
}

func (a *Agent) processed(id order.ID, task string, e *order.ProcessedEvent, now int64) error {
	return a.transactLaunching(now, func() error {
		if o, ok := a.orders.get(id); ok && o.State.Kind == order.Processing && o.State.Task == task {
			a.emitOrder(o, e)
		}
		return nil
	})
}

// ProcessLost notes that nobody knows what became of a process.
func (a *Agent) ProcessLost(id order.ID, task string, now int64) error {
	return a.transactLaunching(now, func() error {
		if o, ok := a.orders.get(id); ok && o.State.Kind == order.Processing && o.State.Task == task {
			a.emitOrder(o, &order.ProcessedEvent{Outcome: a.lost(o)})
		}
		return nil
	})
}

// Lead begins to work: logID is used at the first start only. alive tells
// which tasks still run; all others that are said to be running were lost.
func (a *Agent) Lead(logID string, alive func(task string) bool, now int64) error {
	return a.transactLaunching(now, func() error {
		if a.logID.v == "" {
			a.emit("", &AgentInitialized{Agent: a.cfg.Agent, LogID: logID, Level: a.cfg.Estate.Level})
		} else if err := a.estate.v.fits(a.cfg.Estate); err != nil {
			return err
		}
		a.emit(a.cfg.Agent, &AgentReady{})
		a.trustChanged() // every document is verified again
		a.refuseAgain()
		for _, id := range a.orders.keys() {
			if o := a.orders.m[id]; o.State.Kind == order.Processing && o.Attachment.Where == order.Attached && !alive(o.State.Task) {
				a.emitOrder(o, &order.ProcessedEvent{Outcome: a.lost(o)})
			}
		}
		a.touchAll()
		return nil
	})
}

// Tick wakes the orders whose time has come.
func (a *Agent) Tick(now int64) error {
	return a.transactLaunching(now, func() error {
		a.wakeDue()
		a.reverify()
		return nil
	})
}

// TrustChanged verifies every document against the new trust set.
func (a *Agent) TrustChanged(now int64) error {
	return a.transactLaunching(now, func() error {
		a.trustChanged()
		a.refuseAgain()
		return nil
	})
}

// refuseAgain tells the Controller once more what was refused: it sends these
// documents again, since they may be trusted now. They aren't kept here.
func (a *Agent) refuseAgain() {
	for _, key := range a.refused.keys() {
		a.emit("", &ItemRefused{Item: refOf(key), Agent: a.cfg.Agent, Problem: a.refused.m[key]})
	}
}

// transactLaunching is transact; launches of a refused transaction are dropped.
func (a *Agent) transactLaunching(now int64, f func() error) error {
	n := len(a.launches)
	err := a.transact(now, func() error {
		if a.rescan {
			a.rescan = false
			a.touchAll()
		}
		return f()
	})
	if err != nil {
		a.launches = a.launches[:n]
	}
	return err
}

// fold applies the events that aren't an order's.
func (a *Agent) fold(s *Stamped) error {
	switch e := s.Event.(type) {
	case *AgentInitialized:
		a.logID.set(e.LogID)
		a.estate.set(Estate{Installation: a.estate.v.Installation, Level: e.Level})
	case *ControllerInitialized:
		a.controller.set(e.ControllerID)
		a.estate.set(e.Estate)
	case *AgentReady:
	case *AgentBatchReceived:
		a.term.set(e.Term)
		a.sequence.set(e.Sequence)
	case *ItemAttachedToMe:
		a.addItem(&Item{Ref: e.Item, Document: e.Document, Signer: e.Signer, Added: s.ID})
		a.refused.del(e.Item.String())
		if e.Item.IsRelease() {
			return a.foldRelease(e.Document.Text)
		}
	case *ItemRefused:
		a.refused.set(e.Item.String(), e.Problem)
	case *ItemDetached:
		a.items.del(e.Item.String())
		a.refused.del(e.Item.String())
		switch e.Item.Kind {
		case kindPathControl:
			a.paths.del(e.Item.Path)
		case kindWorkflowControl:
			a.breaks.del(workflowID(e.Item).String())
		}
	case *ItemQuarantined:
		a.quarantine(e.Item, e.Problem)
	case *ItemReleased:
		a.quarantine(e.Item, nil)
	case *PathControlled:
		a.foldPathControl(e, s.ID)
	case *WorkflowControlled:
		a.foldWorkflowControl(e, s.ID)
	case *EventsReleased:
		a.confirm(e.Until)
	default:
		return fault.New(fault.Internal, "InapplicableEvent", "an Agent can't take %s", s.Event.Type())
	}
	return nil
}

// Apply folds events of the log at start.
func (a *Agent) Apply(events []Stamped) error { return a.applied(events) }

// AgentWork is a batch with the processes to be started once it is committed.
type AgentWork struct {
	Batch
	Launches []*Launch
}

// Take ends a batch and returns what was decided since the last.
func (a *Agent) Take() AgentWork {
	w := AgentWork{Batch: a.take(), Launches: a.launches}
	a.launches = nil
	return w
}

// Committed drops what would be needed to take the oldest batch back.
func (a *Agent) Committed(w AgentWork) { a.commit(w.Batch) }

// Undo takes back everything that isn't committed.
func (a *Agent) Undo() {
	a.undoAll()
	a.launches = nil
}

// LogID returns the id that the log got at its birth.
func (a *Agent) LogID() string { return a.logID.v }

// ControllerID returns the Controller to which the Agent belongs, or "".
func (a *Agent) ControllerID() string { return a.controller.v }

// Confirmed returns the newest event that the Controller has stored.
func (a *Agent) Confirmed() int64 { return a.confirmed.v }

// Running returns how many processes run.
func (a *Agent) Running() int { return a.lines.running }

// Waiting returns how many orders wait for a process.
func (a *Agent) Waiting() int { return len(a.lines.waiting) }
