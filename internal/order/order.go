// Package order owns one order: its states, outcomes, marks and history, the
// events that happen to it, and which event fits which state.
//
// Apply folds an event into an order and decides nothing: engine decides, and
// the Cockpit uses the same fold for its history. An Order is immutable; a
// change is a new Order that shares what didn't change. The package must not
// know workflows' instructions, clocks, or where an event came from.
package order

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// ID names an order: any text without '|', which separates the ids of child
// orders from their parents'.
type ID string

// MaxIDLength bounds the ids that clients give, in bytes.
const MaxIDLength = 255

// Check tells what is wrong with an id given by a client.
func (id ID) Check() error {
	switch {
	case id == "":
		return fault.New(fault.Invalid, "EmptyString", "an order id must not be empty")
	case len(id) > MaxIDLength:
		return fault.New(fault.Invalid, "InvalidName", "the order id is longer than %d bytes", MaxIDLength)
	case strings.ContainsRune(string(id), '|'):
		return fault.New(fault.Invalid, "InvalidName", "order id %q: '|' is reserved for child orders", string(id))
	case strings.ContainsFunc(string(id), func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
		return fault.New(fault.Invalid, "InvalidName", "order id %q contains a control character or is no UTF-8", string(id))
	}
	return nil
}

// Child returns the id of the child order in branch.
func (id ID) Child(branch string) ID { return id + "|" + ID(branch) }

// Root returns the id of the outermost parent.
func (id ID) Root() ID {
	root, _, _ := strings.Cut(string(id), "|")
	return ID(root)
}

// Actor says who asked for something: account and login method, with room for
// a signature over the command's exact bytes, which a later policy may demand.
type Actor struct {
	Account   string
	Method    string
	Signature []byte
}

// Walk describes the fields.
func (a *Actor) Walk(w codec.Walker) {
	w.Str("account", &a.Account)
	w.Str("method", &a.Method)
	w.Bytes("signature", &a.Signature)
}

// StateKind names an order's state (section 5.2 of the reference).
type StateKind string

// The states of an order.
const (
	Fresh             StateKind = "Fresh"
	Ready             StateKind = "Ready"
	Processing        StateKind = "Processing"
	Processed         StateKind = "Processed"
	ProcessingKilled  StateKind = "ProcessingKilled"
	DelayingRetry     StateKind = "DelayingRetry"
	Sleeping          StateKind = "Sleeping"
	Forked            StateKind = "Forked"
	Failed            StateKind = "Failed"
	FailedWhileFresh  StateKind = "FailedWhileFresh"
	FailedInFork      StateKind = "FailedInFork"
	Stopped           StateKind = "Stopped"
	StoppedWhileFresh StateKind = "StoppedWhileFresh"
	Broken            StateKind = "Broken"
	Finished          StateKind = "Finished"
	Cancelled         StateKind = "Cancelled"
)

// States lists every state, in the order of the reference.
var States = []StateKind{
	Fresh, Ready, Processing, Processed, ProcessingKilled, DelayingRetry, Sleeping, Forked, Failed,
	FailedWhileFresh, FailedInFork, Stopped, StoppedWhileFresh, Broken, Finished, Cancelled,
}

// State is an order's state with what belongs to it.
type State struct {
	Kind     StateKind
	Until    int64      // DelayingRetry, Sleeping: milliseconds since the epoch
	Task     string     // Processing: the task's id at its Agent
	Agent    string     // Processing: the Agent
	JobKey   string     // Processing: the job within its workflow version
	Children []ChildRef // Forked, in the order of the branches
	Problem  *Problem   // Broken
}

// ChildRef names one child of a forked order.
type ChildRef struct {
	BranchID string // of a Fork; "" in a ForkList
	OrderID  ID
}

// Walk describes the fields.
func (c *ChildRef) Walk(w codec.Walker) {
	w.Str("branchId", &c.BranchID)
	codec.Text(w, "orderId", &c.OrderID)
}

// Walk describes the fields.
func (s *State) Walk(w codec.Walker) {
	codec.Text(w, "TYPE", &s.Kind)
	if w.Reading() && !slices.Contains(States, s.Kind) {
		w.Fail(fault.New(fault.Corrupt, "BadRecord", "unknown order state %.40q", string(s.Kind)))
	}
	w.Int("until", &s.Until)
	w.Str("taskId", &s.Task)
	w.Str("subagentId", &s.Agent)
	codec.List(w, "children", &s.Children)
	codec.Opt(w, "problem", &s.Problem)
	w.Str("jobKey", &s.JobKey)
}

// Terminated tells whether nothing can follow but deletion.
func (s State) Terminated() bool { return s.Kind == Finished || s.Kind == Cancelled }

// IsFailed tells whether the order failed, in the sense of the reference.
func (s State) IsFailed() bool {
	return s.Kind == Failed || s.Kind == FailedWhileFresh || s.Kind == FailedInFork
}

// IsStopped tells whether the order is Stopped, also before it had started.
func (s State) IsStopped() bool { return s.Kind == Stopped || s.Kind == StoppedWhileFresh }

// FreshOrReady tells whether the next instruction may be executed.
func (s State) FreshOrReady() bool { return s.Kind == Fresh || s.Kind == Ready }

// Where tells who may change an order.
type Where uint8

// The Controller owns an order that is Detached, Attaching or Detaching; the
// Agent one that is Attached.
const (
	Detached Where = iota
	Attaching
	Attached
	Detaching
)

var whereNames = [...]string{"", "Attaching", "Attached", "Detaching"}

// String returns the name of the reference, "" for Detached.
func (h Where) String() string { return whereNames[h&3] }

// Attachment says at which Agent an order is, or is going to or coming from.
//
// ID tells one attachment from the next: no other in the life of a Controller's
// log has it. It lets an Agent pass over an order that comes once more after it
// has left already. A child has its parent's. 0: from before there were ids.
type Attachment struct {
	Where Where
	Agent string
	ID    int64
}

// Walk describes the fields.
func (a *Attachment) Walk(w codec.Walker) {
	name := a.Where.String()
	w.Str("TYPE", &name)
	w.Str("agentPath", &a.Agent)
	w.Int("attachmentId", &a.ID)
	if !w.Reading() {
		return
	}
	for i, n := range whereNames {
		if n == name {
			a.Where = Where(i)
			return
		}
	}
	w.Fail(fault.New(fault.Corrupt, "BadRecord", "unknown attached state %q", name))
}

// MarkKind is what a mark asks for.
type MarkKind string

// The marks (section 5.4 of the reference).
const (
	Cancelling MarkKind = "Cancelling"
	Suspending MarkKind = "Suspending"
	Resuming   MarkKind = "Resuming"
	Going      MarkKind = "Go"
)

// Mark is a command that waits until the order is where it can be carried out.
type Mark struct {
	Kind    MarkKind
	Cancel  CancelMode
	Suspend SuspendMode
	Resume  Resumption
	Go      workflow.Position
	OnAgent bool // the Agent knows it
}

// Walk describes the fields.
func (m *Mark) Walk(w codec.Walker) {
	codec.Text(w, "TYPE", &m.Kind)
	switch m.Kind {
	case Cancelling, Suspending, Resuming, Going:
	default:
		w.Fail(fault.New(fault.Corrupt, "BadRecord", "unknown mark %.40q", string(m.Kind)))
	}
	w.Obj("cancel", m.Kind == Cancelling, m.Cancel.Walk)
	w.Obj("suspend", m.Kind == Suspending, m.Suspend.Walk)
	w.Obj("resume", m.Kind == Resuming, m.Resume.Walk)
	w.Obj("go", m.Kind == Going, func(w codec.Walker) { w.Pos("position", &m.Go) })
	w.Bool("onAgent", &m.OnAgent)
}

// CancelMode says which orders CancelOrders takes, and whether jobs are killed.
type CancelMode struct {
	FreshOnly bool
	Kill      *KillMode
}

// Walk describes the fields.
func (m *CancelMode) Walk(w codec.Walker) {
	kind := "FreshOrStarted"
	if m.FreshOnly {
		kind = "FreshOnly"
	}
	w.Str("TYPE", &kind)
	codec.Opt(w, "kill", &m.Kill)
	if !w.Reading() {
		return
	}
	switch kind {
	case "FreshOnly":
		m.FreshOnly = true
	case "FreshOrStarted", "":
		m.FreshOnly = false
	default:
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "unknown cancel mode %q: FreshOnly or FreshOrStarted", kind))
	}
}

// KillMode says how a job is killed: at once, and only if its order is still
// at that place.
type KillMode struct {
	Immediately bool
	At          *WorkflowPosition
}

// Walk describes the fields.
func (m *KillMode) Walk(w codec.Walker) {
	w.Bool("immediately", &m.Immediately)
	codec.Opt(w, "workflowPosition", &m.At)
}

// SuspendMode says whether waiting states are left and jobs are killed.
type SuspendMode struct {
	ResetState bool
	Kill       *KillMode
}

// Walk describes the fields.
func (m *SuspendMode) Walk(w codec.Walker) {
	w.Bool("resetState", &m.ResetState)
	codec.Opt(w, "kill", &m.Kill)
}

// WorkflowPosition is a place in one version of a workflow.
type WorkflowPosition struct {
	Workflow workflow.ID
	Position workflow.Position
}

// Walk describes the fields.
func (p *WorkflowPosition) Walk(w codec.Walker) {
	w.Obj("workflowId", true, func(w codec.Walker) { walkID(w, &p.Workflow) })
	w.Pos("position", &p.Position)
}

func walkID(w codec.Walker, id *workflow.ID) {
	w.Str("path", &id.Path)
	w.Str("versionId", &id.VersionID)
}

// Resumption is how an order is resumed (section 5.6, ResumeOrder).
type Resumption struct {
	Position         *workflow.Position // nil: where the order stands
	Operations       []HistoryOperation
	AsSucceeded      bool
	RestartKilledJob *bool     // nil: if the last outcome is Killed and the job is restartable
	Arguments        value.Map // take the place of those of their names; the others stay
}

// IsPlain tells whether the order goes on where it stands and as it is: that can
// be asked of many orders, and of one that isn't suspended yet.
func (r *Resumption) IsPlain() bool {
	return r.Position == nil && len(r.Operations) == 0 && len(r.Arguments) == 0
}

// Walk describes the fields.
func (r *Resumption) Walk(w codec.Walker) {
	w.OptPos("position", &r.Position)
	codec.List(w, "historyOperations", &r.Operations)
	w.Bool("asSucceeded", &r.AsSucceeded)
	w.OptBool("restartKilledJob", &r.RestartKilledJob)
	w.Map("arguments", &r.Arguments)
}

// Order is one order. It is immutable: a change makes a copy.
type Order struct {
	ID           ID
	Workflow     workflow.ID
	Position     workflow.Position
	State        State
	Arguments    value.Map
	ScheduledFor int64 // milliseconds since the epoch; 0: at once
	Priority     int64
	Attachment   Attachment
	Parent       ID // "" for an order that isn't a child
	Mark         *Mark
	History      *Step // newest first; nil: none

	Suspended            bool
	Resumed              bool // passes the breakpoint it stands at
	Failing              bool // its last outcome failed and hasn't been dealt with
	Goes                 bool // a GoOrder command has ended its waiting
	DeleteWhenTerminated bool
	InnerBlock           workflow.Block
	StopPositions        []workflow.Position
	By                   Actor
	AddedAt              int64 // event id of its OrderAdded
}

// Step is one historic outcome; the list leads from the newest to the oldest
// and is shared between an order's versions and its children.
type Step struct {
	Prev     *Step
	Position workflow.Position
	Outcome  *Outcome
	n        int // length of the list
}

// keptSteps bounds the history, for orders that retry without end: when it is
// twice as long, the older half is forgotten.
const keptSteps = 10_000

// push returns the history with one more outcome. s may be nil.
func (s *Step) push(p workflow.Position, out *Outcome) *Step {
	next := &Step{Prev: s, Position: p, Outcome: out, n: 1}
	if s != nil {
		next.n = s.n + 1
	}
	if next.n < 2*keptSteps {
		return next
	}
	newest := make([]*Step, 0, keptSteps)
	for h := next; len(newest) < keptSteps; h = h.Prev {
		newest = append(newest, h)
	}
	var kept *Step
	for i, h := range slices.Backward(newest) {
		kept = &Step{Prev: kept, Position: h.Position, Outcome: h.Outcome, n: keptSteps - i}
	}
	return kept
}

// Last returns the newest outcome, or nil.
func (o *Order) Last() *Outcome {
	if o.History == nil {
		return nil
	}
	return o.History.Outcome
}

// Steps returns the history, oldest first.
func (o *Order) Steps() []*Step {
	n := 0
	for s := o.History; s != nil; s = s.Prev {
		n++
	}
	steps := make([]*Step, n)
	for s := o.History; s != nil; s = s.Prev {
		n--
		steps[n] = s
	}
	return steps
}

// Started tells whether OrderStarted has happened.
func (o *Order) Started() bool {
	return o.State.Kind != Fresh && o.State.Kind != FailedWhileFresh && o.State.Kind != StoppedWhileFresh
}

// At returns the order's place in its workflow.
func (o *Order) At() WorkflowPosition { return WorkflowPosition{o.Workflow, o.Position} }

// Walk describes the fields: the JSON form is that of "signet order show", the
// binary one that of snapshots and of the hand-over to Agents.
func (o *Order) Walk(w codec.Walker) {
	codec.Text(w, "id", &o.ID)
	w.Obj("workflow", true, func(w codec.Walker) { walkID(w, &o.Workflow) })
	w.Pos("position", &o.Position)
	if !w.Obj("state", true, o.State.Walk) {
		w.Fail(fault.New(fault.Corrupt, "BadRecord", "an order without state"))
	}
	w.Map("arguments", &o.Arguments)
	o.walkEmpty(w)
	w.Int("scheduledFor", &o.ScheduledFor)
	w.Int("priority", &o.Priority)
	if w.Obj("attachedState", o.Attachment.Where != Detached, o.Attachment.Walk); w.Reading() && o.Attachment.Where == Detached {
		o.Attachment = Attachment{}
	}
	codec.Text(w, "parent", &o.Parent)
	codec.Opt(w, "mark", &o.Mark)
	o.walkHistory(w)
	w.Bool("isSuspended", &o.Suspended)
	w.Bool("isResumed", &o.Resumed)
	w.Bool("isFailing", &o.Failing)
	w.Bool("goes", &o.Goes)
	w.Bool("deleteWhenTerminated", &o.DeleteWhenTerminated)
	w.Block("innerBlock", &o.InnerBlock)
	codec.Positions(w, "stopPositions", &o.StopPositions)
	w.Obj("by", o.By.Account != "" || o.By.Method != "", o.By.Walk)
	w.Int("addedAt", &o.AddedAt)
	if w.JSON() && !w.Reading() {
		if last := o.Last(); last != nil {
			codec.Always(w, "outcome", last)
		}
	}
}

// WalkWhole describes an order as the field "order" of something else; it must
// not be missing there.
func WalkWhole(w codec.Walker, o *Order) {
	if !w.Obj("order", true, o.Walk) {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "the order is missing"))
	}
}

// walkEmpty writes what readers of the JSON form count on, also when there is
// none of it: arguments and historic outcomes.
func (o *Order) walkEmpty(w codec.Walker) {
	if !w.JSON() || w.Reading() {
		return
	}
	if len(o.Arguments) == 0 {
		w.Obj("arguments", true, func(codec.Walker) {})
	}
	if o.History == nil {
		none := value.Value(value.List{})
		w.Value("historicOutcomes", &none)
	}
}

func (o *Order) walkHistory(w codec.Walker) {
	if w.Reading() {
		o.History = nil
		w.List("historicOutcomes", 0, func(w codec.Walker, _ int) {
			s := &Step{Outcome: &Outcome{}}
			if !w.Obj("", true, s.walk) {
				w.Fail(fault.New(fault.Corrupt, "BadRecord", "a step of the history is missing"))
				return
			}
			o.History = o.History.push(s.Position, s.Outcome)
		})
		return
	}
	steps := o.Steps()
	w.List("historicOutcomes", len(steps), func(w codec.Walker, i int) { w.Obj("", true, steps[i].walk) })
}

func (s *Step) walk(w codec.Walker) {
	w.Pos("position", &s.Position)
	walkOutcome(w, &s.Outcome)
}
