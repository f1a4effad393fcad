package cockpit

import (
	"container/list"
	"fmt"
	"log/slog"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/value"
)

// tracked is an order as the history has folded it. It is immutable.
type tracked struct {
	order   *order.Order
	run     int64 // event id that added the root
	step    int64 // event id of the step that runs; 0: none
	gone    bool
	endedAt int64
	since   int64  // milliseconds; when it came into its state
	label   string // of the step that was begun last
	job     string
}

// orderCache keeps the orders that were folded last, so that not every batch has
// to read them. Owned by the follower; changed after a commit only.
type orderCache struct {
	most  int
	byID  map[order.ID]*list.Element
	order *list.List // of *cached, the newest in front
}

type cached struct {
	id order.ID
	t  *tracked
}

func newOrderCache(most int) *orderCache {
	return &orderCache{most: most, byID: map[order.ID]*list.Element{}, order: list.New()}
}

func (c *orderCache) get(id order.ID) (*tracked, bool) {
	e, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	v, _ := e.Value.(*cached)
	return v.t, true
}

func (c *orderCache) put(id order.ID, t *tracked) {
	if e, ok := c.byID[id]; ok {
		if t.gone {
			c.order.Remove(e)
			delete(c.byID, id)
			return
		}
		e.Value = &cached{id, t}
		c.order.MoveToFront(e)
		return
	}
	if t.gone {
		return
	}
	c.byID[id] = c.order.PushFront(&cached{id, t})
	if c.order.Len() > c.most {
		if old, ok := c.order.Remove(c.order.Back()).(*cached); ok {
			delete(c.byID, old.id)
		}
	}
}

// fold turns a batch of events into rows, within one transaction. It changes
// nothing but its writer and itself; once the transaction is committed, its
// orders go to the cache.
type fold struct {
	controller string
	now        int64 // milliseconds
	cache      *orderCache
	w          store.Writer
	log        *slog.Logger

	orders map[order.ID]*tracked // changed in this batch, or read for it
	dirty  map[order.ID]bool
	begun  []store.Step  // not written yet
	at     map[int64]int // where a step is in begun, by its event
	runs   *runs
	logs   bool // a task's log is to be fetched
}

// isOrderEvent holds the names of all order events.
func orderEventNames() map[string]bool {
	names := map[string]bool{}
	for _, f := range order.Registry() {
		names[f().Type()] = true
	}
	return names
}

// events folds a batch and writes what came out, with the new position.
func (f *fold) events(from int64, batch []engine.Stamped, isOrders map[string]bool) error {
	if err := f.load(batch, isOrders); err != nil {
		return err
	}
	for i := range batch {
		s := &batch[i]
		if s.Key == "" || !isOrders[s.Event.Type()] {
			continue
		}
		if err := f.event(s); err != nil {
			return fmt.Errorf("event %d, %s of %s: %w", s.ID, s.Event.Type(), s.Key, err)
		}
	}
	for i := range f.begun {
		if err := f.w.AddStep(f.begun[i]); err != nil {
			return err
		}
	}
	for id := range f.dirty {
		if err := f.w.PutOrder(f.row(id, f.orders[id])); err != nil {
			return err
		}
	}
	if err := f.runs.write(f.w); err != nil {
		return err
	}
	return f.w.SetPosition(f.controller, from, batch[len(batch)-1].ID)
}

// load reads the orders of a batch that aren't in the cache.
func (f *fold) load(batch []engine.Stamped, isOrders map[string]bool) error {
	var missing []string
	seen := map[order.ID]bool{}
	for i := range batch {
		id := order.ID(batch[i].Key)
		if id == "" || seen[id] || !isOrders[batch[i].Event.Type()] {
			continue
		}
		seen[id] = true
		if t, ok := f.cache.get(id); ok {
			f.orders[id] = t
		} else if _, isNew := batch[i].Event.(*order.Added); !isNew {
			missing = append(missing, string(id))
		}
	}
	rows, err := f.w.Orders(f.controller, missing)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := f.take(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// take takes over an order from the database.
func (f *fold) take(row *store.Order) error {
	o := &order.Order{}
	if err := codec.ReadBinary(row.Body, o); err != nil {
		return fmt.Errorf("reading Order:%s: %w", row.ID, err)
	}
	f.orders[o.ID] = &tracked{o, row.Run, row.Step, row.Gone, row.EndedAt, row.Since, row.Label, row.Job}
	return nil
}

// find returns an order that isn't gone.
func (f *fold) find(id order.ID) (*tracked, error) {
	t, ok := f.orders[id]
	if !ok {
		if t, ok = f.cache.get(id); !ok {
			row, err := f.w.Order(f.controller, string(id))
			if fault.Is(err, fault.NotFound) {
				return nil, nil // there is none
			}
			if err != nil {
				return nil, err
			}
			if err := f.take(&row); err != nil {
				return nil, err
			}
			t = f.orders[id]
		}
	}
	if t.gone {
		return nil, nil // there is none
	}
	return t, nil
}

func (f *fold) set(t *tracked) {
	f.orders[t.order.ID] = t
	f.dirty[t.order.ID] = true
}

// event folds one event of an order.
func (f *fold) event(s *engine.Stamped) error {
	id := order.ID(s.Key)
	if e, ok := s.Event.(*order.Added); ok {
		o := order.New(id, e, s.ID)
		f.set(&tracked{order: o, run: s.ID, since: s.Time()})
		f.runs.added(o, s.ID)
		return nil
	}
	t, err := f.find(id)
	if err != nil {
		return err
	}
	if t == nil {
		// Added before the oldest event that was kept when this database was made.
		f.log.Warn("history: an event of an unknown order is passed over", "order", s.Key, "type", s.Event.Type(), "event", s.ID)
		return nil
	}
	before := t.order
	now, err := order.Apply(before, s.Event)
	if err != nil {
		// One order that can't be told is no reason to tell of none.
		f.log.Error("history: an event doesn't fit its order and is passed over", "order", s.Key, "type", s.Event.Type(), "event", s.ID, "error", err)
		return nil
	}
	next := *t
	if now == nil {
		next.gone = true
	} else {
		next.order = now
		if now.State.Kind != before.State.Kind || now.Suspended != before.Suspended {
			next.since = s.Time()
		}
	}
	if err := f.step(&next, before, s); err != nil {
		return err
	}
	next.endedAt = endedAt(&next, t.endedAt, s.Time())
	f.set(&next)
	f.runs.event(t, &next, s)
	switch e := s.Event.(type) {
	case *order.ForkedEvent:
		for _, c := range before.Children(e, s.ID) {
			f.set(&tracked{order: c, run: t.run, since: s.Time()})
		}
	case *order.Joined:
		return f.joined(before, s)
	}
	return nil
}

// joined notes that the children are gone.
func (f *fold) joined(parent *order.Order, s *engine.Stamped) error {
	for _, c := range parent.State.Children {
		child, err := f.find(c.OrderID)
		if err != nil {
			return err
		}
		if child != nil {
			gone := *child
			gone.gone = true
			gone.endedAt = endedAt(&gone, child.endedAt, s.Time())
			f.set(&gone)
		}
	}
	return nil
}

func endedAt(t *tracked, before, now int64) int64 {
	switch {
	case !hasEnded(t):
		return 0
	case before != 0:
		return before
	}
	return now
}

// hasEnded tells whether nothing more happens to the order unless somebody
// intervenes.
func hasEnded(t *tracked) bool {
	s := t.order.State
	return t.gone || s.Terminated() || s.IsFailed() || s.IsStopped() || s.Kind == order.Broken
}

// isSuccessful tells whether the order has come to its end with a good outcome.
func isSuccessful(o *order.Order) bool {
	last := o.Last()
	return o.State.Kind == order.Finished && (last == nil || last.IsSucceeded())
}

// step writes the begin or the end of a step.
func (f *fold) step(t *tracked, before *order.Order, s *engine.Stamped) error {
	key := store.StepKey{Controller: f.controller, Event: t.step}
	switch e := s.Event.(type) {
	case *order.ProcessingStarted:
		t.step, t.label, t.job = s.ID, e.Label, e.Job
		f.at[s.ID] = len(f.begun)
		f.begun = append(f.begun, store.Step{
			StepKey: store.StepKey{Controller: f.controller, Event: s.ID}, OrderID: string(before.ID), Root: string(before.ID.Root()), Run: t.run,
			Workflow: before.Workflow.Path, Version: before.Workflow.VersionID, Position: string(before.Position.AppendJSON(nil)),
			Label: e.Label, Job: e.Job, Agent: e.Agent, Task: e.Task, Start: s.Time(), Try: max(e.Try, 1), Attempt: max(e.Attempt, 1),
		})
		return nil
	case *order.ProcessedEvent:
		if t.step == 0 {
			return nil // no process was started
		}
		t.step = 0
		return f.endStep(key, s, e.Outcome, e.Silent)
	}
	if t.step != 0 && t.order.State.Kind != order.Processing {
		t.step = 0
		var out *order.Outcome
		if p := t.order.State.Problem; p != nil {
			out = &order.Outcome{Kind: order.Disrupted, Problem: p}
		}
		return f.endStep(key, s, out, false)
	}
	return nil
}

func (f *fold) endStep(key store.StepKey, s *engine.Stamped, out *order.Outcome, silent bool) error {
	end := store.StepEnd{End: s.Time(), EndedHere: f.now, Result: stepResult(out)}
	if out != nil {
		end.Message = messageOf(out)
		end.Outcome = string(codec.JSON(nil, out))
		if n, ok := out.Named()["returnCode"].(value.Number); ok {
			if rc, ok := n.Int64(); ok {
				end.ReturnCode = &rc
			}
		}
	}
	log := store.LogPending
	if silent {
		log = store.LogComplete
	}
	f.logs = f.logs || !silent
	if i, ok := f.at[key.Event]; ok {
		step := &f.begun[i]
		step.StepEnd, step.Log.State = end, log
		return nil
	}
	return f.w.EndStep(key, end, log)
}

// row returns an order as it is kept.
func (f *fold) row(id order.ID, t *tracked) store.Order {
	o := t.order
	return store.Order{
		Controller: f.controller, ID: string(id), Root: string(id.Root()), Run: t.run, Workflow: o.Workflow.Path, Version: o.Workflow.VersionID,
		State: string(o.State.Kind), Ended: hasEnded(t), Successful: isSuccessful(o), Gone: t.gone, EndedAt: t.endedAt, Since: t.since, Step: t.step, Label: t.label, Job: t.job,
		Body: codec.Binary(nil, o),
	}
}
