package engine

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// maxSteps bounds what one order does in one transaction without waiting for
// anything; beyond it, it is Broken: its workflow runs in a circle.
const maxSteps = 10_000

// Verifier verifies the evidence of a document's exact bytes against the trust
// set that holds at this moment. It returns the verified text; the engine
// parses nothing else. manifest is the release that the evidence names, nil for
// other evidence, or if it isn't here. arrived is when the document came, in
// milliseconds since the epoch.
type Verifier interface {
	Verify(d Document, manifest *Document, arrived int64) (Verified, error)
}

// Verified is a document whose evidence was found good.
type Verified struct {
	Text   string
	Signer string
	Listed *release.Object // as what a release lists it, if it came with one
}

// Config is what a machine needs to know that isn't in its log.
type Config struct {
	ControllerID string
	Estate       Estate
	Agent        string // this Agent's path; "" at a Controller
	Verifier     Verifier
	Env          func(name string) (string, bool) // environment of this part
	Job          JobConfig                        // at an Agent
}

// Item is a deployed document as the machine keeps it. It is immutable.
type Item struct {
	Ref        ItemRef
	Document   Document
	Signer     string
	Removed    bool           // no new order; it goes as soon as nothing uses it
	Quarantine *order.Problem // its signer isn't trusted any more
	Added      int64          // event id
	Uses       []string       // keys of the documents that it names
}

// machine is what Controller and Agent have in common: the orders, the
// documents, and the rules by which orders move.
type machine struct {
	cfg    Config
	undo   *undoLog
	orders *table[order.ID, *order.Order]
	items  *table[string, *Item]  // by ItemRef.String()
	heads  *table[string, string] // newest version of each workflow path
	paths  *table[string, *PathControl]
	breaks *table[string, *WorkflowControl] // by workflow.ID.String()
	estate variable[Estate]
	floors floors
	lastID int64 // id of the newest event

	// The transaction.
	now     int64 // milliseconds
	micros  int64
	events  []Stamped // decided since the last Take
	work    []order.ID
	queued  map[order.ID]bool
	steps   map[order.ID]int
	txStart int   // index in events
	fault   error // an event that didn't fit: the transaction is taken back

	deciding bool // a transaction is open: events may be decided

	// Derived from the state, never part of it.
	touched    map[order.ID]bool // since the last Take
	parsed     parsedCache       // documents verified in this trust epoch
	unverified []string          // documents to be verified again since the trust set has changed
	wakes      wakeQueue
	held       holds
	inFlight   int // pre-images of batches that aren't committed yet

	rules rules
}

// rules is where Controller and Agent differ.
type rules interface {
	// fold applies an event that isn't an order's.
	fold(s *Stamped) error
	// mine tells whether this machine may move the order.
	mine(o *order.Order) bool
	// execute starts the job of an order that stands at it.
	execute(o *order.Order, w *workflow.Workflow, ex *workflow.Execute) bool
	// toController hands an order to the Controller for an instruction that
	// only it can carry out; false: this is the Controller.
	toController(o *order.Order) bool
	// gone is told of an order that has left this machine by that event.
	gone(o *order.Order, event int64)
	// serve starts what waits for a process, once no order can move any more;
	// it tells whether anything has changed.
	serve() bool
	// abandoned is called at the end of a transaction.
	abandoned()
	// rolledBack is called when events were taken back.
	rolledBack()
	// controllerID names the Controller for expressions.
	controllerID() string
	// refusal tells why a document isn't here, or nil.
	refusal(key string) *order.Problem
	// changed and itemChanged are told of every change, also of one that is
	// taken back.
	changed(old, now *order.Order)
	itemChanged(old, now *Item)
}

func newMachine(cfg Config) *machine {
	u := &undoLog{}
	m := &machine{
		cfg: cfg, undo: u,
		orders:  newTable[order.ID, *order.Order](u),
		items:   newTable[string, *Item](u),
		heads:   newTable[string, string](u),
		paths:   newTable[string, *PathControl](u),
		breaks:  newTable[string, *WorkflowControl](u),
		floors:  newFloors(u),
		estate:  variable[Estate]{undo: u},
		queued:  map[order.ID]bool{},
		steps:   map[order.ID]int{},
		touched: map[order.ID]bool{},
		held:    newHolds(),
	}
	m.orders.changed = func(id order.ID, old, now *order.Order, _, _ bool) {
		m.wakes.changed(id, m.wakeTime(old), m.wakeTime(now))
		m.held.release(id)
		m.rules.changed(old, now)
	}
	m.items.changed = func(key string, old, now *Item, _, _ bool) {
		m.parsed.forget(key)
		m.rules.itemChanged(old, now)
	}
	return m
}

// transact runs f as one transaction: f decides, then every touched order
// moves on. With an error nothing has happened.
func (m *machine) transact(micros int64, f func() error) error {
	mark, count := len(m.undo.steps), len(m.events)
	m.now, m.micros, m.fault, m.txStart, m.deciding = micros/1000, micros, nil, count, true
	err := f()
	if err == nil {
		err = m.settle()
	}
	m.deciding = false
	m.queued = emptied(m.queued)
	m.steps = emptied(m.steps)
	m.work = m.work[:0]
	if err == nil {
		clear(m.held.lost)
	}
	if err != nil {
		m.undo.rollback(mark)
		clear(m.events[count:])
		m.events = m.events[:count]
		m.rolledBack()
	}
	return err
}

// settle lets everything happen that follows from what was decided so far.
func (m *machine) settle() error {
	m.advance()
	m.rules.abandoned()
	return m.fault
}

// rolledBack makes up for what derived state has forgotten: which orders look
// again when a document changes.
func (m *machine) rolledBack() {
	for id := range m.held.lost {
		if _, ok := m.orders.get(id); ok {
			m.held.add(id, m.held.lost[id])
		}
	}
	clear(m.held.lost)
	m.wakes.rebuild()
	m.rules.rolledBack()
}

// emit decides an event: it gets its id, is folded, and becomes part of the
// transaction.
func (m *machine) emit(key string, ev Event) { m.emitAt(key, ev, 0) }

func (m *machine) emitAt(key string, ev Event, timestamp int64) {
	if m.fault != nil || !m.deciding {
		return
	}
	if len(m.events) == m.txStart { // its pre-image is needed once
		last := m.lastID
		m.undo.add(func() { m.lastID = last })
	}
	s := Stamped{ID: max(m.micros, m.lastID+1), Timestamp: timestamp, Key: key, Event: ev}
	if err := m.fold(&s); err != nil {
		m.fault = err
		return
	}
	m.events = append(m.events, s)
}

// emitOrder decides an event of an order and returns the order after it. Two
// plain moves in a row become one.
func (m *machine) emitOrder(o *order.Order, ev Event) *order.Order {
	if mv, ok := ev.(*order.Moved); !ok || !m.mergeMove(o.ID, mv) {
		m.emit(string(o.ID), ev)
	}
	if now, ok := m.orders.get(o.ID); ok {
		return now
	}
	return o
}

// mergeMove lets a move take the place of the move just before it.
func (m *machine) mergeMove(id order.ID, mv *order.Moved) bool {
	n := len(m.events)
	if mv.Reason != "" || n <= m.txStart || m.events[n-1].Key != string(id) || m.fault != nil {
		return false
	}
	last, ok := m.events[n-1].Event.(*order.Moved)
	if !ok || last.Reason != "" || m.events[n-1].Timestamp != 0 { // an adopted event stays as it is
		return false
	}
	now, err := order.Apply(m.orders.m[id], mv)
	if err != nil {
		m.fault = err
		return true
	}
	m.events[n-1].Event = mv
	m.orders.set(id, now)
	m.touch(id)
	return true
}

// fold applies one event to the state.
func (m *machine) fold(s *Stamped) error {
	if s.ID <= m.lastID {
		return fault.New(fault.Corrupt, "EventIdNotRising", "event %d follows event %d", s.ID, m.lastID)
	}
	m.lastID = s.ID
	handled, err := m.foldOrder(s)
	if handled || err != nil {
		return err
	}
	return m.rules.fold(s)
}

// foldOrder applies an order's event; handled is false for other events.
func (m *machine) foldOrder(s *Stamped) (handled bool, err error) {
	id := order.ID(s.Key)
	switch e := s.Event.(type) {
	case *order.Added:
		if _, ok := m.orders.get(id); ok {
			return true, fault.New(fault.Internal, "DuplicateOrder", "Order:%s exists already", id)
		}
		m.orders.set(id, order.New(id, e, s.ID))
		m.touch(id)
		return true, nil
	case *order.AttachedToAgent:
		m.orders.set(id, e.Order)
		m.touch(id)
		return true, nil
	}
	o, ok := m.orders.get(id)
	if !ok || s.Key == "" {
		if _, isOrders := orderEvents[s.Event.Type()]; isOrders {
			return true, fault.New(fault.Internal, "UnknownOrder", "%s of unknown Order:%s", s.Event.Type(), id)
		}
		return false, nil
	}
	if _, isOrders := orderEvents[s.Event.Type()]; !isOrders {
		return false, nil
	}
	now, err := order.Apply(o, s.Event)
	if err != nil {
		return true, err
	}
	switch e := s.Event.(type) {
	case *order.ForkedEvent:
		for _, c := range o.Children(e, s.ID) {
			m.orders.set(c.ID, c)
			m.touch(c.ID)
		}
	case *order.Joined:
		for _, c := range o.State.Children {
			m.orders.del(c.OrderID)
			m.touched[c.OrderID] = true
		}
	case *order.DetachedEvent:
		if m.cfg.Agent != "" {
			now = nil // it is the Controller's again
			m.rules.gone(o, s.ID)
		}
	}
	if now == nil {
		m.orders.del(id)
		m.touched[id] = true
		return true, nil
	}
	m.orders.set(id, now)
	m.touch(id)
	return true, nil
}

// orderEvents holds the names of all order events.
var orderEvents = func() map[string]bool {
	names := map[string]bool{}
	for _, f := range order.Registry() {
		names[f().Type()] = true
	}
	return names
}()

// touch notes that an order changed: it takes its next steps in this
// transaction, and the shell looks at it once the batch is committed.
func (m *machine) touch(id order.ID) {
	m.touched[id] = true
	if !m.queued[id] {
		m.queued[id] = true
		m.work = append(m.work, id)
	}
}

// advance lets every touched order take its next steps until none can move.
func (m *machine) advance() {
	for {
		for i := 0; i < len(m.work) && m.fault == nil; i++ {
			id := m.work[i]
			m.queued[id] = false
			m.advanceOrder(id)
		}
		m.work = m.work[:0]
		if m.fault != nil || !m.rules.serve() && len(m.work) == 0 {
			return
		}
	}
}

func (m *machine) advanceOrder(id order.ID) {
	o, ok := m.orders.get(id)
	for ok && m.fault == nil {
		m.steps[id]++
		if m.steps[id] > maxSteps {
			if m.rules.mine(o) && o.State.Kind != order.Broken {
				m.emitOrder(o, &order.BrokenEvent{Problem: &order.Problem{
					Code: "WorkflowLoop", Message: "the order is in a workflow loop: it took 10000 steps without waiting for anything",
				}})
			}
			return
		}
		before := o
		m.step(o)
		if o, ok = m.orders.get(id); o == before {
			return
		}
	}
}

// Touched is an order as it stood at the end of a batch; Order is nil when it
// is gone.
type Touched struct {
	ID    order.ID
	Order *order.Order
}

// Batch is what was decided since the last Take.
type Batch struct {
	Events  []Stamped
	Touched []Touched // sorted by id
	undo    int       // how many pre-images belong to it
}

// Decided returns the events of the batch.
func (b Batch) Decided() []Stamped { return b.Events }

// take ends a batch.
func (m *machine) take() Batch {
	b := Batch{Events: m.events, undo: len(m.undo.steps) - m.inFlight}
	m.inFlight += b.undo
	ids := make([]order.ID, 0, len(m.touched))
	for id := range m.touched {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	b.Touched = make([]Touched, len(ids))
	for i, id := range ids {
		o, _ := m.orders.get(id)
		b.Touched[i] = Touched{id, o}
	}
	m.touched = emptied(m.touched)
	m.events = nil
	return b
}

// emptied returns a map without entries: the same, unless it was large. A map
// keeps the room it once took, and is walked and cleared as a whole.
func emptied[V any](m map[order.ID]V) map[order.ID]V {
	if len(m) > 256 {
		return map[order.ID]V{}
	}
	clear(m)
	return m
}

// commit drops what would be needed to take the oldest batch back.
func (m *machine) commit(b Batch) {
	m.undo.forget(b.undo)
	m.inFlight -= b.undo
}

// undoAll takes back everything that isn't committed.
func (m *machine) undoAll() {
	m.undo.rollback(0)
	m.inFlight = 0
	m.events = nil
	m.touched = emptied(m.touched)
	m.rolledBack()
}

// applied folds events that are committed already.
func (m *machine) applied(events []Stamped) error {
	for i := range events {
		err := m.fold(&events[i])
		m.undo.forget(len(m.undo.steps)) // committed: never taken back
		if err != nil {
			return err
		}
	}
	m.queued = emptied(m.queued)
	m.touched = emptied(m.touched)
	m.work = m.work[:0]
	return nil
}

// LastEventID returns the id of the newest event, committed or not.
func (m *machine) LastEventID() int64 { return m.lastID }

// Order returns an order, or nil.
func (m *machine) Order(id order.ID) *order.Order {
	o, _ := m.orders.get(id)
	return o
}

// Orders returns all orders, sorted by id.
func (m *machine) Orders() []*order.Order {
	all := make([]*order.Order, 0, len(m.orders.m))
	for _, id := range m.orders.keys() {
		all = append(all, m.orders.m[id])
	}
	return all
}

// problemf is fault.New for problems that become part of an order.
func problemf(code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...)
}
