package consensus

import (
	"errors"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// snapshots decides when a snapshot is due, and takes it without stopping
// commits: the state is frozen as it is, usually ahead of the commit, written
// aside, and published when what it includes is committed. If the leadership
// is lost before, it shows a state that never was, and is thrown away.
type snapshots struct {
	c     *core
	seq   uint64 // entry that the newest one includes
	since uint64 // tick at which it was taken
	bytes int64  // of entries applied since
	retry uint64 // not before this tick, after a failure
	draft *draft
	next  []func(error) // who asked for one that isn't begun
	force bool          // also if it includes no more events than the newest
}

// draft is a snapshot on its way.
type draft struct {
	seq     uint64
	frozen  Frozen
	file    *journal.Draft // set by write
	err     error          // set by write
	meta    journal.Meta
	written bool // file and err are set
	handed  bool // the writer has it
	void    bool // its state is not to be
	waiters []func(error)
}

// retryTicks is how long a snapshot that failed isn't tried again.
const retryTicks = 100

// restored takes note of the snapshot that the log has.
func (s *snapshots) restored(meta journal.Meta) {
	s.seq, s.since, s.bytes = meta.Seq, s.c.ticks, 0
}

// grown counts the bytes of an applied entry.
func (s *snapshots) grown(bytes int) { s.bytes += int64(bytes) }

// request asks for a snapshot now; done is called when it is published, or not.
func (s *snapshots) request(done func(error)) {
	s.next = append(s.next, done)
	s.retry = 0
}

// renew asks for a snapshot for a member that can't do with the newest: there
// is none yet, or it doesn't know of that member.
func (s *snapshots) renew() {
	if s.draft == nil && len(s.next) == 0 && s.retry == 0 {
		s.force = true
		s.next = append(s.next, func(error) {})
	}
}

// tick forgets a failure after a while.
func (s *snapshots) tick() {
	if s.c.ticks >= s.retry {
		s.retry = 0
	}
}

func (s *snapshots) due() bool {
	c := s.c
	if s.draft != nil || s.retry > 0 {
		return false
	}
	if len(s.next) > 0 {
		return true
	}
	return c.seq > s.seq && c.applied > s.seq &&
		(s.bytes >= s.enough() || c.ticks-s.since >= c.o.periodTicks())
}

// leastLog is how much log is worth a snapshot, however small the state is.
const leastLog = 8 << 20

// enough returns how much log since the newest snapshot makes another one due:
// as much as that one has. So all snapshots together write about as much as the
// log does, and a log is as large as its state, not as its history.
func (s *snapshots) enough() int64 {
	return min(s.c.o.SnapshotBytes, max(leastLog, s.c.j.SnapshotBytes()))
}

// advance begins a snapshot when one is due, and publishes the one that is
// written when what it includes is committed.
func (s *snapshots) advance() {
	c := s.c
	if c.err != nil || c.stopping {
		return
	}
	if s.due() {
		s.begin()
	}
	d := s.draft
	if d == nil || !d.written || d.handed {
		return
	}
	switch {
	case d.err != nil:
		c.log.Warn("a snapshot could not be written", "seq", d.seq, "error", d.err)
		s.end(d.err)
	case d.void:
		s.end(fault.New(fault.Conflict, "SnapshotDiscarded", "the leader changed while the snapshot was written; try again"))
	case d.seq <= c.applied:
		s.publish(d)
	}
}

// begin freezes the state and has it written.
func (s *snapshots) begin() {
	c := s.c
	waiters := s.next
	s.next = nil
	if !s.force && (c.seq == 0 || c.seq == s.seq) {
		// Nothing has happened that the newest doesn't include.
		for _, done := range waiters {
			done(nil)
		}
		return
	}
	s.force = false
	d := &draft{seq: c.seq, frozen: c.m.Freeze(), waiters: waiters}
	s.draft = d
	c.env.background(func() {
		d.write(c.j)
		c.env.post(func() { c.guard(func() { d.written = true; c.settle() }) })
	})
}

// write encodes the frozen state into a file; it runs beside the loop, and the
// loop looks at the draft only afterwards.
func (d *draft) write(j *journal.Journal) {
	if d.file, d.err = j.NewDraft(); d.err != nil {
		return
	}
	_, d.err = d.frozen.WriteTo(d.file)
	d.frozen = nil
	if d.err == nil {
		d.err = d.file.Flush()
	}
	if d.err != nil {
		d.err = errors.Join(d.err, d.file.Discard())
	}
}

// publish hands a written snapshot to the writer; all it includes is committed.
func (s *snapshots) publish(d *draft) {
	c := s.c
	// Entries without events after it are included as well: they change the
	// members, or nothing.
	index := min(c.j.Index(d.seq+1)-1, c.index)
	term, err := c.j.Term(index)
	if have, _ := c.j.Snapshot(); err != nil || index < have.Index {
		// A newer one came from a peer meanwhile, and the entry is gone.
		s.end(nil)
		return
	}
	conf, err := c.proto.conf(index)
	if err != nil {
		s.end(err)
		return
	}
	d.meta = journal.Meta{Index: index, Term: term, Seq: d.seq, Conf: conf}
	d.handed = true
	c.hand(&write{publish: d})
}

// published takes note that the writer is through with a snapshot.
func (s *snapshots) published(w *write) {
	err := w.publishErr
	s.draft.handed = false
	if err != nil {
		s.c.log.Warn("a snapshot could not be published", "seq", w.publish.seq, "error", err)
	} else {
		meta, _ := s.c.j.Snapshot()
		s.restored(meta)
		s.c.log.Info("snapshot", "seq", meta.Seq, "index", meta.Index)
	}
	s.draft.file = nil // it is published, or discarded
	s.end(err)
}

// end finishes the draft; err is nil when it is published.
func (s *snapshots) end(err error) {
	d := s.draft
	s.draft = nil
	if err != nil {
		s.retry = s.c.ticks + retryTicks
	}
	if d.err == nil && d.file != nil {
		s.c.hand(&write{discard: []*journal.Draft{d.file}})
	}
	for _, done := range d.waiters {
		done(err)
	}
}

// lost takes note that the state was taken back to what is committed.
func (s *snapshots) lost() {
	if d := s.draft; d != nil && d.seq > s.c.applied {
		d.void = true
	}
}

// close answers whoever waits.
func (s *snapshots) close() {
	waiters := s.next
	s.next = nil
	if s.draft != nil {
		waiters = append(waiters, s.draft.waiters...)
		s.draft.waiters = nil
	}
	for _, done := range waiters {
		done(fault.New(fault.Unavailable, "NodeClosed", "this member has stopped"))
	}
}

// abandon removes an unfinished snapshot; nothing else runs any more.
func (s *snapshots) abandon() {
	d := s.draft
	if d == nil || d.handed || d.err != nil || d.file == nil {
		return
	}
	// It is only a leftover; the next start removes it, too.
	_ = d.file.Discard()
}
