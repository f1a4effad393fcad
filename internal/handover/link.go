package handover

import (
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
)

// Decision is a command to the machine, as the ledger takes it.
type Decision = func(e *engine.Controller, now int64) (any, error)

// How long a link waits before it couples again: longer each time, unless the
// last coupling has lasted.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	lasting    = time.Second
)

// ConfirmEvery is how often a link looks whether there is something to confirm
// to its Agent, at least.
const ConfirmEvery = time.Second

// Link is the connection with one Agent during one term, coupled again
// and again. Its owner carries out, in this order: ask the Agent for the id
// of its log; have the machine decide Dedicate, and hand the result to Begin;
// open the Agent's events behind After and have Coupled decided; from then on,
// at the same time, send what Next returns and call Sent when the Agent has
// answered, and have Adopt decided for events and hand the result to Adopted.
// When anything fails, have Failed decided, wait for Pause, and start over.
//
// The batches of a term are numbered throughout: an Agent passes over a number
// that it has seen. So one Link serves its Agent for the whole term.
type Link struct {
	board *Board
	agent string
	limit int
	head  engine.AgentBatch // ids and term

	resets    int          // of the Agent, when this coupling began
	sequence  int64        // the newest batch of the term
	observed  atomic.Int64 // the Agent's events up to here are committed in our log
	confirmed int64        // and told to the Agent
	sent      int64        // what the batch under way confirms
	done      func()       // to be called when it was carried out
	wait      time.Duration
}

// NewLink returns the link to an Agent for a term. limit is how many commands
// a batch holds at most.
func NewLink(b *Board, controllerID string, estate engine.Estate, agent string, term int64, limit int) *Link {
	return &Link{board: b, agent: agent, limit: limit, head: engine.AgentBatch{ControllerID: controllerID, Estate: estate, Term: term}, wait: firstRetry}
}

// Agent returns the Agent's name.
func (l *Link) Agent() string { return l.agent }

// Dedicate is the decision with which a coupling begins: this Agent, with this
// log, is ours. Its result goes to Begin.
func (l *Link) Dedicate(logID string) Decision {
	l.resets = l.board.resets(l.agent)
	return func(e *engine.Controller, now int64) (any, error) {
		if err := e.AgentDedicated(l.agent, logID, now); err != nil {
			return nil, err
		}
		a, _ := e.Agent(l.agent)
		return a.Observed, nil
	}
}

// Begin begins a coupling with the Agent whose log that is: whatever was on its
// way before is sent again.
func (l *Link) Begin(logID string, dedicated any) {
	l.head.LogID = logID
	l.take(dedicated)
	l.confirmed, l.sent, l.done = 0, 0, nil
	l.board.requeue(l.agent)
}

func (l *Link) take(v any) {
	if observed, ok := v.(int64); ok {
		l.observed.Store(observed)
	}
}

// After returns the Agent's newest event that is taken over: its events are
// read from there on.
func (l *Link) After() int64 { return l.observed.Load() }

// LogID returns the id of the log of which that is a position. The Agent is
// told: it may have lost its data, and begun another, since it was asked.
func (l *Link) LogID() string { return l.head.LogID }

// Coupled is the decision that tells that the Agent's events can be read.
func (l *Link) Coupled() Decision {
	return func(e *engine.Controller, now int64) (any, error) { return nil, e.AgentCoupled(l.agent, now) }
}

// Failed is the decision that tells why the coupling has ended.
func (l *Link) Failed(err error) Decision {
	return func(e *engine.Controller, now int64) (any, error) {
		return nil, e.AgentFailed(l.agent, order.ProblemOf(err), now)
	}
}

// Pause returns how long to wait after a coupling that lasted so long.
func (l *Link) Pause(lasted time.Duration) time.Duration {
	if lasted > lasting {
		l.wait = firstRetry
	}
	wait := l.wait
	l.wait = min(2*l.wait, lastRetry)
	return wait
}

// Work returns a channel that tells of new work for the Agent.
func (l *Link) Work() <-chan struct{} { return l.board.changed(l.agent) }

// Next returns the next batch, or nil if there is nothing to send. It must not
// be called before the last batch was answered: then Sent, or another coupling.
// The error Conflict "AgentReset" ends the coupling: somebody has given up the
// log that it is with.
func (l *Link) Next() (*engine.AgentBatch, error) {
	if l.board.resets(l.agent) != l.resets {
		return nil, fault.New(fault.Conflict, "AgentReset", "the Agent %s was reset", l.agent)
	}
	cmds, done := l.board.take(l.agent, l.limit)
	observed := l.observed.Load()
	if observed > l.confirmed {
		cmds = append(cmds, &engine.ConfirmEvents{Until: observed})
	}
	if len(cmds) == 0 {
		return nil, nil
	}
	l.sequence++
	l.sent, l.done = observed, done
	b := l.head
	b.Sequence, b.Commands = l.sequence, cmds
	return &b, nil
}

// Sent tells that the Agent has carried out the batch that Next returned.
func (l *Link) Sent() {
	if l.done != nil {
		l.done()
		l.confirmed, l.done = l.sent, nil
	}
}

// Adopt is the decision that takes the Agent's events over. Its result goes to
// Adopted.
func (l *Link) Adopt(events []engine.Stamped) Decision {
	logID := l.head.LogID
	return func(e *engine.Controller, now int64) (any, error) {
		if err := e.AgentEvents(l.agent, logID, events, now); err != nil {
			return nil, err
		}
		a, _ := e.Agent(l.agent)
		return a.Observed, nil
	}
}

// Adopted takes note that events were taken over, and committed.
func (l *Link) Adopted(v any) { l.take(v) }

// Addresses returns the URI of every Agent that is deployed and trusted, by
// name: each wants a link.
func Addresses(e *engine.Controller) map[string]string {
	uris := map[string]string{}
	for _, path := range e.AgentPaths() {
		if a, err := e.AgentItem(path); err == nil {
			uris[path] = a.URI
		}
	}
	return uris
}
