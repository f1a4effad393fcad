package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Controller is the machine of the Controllers: it owns every order that isn't
// at an Agent, and all documents. Owned by one goroutine.
type Controller struct {
	*machine
	id       variable[string] // from the log
	agents   *table[string, *AgentState]
	attached *table[string, *ItemAttachment] // by agent, 0, ref
	readers  *table[string, int64]
	done     *table[string, string] // replies of the newest commands, by command id
	ring     variable[*ring]

	// Derived.
	byWorkflow  map[workflow.ID]map[order.ID]bool
	byRef       map[string]map[string]bool // keys of attached, by ItemRef.String()
	outstanding map[string]map[string]bool // keys of attached on their way, by Agent
	agentsDirty map[string]bool            // Agents whose outstanding documents changed since the last Take
	left        []workflow.ID              // versions that lost their last order in this transaction
	led         bool                       // Lead was called since the last Take
}

// AgentState is what a Controller knows of an Agent besides its document.
type AgentState struct {
	Path     string
	LogID    string // "" before it was dedicated
	Observed int64  // its events up to this id are in our log
	Coupled  bool
	Problem  *order.Problem
}

// Walk describes the fields.
func (a *AgentState) Walk(w codec.Walker) {
	w.Str("path", &a.Path)
	w.Str("logId", &a.LogID)
	w.Int("observed", &a.Observed)
	w.Bool("coupled", &a.Coupled)
	codec.Opt(w, "problem", &a.Problem)
}

// ItemAttachment says how far a document is on its way to or from an Agent.
type ItemAttachment struct {
	Agent string
	Ref   ItemRef // with the revision that the Agent has or gets
	State AttachState
	// Problem is set when the Agent refused the document or doesn't trust its
	// signer any more.
	Problem *order.Problem
}

// AttachState is the state of an ItemAttachment.
type AttachState string

// The states of an ItemAttachment.
const (
	ItemIsAttachable AttachState = "Attachable"
	ItemIsAttached   AttachState = "Attached"
	ItemIsDetachable AttachState = "Detachable"
)

// Walk describes the fields.
func (a *ItemAttachment) Walk(w codec.Walker) {
	w.Str("agentPath", &a.Agent)
	codec.Always(w, "item", &a.Ref)
	codec.Text(w, "state", &a.State)
	codec.Opt(w, "problem", &a.Problem)
}

func attachKey(agent string, ref ItemRef) string { return agent + "\x00" + ref.String() }

// ring holds the ids of the newest commands, oldest first; immutable.
type ring struct {
	older *ring
	id    string
	n     int
}

// keptCommands is how many command ids are remembered, so that a repetition
// is answered and not carried out again.
const keptCommands = 10_000

// NewController returns an empty Controller machine.
func NewController(cfg Config) *Controller {
	cfg.Agent = ""
	c := &Controller{
		machine: newMachine(cfg), byWorkflow: map[workflow.ID]map[order.ID]bool{}, byRef: map[string]map[string]bool{},
		outstanding: map[string]map[string]bool{}, agentsDirty: map[string]bool{},
	}
	u := c.undo
	c.id = variable[string]{undo: u}
	c.agents = newTable[string, *AgentState](u)
	c.attached = newTable[string, *ItemAttachment](u)
	c.attached.changed = c.attachmentChanged
	c.readers = newTable[string, int64](u)
	c.done = newTable[string, string](u)
	c.ring = variable[*ring]{undo: u}
	c.rules = c
	return c
}

// changed keeps the index of orders by workflow.
func (c *Controller) changed(old, now *order.Order) {
	if old != nil && (now == nil || now.Workflow != old.Workflow) {
		set := c.byWorkflow[old.Workflow]
		delete(set, old.ID)
		if len(set) == 0 {
			delete(c.byWorkflow, old.Workflow)
			c.left = append(c.left, old.Workflow)
		}
	}
	if now != nil && (old == nil || now.Workflow != old.Workflow) {
		set := c.byWorkflow[now.Workflow]
		if set == nil {
			set = map[order.ID]bool{}
			c.byWorkflow[now.Workflow] = set
		}
		set[now.ID] = true
	}
}

// abandoned lets go of workflow versions that orders have left for good, at
// the end of a transaction.
func (c *Controller) abandoned() {
	ids := c.left
	c.left = nil
	for _, id := range ids {
		if len(c.byWorkflow[id]) == 0 {
			c.collect(id)
		}
	}
}

// attachmentChanged keeps the indexes of documents at Agents.
func (c *Controller) attachmentChanged(key string, old, now *ItemAttachment, had, has bool) {
	if had {
		ref := old.Ref.String()
		remove(c.byRef, ref, key)
		remove(c.outstanding, old.Agent, key)
		c.agentsDirty[old.Agent] = true
	}
	if has {
		insert(c.byRef, now.Ref.String(), key)
		if now.State != ItemIsAttached {
			insert(c.outstanding, now.Agent, key)
		}
		c.agentsDirty[now.Agent] = true
	}
}

func insert(index map[string]map[string]bool, k, member string) {
	if index[k] == nil {
		index[k] = map[string]bool{}
	}
	index[k][member] = true
}

func remove(index map[string]map[string]bool, k, member string) {
	delete(index[k], member)
	if len(index[k]) == 0 {
		delete(index, k)
	}
}

func (c *Controller) mine(o *order.Order) bool { return o.Attachment.Where == order.Detached }

// toController does nothing: the order is here.
func (c *Controller) toController(*order.Order) bool { return false }

// execute hands the order to the job's Agent.
func (c *Controller) execute(o *order.Order, _ *workflow.Workflow, ex *workflow.Execute) bool {
	c.attach(o, ex.Job.AgentPath)
	return true
}

// attach begins to hand an order to an Agent, with all documents it needs.
func (m *machine) attach(o *order.Order, agent string) {
	c, ok := m.rules.(*Controller)
	if !ok {
		return
	}
	a, err := c.agentRef(agent)
	if err != nil {
		c.disrupt(o, err)
		return
	}
	if a.Disabled {
		return // Obstacles tells so
	}
	w, err := c.workflow(o.Workflow)
	if err != nil {
		c.withoutWorkflow(o, err)
		return
	}
	if !c.usable(o, w) {
		return
	}
	for _, ref := range c.needs(agent, w) {
		c.attachItem(agent, ref)
	}
	c.emitOrder(c.orders.m[o.ID], &order.Attachable{Agent: agent})
}

// usable tells whether the job resources of a workflow can be used; one in
// quarantine makes the order wait, an unknown one makes it fail.
func (c *Controller) usable(o *order.Order, w *workflow.Workflow) bool {
	for _, path := range w.JobResources() {
		if _, err := c.jobResource(path); err != nil {
			if !fault.Is(err, fault.Untrusted) {
				c.disrupt(o, err)
			}
			return false
		}
	}
	return true
}

// needs returns the documents that an Agent needs to run a workflow.
func (c *Controller) needs(agent string, w *workflow.Workflow) []ItemRef {
	refs := []ItemRef{{Kind: item.KindAgentRef, Path: agent}}
	for _, path := range w.JobResources() {
		refs = append(refs, ItemRef{Kind: item.KindJobResource, Path: path})
	}
	refs = append(refs, workflowRef(w.ID))
	if _, ok := c.paths.get(w.ID.Path); ok {
		refs = append(refs, pathControlRef(w.ID.Path))
	}
	if _, ok := c.breaks.get(w.ID.String()); ok {
		refs = append(refs, workflowControlRef(w.ID))
	}
	return refs
}

// The controls go to Agents as unsigned items: they can only hold orders
// back, never start anything.
const (
	kindPathControl     item.Kind = "WorkflowPathControl"
	kindWorkflowControl item.Kind = "WorkflowControl"
)

func pathControlRef(path string) ItemRef { return ItemRef{Kind: kindPathControl, Path: path} }
func workflowControlRef(id workflow.ID) ItemRef {
	return ItemRef{Kind: kindWorkflowControl, Path: id.Path, VersionID: id.VersionID}
}

// attachItem makes a document attachable, unless the Agent has it or gets it.
func (c *Controller) attachItem(agent string, ref ItemRef) {
	if it, ok := c.items.get(ref.String()); ok {
		ref = it.Ref
	}
	if at, ok := c.attached.get(attachKey(agent, ref)); ok && at.State != ItemIsDetachable && at.Ref.Revision == ref.Revision && at.Problem == nil {
		return
	}
	c.emit("", &ItemAttachable{Item: ref, Agent: agent})
}

// reattach sends a changed document to every Agent that has an older one.
func (c *Controller) reattach(ref ItemRef) {
	for _, key := range sortedKeys(c.byRef[ref.String()]) {
		if at := c.attached.m[key]; at.State != ItemIsDetachable {
			c.emit("", &ItemAttachable{Item: ref, Agent: at.Agent})
		}
	}
}

// Apply folds events: of a follower, or at start. They are committed.
func (c *Controller) Apply(events []Stamped) error {
	for i := range events {
		if err := c.machine.fold(&events[i]); err != nil {
			return err
		}
	}
	clear(c.machine.queued)
	clear(c.touched)
	clear(c.agentsDirty)
	c.left = nil
	c.work = c.work[:0]
	c.undo.forget(len(c.undo.steps))
	return nil
}

// ControllerWork is a batch with what is to be done at Agents once it is
// committed, besides what follows from the touched orders.
type ControllerWork struct {
	Batch
	Items map[string][]AgentCommand // of each Agent for which they changed: all that is outstanding
	All   []Touched                 // not nil after Lead: every order for which something is to be done
}

// Take ends a batch and returns what was decided since the last.
func (c *Controller) Take() ControllerWork {
	w := ControllerWork{Batch: c.take(), Items: map[string][]AgentCommand{}}
	if c.led {
		w.All = c.Pending()
		for agent := range c.outstanding {
			c.agentsDirty[agent] = true
		}
		c.led = false
	}
	for agent := range c.agentsDirty {
		w.Items[agent] = c.ItemCommands(agent)
	}
	clear(c.agentsDirty)
	return w
}

// Committed drops what would be needed to take the oldest batch back.
func (c *Controller) Committed(w ControllerWork) { c.commit(w.Batch) }

// Undo takes back everything that isn't committed.
func (c *Controller) Undo() {
	c.undoAll()
	c.led = false
	clear(c.agentsDirty)
}

// fold applies the events that aren't an order's.
func (c *Controller) fold(s *Stamped) error {
	switch e := s.Event.(type) {
	case *ControllerInitialized:
		c.id.set(e.ControllerID)
	case *ControllerReady, *VersionAdded, *AgentReady:
	case *CommandExecuted:
		c.remember(e)
	case *ItemAdded:
		c.addItem(e.Item, e.Document, e.Signer, s.ID)
		if e.Item.Kind.Versioned() {
			c.heads.set(e.Item.Path, e.Item.VersionID)
		}
	case *ItemRemoved:
		if it, ok := c.items.get(e.Item.String()); ok {
			gone := *it
			gone.Removed = true
			c.items.set(e.Item.String(), &gone)
		}
		if head, _ := c.heads.get(e.Item.Path); head == e.Item.VersionID {
			c.heads.del(e.Item.Path)
		}
	case *ItemDeletionMarked:
		if it, ok := c.items.get(e.Item.String()); ok {
			gone := *it
			gone.Removed = true
			c.items.set(e.Item.String(), &gone)
		}
	case *ItemDeleted:
		c.items.del(e.Item.String())
		delete(c.parsed, e.Item.String())
		c.breaks.del(workflowID(e.Item).String())
	case *ItemAttachable:
		c.attached.set(attachKey(e.Agent, e.Item), &ItemAttachment{Agent: e.Agent, Ref: e.Item, State: ItemIsAttachable})
	case *ItemAttached:
		c.attached.set(attachKey(e.Agent, e.Item), &ItemAttachment{Agent: e.Agent, Ref: e.Item, State: ItemIsAttached})
	case *ItemDetachable:
		c.attached.set(attachKey(e.Agent, e.Item), &ItemAttachment{Agent: e.Agent, Ref: e.Item, State: ItemIsDetachable})
	case *ItemDetached:
		c.attached.del(attachKey(e.Agent, e.Item))
	case *ItemRefused:
		c.attached.set(attachKey(e.Agent, e.Item), &ItemAttachment{Agent: e.Agent, Ref: e.Item, State: ItemIsAttached, Problem: e.Problem})
	case *ItemQuarantined:
		c.foldQuarantine(e.Item, e.Agent, e.Problem)
	case *ItemReleased:
		c.foldQuarantine(e.Item, e.Agent, nil)
	case *PathControlled:
		c.foldPathControl(e)
	case *WorkflowControlled:
		c.foldWorkflowControl(e)
	case *AgentDedicated, *AgentCoupled, *AgentCouplingFailed, *AgentEventsObserved, *AgentReset:
		c.foldAgent(s)
	case *EventsReleased:
		c.readers.set(e.Reader, e.Until)
	default:
		return fault.New(fault.Internal, "InapplicableEvent", "a Controller can't take %s", s.Event.Type())
	}
	return nil
}

func (m *machine) foldPathControl(e *PathControlled) {
	control := e.Control
	if !control.Suspended && len(control.Skip) == 0 {
		m.paths.del(control.Path)
		return
	}
	m.paths.set(control.Path, &control)
}

func (m *machine) foldWorkflowControl(e *WorkflowControlled) {
	control := e.Control
	if len(control.Breakpoints) == 0 {
		m.breaks.del(control.Workflow.String())
		return
	}
	m.breaks.set(control.Workflow.String(), &control)
}

func (c *Controller) foldQuarantine(ref ItemRef, agent string, p *order.Problem) {
	if agent == "" {
		c.quarantine(ref, p)
		return
	}
	if at, ok := c.attached.get(attachKey(agent, ref)); ok {
		now := *at
		now.Problem = p
		c.attached.set(attachKey(agent, ref), &now)
	}
}

func (c *Controller) foldAgent(s *Stamped) {
	a := AgentState{Path: s.Key}
	if old, ok := c.agents.get(s.Key); ok {
		a = *old
	}
	switch e := s.Event.(type) {
	case *AgentDedicated:
		a.LogID, a.Observed, a.Problem = e.LogID, 0, nil
	case *AgentCoupled:
		a.Coupled, a.Problem = true, nil
	case *AgentCouplingFailed:
		a.Coupled, a.Problem = false, e.Problem
	case *AgentEventsObserved:
		a.Observed = e.UntilEventID
	case *AgentReset:
		a.LogID, a.Observed, a.Problem = e.LogID, 0, nil
		for _, key := range c.attached.keys() {
			if c.attached.m[key].Agent == s.Key {
				c.attached.del(key)
			}
		}
	}
	c.agents.set(s.Key, &a)
}

// remember keeps the reply of a command, and drops the oldest one.
func (c *Controller) remember(e *CommandExecuted) {
	if e.CommandID == "" {
		return
	}
	c.done.set(e.CommandID, e.Reply)
	n := 1
	if c.ring.v != nil {
		n = c.ring.v.n + 1
	}
	c.ring.set(&ring{older: c.ring.v, id: e.CommandID, n: n})
	if n >= 2*keptCommands {
		c.trimRing()
	}
}

// trimRing keeps the newest half.
func (c *Controller) trimRing() {
	var keep []string
	r := c.ring.v
	for ; r != nil && len(keep) < keptCommands; r = r.older {
		keep = append(keep, r.id)
	}
	for ; r != nil; r = r.older {
		c.done.del(r.id)
	}
	var fresh *ring
	for i := len(keep) - 1; i >= 0; i-- {
		fresh = &ring{older: fresh, id: keep[i], n: len(keep) - i}
	}
	c.ring.set(fresh)
}

// ID returns the Controller's id as its log has it; "" before the first start.
func (c *Controller) ID() string { return c.id.v }

// Retained returns the lowest event id that a registered reader still needs
// to read from; ok is false when no reader is registered.
func (c *Controller) Retained() (after int64, ok bool) {
	for _, name := range c.readers.keys() {
		if until := c.readers.m[name]; !ok || until < after {
			after, ok = until, true
		}
	}
	return after, ok
}

// Agents returns what is known of each Agent, sorted by path.
func (c *Controller) Agents() []AgentState {
	var all []AgentState
	for _, p := range c.agents.keys() {
		all = append(all, *c.agents.m[p])
	}
	return all
}

// Agent returns what is known of an Agent.
func (c *Controller) Agent(path string) (AgentState, bool) {
	a, ok := c.agents.get(path)
	if !ok {
		return AgentState{}, false
	}
	return *a, true
}

// AgentItem returns an Agent's document, verified.
func (c *Controller) AgentItem(path string) (*item.AgentRef, error) { return c.agentRef(path) }

// Items returns the deployed documents, sorted by kind, path and age.
func (c *Controller) Items() []*Item {
	all := make([]*Item, 0, len(c.items.m))
	for _, it := range c.items.m {
		all = append(all, it)
	}
	slices.SortFunc(all, func(a, b *Item) int {
		return cmp.Or(strings.Compare(string(a.Ref.Kind), string(b.Ref.Kind)), strings.Compare(a.Ref.Path, b.Ref.Path), cmp.Compare(a.Added, b.Added))
	})
	return all
}

// IsHead tells whether the item is the newest version of its path.
func (c *Controller) IsHead(it *Item) bool {
	if !it.Ref.Kind.Versioned() {
		return !it.Removed
	}
	head, ok := c.heads.get(it.Ref.Path)
	return ok && head == it.Ref.VersionID
}

// Workflow returns a version of a workflow; "" is the newest.
func (c *Controller) Workflow(path, version string) (*workflow.Workflow, error) {
	if version == "" {
		head, ok := c.heads.get(path)
		if !ok {
			return nil, unknownWorkflow(path)
		}
		version = head
	}
	return c.workflow(workflow.ID{Path: path, VersionID: version})
}

func unknownWorkflow(path string) error {
	return fault.New(fault.NotFound, "UnknownKey", "there is no workflow %s", path).About("Workflow:" + path)
}

// Control returns how all versions of a workflow run, or nil.
func (c *Controller) Control(path string) *PathControl {
	p, _ := c.paths.get(path)
	return p
}

// Breakpoints returns the breakpoints of a version.
func (c *Controller) Breakpoints(id workflow.ID) []workflow.Position {
	if b, ok := c.breaks.get(id.String()); ok {
		return b.Breakpoints
	}
	return nil
}

// OrdersOf returns how many orders a version has.
func (c *Controller) OrdersOf(id workflow.ID) int { return len(c.byWorkflow[id]) }

// Attachments returns the documents at or on the way to an Agent.
func (c *Controller) Attachments(agent string) []ItemAttachment {
	var all []ItemAttachment
	for _, key := range c.attached.keys() { // a look of an operator: rare
		if at := c.attached.m[key]; at.Agent == agent {
			all = append(all, *at)
		}
	}
	return all
}

// Item returns a deployed document.
func (c *Controller) Item(ref ItemRef) (*Item, bool) { return c.items.get(ref.String()) }

// evaluate returns the order's arguments with the parameters' impure defaults
// and finals, which are computed once, when the order is added.
func (c *Controller) evaluate(o *order.Order, w *workflow.Workflow) (value.Map, error) {
	p := w.Preparation
	if p == nil {
		return o.Arguments, nil
	}
	args := make(value.Map, len(o.Arguments))
	for k, v := range o.Arguments {
		args[k] = v
	}
	s := &parameterScope{scope: c.scope(o, w), busy: map[string]bool{}, done: args}
	var problems []fault.Problem
	for i := range p.Parameters {
		prm := &p.Parameters[i]
		e := prm.Default
		if prm.Final != nil {
			e = prm.Final
		}
		if e == nil || e.Pure() {
			continue
		}
		v, _, err := s.parameter(prm)
		if err != nil {
			problems = append(problems, fault.Problem{Where: "$.arguments." + prm.Name, Message: "EvaluationFailed: " + order.ProblemOf(err).Message})
			continue
		}
		problems = append(problems, prm.CheckValue(v)...)
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "InvalidOrderArguments", Message: "the order's arguments don't fit the workflow", Problems: problems}
	}
	return args, nil
}

// parameterScope evaluates parameters that may refer to each other.
type parameterScope struct {
	*scope
	busy map[string]bool
	done value.Map
}

func (s *parameterScope) parameter(p *workflow.Parameter) (value.Value, bool, error) {
	if v, ok := s.done[p.Name]; ok {
		return v, true, nil
	}
	e := p.Default
	if p.Final != nil {
		e = p.Final
	}
	if e == nil {
		return nil, false, nil
	}
	if s.busy[p.Name] {
		return nil, false, problemf("RecursiveEvaluation", "parameter %s depends on itself", p.Name)
	}
	s.busy[p.Name] = true
	defer delete(s.busy, p.Name)
	v, err := e.Eval(s)
	if err != nil {
		return nil, false, err
	}
	if !e.Pure() {
		s.done[p.Name] = v
	}
	return v, true, nil
}

// Value returns an argument or another parameter.
func (s *parameterScope) Value(name string) (value.Value, bool, error) {
	if v, ok, err := s.Argument(name); ok || err != nil {
		return v, ok, err
	}
	v, ok := s.builtin(name)
	return v, ok, nil
}

// Argument returns an argument or another parameter.
func (s *parameterScope) Argument(name string) (value.Value, bool, error) {
	if v, ok := s.done[name]; ok {
		return v, true, nil
	}
	if p := s.w.Preparation.Parameter(name); p != nil {
		return s.parameter(p)
	}
	return nil, false, nil
}

// Variable knows no result.
func (s *parameterScope) Variable(_, _, _ string) (value.Value, bool, error) { return nil, false, nil }
