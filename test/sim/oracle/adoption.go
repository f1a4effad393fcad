package oracle

import (
	"hash/maphash"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// adoption holds the Agents' streams against the Controller's: everything comes
// over once, in order, in one transaction with the position up to which it goes.
type adoption struct {
	expected map[agentLog][]news // what hasn't come over; only of logs that are fed
	logs     map[string]string   // the log of each Agent that the Controller knows
	over     map[agentLog]bool   // logs that were given up: nothing more comes over
	observed map[string]int64    // the newest position of each Agent

	open  string          // the Agent whose news are being taken over
	first *engine.Stamped // of those
	batch []news
	gone  []abrupt // orders that left an Agent in a way that is right only when it is given up
}

// agentLog names a log: an Agent that has lost its disk has another one.
type agentLog struct{ agent, id string }

// news is an event as the Controller must have it.
type news struct {
	id       int64 // event: the Agent's, or the Controller's
	kind     string
	order    string
	sum      uint64
	optional bool // may be passed over: something newer was on its way already
}

type abrupt struct {
	agent, order string
	event        int64
}

func (a *adoption) abrupt(agent, id string, event int64) {
	a.gone = append(a.gone, abrupt{agent, id, event})
}

// expect notes what an Agent's event has to become.
func (s *Stream) expect(agent string, e *engine.Stamped, b *book) {
	log := agentLog{agent, b.logID}
	if s.adoption.over[log] {
		return
	}
	n := news{id: e.ID, order: e.Key, kind: e.Event.Type()}
	as := e.Event
	switch ev := e.Event.(type) {
	case *engine.AgentInitialized, *engine.ControllerInitialized, *engine.AgentBatchReceived, *engine.EventsReleased,
		*order.ResumptionMarked, *order.GoMarked:
		return
	case *order.AttachedToAgent:
		as = &order.AttachedEvent{Agent: agent}
	case *order.CancellationMarked:
		as, n.optional = &order.CancellationMarkedOnAgent{}, true
	case *order.SuspensionMarked:
		as, n.optional = &order.SuspensionMarkedOnAgent{}, true
	case *order.ResumedEvent:
		n.optional = true
	case *engine.AgentReady:
		n.order = agent
	default:
		if !isOrders(ev) {
			return // of documents the Controller may know newer revisions
		}
	}
	n.kind = as.Type()
	n.sum = b.adoptedSum(n.order, as, e.Time())
	s.adoption.expected[log] = append(s.adoption.expected[log], n)
}

// adoptedSum tells news apart: what, of which order, and when.
func (b *book) adoptedSum(key string, ev engine.Event, at int64) uint64 {
	b.plain = engine.Stamped{Timestamp: at, Key: key, Event: ev}
	b.buf = codec.Binary(b.buf[:0], &b.plain)
	return maphash.Bytes(b.s.seed, b.buf)
}

// adoptionBegins is told of every event of the Controller before it is folded.
func (s *Stream) adoptionBegins(e *engine.Stamped) {
	a := &s.adoption
	agent, isNews := s.newsOf(e)
	switch {
	case isNews && (a.open == "" || a.open == agent):
		if a.open == "" {
			a.open, a.first = agent, e
		}
		if s.fed(agent) {
			a.batch = append(a.batch, news{id: e.ID, kind: e.Event.Type(), order: e.Key, sum: s.log.adoptedSum(e.Key, e.Event, e.Time())})
		}
		return
	case a.open == "":
		return
	}
	switch e.Event.(type) {
	case *engine.AgentEventsObserved, *engine.AgentReset:
		if e.Key == a.open {
			return
		}
	case *engine.ItemDeleted, *engine.ItemDetachable, *engine.PathControlled:
		return // follows at once from what the Agent said of a document
	case *engine.ItemQuarantined, *engine.ItemReleased:
		return // a document is verified when it is needed
	}
	if s.ofDocument(e, a.open) || s.late && isOrders(e.Event) && s.log.orders[e.Key] == nil {
		return
	}
	s.wrong(&Finding{
		Invariant: 5, Rule: NotObserved, Order: a.first.Key, Agent: a.open, Events: []int64{a.first.ID, e.ID},
		Text: text("%s is news of the Agent, and %s comes before the position up to which they go", a.first.Event.Type(), e.Event.Type()), Story: s.Story(a.first.Key),
	})
	a.open, a.batch, a.gone = "", a.batch[:0], a.gone[:0]
	if isNews {
		a.open, a.first = agent, e
	}
}

// newsOf tells whether an event of the Controller is news of an Agent: of an
// order that is there, or of the Agent itself.
func (s *Stream) newsOf(e *engine.Stamped) (agent string, ok bool) {
	switch e.Event.(type) {
	case *engine.AgentReady:
		return e.Key, true
	case *order.Added:
		return "", false
	}
	l := s.log.orders[e.Key]
	if l == nil || l.place == detached || !l.adopted(e.Event) || !isOrders(e.Event) {
		return "", false
	}
	return l.agent, true
}

// ofDocument tells whether an event is what an Agent said of a document.
func (s *Stream) ofDocument(e *engine.Stamped, agent string) bool {
	switch ev := e.Event.(type) {
	case *engine.ItemAttached:
		return ev.Agent == agent
	case *engine.ItemDetached:
		return ev.Agent == agent
	case *engine.ItemRefused:
		return ev.Agent == agent
	case *engine.ItemQuarantined:
		return ev.Agent == agent
	case *engine.ItemReleased:
		return ev.Agent == agent
	}
	return false
}

// observed ends a transaction with news of an Agent.
func (s *Stream) observed(e *engine.Stamped, until int64) {
	a := &s.adoption
	if last, ok := a.observed[e.Key]; ok && until <= last {
		s.wrong(&Finding{Invariant: 5, Rule: ObservedBack, Agent: e.Key, Events: []int64{e.ID}, Text: text("its events were observed up to %d, and now up to %d", last, until)})
	}
	a.observed[e.Key] = until
	for _, g := range a.gone {
		s.wrong(&Finding{
			Invariant: 2, Rule: IllegalEvent, Order: g.order, Agent: g.agent, Events: []int64{g.event},
			Text: "OrderDetached: the order was not on its way back, and the Agent isn't given up", Story: s.Story(g.order),
		})
	}
	if s.fed(e.Key) {
		s.compare(e, until)
	}
	a.open, a.batch, a.gone = "", a.batch[:0], a.gone[:0]
}

// fed tells whether the log of an Agent that the Controller knows is told here, too.
func (s *Stream) fed(agent string) bool {
	_, ok := s.adoption.expected[agentLog{agent, s.adoption.logs[agent]}]
	return ok
}

// compare holds the batch that came over against what the Agent's stream has
// up to the position.
func (s *Stream) compare(e *engine.Stamped, until int64) {
	a := &s.adoption
	log := agentLog{e.Key, a.logs[e.Key]}
	want := a.expected[log]
	differs := func(id int64, id2 int64, why string, n *news) {
		s.wrong(&Finding{Invariant: 5, Rule: NotAdopted, Order: n.order, Agent: e.Key, Events: []int64{id, id2}, Text: why, Story: s.Story(n.order)})
	}
	for i := range a.batch {
		got := &a.batch[i]
		for len(want) > 0 && want[0].id <= until && want[0].optional && want[0].sum != got.sum {
			want = want[1:]
		}
		switch {
		case len(want) == 0 || want[0].id > until:
			differs(got.id, e.ID, text("%s came over, and the Agent's stream doesn't have it up to %d", got.kind, until), got)
			a.expected[log] = want
			return
		case want[0].sum != got.sum:
			differs(want[0].id, got.id, text("the Agent's next event is %s of %q, and %s of %q came over", want[0].kind, want[0].order, got.kind, got.order), got)
			a.expected[log] = skip(want, until)
			return
		}
		want = want[1:]
	}
	for len(want) > 0 && want[0].id <= until {
		if !want[0].optional {
			differs(want[0].id, e.ID, text("%s of the Agent's stream didn't come over, and its events are observed up to %d", want[0].kind, until), &want[0])
			want = skip(want, until)
			break
		}
		want = want[1:]
	}
	a.expected[log] = want
}

func skip(want []news, until int64) []news {
	for len(want) > 0 && want[0].id <= until {
		want = want[1:]
	}
	return want
}

// agentReset gives an Agent up: what wasn't observed of it is gone.
func (s *Stream) agentReset(e *engine.Stamped, ev *engine.AgentReset) {
	a := &s.adoption
	delete(a.observed, e.Key)
	delete(s.log.task, e.Key)
	if log := (agentLog{e.Key, ev.LogID}); ev.LogID != "" {
		a.over[log] = true
		delete(a.expected, log)
	}
	a.open, a.batch, a.gone = "", a.batch[:0], a.gone[:0]
	for key := range s.items.at {
		if key.agent == e.Key {
			delete(s.items.at, key)
		}
	}
}
