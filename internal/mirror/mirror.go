package mirror

import (
	"strings"
	"sync"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
)

// Row is an order with what its events told of it. It is immutable.
type Row struct {
	Order *order.Order
	Since int64  // milliseconds; when it came into its state
	Label string // of the step that was begun last
	Job   string
}

// Mirror is the picture of one Controller. Safe for concurrent use.
type Mirror struct {
	mu       sync.RWMutex
	all      []*Row           // in no order
	at       map[order.ID]int // where an order is in all
	position int64            // id of the last event in it; 0: not loaded
}

// New returns an empty mirror.
func New() *Mirror { return &Mirror{at: map[order.ID]int{}} }

// Load replaces all orders by those that were open at an event.
func (m *Mirror) Load(position int64, rows []Row) {
	all := make([]*Row, len(rows))
	at := make(map[order.ID]int, len(rows))
	for i := range rows {
		all[i] = &rows[i]
		at[rows[i].Order.ID] = i
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all, m.at, m.position = all, at, position
}

// Position returns the id of the last event in the picture.
func (m *Mirror) Position() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.position
}

// Change is what a batch of events has changed.
type Change struct {
	Orders    map[order.ID]string // with their workflows' paths; also those that are gone
	Items     bool                // deployed objects, or how a workflow is controlled
	Workflows map[string]bool     // paths of those among them that are workflows
	All       bool                // anything: the picture was loaded anew
	Agents    bool
	Problems  []Problem // events that don't fit; they were passed over
}

// Problem is an event that doesn't fit its order.
type Problem struct {
	Event int64
	Order order.ID
	Err   error
}

// Apply folds events, which follow those before, and returns what has changed.
// Events that are in the picture already are passed over.
func (m *Mirror) Apply(batch []engine.Stamped) Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := Change{Orders: map[order.ID]string{}, Workflows: map[string]bool{}}
	for i := range batch {
		if s := &batch[i]; s.ID > m.position {
			m.apply(s, &c)
			m.position = s.ID
		}
	}
	return c
}

func (m *Mirror) apply(s *engine.Stamped, c *Change) {
	if path, ok := itemOf(s.Event); ok {
		c.Items = true
		if path != "" {
			c.Workflows[path] = true
		}
		return
	}
	switch s.Event.(type) {
	case *engine.AgentCoupled, *engine.AgentCouplingFailed, *engine.AgentReset, *engine.AgentReady, *engine.AgentDedicated, *engine.ItemRefused:
		c.Agents = true
		return
	}
	id := order.ID(s.Key)
	if e, ok := s.Event.(*order.Added); ok {
		m.put(&Row{Order: order.New(id, e, s.ID), Since: s.Time()}, c)
		return
	}
	before := m.row(id)
	if before == nil || !strings.HasPrefix(s.Event.Type(), "Order") {
		return // of something else, or of an order from before the picture
	}
	now, err := order.Apply(before.Order, s.Event)
	if err != nil {
		c.Problems = append(c.Problems, Problem{s.ID, id, err})
		return
	}
	switch e := s.Event.(type) {
	case *order.ForkedEvent:
		for _, child := range before.Order.Children(e, s.ID) {
			m.put(&Row{Order: child, Since: s.Time()}, c)
		}
	case *order.Joined:
		for _, child := range before.Order.State.Children {
			m.drop(child.OrderID, c)
		}
	}
	if now == nil {
		m.drop(id, c)
		return
	}
	next := *before
	next.Order = now
	if now.State.Kind != before.Order.State.Kind || now.Suspended != before.Order.Suspended {
		next.Since = s.Time()
	}
	if e, ok := s.Event.(*order.ProcessingStarted); ok {
		next.Label, next.Job = e.Label, e.Job
	}
	m.put(&next, c)
}

// itemOf tells whether an event is about a deployed object, and the path of its
// workflow, if it is one.
func itemOf(e engine.Event) (workflowPath string, ok bool) {
	var ref engine.ItemRef
	switch e := e.(type) {
	case *engine.ItemAdded:
		ref = e.Item
	case *engine.ItemRemoved:
		ref = e.Item
	case *engine.ItemDeleted:
		ref = e.Item
	case *engine.ItemDeletionMarked:
		ref = e.Item
	case *engine.ItemQuarantined:
		ref = e.Item
	case *engine.ItemReleased:
		ref = e.Item
	case *engine.PathControlled:
		return e.Control.Path, true
	case *engine.WorkflowControlled:
		return e.Control.Workflow.Path, true
	default:
		return "", false
	}
	if ref.Kind != item.KindWorkflow {
		return "", true
	}
	return ref.Path, true
}

func (m *Mirror) put(r *Row, c *Change) {
	c.Orders[r.Order.ID] = r.Order.Workflow.Path
	if i, ok := m.at[r.Order.ID]; ok {
		m.all[i] = r
		return
	}
	m.at[r.Order.ID] = len(m.all)
	m.all = append(m.all, r)
}

// row returns an order, or nil. It needs the lock.
func (m *Mirror) row(id order.ID) *Row {
	if i, ok := m.at[id]; ok {
		return m.all[i]
	}
	return nil
}

func (m *Mirror) drop(id order.ID, c *Change) {
	i, ok := m.at[id]
	if !ok {
		return
	}
	c.Orders[id] = m.all[i].Order.Workflow.Path
	last := len(m.all) - 1
	m.all[i] = m.all[last]
	m.at[m.all[i].Order.ID] = i
	m.all[last] = nil
	m.all = m.all[:last]
	delete(m.at, id)
}

// Row returns an order, or nil.
func (m *Mirror) Row(id order.ID) *Row {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.row(id)
}
