package engine

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
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
	atAgent     map[string]map[string]bool // keys of attached, by Agent
	outstanding map[string]map[string]bool // keys of attached on their way, by Agent
	usedBy      map[string]map[string]bool // items that name a document, by its Key
	versions    map[string]map[string]bool // version ids of each workflow path
	joinAt      map[order.ID]int           // the child that a forked order was found to wait for
	agentsDirty map[string]bool            // Agents whose outstanding documents changed since the last Take
	releases    map[int64]bool             // serial numbers of the releases that are here
	left        []workflow.ID              // versions that lost their last order in this transaction
	again       []ItemRef                  // documents that the Agent in question has refused once more
	unused      []string                   // releases that lost their last document in this transaction
	led         bool                       // Lead was called since the last Take
}

// AgentState is what a Controller knows of an Agent besides its document.
type AgentState struct {
	Path     string
	LogID    string // "" before it was dedicated
	Observed int64  // its events up to this id are in our log
	Coupled  bool
	Problem  *order.Problem
	Gone     string // the log that the last ResetAgent gave up; it isn't welcome any more
}

// Walk describes the fields.
func (a *AgentState) Walk(w codec.Walker) {
	w.Str("path", &a.Path)
	w.Str("logId", &a.LogID)
	w.Int("observed", &a.Observed)
	w.Bool("coupled", &a.Coupled)
	codec.Opt(w, "problem", &a.Problem)
	w.Str("gone", &a.Gone)
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
		atAgent: map[string]map[string]bool{}, outstanding: map[string]map[string]bool{}, agentsDirty: map[string]bool{},
		usedBy: map[string]map[string]bool{}, versions: map[string]map[string]bool{}, joinAt: map[order.ID]int{},
		releases: map[int64]bool{},
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

// itemChanged keeps the indexes of what names a document, and of versions.
func (c *Controller) itemChanged(old, now *Item) {
	if old != nil {
		for _, key := range old.Uses {
			remove(c.usedBy, key, old.Ref.String())
			if len(c.usedBy[key]) == 0 && strings.HasPrefix(key, string(kindRelease)+":") {
				c.unused = append(c.unused, key)
			}
		}
		if old.Ref.IsRelease() {
			delete(c.releases, serialOf(old.Ref))
		}
		if old.Ref.Kind.Versioned() {
			remove(c.versions, old.Ref.Path, old.Ref.VersionID)
		}
	}
	if now != nil {
		for _, key := range now.Uses {
			insert(c.usedBy, key, now.Ref.String())
		}
		if now.Ref.IsRelease() {
			c.releases[serialOf(now.Ref)] = true
		}
		if now.Ref.Kind.Versioned() {
			insert(c.versions, now.Ref.Path, now.Ref.VersionID)
		}
	}
}

// changed keeps the index of orders by workflow.
func (c *Controller) changed(old, now *order.Order) {
	if old != nil && old.State.Kind == order.Forked && (now == nil || now.State.Kind != order.Forked) {
		delete(c.joinAt, old.ID)
	}
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
	c.collectReleases()
}

// attachmentChanged keeps the indexes of documents at Agents.
func (c *Controller) attachmentChanged(key string, old, now *ItemAttachment, had, has bool) {
	if had {
		ref := old.Ref.String()
		remove(c.byRef, ref, key)
		remove(c.atAgent, old.Agent, key)
		remove(c.outstanding, old.Agent, key)
		c.agentsDirty[old.Agent] = true
	}
	if has {
		insert(c.byRef, now.Ref.String(), key)
		insert(c.atAgent, now.Agent, key)
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

// serve has nothing to start.
func (c *Controller) serve() bool { return false }

func (c *Controller) rolledBack() {}

func (c *Controller) controllerID() string { return c.cfg.ControllerID }

func (c *Controller) refusal(string) *order.Problem { return nil }

func (c *Controller) gone(*order.Order, int64) {}

// toController does nothing: the order is here.
func (c *Controller) toController(*order.Order) bool { return false }

// Apply folds events: of a follower, or at start. They are committed.
func (c *Controller) Apply(events []Stamped) error {
	err := c.applied(events)
	clear(c.agentsDirty)
	c.left, c.unused = nil, nil
	return err
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
		c.estate.set(e.Estate)
	case *ControllerReady, *VersionAdded, *AgentReady:
	case *CommandExecuted:
		c.remember(e)
	case *ItemAdded:
		it := &Item{Ref: e.Item, Document: e.Document, Signer: e.Signer, Added: s.ID, Uses: e.Uses}
		if !e.Item.Kind.Versioned() {
			it.Ref.Revision = s.ID
		}
		c.addItem(it)
		if e.Item.Kind.Versioned() {
			c.heads.set(e.Item.Path, e.Item.VersionID)
		}
		if e.Item.IsRelease() {
			return c.foldRelease(e.Document.Text)
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
		if e.Item.Kind.Versioned() {
			c.breaks.del(workflowID(e.Item).String())
		}
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
		c.foldPathControl(e, s.ID)
	case *WorkflowControlled:
		c.foldWorkflowControl(e, s.ID)
	case *AgentDedicated, *AgentCoupled, *AgentCouplingFailed, *AgentEventsObserved, *AgentReset:
		c.foldAgent(s)
	case *EventsReleased:
		c.readers.set(e.Reader, e.Until)
	default:
		return fault.New(fault.Internal, "InapplicableEvent", "a Controller can't take %s", s.Event.Type())
	}
	return nil
}

// foldPathControl keeps a control that says something. The Controller's event
// gives it its revision, the Agent's repeats that.
func (m *machine) foldPathControl(e *PathControlled, id int64) {
	control := e.Control
	if control.IsEmpty() {
		m.paths.del(control.Path)
		return
	}
	if control.Revision == 0 {
		control.Revision = id
	}
	m.paths.set(control.Path, &control)
}

func (m *machine) foldWorkflowControl(e *WorkflowControlled, id int64) {
	control := e.Control
	if control.IsEmpty() {
		m.breaks.del(control.Workflow.String())
		return
	}
	if control.Revision == 0 {
		control.Revision = id
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
		a.LogID, a.Observed, a.Problem, a.Gone = "", 0, nil, e.LogID
		a.Coupled = false
		for _, key := range sortedKeys(c.atAgent[s.Key]) {
			c.attached.del(key)
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
	for i, id := range slices.Backward(keep) {
		fresh = &ring{older: fresh, id: id, n: len(keep) - i}
	}
	c.ring.set(fresh)
}
