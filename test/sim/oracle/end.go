package oracle

import (
	"maps"
	"slices"
)

// End says what is known when the faults are over and all is at rest.
type End struct {
	Acknowledged []string // ids of orders whose adding was acknowledged
	Effects      *Effects // may be nil
	Commands     *Commands
	Readers      []*Reader
	// Complete is set when every process leaves a trace in Effects, and no fault
	// kills processes of jobs by themselves.
	Complete bool
	// Waiting is set when orders may still wait or run. Without it every order
	// must have ended, failed, stopped, broken or be suspended, or wait in a fork
	// for a child that has.
	Waiting bool
}

// End looks at everything that can be told only when nothing happens any more,
// and returns all findings.
func (s *Stream) End(e End) []*Finding {
	if s.commands.needed != "" {
		s.unrecorded(&s.commands, nil)
	}
	if a := &s.adoption; a.open != "" {
		s.wrong(&Finding{Invariant: 5, Rule: NotObserved, Order: a.first.Key, Agent: a.open, Events: []int64{a.first.ID}, Text: a.first.Event.Type() + " is news of the Agent, and the stream ends before the position up to which they go"})
	}
	for l := range s.dying {
		s.wrong(&Finding{Invariant: 2, Rule: NotDeleted, Order: l.id, Text: "the order has ended, and was to be deleted then", Story: s.Story(l.id)})
	}
	for _, id := range e.Acknowledged {
		if s.added[id] == 0 && !s.late {
			s.wrong(&Finding{Invariant: 1, Rule: OrderLost, Order: id, Text: "the order was acknowledged, and never added"})
		}
	}
	if !e.Waiting {
		s.atRest()
	}
	if e.Commands != nil {
		e.Commands.end()
	}
	if e.Effects != nil {
		e.Effects.end(e.Complete)
	}
	for _, r := range e.Readers {
		r.end()
	}
	return s.found.all
}

// atRest makes sure that nothing can go on any more.
func (s *Stream) atRest() {
	for _, id := range slices.Sorted(maps.Keys(s.log.orders)) {
		if l := s.log.orders[id]; l.parent == nil {
			s.rests(l)
		}
	}
	for _, agent := range slices.Sorted(maps.Keys(s.logs)) {
		b := s.logs[agent]
		if s.adoption.over[agentLog{agent, b.logID}] {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(b.orders)) {
			l := b.orders[id]
			b.s.wrong(&Finding{Invariant: 9, Rule: NotAtRest, Order: id, Agent: agent, Text: "the Agent still has the order: it is " + l.where(), Story: b.story(l.told)})
		}
		s.allOver(agent)
	}
}

// allOver makes sure that nothing of an Agent's stream is left that must come over.
func (s *Stream) allOver(agent string) {
	for _, n := range s.adoption.expected[agentLog{agent, s.adoption.logs[agent]}] {
		if !n.optional {
			s.wrong(&Finding{Invariant: 5, Rule: NotAdopted, Order: n.order, Agent: agent, Events: []int64{n.id}, Text: n.kind + " of the Agent's stream never came over", Story: s.Story(n.order)})
			return
		}
	}
}

// rests tells what is wrong with an order when nothing happens any more, and
// whether it keeps its parent from joining.
func (s *Stream) rests(l *life) (blocks bool) {
	tell := func(why string) {
		s.wrong(&Finding{Invariant: 9, Rule: NotAtRest, Order: l.id, Agent: l.agent, Text: why + ": it is " + l.where(), Story: s.Story(l.id)})
	}
	if l.place != detached {
		tell("the order isn't back from its Agent")
		return true
	}
	if l.suspended || l.state&goesNowhere != 0 {
		return true
	}
	switch {
	case l.state == forked:
		waits := false
		for _, c := range l.children {
			if s.rests(c) {
				waits = true
			}
		}
		if !waits {
			tell("the order doesn't join, and no child keeps it from that")
		}
		return true
	case !l.isOpen(), l.parent != nil && s.joinable(l.parent, l):
		return false
	}
	tell("the order could go on, and doesn't")
	return true
}
