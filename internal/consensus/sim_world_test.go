package consensus

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// bugs are mistakes on purpose, to see whether the simulation finds them.
type bugs struct {
	toy            toy.Bugs
	sendBeforeSync bool // what must wait for the disk is sent when it is only written
	earlyReply     bool // callers get their replies when they are decided
	noSyncOnOpen   bool // what a killed process left in the cache is trusted
	sameIdentity   bool // who lost its log comes back as who it was
	promoteEarly   bool // a member gets its vote before it has anything
}

// world is a whole group, its clients and its faults, in one goroutine.
type world struct {
	rand    *mathrand.Rand
	clock   *clock.Fake
	log     *slog.Logger
	ids     []uint64
	local   bool
	bugs    bugs
	members []*member
	net     []packet
	cut     map[[2]uint64]bool // directions that lose everything
	trace   uint64
	calm    bool    // no faults any more
	faults  float64 // of 100 steps
	probed  bool    // a command given after the faults is in the log

	stream    [][]byte // committed entries; stream[0] is number 1
	digests   [][32]byte
	oracle    *toy.Machine
	counts    map[uint64]int    // command id -> events in the stream
	added     map[uint64]bool   // keys that were ever added
	acked     map[uint64]uint64 // command id -> number it was told
	unchecked []answered
	reader    uint64 // the reader has the entries up to here
	confirmed uint64 // and got the answer that it is known up to here
	nextID    uint64
	taken     map[uint64]uint64 // identity without a vote -> entry that took it in
	open      []toy.Command     // asked, without an answer so far
	stats     stats
}

type stats struct {
	acked, unknown, refusedLeader, crashes, cuts, states, statesFailed, hungStops, noSpace, torn, broken int

	wiped, removed, flipped, harmless, blind, oldDisks, most, repaired, replaced int
}

// answered is an answer that a client got and the world hasn't judged.
type answered struct {
	cmd   toy.Command
	reply toy.Reply
}

// seededReader makes everything random come from the seed, the library's
// election timeouts, too. rand.Reader is the process's, so simulations don't
// run in parallel.
type seededReader struct{ r *mathrand.ChaCha8 }

func (s seededReader) Read(p []byte) (int, error) { return s.r.Read(p) }

func newWorld(seed uint64, members int, local bool, b bugs) *world {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	rand.Reader = seededReader{mathrand.NewChaCha8(key)}
	w := &world{
		rand:  mathrand.New(mathrand.NewPCG(seed, 1)),
		clock: clock.NewFake(time.Unix(1_800_000_000, 0)),
		log:   slog.New(slog.DiscardHandler), local: local, bugs: b,
		cut: map[[2]uint64]bool{}, oracle: toy.New(), counts: map[uint64]int{},
		added: map[uint64]bool{}, taken: map[uint64]uint64{}, acked: map[uint64]uint64{}, digests: make([][32]byte, 1),
	}
	w.faults = []float64{0.3, 1, 2.5}[w.rand.IntN(3)]
	w.digests[0] = w.oracle.Digest()
	for id := uint64(1); id <= uint64(members); id++ {
		w.ids = append(w.ids, id)
		disk := fsys.NewMem()
		w.members = append(w.members, &member{world: w, id: id, disk: disk, weak: fsys.NewFailing(disk)})
	}
	return w
}

// step enters what happens into the trace, which two runs of a seed must share.
func (w *world) step(what string, values ...uint64) {
	h := fnv.New64a()
	_, _ = io.WriteString(h, what) // a hash takes everything
	var b [8]byte
	for _, v := range append(values, w.trace) {
		binary.LittleEndian.PutUint64(b[:], v)
		_, _ = h.Write(b[:])
	}
	w.trace = h.Sum64()
}

func (w *world) put(k packet) {
	h := fnv.New64a()
	_, _ = h.Write(k.data)
	w.step("send", k.from, k.to, h.Sum64())
	if len(w.net) > 2000 {
		k.lose()
		return
	}
	w.net = append(w.net, k)
}

// forget drops what only the life of a member knew: states it was sending.
func (w *world) forget(id uint64) {
	kept := w.net[:0]
	for _, k := range w.net {
		if k.body == nil || k.from != id {
			kept = append(kept, k)
		}
	}
	w.net = kept
}

func (w *world) member(id uint64) *member { return w.members[id-1] }

func (w *world) pick() *member { return w.members[w.rand.IntN(len(w.members))] }

func (w *world) chance(percent float64) bool { return w.rand.Float64()*100 < percent }

// deliverOne takes any packet under way, loses it, doubles it, or brings it.
func (w *world) deliverOne() error {
	if len(w.net) == 0 {
		return nil
	}
	i := w.rand.IntN(len(w.net))
	k := w.net[i]
	if k.body != nil || w.calm || !w.chance(2) {
		w.net[i] = w.net[len(w.net)-1]
		w.net = w.net[:len(w.net)-1]
	}
	to := w.member(k.to)
	if to.run == nil || w.cut[[2]uint64{k.from, k.to}] || !w.calm && w.chance(3) {
		k.lose()
		if from := w.member(k.from).run; from != nil {
			return from.posted()
		}
		return nil
	}
	if k.body != nil && to.hung {
		w.net = append(w.net, k) // it can't be stored now
		return nil
	}
	w.step("deliver", k.from, k.to)
	if err := to.run.deliver(k); err != nil {
		return err
	}
	if from := w.member(k.from).run; from != nil {
		return from.posted()
	}
	return nil
}

// compare checks what a member has committed against what others had, and the
// state against the fold.
func (w *world) compare(p *process) error {
	c := p.core
	for p.m.seen < c.applied {
		list, err := c.pub.Entries(p.m.seen+1, 1<<20)
		if fault.HasCode(err, "EntriesCompacted") {
			p.m.seen = c.pub.Status().OldestSeq - 1 // a state was installed
			continue
		}
		if err != nil {
			return fmt.Errorf("member %d: reading its entries: %w", p.m.id, err)
		}
		if len(list) == 0 {
			break // not published yet; the next look finds it
		}
		for _, e := range list {
			if err := w.entry(p.m.id, e); err != nil {
				return err
			}
			p.m.seen = e.Seq
		}
	}
	if err := w.judge(); err != nil {
		return err
	}
	if err := w.compareMembers(p); err != nil {
		return err
	}
	if c.seq == c.applied && c.applied < uint64(len(w.digests)) && w.chance(10) {
		if p.machine.Digest() != w.digests[c.applied] {
			return fmt.Errorf("member %d: its state at entry %d isn't the fold of the entries", p.m.id, c.applied)
		}
	}
	return nil
}

// entry takes a committed entry: known, or the next one.
func (w *world) entry(id uint64, e Entry) error {
	if e.Seq <= uint64(len(w.stream)) {
		if !bytes.Equal(w.stream[e.Seq-1], e.Data) {
			return fmt.Errorf("member %d has another entry %d than was committed", id, e.Seq)
		}
		return nil
	}
	if e.Seq != uint64(len(w.stream))+1 {
		return fmt.Errorf("member %d has entry %d, but nobody had %d", id, e.Seq, len(w.stream)+1)
	}
	w.stream = append(w.stream, e.Data)
	if err := w.oracle.Apply(e.Data); err != nil {
		return err
	}
	w.digests = append(w.digests, w.oracle.Digest())
	events, err := toy.DecodeEvents(e.Data)
	if err != nil {
		return err
	}
	for _, ev := range events {
		w.probed = w.probed || ev.ID() >= firstProbe
		if w.counts[ev.ID()]++; w.counts[ev.ID()] > 1 {
			return fmt.Errorf("command %d was done twice, again in entry %d", ev.ID(), e.Seq)
		}
		if ev.Op() == toy.Add {
			w.added[ev.Key()] = true
		}
	}
	return nil
}

// answer takes what a client was told.
func (w *world) answer(cmd toy.Command, reply any, err error) {
	switch {
	case err == nil:
		w.stats.acked++
		w.unchecked = append(w.unchecked, answered{cmd, reply.(toy.Reply)})
	case fault.HasCode(err, "OutcomeUnknown"):
		w.stats.unknown++
	case fault.HasCode(err, "NotLeader"):
		w.stats.refusedLeader++
	case fault.HasCode(err, "OutOfSpace"):
		w.stats.noSpace++
	case fault.HasCode(err, "TooBusy"):
	default:
		panic(err)
	}
	if err != nil {
		w.open = append(w.open, cmd) // it is repeated, with its id
	}
}

// judge looks whether answers rest on what is committed.
func (w *world) judge() error {
	list := w.unchecked
	w.unchecked = nil
	for _, a := range list {
		switch {
		case a.reply.Refused:
			if a.cmd.Op == toy.Add && !w.added[a.cmd.Key] {
				return fmt.Errorf("command %d was refused because of an order that never was", a.cmd.ID)
			}
		case w.counts[a.cmd.ID] != 1:
			return fmt.Errorf("command %d was acknowledged, but is %d times in the log", a.cmd.ID, w.counts[a.cmd.ID])
		case a.reply.Seq > uint64(len(w.stream)):
			return fmt.Errorf("command %d was acknowledged at entry %d, but only %d are committed", a.cmd.ID, a.reply.Seq, len(w.stream))
		}
		if !a.reply.Refused {
			w.acked[a.cmd.ID] = a.reply.Seq
			if a.cmd.Op == toy.Confirm {
				w.confirmed = max(w.confirmed, a.cmd.Value)
			}
		}
	}
	return nil
}

// client submits a batch of commands to a member, the leader most of the time.
func (w *world) client() error {
	to := w.pick()
	if w.chance(80) {
		for _, m := range w.members {
			if m.run != nil && m.run.core.leading && (to.run == nil || !to.run.core.leading) {
				to = m
			}
		}
	}
	if to.run == nil {
		return nil
	}
	var list []command
	for n := 1 + w.rand.IntN(6); n > 0; n-- {
		list = append(list, w.command(w.choose()))
	}
	w.step("submit", to.id, uint64(len(list)))
	to.run.core.submit(list)
	return to.run.check()
}

// choose makes a command: a repeat of one without an answer, or a new one.
func (w *world) choose() toy.Command {
	if len(w.open) > 0 && w.chance(50) {
		i := w.rand.IntN(len(w.open))
		cmd := w.open[i]
		w.open = append(w.open[:i], w.open[i+1:]...)
		return cmd
	}
	w.nextID++
	cmd := toy.Command{ID: w.nextID, Key: uint64(w.rand.IntN(40)), Value: w.nextID, Bytes: w.rand.IntN(120)}
	switch n := w.rand.IntN(100); {
	case n < 60:
		cmd.Op = toy.Add
	case n < 90:
		cmd.Op = toy.Remove
	default:
		cmd.Op, cmd.Value, cmd.Key = toy.Confirm, w.reader, 0
	}
	return cmd
}

func (w *world) command(cmd toy.Command) command {
	answered := false
	done := func(reply any, err error) {
		if answered {
			panic("a caller was answered twice")
		}
		answered = true
		w.answer(cmd, reply, err)
	}
	if !w.bugs.earlyReply {
		return command{cmd: cmd, done: done}
	}
	early := cmd
	early.Early = func(r toy.Reply) {
		if r.Refused {
			done(r, nil)
		}
	}
	return command{cmd: early, done: func(reply any, err error) {
		if !answered {
			done(reply, err)
		}
	}}
}

// read lets the reader read on at any member: it must never meet a gap.
func (w *world) read() error {
	m := w.pick()
	if m.run == nil {
		return nil
	}
	list, err := m.run.core.pub.Entries(w.reader+1, 1+w.rand.IntN(2000))
	if err != nil {
		return fmt.Errorf("the reader has the entries up to %d and confirmed %d, and member %d can't go on: %w", w.reader, w.confirmed, m.id, err)
	}
	for _, e := range list {
		if e.Seq != w.reader+1 {
			return fmt.Errorf("the reader got entry %d from member %d after %d", e.Seq, m.id, w.reader)
		}
		if e.Seq > uint64(len(w.stream)) || !bytes.Equal(w.stream[e.Seq-1], e.Data) {
			return fmt.Errorf("the reader got another entry %d from member %d than was committed", e.Seq, m.id)
		}
		w.reader = e.Seq
	}
	return nil
}

// firstProbe is the id of the first command given after the faults ended.
const firstProbe = 1 << 40

var errStuck = errors.New("the group didn't come to rest after the faults ended")
