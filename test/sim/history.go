package sim

import (
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// history is the fold of what the Cockpit has stored, as internal/cockpit's fold
// makes it.
type history struct {
	orders map[order.ID]*order.Order
	steps  map[order.ID]int // the row of the step that runs
	rows   []oracle.Row
}

// history reads everything that is stored, and makes the rows of it.
func (c *cockpit) history() ([]oracle.Row, error) {
	data, err := fsys.ReadFile(c.disk, historyFile, 1<<30)
	if err != nil {
		return nil, err
	}
	h := &history{orders: map[order.ID]*order.Order{}, steps: map[order.ID]int{}}
	for {
		events, n := readBatch(data)
		if n == 0 {
			return h.rows, nil
		}
		data = data[n:]
		for i := range events {
			if err := h.event(&events[i]); err != nil {
				return nil, err
			}
		}
	}
}

func (h *history) event(s *engine.Stamped) error {
	id := order.ID(s.Key)
	if e, ok := s.Event.(*order.Added); ok {
		h.orders[id] = order.New(id, e, s.ID)
		return nil
	}
	before := h.orders[id]
	if before == nil {
		return nil // not an order's
	}
	now, err := order.Apply(before, s.Event)
	if err != nil {
		return err
	}
	h.orders[id] = now
	switch e := s.Event.(type) {
	case *order.ProcessingStarted:
		h.steps[id] = len(h.rows)
		h.rows = append(h.rows, oracle.Row{
			OrderID: s.Key, Workflow: before.Workflow.Path, Position: before.Position.AppendJSON(nil), Label: e.Label, Job: e.Job, Agent: e.Agent,
			Start: s.Time(), Try: max(1, e.Try),
		})
	case *order.ProcessedEvent:
		h.end(id, s, e.Outcome)
	case *order.ForkedEvent:
		for _, child := range before.Children(e, s.ID) {
			h.orders[child.ID] = child
		}
	case *order.Joined:
		for _, child := range before.State.Children {
			delete(h.orders, child.OrderID)
		}
	default:
		if now != nil && now.State.Kind != order.Processing {
			var out *order.Outcome
			if p := now.State.Problem; p != nil {
				out = &order.Outcome{Kind: order.Disrupted, Problem: p}
			}
			h.end(id, s, out)
		}
	}
	if now == nil {
		delete(h.orders, id)
	}
	return nil
}

func (h *history) end(id order.ID, s *engine.Stamped, out *order.Outcome) {
	n, ok := h.steps[id]
	if !ok {
		return
	}
	delete(h.steps, id)
	row := &h.rows[n]
	row.End = s.Time()
	if out != nil {
		row.Outcome = codec.JSON(nil, out)
		if rc, ok := out.Named()["returnCode"].(value.Number); ok {
			if v, ok := rc.Int64(); ok {
				row.ReturnCode = &v
			}
		}
	}
}
