package sim

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// record is what was ever committed: every part's log is compared with it, and
// the oracle gets it event by event.
type record struct {
	w       *world
	entries [][]byte // of the group; entries[0] has the number 1
	agents  map[string]*agentLog
	pids    int64
}

// agentLog is what was ever committed in an Agent's present log.
type agentLog struct {
	entries [][]byte
	last    int64 // id of the newest event
	logID   string
	// held is what the oracle hasn't got yet: the Agent lost its log, and what the
	// Controller had taken over of the old one may still be committed before
	// it knows the new one.
	held    []engine.Stamped
	holding bool
}

func newRecord(w *world) *record { return &record{w: w, agents: map[string]*agentLog{}} }

// entry takes an entry that is committed at a member: known, or the next one.
func (r *record) entry(c *controller, e consensus.Entry) error {
	if e.Seq <= uint64(len(r.entries)) {
		if !bytes.Equal(r.entries[e.Seq-1], e.Data) {
			return fmt.Errorf("another entry %d than was committed (invariant 6)", e.Seq)
		}
		return nil
	}
	if e.Seq != uint64(len(r.entries))+1 {
		return fmt.Errorf("entry %d, but nobody had %d", e.Seq, len(r.entries)+1)
	}
	r.entries = append(r.entries, e.Data)
	events, err := ledger.Events(e.Data)
	if err != nil {
		return err
	}
	for i := range events {
		r.event(c.name, &events[i])
		if d, ok := events[i].Event.(*engine.AgentDedicated); ok {
			if err := r.dedicated(events[i].Key, d.LogID); err != nil {
				return err
			}
		}
		if err := r.w.stream.Event(&events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) event(who string, s *engine.Stamped) {
	name := s.Event.Type()
	r.w.reach("event " + name)
	if cmd, ok := s.Event.(*engine.CommandExecuted); ok {
		r.w.reach("command " + cmd.Command)
	}
	if strings.HasPrefix(name, "Order") {
		r.w.last = r.w.now
	}
	if _, ok := s.Event.(*engine.EventsReleased); ok {
		return
	}
	if r.w.cfg.Tell != nil {
		r.w.tell("%s: %d %s %s", who, s.ID, name, s.Key)
	}
}

// agentStarts takes note that an Agent starts with so many entries in its log.
func (r *record) agentStarts(a *agent, applied uint64) {
	l := r.agents[a.name]
	if l == nil {
		l = &agentLog{}
		r.agents[a.name] = l
	}
	if n := uint64(len(l.entries)); applied < n {
		r.w.fail(fmt.Errorf("%s has lost entries of its log: %d of %d are left", a.name, applied, n))
	}
}

// agentEntry takes an entry that is committed at an Agent.
func (r *record) agentEntry(a *agent, e consensus.Entry) error {
	l := r.agents[a.name]
	if e.Seq <= uint64(len(l.entries)) {
		if !bytes.Equal(l.entries[e.Seq-1], e.Data) {
			return fmt.Errorf("another entry %d than was committed", e.Seq)
		}
		return nil
	}
	if e.Seq != uint64(len(l.entries))+1 {
		return fmt.Errorf("entry %d, but there was no %d", e.Seq, len(l.entries)+1)
	}
	l.entries = append(l.entries, e.Data)
	events, err := ledger.Events(e.Data)
	if err != nil {
		return err
	}
	for i := range events {
		s := &events[i]
		l.last = s.ID
		r.w.reach("agent event " + s.Event.Type())
		if strings.HasPrefix(s.Event.Type(), "Order") {
			r.w.last = r.w.now
			if r.w.cfg.Tell != nil {
				r.w.tell("%s: %d %s %s", a.name, s.ID, s.Event.Type(), s.Key)
			}
		}
		if e, ok := s.Event.(*engine.AgentInitialized); ok {
			l.logID = e.LogID
		}
		if l.holding {
			l.held = append(l.held, *s)
		} else if err := r.w.stream.AgentEvent(a.name, s); err != nil {
			return err
		}
	}
	return nil
}

// dedicated lets the oracle know of an Agent's new log: the Controller does.
func (r *record) dedicated(agent, logID string) error {
	l := r.agents[agent]
	if l == nil || !l.holding || l.logID != logID {
		return nil
	}
	held := l.held
	l.held, l.holding = nil, false
	for i := range held {
		if err := r.w.stream.AgentEvent(agent, &held[i]); err != nil {
			return err
		}
	}
	return nil
}

// wiped takes note that an Agent's log is gone for good.
func (r *record) wiped(a *agent) {
	r.agents[a.name] = &agentLog{holding: true}
}

// process describes a process to the oracle.
func (r *record) process(a *agent, k *process) oracle.Process {
	p := oracle.Process{Agent: a.name, Order: string(k.launch.OrderID), Task: k.launch.Task, PID: k.pid, At: k.decided}
	if o := k.order; o != nil && o.State.Kind == order.Processing && o.State.Task == p.Task {
		p.Position = o.Position.String()
		p.Try = int64(workflow.TryCount(o.Position))
	}
	return p
}

func (r *record) started(a *agent, k *process) {
	r.pids++
	k.pid = r.pids
	r.w.reach("process")
	r.w.tell("%s: the process of %s starts, task %s", a.name, k.launch.OrderID, k.launch.Task)
	r.w.fail(r.w.effects.Started(r.process(a, k)))
}

// ended takes the end of a process that really ran.
func (r *record) ended(a *agent, k *process) {
	if !k.started {
		return
	}
	k.started = false
	r.w.tell("%s: the process of %s ends, task %s", a.name, k.launch.OrderID, k.launch.Task)
	p := r.process(a, k)
	p.At = a.clock.micros() / 1000
	r.w.fail(r.w.effects.Ended(p))
}

// distrust tells the oracle whom an Agent distrusts, now that its machine knows.
func (r *record) distrust(a *agent) {
	for _, signer := range signers {
		if a.trust[signer] {
			r.w.tell("%s distrusts %s from %d on", a.name, signer, r.agents[a.name].last/1000)
			r.w.effects.Distrust(a.name, signer, r.agents[a.name].last/1000)
		}
	}
}

// trust tells the oracle that an Agent is going to trust a signer again.
func (r *record) trust(a *agent, signer string) {
	r.w.tell("%s is going to trust %s", a.name, signer)
	if l := r.agents[a.name]; l != nil && l.last > 0 {
		r.w.effects.Trust(a.name, signer, l.last/1000)
	} else {
		r.w.effects.Trust(a.name, signer, 1)
	}
}
