package cockpit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Bounds of looking for the events of one order, which are among those of all.
const (
	storyBudget = 20_000 // events looked at for one page
	storyTime   = 2 * time.Second
	storyPlaces = 20 // orders whose places a cursor has
)

// listOrderEvents answers from the Controller's log: events are kept there for a
// while, and nowhere else.
func (k *call) listOrderEvents() error {
	q := k.query("controller", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	o, err := k.known(h, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	s := &story{id: o.ID, at: map[string]workflow.Position{}, last: o.Run - 1}
	if text := q.text("cursor"); text != "" {
		if err := s.resume(text); err != nil {
			return err
		}
	}
	in, err := k.openStory(h, s)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := s.page(in, limit, k.clock.Now)
	if err != nil {
		return err
	}
	return k.answer(out)
}

// openStory opens the events behind what the story has; when they aren't kept any
// more, the oldest that are.
func (k *call) openStory(h *history, s *story) (*transport.StreamReader, error) {
	body, err := h.controller.EventLines(k.r.Context(), s.last, false)
	if fault.HasCode(err, "EventSeqTorn") {
		s.torn = true
		body, err = h.controller.EventLines(k.r.Context(), 0, false)
	}
	if err != nil {
		return nil, err
	}
	return transport.NewStreamReader(body, maxEventLine), nil
}

// story finds the events of one order and of its children, and tells where each
// stands after them. It owns nothing; one call has it.
type story struct {
	id   string
	last int64                        // event up to which it has looked
	at   map[string]workflow.Position // by order
	torn bool                         // older events aren't kept any more
	over bool                         // the order is deleted: no more follow
}

// storyCursor is where a page ended, and where the orders stood.
type storyCursor struct {
	Last int64                      `json:"e"`
	At   map[string]json.RawMessage `json:"at,omitempty"`
}

func (s *story) resume(cursor string) error {
	text, err := readCursor(cursor)
	if err != nil {
		return err
	}
	var c storyCursor
	if json.Unmarshal([]byte(text), &c) != nil || c.Last <= 0 {
		return badCursor()
	}
	s.last = c.Last
	for id, raw := range c.At {
		p, err := position(raw, "$.cursor")
		if err != nil {
			return badCursor()
		}
		s.at[id] = p
	}
	return nil
}

// cursor returns where the next page begins. Of many children it has some only:
// the others are told without a place until they move.
func (s *story) cursor() string {
	c := storyCursor{Last: s.last, At: map[string]json.RawMessage{}}
	if p, ok := s.at[s.id]; ok {
		c.At[s.id] = p.AppendJSON(nil)
	}
	for id, p := range s.at {
		if len(c.At) == storyPlaces {
			break
		}
		c.At[id] = p.AppendJSON(nil)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "" // of numbers and texts that JSON was made of: there is no such error
	}
	return writeCursor(string(text))
}

// page reads events until there are enough, all were read, or it has taken long.
func (s *story) page(in *transport.StreamReader, limit int, now func() time.Time) (out api.OrderEvents, err error) {
	out = api.OrderEvents{Events: []api.OrderEvent{}, Torn: s.torn}
	until := now().Add(storyTime)
	quoted, err := json.Marshal(s.id)
	if err != nil {
		return out, fault.Wrap(fault.Internal, "BadOrderId", err, "the order's id can't be written")
	}
	mark := bytes.TrimSuffix(quoted, []byte{'"'}) // begins the children's ids, too
	for looked := 1; !s.over; looked++ {
		line, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		if len(line) == 0 {
			continue
		}
		var head struct {
			EventID int64 `json:"eventId"`
		}
		if err := json.Unmarshal(line, &head); err != nil {
			return out, fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's events can't be read")
		}
		s.last = head.EventID
		if bytes.Contains(line, mark) {
			if e, ok, err := s.tell(line); err != nil {
				return out, err
			} else if ok {
				out.Events = append(out.Events, e)
			}
		}
		if len(out.Events) == limit || looked == storyBudget || now().After(until) {
			out.More = !s.over
			break
		}
	}
	if !s.over {
		out.Cursor = s.cursor()
	}
	return out, nil
}

// eventLine is what a story looks at of an event.
type eventLine struct {
	EventID   int64           `json:"eventId"`
	Timestamp int64           `json:"timestamp"`
	Type      string          `json:"TYPE"`
	Key       string          `json:"Key"`
	Start     json.RawMessage `json:"startPosition"`
	To        json.RawMessage `json:"to"`
	MovedTo   json.RawMessage `json:"movedTo"`
	Position  json.RawMessage `json:"position"`
	Transfer  struct {
		Position json.RawMessage `json:"position"`
	} `json:"workflowPosition"`
	Children []struct {
		BranchID string `json:"branchId"`
		OrderID  string `json:"orderId"`
	} `json:"children"`
}

// tell returns an event if it is one of the order's.
func (s *story) tell(line []byte) (out api.OrderEvent, ok bool, err error) {
	var e eventLine
	if err := json.Unmarshal(line, &e); err != nil {
		return out, false, fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's events can't be read")
	}
	if e.Key != s.id && !isBelow(e.Key, s.id) {
		return out, false, nil
	}
	if err := s.move(&e); err != nil {
		return out, false, err
	}
	s.over = e.Key == s.id && e.Type == (&order.Deleted{}).Type()
	out = api.OrderEvent{
		Id: e.EventID, Time: cmp.Or(e.Timestamp, e.EventID/1000), OrderId: e.Key, Type: e.Type,
		Event: bytes.Clone(line),
	}
	if p, ok := s.at[e.Key]; ok {
		out.Position = p.AppendJSON(nil)
	}
	return out, true, nil
}

// isBelow tells whether an id is that of a child of an order, at any depth.
func isBelow(id, parent string) bool {
	return len(id) > len(parent) && id[len(parent)] == '|' && id[:len(parent)] == parent
}

// move follows where an event brings its order.
func (s *story) move(e *eventLine) error {
	if e.Type == (&order.Added{}).Type() {
		s.at[e.Key] = workflow.At(0)
	}
	for _, raw := range []json.RawMessage{e.Start, e.To, e.MovedTo, e.Position, e.Transfer.Position} {
		if len(raw) == 0 {
			continue
		}
		p, err := position(raw, "$.event")
		if err != nil {
			return fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's events can't be read")
		}
		s.at[e.Key] = p
	}
	parent, ok := s.at[e.Key]
	if !ok {
		return nil // its way up to here isn't kept
	}
	for _, c := range e.Children {
		branch := workflow.BranchFork
		if c.BranchID != "" {
			branch = workflow.ForkBranch(c.BranchID)
		}
		s.at[c.OrderID] = parent.Into(branch)
	}
	return nil
}
