package oracle

import (
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// commandLog is what the Controller's stream tells of commands. The events of
// a command's transaction end with its CommandExecuted.
type commandLog struct {
	ids    map[string]int64 // event of each command id
	needed string           // a command of this name must be what is recorded next
	event  *engine.Stamped  // that needs it
	order  string
	added  int // orders added since the last one
}

// byCommand notes that an event happens only when a command asks for it.
func (b *book) byCommand(e *engine.Stamped, command, id string) {
	if b.agent == "" {
		b.s.byCommand(e, command, id)
	}
}

func (s *Stream) byCommand(e *engine.Stamped, command, id string) {
	c := &s.commands
	if c.needed != "" && c.needed != command {
		s.unrecorded(c, e)
	}
	c.needed, c.event, c.order = command, e, id
	if _, isNew := e.Event.(*order.Added); isNew {
		c.added++
	}
}

func (s *Stream) unrecorded(c *commandLog, e *engine.Stamped) {
	ids := []int64{c.event.ID}
	if e != nil {
		ids = append(ids, e.ID)
	}
	s.wrong(&Finding{
		Invariant: 1, Rule: CommandUnrecorded, Order: c.order, Events: ids,
		Text: text("%s happens by %s only, and none is recorded before what follows", c.event.Event.Type(), c.needed), Story: s.Story(c.order),
	})
	c.needed, c.event, c.order, c.added = "", nil, "", 0
}

// commandEvent looks at the ends of transactions.
func (s *Stream) commandEvent(e *engine.Stamped) {
	c := &s.commands
	switch ev := e.Event.(type) {
	case *engine.CommandExecuted:
		s.buried(e)
		s.executed(e, ev)
	case *engine.ControllerReady, *engine.ControllerInitialized, *engine.AgentEventsObserved, *engine.AgentCoupled, *engine.AgentCouplingFailed,
		*engine.AgentDedicated, *engine.EventsReleased:
		s.buried(e)
		if c.needed != "" {
			s.unrecorded(c, e)
		}
	}
}

// dies notes an order that has ended: if it was to be deleted then, that must
// come next.
func (s *Stream) dies(b *book, l *life) {
	if b.agent == "" && l.deletable && l.parent == nil {
		s.dying[l] = true
	}
}

// buried makes sure that no order is left that had to be deleted.
func (s *Stream) buried(e *engine.Stamped) {
	if len(s.dying) == 0 {
		return
	}
	for l := range s.dying {
		s.log.wrong(2, NotDeleted, l, e, "before this the order had to be deleted: it has ended")
	}
	clear(s.dying)
}

func (s *Stream) executed(e *engine.Stamped, ev *engine.CommandExecuted) {
	c := &s.commands
	if c.needed != "" && c.needed != ev.Command {
		s.unrecorded(c, e)
	}
	if n, ok := addedBy(ev); ok && n != c.added && !s.late {
		s.wrong(&Finding{Invariant: 1, Rule: CommandUnrecorded, Order: c.order, Events: []int64{e.ID}, Text: text("the command says that it added %d orders, and there are %d events OrderAdded", n, c.added)})
	}
	c.needed, c.event, c.order, c.added = "", nil, "", 0
	if ev.CommandID == "" {
		return
	}
	if before, ok := c.ids[ev.CommandID]; ok {
		s.wrong(&Finding{Invariant: 1, Rule: CommandTwice, Events: []int64{before, e.ID}, Text: text("the command %s (%s) was carried out twice", ev.CommandID, ev.Command)})
		return
	}
	c.ids[ev.CommandID] = e.ID
}

// addedBy returns how many orders a command says that it added.
func addedBy(ev *engine.CommandExecuted) (int, bool) {
	const before = `"added":`
	if ev.Command != "AddOrders" {
		return 0, true
	}
	_, rest, ok := strings.Cut(ev.Reply, before)
	if !ok {
		return 0, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(rest[:end])
	return n, err == nil
}

// otherEvent takes an event of the Controller that isn't an order's.
func (s *Stream) otherEvent(e *engine.Stamped) {
	switch ev := e.Event.(type) {
	case *engine.ControllerReady:
		if ev.Term <= s.term {
			s.wrong(&Finding{Invariant: 6, Rule: TermNotRising, Events: []int64{e.ID}, Text: text("a leader begins in term %d, and term %d was before", ev.Term, s.term)})
		}
		s.term = max(s.term, ev.Term)
	case *engine.AgentDedicated:
		s.adoption.logs[e.Key] = ev.LogID
		delete(s.adoption.observed, e.Key)
		delete(s.log.task, e.Key)
	case *engine.AgentReset:
		s.byCommand(e, "ResetAgent", "")
		s.agentReset(e, ev)
	case *engine.AgentEventsObserved:
		s.observed(e, ev.UntilEventID)
	default:
		s.itemEvent(e)
	}
}
