package engine

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
)

// snapshotFormat is the version of the snapshot's form (docs/formats/snapshot.md).
const snapshotFormat = 1

// maxSnapshotRecord bounds one record of a snapshot, in bytes.
const maxSnapshotRecord = 64 << 20

// The kinds of records of a snapshot; final.
const (
	recMeta = 1 + iota
	recItem
	recHead
	recPathControl
	recWorkflowControl
	recOrder
	recAgent
	recAttachment
	recReader
	recCommand
	recRefused
	recLeft
	recFloor
	recEnd = 255
)

// Frozen is a picture of a machine's state. It is immutable and may be written
// in another goroutine while the machine goes on.
type Frozen struct {
	LastEventID int64
	groups      []group
}

type group struct {
	kind byte
	list func() []codec.Fielder // sorted; called by the writer
}

// pair is a row of a table of plain values.
type pair struct {
	Key, Value string
	Number     int64
}

// Walk describes the fields.
func (p *pair) Walk(w codec.Walker) {
	w.Str("key", &p.Key)
	w.Str("value", &p.Value)
	w.Int("number", &p.Number)
}

// Walk describes the fields.
func (it *Item) Walk(w codec.Walker) {
	codec.Always(w, "item", &it.Ref)
	codec.Always(w, "signed", &it.Document)
	w.Str("signer", &it.Signer)
	w.Bool("removed", &it.Removed)
	codec.Opt(w, "quarantine", &it.Quarantine)
	w.Int("added", &it.Added)
	codec.Strings(w, "uses", &it.Uses)
}

// row is one entry of a table.
type row[K cmp.Ordered, V any] struct {
	key   K
	value V
}

// freeze copies the pointers of a table; sorting is left to the writer.
func freeze[K cmp.Ordered, V any](kind byte, t *table[K, V], fields func(K, V) codec.Fielder) group {
	rows := make([]row[K, V], 0, len(t.m))
	for k, v := range t.m {
		rows = append(rows, row[K, V]{k, v})
	}
	return group{kind, func() []codec.Fielder {
		sorted := slices.Clone(rows)
		slices.SortFunc(sorted, func(a, b row[K, V]) int { return cmp.Compare(a.key, b.key) })
		list := make([]codec.Fielder, len(sorted))
		for i, r := range sorted {
			list[i] = fields(r.key, r.value)
		}
		return list
	}}
}

func fielder[K cmp.Ordered, V codec.Fielder](_ K, v V) codec.Fielder { return v }

// base freezes what both machines have.
func (m *machine) base(meta ...*pair) *Frozen {
	meta = append(meta, &pair{Key: "lastEventId", Number: m.lastID})
	if e := m.estate.v; e != (Estate{}) {
		meta = append(meta, &pair{Key: "installation", Value: e.Installation}, &pair{Key: "securityLevel", Value: e.Level})
	}
	if m.floors.serial.v > 0 {
		meta = append(meta, &pair{Key: "releaseSerial", Number: m.floors.serial.v})
	}
	return &Frozen{m.lastID, []group{
		{recMeta, func() []codec.Fielder {
			rows := make([]codec.Fielder, len(meta))
			for i, p := range meta {
				rows[i] = p
			}
			return rows
		}},
		freeze(recItem, m.items, fielder[string, *Item]),
		freeze(recHead, m.heads, func(k, v string) codec.Fielder { return &pair{Key: k, Value: v} }),
		freeze(recPathControl, m.paths, fielder[string, *PathControl]),
		freeze(recWorkflowControl, m.breaks, fielder[string, *WorkflowControl]),
		freeze(recOrder, m.orders, fielder[order.ID, *order.Order]),
		freeze(recFloor, m.floors.paths, func(k string, v int64) codec.Fielder { return &pair{Key: k, Number: v} }),
	}}
}

// Freeze returns a picture of the present state.
func (c *Controller) Freeze() *Frozen {
	f := c.base(&pair{Key: "controllerId", Value: c.id.v})
	var commands []codec.Fielder
	for r := c.ring.v; r != nil; r = r.older {
		commands = append(commands, &pair{Key: r.id, Value: c.done.m[r.id]})
	}
	slices.Reverse(commands)
	f.groups = append(f.groups,
		freeze(recAgent, c.agents, fielder[string, *AgentState]),
		freeze(recAttachment, c.attached, fielder[string, *ItemAttachment]),
		freeze(recReader, c.readers, func(k string, v int64) codec.Fielder { return &pair{Key: k, Number: v} }),
		group{recCommand, func() []codec.Fielder { return commands }},
	)
	return f
}

// Freeze returns a picture of the present state.
func (a *Agent) Freeze() *Frozen {
	f := a.base(
		&pair{Key: "logId", Value: a.logID.v}, &pair{Key: "controllerId", Value: a.controller.v},
		&pair{Key: "term", Number: a.term.v}, &pair{Key: "sequence", Number: a.sequence.v}, &pair{Key: "confirmed", Number: a.confirmed.v},
	)
	f.groups = append(f.groups, freeze(recRefused, a.refused, func(k string, p *order.Problem) codec.Fielder {
		return &pair{Key: k, Value: string(codec.Binary(nil, p))}
	}), freeze(recLeft, a.left, fielder[order.ID, *leftOrder]))
	return f
}

// WriteTo writes the snapshot: format byte, records of kind, length and
// fields, and an end record with their number.
func (f *Frozen) WriteTo(out io.Writer) (int64, error) {
	w := &countingWriter{w: bufio.NewWriterSize(out, 1<<16)}
	_, _ = w.Write([]byte{snapshotFormat}) // the first error is kept
	var n uint64
	var buf []byte
	for _, g := range f.groups {
		for _, fields := range g.list() {
			buf = codec.Binary(buf[:0], fields)
			w.record(g.kind, buf)
			n++
		}
	}
	w.record(recEnd, binary.AppendUvarint(nil, n))
	if w.err == nil {
		w.err = w.w.Flush()
	}
	return w.n, w.err
}

// Digest returns a hash of the state; equal states have equal digests.
func (f *Frozen) Digest() [32]byte {
	h := sha256.New()
	_, _ = f.WriteTo(h) // a hash takes everything
	return [32]byte(h.Sum(nil))
}

type countingWriter struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (w *countingWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	var n int
	n, w.err = w.w.Write(b)
	w.n += int64(n)
	return n, w.err
}

func (w *countingWriter) record(kind byte, body []byte) {
	head := binary.AppendUvarint([]byte{kind}, uint64(len(body)))
	_, _ = w.Write(head) // the first error is kept
	_, _ = w.Write(body)
}

// readSnapshot calls each for every record.
func readSnapshot(in io.Reader, each func(kind byte, body []byte) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	format, err := r.ReadByte()
	if err != nil || format != snapshotFormat {
		return fault.Wrap(fault.Corrupt, "UnknownFormat", err, "the snapshot isn't of format %d", snapshotFormat)
	}
	for n := uint64(0); ; n++ {
		kind, err := r.ReadByte()
		if err != nil {
			return fault.Wrap(fault.Corrupt, "SnapshotTorn", err, "the snapshot ends in the middle")
		}
		length, err := binary.ReadUvarint(r)
		if err != nil || length > maxSnapshotRecord {
			return fault.Wrap(fault.Corrupt, "BadRecord", err, "the snapshot's record %d has a bad length", n)
		}
		body, err := readRecord(r, int(length))
		if err != nil {
			return err
		}
		if kind == recEnd {
			if count, _ := binary.Uvarint(body); count != n {
				return fault.New(fault.Corrupt, "SnapshotTorn", "the snapshot says it has %d records, not %d", count, n)
			}
			return nil
		}
		if err := each(kind, body); err != nil {
			return err
		}
	}
}

// readRecord reads what is there, and doesn't believe in a length before.
func readRecord(r io.Reader, length int) ([]byte, error) {
	body := make([]byte, 0, min(length, 1<<16))
	for len(body) < length {
		n := min(length-len(body), max(len(body), 1<<16))
		body = slices.Grow(body, n)
		at := len(body)
		body = body[:at+n]
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			return nil, fault.Wrap(fault.Corrupt, "SnapshotTorn", err, "the snapshot ends in the middle")
		}
	}
	return body, nil
}

// restore takes over a record that both machines have; false for another kind.
func (m *machine) restore(kind byte, body []byte) (bool, error) {
	switch kind {
	case recItem:
		it := &Item{}
		if err := codec.ReadBinary(body, it); err != nil {
			return true, err
		}
		m.items.put(it.Ref.String(), it, true)
	case recHead:
		var p pair
		if err := codec.ReadBinary(body, &p); err != nil {
			return true, err
		}
		m.heads.m[p.Key] = p.Value
	case recPathControl:
		p := &PathControl{}
		if err := codec.ReadBinary(body, p); err != nil {
			return true, err
		}
		m.paths.m[p.Path] = p
	case recWorkflowControl:
		b := &WorkflowControl{}
		if err := codec.ReadBinary(body, b); err != nil {
			return true, err
		}
		m.breaks.m[b.Workflow.String()] = b
	case recOrder:
		o := &order.Order{}
		if err := codec.ReadBinary(body, o); err != nil {
			return true, err
		}
		m.orders.put(o.ID, o, true)
	case recFloor:
		var p pair
		if err := codec.ReadBinary(body, &p); err != nil {
			return true, err
		}
		m.floors.paths.m[p.Key] = p.Number
	default:
		return false, nil
	}
	return true, nil
}

func unknownRecord(kind byte) error {
	return fault.New(fault.Corrupt, "BadRecord", "the snapshot has a record of unknown kind %d: it was written by a newer version", kind)
}

// RestoreController returns a machine with a snapshot's state.
func RestoreController(cfg Config, in io.Reader) (*Controller, error) {
	c := NewController(cfg)
	err := readSnapshot(in, func(kind byte, body []byte) error {
		if done, err := c.restore(kind, body); done {
			return err
		}
		switch kind {
		case recAgent:
			s := &AgentState{}
			err := codec.ReadBinary(body, s)
			c.agents.m[s.Path] = s
			return err
		case recAttachment:
			at := &ItemAttachment{}
			err := codec.ReadBinary(body, at)
			c.attached.put(attachKey(at.Agent, at.Ref), at, true)
			return err
		}
		var p pair
		if err := codec.ReadBinary(body, &p); err != nil {
			return err
		}
		switch kind {
		case recMeta:
			switch p.Key {
			case "lastEventId":
				c.lastID = p.Number
			case "controllerId":
				c.id.v = p.Value
			default:
				c.restoreMeta(p)
			}
		case recReader:
			c.readers.m[p.Key] = p.Number
		case recCommand:
			c.remember(&CommandExecuted{CommandID: p.Key, Reply: p.Value})
		default:
			return unknownRecord(kind)
		}
		return nil
	})
	c.undo.forget(len(c.undo.steps))
	clear(c.agentsDirty)
	c.left, c.unused = nil, nil
	return c, err
}

// RestoreAgent returns a machine with a snapshot's state.
func RestoreAgent(cfg Config, in io.Reader) (*Agent, error) {
	a := NewAgent(cfg)
	err := readSnapshot(in, func(kind byte, body []byte) error {
		if done, err := a.restore(kind, body); done {
			return err
		}
		if kind == recLeft {
			l := &leftOrder{}
			err := codec.ReadBinary(body, l)
			a.left.m[l.id] = l
			return err
		}
		var p pair
		if err := codec.ReadBinary(body, &p); err != nil {
			return err
		}
		switch kind {
		case recMeta:
			a.restoreMeta(p)
		case recRefused:
			problem := &order.Problem{}
			err := codec.ReadBinary([]byte(p.Value), problem)
			a.refused.m[p.Key] = problem
			return err
		default:
			return unknownRecord(kind)
		}
		return nil
	})
	return a, err
}

func (a *Agent) restoreMeta(p pair) {
	switch p.Key {
	case "lastEventId":
		a.lastID = p.Number
	case "logId":
		a.logID.v = p.Value
	case "controllerId":
		a.controller.v = p.Value
	case "term":
		a.term.v = p.Number
	case "sequence":
		a.sequence.v = p.Number
	case "confirmed":
		a.confirmed.v = p.Number
	default:
		a.machine.restoreMeta(p)
	}
}

// restoreMeta takes over what both machines have beside their tables.
func (m *machine) restoreMeta(p pair) {
	switch p.Key {
	case "installation":
		m.estate.v.Installation = p.Value
	case "securityLevel":
		m.estate.v.Level = p.Value
	case "releaseSerial":
		m.floors.serial.v = p.Number
	}
}
