package consensus

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// core is the commit pipeline as a single-threaded machine: inputs are method
// calls, outputs go to env, the transport, the Machine and the callers. It has
// no goroutines, no locks and no clock but ticks and the Clock's Now; a test
// drives it from a seed. All fields are owned by whoever calls the inputs.
type core struct {
	o     Options
	j     *journal.Journal // read only; the writer writes it
	m     Machine
	log   *slog.Logger
	env   env
	proto protocol
	pub   *published

	queue  []command // not decided yet
	flight []batch   // decided, proposed, not committed; oldest first
	reads  []batch   // without events: they wait until the leadership is confirmed
	ready  []batch   // committed: the replies may leave

	leading  bool // between Machine.Lead and Machine.Follow
	leadTerm uint64
	seq      uint64 // number of the newest entry in the state
	applied  uint64 // number of the newest committed entry in the state
	index    uint64 // of the newest entry applied, with events or not
	told     uint64 // what Machine.Committed got last
	retain   uint64 // Machine.Retain as of applied
	now      time.Time

	ticks    uint64
	writes   []*write // handed out and not back; oldest first
	pending  int64    // bytes in them
	probing  bool
	noSpace  bool
	snap     snapshots
	copies   copies
	err      error // why the node stopped
	stopping bool
}

// env is what the core has its shell do.
type env interface {
	// write hands an order to the writer; it comes back by core.stored.
	write(w *write)
	// background runs f beside the loop.
	background(f func())
	// post has the loop call f, soon; from any goroutine.
	post(f func())
}

// protocol is how entries are committed: by Raft, or by the own disk alone.
type protocol interface {
	// start brings the state up to the log's end, as far as that is known committed.
	start()
	tick()
	// accepting tells whether propose may be called: this node leads, and
	// isn't about to hand over.
	accepting() bool
	// propose appends an entry that this node decided.
	propose(h entryHeader, data []byte)
	// confirm makes sure that this node still leads, then calls core.confirmed.
	confirm()
	// drain carries out what the inputs so far lead to.
	drain()
	// stored takes an order back.
	stored(w *write)
	// overdue tells that the disk hasn't finished an order for an election timeout.
	overdue()
	// cramped tells, again and again, that the disk is full.
	cramped()
	status(s *Status)
	transfer(to uint64) error
	// conf returns who is in the group as of an entry, for a snapshot.
	conf(index uint64) ([]byte, error)
	// leader returns who leads, for the errors that name it; 0 if unknown.
	leader() uint64
	// soon tells that this node will lead without anyone's help: commands may wait.
	soon() bool
}

// command is a command and the caller who waits. Exactly one call of done.
type command struct {
	cmd  any
	done func(reply any, err error)
	gone func() error // tells that the caller waits no more; may be nil
}

// batch is what was decided at once: the replies, and what they rest on.
type batch struct {
	seq     uint64 // number of the entry; of reads, the newest entry in the state
	retain  uint64
	answers []answer
}

type answer struct {
	done  func(reply any, err error)
	reply any
}

// newCore returns a core on an open journal. start must follow.
func newCore(o Options, j *journal.Journal, e env) *core {
	c := &core{o: o, j: j, m: o.Machine, log: o.Log, env: e, pub: &published{j: j}, noSpace: j.Low()}
	c.snap.c, c.copies.c = c, c
	c.pub.damaged = c.damaged
	return c
}

// start brings the state to what the log holds.
func (c *core) start() {
	c.guard(func() {
		c.restore()
		if c.err == nil {
			c.proto.start()
			c.settle()
		}
	})
}

// restore sets the state to the journal's newest snapshot.
func (c *core) restore() {
	r, err := c.j.OpenSnapshot()
	if err == nil && r != nil {
		err = c.m.Restore(r)
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		c.stop(fmt.Errorf("restoring the state from the snapshot: %w", err))
		return
	}
	meta, _ := c.j.Snapshot()
	c.seq, c.applied, c.index = meta.Seq, meta.Seq, meta.Index
	c.snap.restored(meta)
	if c.retain = c.m.Retain(); c.applied > 0 {
		c.told = c.applied
		c.m.Committed(c.applied)
	}
}

// tick tells that one tick has passed.
func (c *core) tick() {
	c.guard(func() {
		c.ticks++
		c.proto.tick()
		c.watchDisk()
		c.snap.tick()
		c.probe()
		c.settle()
	})
}

// submit takes commands.
func (c *core) submit(list []command) {
	c.guard(func() {
		if c.err != nil || c.stopping || !c.leading && !c.proto.accepting() && !c.proto.soon() {
			c.refuse(list)
			return
		}
		for i, cmd := range list {
			if len(c.queue) >= c.o.MaxQueue {
				for _, cmd := range list[i:] {
					cmd.done(nil, errTooBusy())
				}
				break
			}
			c.queue = append(c.queue, cmd)
		}
		c.settle()
	})
}

// stored takes back an order that was carried out. Orders come back in their order.
func (c *core) stored(w *write) {
	c.guard(func() {
		if len(c.writes) == 0 || c.writes[0] != w {
			c.stop(fault.New(fault.Internal, "WriteOrder", "an order to the disk came back out of order"))
			return
		}
		c.writes = c.writes[1:]
		c.pending -= w.bytes
		if w.probe {
			c.probed(w)
		}
		if w.install != nil {
			c.installed()
		}
		if w.publish != nil {
			c.snap.published(w)
		}
		if c.err == nil {
			c.proto.stored(w)
			c.settle()
		}
	})
}

// installed replaces the state by the one that a peer sent and the log now
// begins with. This node doesn't lead, so nothing runs ahead.
func (c *core) installed() {
	if c.leading || len(c.flight) > 0 || c.seq != c.applied {
		c.stop(fault.New(fault.Internal, "SnapshotOnLeader", "a state was installed while the own one ran ahead"))
		return
	}
	c.restore()
}

// hand gives an order to the writer.
func (c *core) hand(w *write) {
	w.since = c.ticks
	for i := range w.entries {
		w.bytes += int64(len(w.entries[i].Data)) + entryBytes
	}
	if w.hard != nil {
		w.bytes += entryBytes
	}
	c.pending += w.bytes
	c.writes = append(c.writes, w)
	c.env.write(w)
}

// entryBytes is about what an entry takes in the log beside its data.
const entryBytes = 64

// settle carries out all that the inputs so far lead to: what the protocol has
// to do, new decisions, replies.
func (c *core) settle() {
	c.drain()
	for c.err == nil && c.decide() {
		c.drain()
	}
	c.snap.advance()
	c.copies.advance()
	c.publish()
}

// drain has the protocol do what it has to, and lets replies leave.
func (c *core) drain() {
	if c.err != nil {
		return
	}
	c.proto.drain()
	if c.err == nil {
		c.release()
	}
}

// decide has the machine decide the next batch; it tells whether there was one.
func (c *core) decide() bool {
	if !c.leading || len(c.queue) == 0 || !c.proto.accepting() ||
		len(c.flight)+len(c.reads) >= c.o.Depth || !c.roomy() {
		return false
	}
	b := batch{answers: make([]answer, 0, min(len(c.queue), c.o.MaxBatch))}
	now := c.time()
	for n, bytes := 0, 0; n < c.o.MaxBatch && bytes < c.o.MaxBatchBytes && len(c.queue) > 0; n++ {
		cmd := c.queue[0]
		c.queue[0] = command{}
		c.queue = c.queue[1:]
		if cmd.gone != nil {
			if err := cmd.gone(); err != nil {
				cmd.done(nil, err)
				continue
			}
		}
		size := commandBytes
		if s, ok := cmd.cmd.(Sized); ok {
			size = s.Size()
		}
		bytes += size
		b.answers = append(b.answers, answer{cmd.done, c.m.Decide(cmd.cmd, now)})
	}
	events := c.m.Take()
	b.retain = c.m.Retain()
	switch {
	case len(events) > 0:
		c.seq++
		b.seq = c.seq
		c.flight = append(c.flight, b)
		h := entryHeader{c.leadTerm, c.seq}
		c.proto.propose(h, encodeEntry(h, events))
	case len(c.flight) > 0:
		// The answers rest on what is in flight, and leave with it.
		last := &c.flight[len(c.flight)-1]
		last.answers = append(last.answers, b.answers...)
	case len(b.answers) > 0:
		b.seq = c.seq
		c.reads = append(c.reads, b)
		c.proto.confirm()
	}
	return true
}

// time returns the clock's time, but never goes backwards.
func (c *core) time() time.Time {
	if now := c.o.Clock.Now(); now.After(c.now) {
		c.now = now
	}
	return c.now
}

// roomy tells whether the disk has space for what a batch may need. Commands
// are refused before they are decided when it has not; they wait when only the
// orders in hand take it.
func (c *core) roomy() bool {
	if c.noSpace && !c.lookOnly() {
		return false
	}
	return c.pending == 0 || c.pending+int64(c.o.MaxBatchBytes) <= c.j.Room()
}

// lookOnly refuses what waits, but for the commands that only look, and tells
// whether there are such.
func (c *core) lookOnly() bool {
	var looks []command
	for _, cmd := range c.queue {
		if l, ok := cmd.cmd.(Looking); ok && l.LooksOnly() {
			looks = append(looks, cmd)
		} else {
			cmd.done(nil, errOutOfSpace(c.o.Dir))
		}
	}
	c.queue = looks
	return len(looks) > 0
}

// applyEntry takes a committed entry with events into the state; the leader's
// own is there already.
func (c *core) applyEntry(index, term uint64, data []byte) {
	h, events, err := decodeEntry(data)
	if err != nil {
		c.stop(fault.Wrap(fault.Corrupt, "UnknownEntry", err, "entry %d can't be applied", index))
		return
	}
	if h.term != term || h.seq != c.applied+1 {
		c.stop(fault.New(fault.Internal, "EntryOutOfOrder",
			"entry %d of term %d names term %d and number %d, where %d comes next", index, term, h.term, h.seq, c.applied+1))
		return
	}
	c.snap.grown(len(data))
	if c.leading && term == c.leadTerm {
		c.commitOwn(h, index)
		return
	}
	if len(c.flight) > 0 || c.seq != c.applied {
		c.stop(fault.New(fault.Internal, "StateAhead", "entry %d is another's, but the own state runs ahead", index))
		return
	}
	if err := c.m.Apply(events); err != nil {
		c.stop(fmt.Errorf("applying entry %d (number %d): %w", index, h.seq, err))
		return
	}
	c.seq, c.applied = h.seq, h.seq
	c.retain = c.m.Retain()
}

// commitOwn takes note that the oldest entry in flight is committed.
func (c *core) commitOwn(h entryHeader, index uint64) {
	if len(c.flight) == 0 || c.flight[0].seq != h.seq {
		c.stop(fault.New(fault.Internal, "EntryOutOfOrder", "entry %d (number %d) is of this term, but not the next in flight", index, h.seq))
		return
	}
	b := c.flight[0]
	c.flight[0] = batch{}
	c.flight = c.flight[1:]
	c.applied, c.retain = h.seq, b.retain
	c.ready = append(c.ready, b)
}

// confirmed lets the oldest n reads leave: this node led after they were made.
func (c *core) confirmed(n int) {
	c.ready = append(c.ready, c.reads[:n]...)
	c.reads = append([]batch(nil), c.reads[n:]...)
}

// release tells what is committed: to the machine, to readers, to callers.
func (c *core) release() {
	if c.applied > c.told {
		c.told = c.applied
		c.m.Committed(c.applied)
	}
	if len(c.ready) == 0 {
		return
	}
	c.publish() // who got an answer finds its entry
	list := c.ready
	c.ready = nil
	for _, b := range list {
		for _, a := range b.answers {
			a.done(a.reply, nil)
		}
	}
}

// lead begins deciding: the first entry of the own term is applied.
func (c *core) lead(term uint64) {
	c.leading, c.leadTerm = true, term
	c.log.Info("leading", "term", term, "seq", c.applied)
	c.release() // what earlier leaders committed comes first
	c.m.Lead(term)
}

// lost ends deciding: what isn't committed is taken back, and whoever waits
// for it learns that its outcome is unknown.
func (c *core) lost() {
	if c.leading {
		c.release()
		c.leading = false
		undone := slices.Concat(c.flight, c.reads)
		c.flight, c.reads = nil, nil
		c.log.Info("leadership lost", "term", c.leadTerm, "seq", c.applied, "undone", c.seq-c.applied)
		c.m.Undo()
		c.seq = c.applied
		c.m.Follow()
		c.snap.lost()
		c.copies.lost()
		for _, b := range undone {
			for _, a := range b.answers {
				a.done(nil, errUnknown())
			}
		}
	}
	list := c.queue
	c.queue = nil
	c.refuse(list)
}

// refuse answers commands that were not decided.
func (c *core) refuse(list []command) {
	for _, cmd := range list {
		cmd.done(nil, errNotLeader(c.proto.leader()))
	}
}

// stop ends the node for the reason given. What isn't committed stays unknown.
func (c *core) stop(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	c.log.Error("the log has stopped", "error", err)
}

// damaged has the node stop because the log isn't what was written; from any
// goroutine. The next start reads all of it, and finds out what is to be done.
func (c *core) damaged(err error) {
	c.env.post(func() { c.guard(func() { c.stop(err) }) })
}

// close answers everyone who waits; nothing may be put in afterwards.
func (c *core) close() {
	c.stopping = true
	list := append(append([]batch(nil), c.flight...), c.reads...)
	c.flight, c.reads = nil, nil
	for _, b := range list {
		for _, a := range b.answers {
			a.done(nil, errUnknown())
		}
	}
	queue := c.queue
	c.queue = nil
	c.refuse(queue)
	c.snap.close()
	c.copies.lost()
}

// guard runs an input. The library panics when the storage fails it; then the
// storage's error stops the node. Any other panic is a broken invariant.
func (c *core) guard(f func()) {
	defer func() {
		f, ok := c.proto.(interface{ failed() error })
		if !ok || f.failed() == nil {
			return
		}
		_ = recover() // told by failed
		c.stop(f.failed())
	}()
	if c.err == nil {
		f()
	}
}
