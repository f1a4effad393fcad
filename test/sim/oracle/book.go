package oracle

import (
	"hash/maphash"
	"slices"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// book is what one log tells: the Controller's, or an Agent's.
type book struct {
	s      *Stream
	agent  string // "": the Controller's
	logID  string // of an Agent
	orders map[string]*life
	gone   graveyard

	last    int64
	count   int
	seen    []entry // of all events, for readers
	tale    []told  // the newest events, for stories: a ring once it is full
	running map[jobOf]int
	task    map[string]string // newest task of each Agent
	here    map[workflow.ID]presence
	paused  map[string]bool // paths of workflows that are suspended at this Agent
	release releases
	buf     []byte
	plain   engine.Stamped // for sum, so that it needs no memory
}

// presence is how far an Agent has a version of a workflow.
type presence uint8

const (
	absent presence = iota
	present
	inQuarantine
)

// entry is an event as readers must get it.
type entry struct {
	id  int64
	sum uint64
}

// told is an event in the ring of stories, with the one of the same order before.
type told struct {
	event  engine.Stamped
	before int64 // number of that event, from 1; 0: none
}

// storyEvents bounds the ring; storyLength what is told of one order.
const (
	storyEvents = 1 << 18
	storyLength = 20
	lineLength  = 200
)

func newBook(s *Stream, agent string) *book {
	return &book{
		s: s, agent: agent, orders: map[string]*life{}, gone: newGraveyard(), running: map[jobOf]int{}, task: map[string]string{},
		here: map[workflow.ID]presence{}, paused: map[string]bool{}, release: newReleases(),
	}
}

// enter notes an event: its id, and what readers must get.
func (b *book) enter(e *engine.Stamped) {
	if e.ID <= b.last {
		b.s.wrong(&Finding{Invariant: 6, Rule: IDNotRising, Agent: b.agent, Order: e.Key, Events: []int64{b.last, e.ID}, Text: text("%s comes behind event %d", e.Event.Type(), b.last)})
	}
	b.last = max(b.last, e.ID)
	b.count++
	b.seen = append(b.seen, entry{e.ID, b.sum(e)})
}

// sum tells two events apart, whichever way they came.
func (b *book) sum(e *engine.Stamped) uint64 {
	b.plain = *e
	b.plain.Timestamp = e.Time()
	b.buf = codec.Binary(b.buf[:0], &b.plain)
	return maphash.Bytes(b.s.seed, b.buf)
}

// remember puts an event of an order into its story.
func (b *book) remember(l *life, e *engine.Stamped) {
	t := told{*e, l.told}
	l.told = int64(b.count)
	if len(b.tale) < storyEvents {
		for len(b.tale) < b.count-1 { // events of no order have no story
			b.tale = append(b.tale, told{})
		}
		b.tale = append(b.tale, t)
		return
	}
	b.tale[(b.count-1)%storyEvents] = t
}

// story returns the events of an order up to one, the oldest first.
func (b *book) story(last int64) []string {
	var lines []string
	for n := last; n > 0 && n > int64(b.count-storyEvents) && len(lines) < storyLength; {
		t := &b.tale[(n-1)%storyEvents]
		line := t.event.AppendJSON(nil)
		if len(line) > lineLength {
			line = append(line[:lineLength], " ..."...)
		}
		lines = append(lines, string(line))
		n = t.before
	}
	slices.Reverse(lines)
	return lines
}

// wrong tells what is wrong with an order's event, once for each order: what
// follows is no wonder.
func (b *book) wrong(invariant int, r Rule, l *life, e *engine.Stamped, format string, args ...any) {
	if l.wrong {
		return
	}
	l.wrong = true
	b.s.wrong(&Finding{
		Invariant: invariant, Rule: r, Order: l.id, Agent: b.agent, Events: []int64{e.ID}, Text: e.Event.Type() + ": " + text(format, args...),
		Story: b.story(l.told),
	})
}

// need tells what is wrong when an event comes in a state that it doesn't fit.
func (b *book) need(l *life, e *engine.Stamped, states state, places place) {
	if l.state&states != 0 && l.place&places != 0 {
		return
	}
	r := IllegalEvent
	if !l.isOpen() {
		r = AfterEnd
		switch e.Event.(type) {
		case *order.FinishedEvent, *order.CancelledEvent, *order.FailedEvent:
			r = EndedTwice
		}
	}
	b.wrong(2, r, l, e, "the order is %s", l.where())
}

// goesOn is need for what an order can't do while it is held back.
func (b *book) goesOn(l *life, e *engine.Stamped, states state, places place) {
	b.need(l, e, states, places)
	switch {
	case l.suspended:
		b.wrong(2, IllegalEvent, l, e, "the order is suspended")
	case l.failing:
		b.wrong(2, IllegalEvent, l, e, "its last outcome failed, and nothing has dealt with that")
	case l.lost && l.state == processed:
		if m, ok := e.Event.(*order.Moved); !ok || m.To != l.position {
			b.wrong(3, IllegalEvent, l, e, "its process was lost: the order stays where it is, %s", l.position)
		}
	}
}

// find returns the order of an event; nil: what is said of it can't be told.
func (b *book) find(e *engine.Stamped) *life {
	l := b.orders[e.Key]
	if l != nil {
		b.remember(l, e)
		return l
	}
	if old, ok := b.gone.find(e.Key); ok {
		r := UnknownOrder
		if old.ended {
			r = AfterEnd
		}
		b.s.wrong(&Finding{Invariant: 2, Rule: r, Order: e.Key, Agent: b.agent, Events: []int64{e.ID}, Text: e.Event.Type() + ": the order is gone: " + old.how, Story: b.story(old.told)})
		return nil
	}
	if !b.s.late {
		b.s.wrong(&Finding{Invariant: 2, Rule: UnknownOrder, Order: e.Key, Agent: b.agent, Events: []int64{e.ID}, Text: e.Event.Type() + ": there is no such order"})
	}
	return nil
}

// bury lets an order go.
func (b *book) bury(l *life, how string) {
	delete(b.orders, l.id)
	b.use(l.workflow, -1)
	if b.agent == "" {
		delete(b.s.dying, l)
	}
	b.gone.add(l.id, grave{told: l.told, how: how, ended: how != leftAgent})
	if l.state == processing {
		b.running[l.run.job]--
	}
}

const leftAgent = "it has left the Agent"

// grave is what is remembered of an order that is gone.
type grave struct {
	told  int64
	how   string
	ended bool
}

// graveyard remembers the orders that went last, for better findings.
type graveyard struct {
	graves map[string]grave
	line   []string
	next   int
}

const mostGraves = 1 << 14

func newGraveyard() graveyard { return graveyard{graves: map[string]grave{}} }

func (y *graveyard) find(id string) (grave, bool) {
	g, ok := y.graves[id]
	return g, ok
}

func (y *graveyard) add(id string, g grave) {
	if _, ok := y.graves[id]; !ok {
		if len(y.line) < mostGraves {
			y.line = append(y.line, id)
		} else {
			delete(y.graves, y.line[y.next])
			y.line[y.next] = id
			y.next = (y.next + 1) % mostGraves
		}
	}
	y.graves[id] = g
}
