// Package ledger is what the shells of Controller and Agent have in common:
// it adapts an engine machine to the commit pipeline of consensus, finds
// events in the log, and serves them to readers.
//
// It decides nothing, and lets nothing out before it is committed: what a batch
// has caused goes to Publish when its entry is. controller and agent use it.
package ledger

import (
	"context"
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
)

// Work is what a machine decided since the last Take.
type Work interface {
	Decided() []engine.Stamped
}

// Engine is one of the engine's two machines.
type Engine[W Work] interface {
	Take() W
	Committed(w W)
	Undo()
	Apply(events []engine.Stamped) error
	Freeze() *engine.Frozen
	NextWake() int64
	LastEventID() int64
}

// Decision is a command to the machine: a function that runs in the loop
// goroutine. now is in microseconds since the epoch. What it returns must be
// immutable.
type Decision[E any] func(e E, now int64) (any, error)

// sized is a decision that brings a lot of data: consensus makes batches by it.
type sized[E any] struct {
	f     Decision[E]
	bytes int
}

// Size returns about how many bytes the decision brings.
func (s sized[E]) Size() int { return s.bytes }

// look is a decision that decides nothing.
type look[E any] struct{ f Decision[E] }

// LooksOnly implements consensus.Looking.
func (look[E]) LooksOnly() bool { return true }

type result struct {
	value any
	err   error
}

// Machine is the consensus.Machine around an engine. All but Index and NextWake
// is owned by the loop goroutine.
type Machine[E Engine[W], W Work] struct {
	Hooks    Hooks[E, W]
	Index    *Index
	NextWake atomic.Int64  // milliseconds since the epoch; 0: never
	WakeSet  chan struct{} // NextWake has changed

	eng      E
	seq      uint64
	inFlight []inFlight[W]
}

// Hooks is what differs between the machines.
type Hooks[E Engine[W], W Work] struct {
	Restore func(r io.Reader) (E, error) // a machine with a snapshot's state
	Publish func(w W)                    // a batch is committed
	Leads   func(leads bool, term uint64)
	Needed  func(e E) (after int64, ok bool) // the newest event that every reader has confirmed
	Keep    int                              // so many of the newest events stay readable in any case
}

type inFlight[W Work] struct {
	seq  uint64
	work W
}

// New returns a machine around an empty engine.
func New[E Engine[W], W Work](empty E, h Hooks[E, W]) *Machine[E, W] {
	return &Machine[E, W]{Hooks: h, Index: newIndex(h.Keep), WakeSet: make(chan struct{}, 1), eng: empty}
}

// Decide carries out a decision.
func (m *Machine[E, W]) Decide(cmd any, now time.Time) any {
	var f Decision[E]
	switch cmd := cmd.(type) {
	case Decision[E]:
		f = cmd
	case sized[E]:
		f = cmd.f
	case look[E]:
		f = cmd.f
	default:
		return result{err: fault.New(fault.Internal, "InternalError", "not a decision: %T", cmd)}
	}
	v, err := f(m.eng, now.UnixMicro())
	return result{v, err}
}

// Take ends a batch.
func (m *Machine[E, W]) Take() []byte {
	w := m.eng.Take()
	m.noteWake()
	events := w.Decided()
	if len(events) == 0 {
		return nil // nothing has changed, so there is nothing to do either
	}
	m.seq++
	m.inFlight = append(m.inFlight, inFlight[W]{m.seq, w})
	m.Index.add(m.seq, events[len(events)-1].ID, len(events))
	return Pack(engine.AppendEvents(nil, events))
}

// Apply folds an entry that another member, or an earlier life, decided.
func (m *Machine[E, W]) Apply(data []byte) error {
	events, err := readEntry(data)
	if err != nil {
		return err
	}
	if err := m.eng.Apply(events); err != nil {
		return err
	}
	m.seq++
	if len(events) > 0 {
		m.Index.add(m.seq, events[len(events)-1].ID, len(events))
	}
	return nil
}

// Committed lets out what the batches up to seq have caused.
func (m *Machine[E, W]) Committed(seq uint64) {
	for len(m.inFlight) > 0 && m.inFlight[0].seq <= seq {
		w := m.inFlight[0].work
		m.inFlight = m.inFlight[1:]
		m.eng.Committed(w)
		m.Hooks.Publish(w)
	}
	m.Index.commit(seq)
}

// Undo takes back what isn't committed.
func (m *Machine[E, W]) Undo() {
	m.eng.Undo()
	for _, f := range m.inFlight {
		if len(f.work.Decided()) > 0 {
			m.seq = min(m.seq, f.seq-1)
		}
	}
	m.inFlight = nil
	m.Index.cut(m.seq)
}

// Lead tells the shell that this node leads.
func (m *Machine[E, W]) Lead(term uint64) { m.Hooks.Leads(true, term) }

// Follow tells the shell that this node leads no more.
func (m *Machine[E, W]) Follow() { m.Hooks.Leads(false, 0) }

// frozen is a snapshot with the number of the entry up to which it goes.
type frozen struct {
	seq uint64
	f   *engine.Frozen
}

// WriteTo writes the snapshot.
func (f frozen) WriteTo(w io.Writer) (int64, error) {
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], f.seq)
	if n, err := w.Write(head[:]); err != nil {
		return int64(n), err
	}
	n, err := f.f.WriteTo(w)
	return n + int64(len(head)), err
}

// Freeze returns a picture of the state.
func (m *Machine[E, W]) Freeze() consensus.Frozen { return frozen{m.seq, m.eng.Freeze()} }

// Restore replaces the state by a snapshot's.
func (m *Machine[E, W]) Restore(r io.Reader) error {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return fault.Wrap(fault.Corrupt, "SnapshotTorn", err, "the snapshot ends in the middle")
	}
	eng, err := m.Hooks.Restore(r)
	if err != nil {
		return err
	}
	m.eng, m.seq, m.inFlight = eng, binary.BigEndian.Uint64(head[:]), nil
	m.Index.restart(m.seq, eng.LastEventID())
	return nil
}

// Retain returns the first entry that a reader hasn't confirmed, or that is kept
// in any case.
func (m *Machine[E, W]) Retain() uint64 {
	kept := m.Index.keptFrom()
	after, ok := m.Hooks.Needed(m.eng)
	switch {
	case ok:
		return min(kept, m.Index.needed(after))
	case m.Hooks.Keep > 0:
		return kept
	}
	return 0
}

// Digest returns a digest of the state.
func (m *Machine[E, W]) Digest() [32]byte { return m.eng.Freeze().Digest() }

func (m *Machine[E, W]) noteWake() {
	next := m.eng.NextWake()
	if m.NextWake.Swap(next) != next {
		select {
		case m.WakeSet <- struct{}{}:
		default:
		}
	}
}

// Ask has the machine carry a decision out, and waits until what its result
// rests on is committed.
func Ask[E any](ctx context.Context, node consensus.Node, f Decision[E]) (any, error) {
	return AskSized(ctx, node, 0, f)
}

// AskSized is Ask for a decision that brings about so many bytes.
func AskSized[E any](ctx context.Context, node consensus.Node, bytes int, f Decision[E]) (any, error) {
	var cmd any = f
	if bytes > 0 {
		cmd = sized[E]{f, bytes}
	}
	return submit(ctx, node, cmd)
}

// Look is Ask for what only looks at the state: f must not change it. It is
// answered also while the disk is full.
func Look[E any](ctx context.Context, node consensus.Node, f func(e E) (any, error)) (any, error) {
	return submit(ctx, node, look[E]{func(e E, _ int64) (any, error) { return f(e) }})
}

func submit(ctx context.Context, node consensus.Node, cmd any) (any, error) {
	reply, err := node.Submit(ctx, cmd)
	if err != nil {
		return nil, err
	}
	r, _ := reply.(result)
	return r.value, r.err
}

// Submitter is what of a node takes commands without waiting.
type Submitter interface {
	SubmitAsync(cmd any, done func(reply any, err error))
}

// Tell is Ask for what nobody waits for: done gets the error, from the loop
// goroutine.
func Tell[E any](node Submitter, f Decision[E], done func(error)) {
	AskAsync(node, f, func(_ any, err error) { done(err) })
}

// AskAsync is Ask that doesn't wait: done gets the outcome, from the loop
// goroutine.
func AskAsync[E any](node Submitter, f Decision[E], done func(any, error)) {
	node.SubmitAsync(f, func(reply any, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		r, _ := reply.(result)
		done(r.value, r.err)
	})
}
