package oracle

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// makers has the events by their names in the JSON form.
var makers = func() map[string]func() engine.Event {
	all := map[string]func() engine.Event{}
	for _, f := range order.Registry() {
		all[f().Type()] = f
	}
	for _, f := range []func() engine.Event{
		func() engine.Event { return &engine.ControllerInitialized{} }, func() engine.Event { return &engine.ControllerReady{} },
		func() engine.Event { return &engine.CommandExecuted{} }, func() engine.Event { return &engine.VersionAdded{} },
		func() engine.Event { return &engine.ItemRemoved{} }, func() engine.Event { return &engine.ItemDeletionMarked{} },
		func() engine.Event { return &engine.ItemDeleted{} }, func() engine.Event { return &engine.ItemAttachable{} },
		func() engine.Event { return &engine.ItemAttachedToMe{} }, func() engine.Event { return &engine.ItemAttached{} },
		func() engine.Event { return &engine.ItemDetachable{} }, func() engine.Event { return &engine.ItemDetached{} },
		func() engine.Event { return &engine.ItemRefused{} }, func() engine.Event { return &engine.ItemQuarantined{} },
		func() engine.Event { return &engine.ItemReleased{} }, func() engine.Event { return &engine.PathControlled{} },
		func() engine.Event { return &engine.WorkflowControlled{} }, func() engine.Event { return &engine.AgentDedicated{} },
		func() engine.Event { return &engine.AgentCoupled{} }, func() engine.Event { return &engine.AgentCouplingFailed{} },
		func() engine.Event { return &engine.AgentEventsObserved{} }, func() engine.Event { return &engine.AgentReset{} },
		func() engine.Event { return &engine.AgentReady{} }, func() engine.Event { return &engine.EventsReleased{} },
		func() engine.Event { return &engine.AgentBatchReceived{} }, func() engine.Event { return &engine.AgentInitialized{} },
	} {
		all[f().Type()] = f
	}
	for _, name := range []string{"VersionedItemAdded", "VersionedItemChanged", "SignedItemAdded", "SignedItemChanged"} {
		all[name] = func() engine.Event { return &engine.ItemAdded{} }
	}
	return all
}()

// lineLimits are generous: an event may carry a document, or 100,000 children.
var lineLimits = strictjson.Limits{MaxBytes: 64 << 20, MaxDepth: 500, MaxNodes: 4_000_000}

// ReadLine reads an event in its JSON form, as "signet events" prints it.
func ReadLine(line []byte) (engine.Stamped, error) {
	n, err := strictjson.Parse(line, lineLimits)
	if err != nil {
		return engine.Stamped{}, err
	}
	var f flat
	if err := codec.ReadJSON(plain(n), "$", &f); err != nil {
		return engine.Stamped{}, err
	}
	return engine.Stamped(f), nil
}

// plain leaves out what the JSON form of an order tells twice, for people: the
// last outcome.
func plain(n *strictjson.Node) *strictjson.Node {
	i := slices.Index(n.Keys, "order")
	if i < 0 {
		return n
	}
	o := n.Items[i]
	j := slices.Index(o.Keys, "outcome")
	if j < 0 {
		return n
	}
	order, copied := *o, *n
	order.Keys, order.Items = slices.Delete(slices.Clone(o.Keys), j, j+1), slices.Delete(slices.Clone(o.Items), j, j+1)
	copied.Items = slices.Clone(n.Items)
	copied.Items[i] = &order
	return &copied
}

// flat is the JSON form of an event: one object.
type flat engine.Stamped

// Walk describes the fields, while reading.
func (f *flat) Walk(w codec.Walker) {
	var name string
	w.Int("eventId", &f.ID)
	w.Int("timestamp", &f.Timestamp)
	w.Str("TYPE", &name)
	w.Str("Key", &f.Key)
	maker, ok := makers[name]
	switch {
	case !ok:
		w.Fail(fault.New(fault.Invalid, "UnknownEvent", "unknown event %.60q", name))
	case f.ID < 1 || f.ID >= 1<<53:
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "eventId %d is out of range", f.ID))
	default:
		f.Event = maker()
		f.Event.Walk(w)
	}
}

// Line takes the Controller's next event in its JSON form.
func (s *Stream) Line(line []byte) error {
	e, err := ReadLine(line)
	if err != nil {
		return s.unreadable("the Controller's stream", line, err)
	}
	return s.Event(&e)
}

// AgentLine takes the next event of an Agent's own stream in its JSON form.
func (s *Stream) AgentLine(agent string, line []byte) error {
	e, err := ReadLine(line)
	if err != nil {
		return s.unreadable("the stream of the Agent "+agent, line, err)
	}
	return s.AgentEvent(agent, &e)
}

func (s *Stream) unreadable(where string, line []byte, err error) error {
	if len(line) > lineLength {
		line = line[:lineLength]
	}
	n := len(s.found.all)
	s.wrong(&Finding{Invariant: 6, Rule: Unreadable, Text: text("%s: %v: %s", where, err, line)})
	return s.found.since(n)
}
