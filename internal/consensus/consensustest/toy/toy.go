// Package toy is a small state machine for tests of package consensus: orders
// by key, command ids that make commands idempotent, and a reader of the event
// stream that confirms. It is built like the engine (immutable values, a list
// of pre-images while the state runs ahead), and it can be given the mistakes
// that the simulation must find.
//
// It must not import package consensus, so that the tests inside that package
// can use it. Only tests call it.
package toy

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Command is one command: Add an order, Remove it, or Confirm that the reader
// has the entries up to Value.
type Command struct {
	Op    Op
	ID    uint64 // the command's; the same one again is a repeat
	Key   uint64
	Value uint64
	Bytes int // of ballast in the event
	// Early, if set, is called with the reply at once: a mistake on purpose.
	Early func(Reply)
}

// Size tells how big the command's event will be, about.
func (c Command) Size() int { return 64 + c.Bytes }

// LooksOnly tells that the command decides nothing.
func (c Command) LooksOnly() bool { return c.Op == Look }

// Op is a kind of command.
type Op byte

// The kinds of commands.
const (
	Add Op = iota + 1
	Remove
	Confirm
	Look // at the state; nothing is decided
)

// Reply answers a command.
type Reply struct {
	Refused bool   // nothing was done
	Repeat  bool   // it had been done before
	Count   uint64 // orders there were after it
	Seq     uint64 // of the newest entry when it was decided, the command's own included
}

// Bugs are mistakes on purpose.
type Bugs struct {
	KeepSpeculative bool // Undo does nothing
	NoDedupe        bool // a repeat is done again
	ForgetRetention bool // Retain keeps nothing
}

// order is immutable: a change is a new value.
type order struct {
	value uint64
	made  uint64 // entry that made it
}

// Machine is the state machine. It has the methods of consensus.Machine.
type Machine struct {
	Bugs Bugs
	// OnCommitted, OnLead and OnFollow are told what the node tells, if set.
	OnCommitted func(seq uint64)
	OnLead      func(term uint64)
	OnFollow    func()

	orders    map[uint64]*order
	done      map[uint64]uint64 // command id -> Count of its reply
	seq       uint64            // newest entry, decided or folded
	confirmed uint64
	retaining bool

	committed uint64
	events    []byte // decided since the last Take
	undo      []preimage
	leading   bool
}

// preimage is what one event changed. A value that wasn't there is nil.
type preimage struct {
	seq       uint64 // entry it belongs to
	key       uint64
	old       *order
	id        uint64
	confirmed uint64
	retaining bool
}

// New returns an empty machine. Its reader, who has confirmed nothing, keeps
// all entries.
func New() *Machine {
	return &Machine{orders: map[uint64]*order{}, done: map[uint64]uint64{}, retaining: true}
}

// Seq returns the number of the newest entry in the state.
func (m *Machine) Seq() uint64 { return m.seq }

// Leading tells whether the machine is between Lead and Follow.
func (m *Machine) Leading() bool { return m.leading }

// Decide decides on a Command.
func (m *Machine) Decide(cmd any, _ time.Time) any {
	c := cmd.(Command)
	r := m.decide(c)
	if c.Early != nil {
		c.Early(r)
	}
	return r
}

func (m *Machine) decide(c Command) Reply {
	if !m.leading {
		panic("toy: asked to decide without leading")
	}
	seq := m.seq
	if len(m.events) > 0 {
		seq++
	}
	if c.Op == Look {
		return Reply{Count: uint64(len(m.orders)), Seq: seq}
	}
	if count, ok := m.done[c.ID]; ok && !m.Bugs.NoDedupe {
		return Reply{Repeat: true, Count: count, Seq: seq}
	}
	_, exists := m.orders[c.Key]
	if c.Op == Add && exists || c.Op == Remove && !exists || c.Op == Confirm && c.Value <= m.confirmed {
		return Reply{Refused: true, Count: uint64(len(m.orders)), Seq: seq}
	}
	e := event{op: c.Op, id: c.ID, key: c.Key, value: c.Value, ballast: c.Bytes}
	m.undo = append(m.undo, m.before(e))
	m.fold(e)
	m.events = e.encode(m.events)
	return Reply{Count: uint64(len(m.orders)), Seq: m.seq + 1}
}

func (m *Machine) before(e event) preimage {
	return preimage{
		seq: m.seq + 1, key: e.key, old: m.orders[e.key], id: e.id,
		confirmed: m.confirmed, retaining: m.retaining,
	}
}

// fold changes the state by an event of the entry m.seq+1.
func (m *Machine) fold(e event) {
	switch e.op {
	case Add:
		m.orders[e.key] = &order{value: e.value, made: m.seq + 1}
	case Remove:
		delete(m.orders, e.key)
	case Confirm:
		m.confirmed = e.value
	}
	m.done[e.id] = uint64(len(m.orders))
}

// Take returns the events decided since the last call.
func (m *Machine) Take() []byte {
	b := m.events
	m.events = nil
	if len(b) > 0 {
		m.seq++
	}
	return b
}

// Apply folds an entry.
func (m *Machine) Apply(data []byte) error {
	if len(m.undo) > 0 && !m.Bugs.KeepSpeculative {
		return errors.New("toy: asked to fold an entry while the state runs ahead")
	}
	list, err := DecodeEvents(data)
	if err != nil {
		return err
	}
	for _, e := range list {
		m.fold(event(e))
	}
	m.seq++
	return nil
}

// Committed forgets the pre-images up to seq.
func (m *Machine) Committed(seq uint64) {
	if seq < m.committed || seq > m.seq {
		panic(fmt.Sprintf("toy: told that %d is committed, after %d, at %d", seq, m.committed, m.seq))
	}
	m.committed = seq
	n := 0
	for n < len(m.undo) && m.undo[n].seq <= seq {
		n++
	}
	m.undo = slices.Clone(m.undo[n:])
	if m.OnCommitted != nil {
		m.OnCommitted(seq)
	}
}

// Undo walks the pre-images backwards.
func (m *Machine) Undo() {
	if m.Bugs.KeepSpeculative {
		m.undo, m.events, m.seq = nil, nil, m.committed
		return
	}
	for _, p := range slices.Backward(m.undo) {
		if p.old == nil {
			delete(m.orders, p.key)
		} else {
			m.orders[p.key] = p.old
		}
		delete(m.done, p.id)
		m.confirmed, m.retaining = p.confirmed, p.retaining
	}
	m.undo, m.events, m.seq = nil, nil, m.committed
}

// Lead begins deciding.
func (m *Machine) Lead(term uint64) {
	if m.leading || m.seq != m.committed {
		panic("toy: made leader twice, or ahead of the commit")
	}
	m.leading = true
	if m.OnLead != nil {
		m.OnLead(term)
	}
}

// Follow ends deciding.
func (m *Machine) Follow() {
	if !m.leading || m.seq != m.committed {
		panic("toy: made follower twice, or without undo")
	}
	m.leading = false
	if m.OnFollow != nil {
		m.OnFollow()
	}
}

// Retain returns the entry after the one the reader confirmed.
func (m *Machine) Retain() uint64 {
	if m.Bugs.ForgetRetention || !m.retaining {
		return 0
	}
	return m.confirmed + 1
}

// Confirmed returns what the reader confirmed, as the state has it.
func (m *Machine) Confirmed() uint64 { return m.confirmed }

// Digest returns a digest of the whole state.
func (m *Machine) Digest() [32]byte {
	h := sha256.New()
	if _, err := m.freeze().WriteTo(h); err != nil {
		panic(err) // a hash takes everything
	}
	var d [32]byte
	h.Sum(d[:0])
	return d
}

// frozen is a picture of the state.
type frozen struct {
	orders         map[uint64]*order
	done           map[uint64]uint64
	seq, confirmed uint64
}

// Freeze copies pointers to immutable values.
func (m *Machine) Freeze() io.WriterTo { return m.freeze() }

func (m *Machine) freeze() *frozen {
	f := &frozen{
		orders: make(map[uint64]*order, len(m.orders)), done: make(map[uint64]uint64, len(m.done)),
		seq: m.seq, confirmed: m.confirmed,
	}
	maps.Copy(f.orders, m.orders)
	maps.Copy(f.done, m.done)
	return f
}

func sorted[V any](m map[uint64]V) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// WriteTo encodes the picture; the same state gives the same bytes.
func (f *frozen) WriteTo(w io.Writer) (int64, error) {
	var b []byte
	b = put(b, f.seq, f.confirmed, uint64(len(f.orders)))
	for _, k := range sorted(f.orders) {
		b = put(b, k, f.orders[k].value, f.orders[k].made)
	}
	b = put(b, uint64(len(f.done)))
	for _, k := range sorted(f.done) {
		b = put(b, k, f.done[k])
	}
	n, err := w.Write(b)
	return int64(n), err
}

func put(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// Restore replaces the state.
func (m *Machine) Restore(r io.Reader) error {
	in := &input{r: bufio.NewReader(r)}
	n := New()
	n.seq, n.confirmed = in.next(), in.next()
	for count := in.next(); count > 0 && in.err == nil; count-- {
		k := in.next()
		n.orders[k] = &order{value: in.next(), made: in.next()}
	}
	for count := in.next(); count > 0 && in.err == nil; count-- {
		k := in.next()
		n.done[k] = in.next()
	}
	if in.err != nil {
		return in.err
	}
	if _, err := in.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("toy: the state doesn't end where it should: %w", err)
	}
	m.orders, m.done, m.seq, m.confirmed = n.orders, n.done, n.seq, n.confirmed
	m.committed, m.undo, m.events = n.seq, nil, nil
	return nil
}

type input struct {
	r   *bufio.Reader
	err error
}

func (i *input) next() uint64 {
	v, err := binary.ReadUvarint(i.r)
	if err != nil && i.err == nil {
		i.err = err
	}
	return v
}

// event is one event; Event is what it looks like from outside.
type event struct {
	op      Op
	id      uint64
	key     uint64
	value   uint64
	ballast int
}

// Event is one decoded event.
type Event event

// ID returns the id of the command it came from.
func (e Event) ID() uint64 { return e.id }

// Op returns what was done.
func (e Event) Op() Op { return e.op }

// Key returns the order's key.
func (e Event) Key() uint64 { return e.key }

func (e event) encode(b []byte) []byte {
	b = put(b, uint64(e.op), e.id, e.key, e.value, uint64(e.ballast))
	return append(b, make([]byte, e.ballast)...)
}

// DecodeEvents decodes what Take returned.
func DecodeEvents(data []byte) ([]Event, error) {
	var list []Event
	for len(data) > 0 {
		var v [5]uint64
		for i := range v {
			n, size := binary.Uvarint(data)
			if size <= 0 {
				return nil, errors.New("toy: an event can't be decoded")
			}
			v[i], data = n, data[size:]
		}
		if v[0] < uint64(Add) || v[0] > uint64(Confirm) || v[4] > uint64(len(data)) {
			return nil, errors.New("toy: an event is none")
		}
		list = append(list, Event{Op(v[0]), v[1], v[2], v[3], int(v[4])})
		data = data[v[4]:]
	}
	return list, nil
}
