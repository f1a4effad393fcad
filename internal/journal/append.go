package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Append writes entries. The first may have any index from the log's first to
// the one after its last; those that are there from it on become void. What
// is written can be read at once; it is durable after Sync.
//
// When the disk is full and the reserve used up, the error is the disk's
// (fsys.IsNoSpace) and Failed stays nil: the entries are to be given again
// when there is space. So it is with SetHardState, SetOwner, Retire and Install.
func (j *Journal) Append(entries []Entry) error {
	if j.failed != nil {
		return j.failed
	}
	var added []slot
	done := 0 // entries written and published
	for i := range entries {
		e := &entries[i]
		if len(e.Data)+entryHead > MaxBody {
			return fault.New(fault.TooLarge, "EntryTooLarge", "an entry of %d bytes is greater than the log takes (%d)", len(e.Data), MaxBody-entryHead)
		}
		if j.out.off+e.size() > j.capacity {
			if err := j.flush(entries[done:i], added); err != nil {
				return err
			}
			done, added = i, added[:0]
			if err := j.roll(e.size()); err != nil {
				return err
			}
		}
		added = append(added, slot{term: e.Term, seq: e.Seq, seg: j.active(), off: j.out.off, size: e.size(), before: j.out.chain})
		j.out.add(typeEntry, encodeEntryHead(e), e.Data)
		j.entries++
	}
	return j.flush(entries[done:], added)
}

// SetHardState writes the hard state; it is durable after Sync.
func (j *Journal) SetHardState(h HardState) error {
	if j.failed != nil {
		return j.failed
	}
	if j.out.off+sizeOf(24) > j.capacity {
		if err := j.roll(0); err != nil {
			return err
		}
	}
	j.out.add(typeHard, encodeHard(h))
	if err := j.flush(nil, nil); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hard = h
	return nil
}

// flush writes the records encoded so far, and publishes the entries among them.
func (j *Journal) flush(entries []Entry, added []slot) error {
	if len(j.out.buf) == 0 {
		return nil
	}
	if _, err := j.active().file.WriteAt(j.out.buf, j.out.off-int64(len(j.out.buf))); err != nil {
		return j.stop(fmt.Errorf("writing the log: %w", err))
	}
	if cap(j.out.buf) > 8<<20 {
		j.out.buf = nil // don't keep the memory of one great entry
	}
	j.out.buf = j.out.buf[:0]
	j.marked = false
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range entries {
		if err := j.put(entries[i].Index, added[i]); err != nil {
			return j.stop(err)
		}
		j.remember(entries[i])
	}
	j.measure()
	return nil
}

// put enters an entry into the index; the lock is held, or nobody else has the
// journal yet.
func (j *Journal) put(index uint64, s slot) error {
	first, next := j.before.index+1, j.before.index+1+uint64(len(j.slots))
	switch {
	case index > next:
		return fault.New(fault.Internal, "JournalGap", "entry %d doesn't follow the log's last, %d", index, next-1)
	case index < first:
		return fault.New(fault.Internal, "JournalGap", "entry %d lies before the log's first, %d", index, first)
	}
	j.slots = j.slots[:index-first]
	before := j.before.seq
	if n := len(j.slots); n > 0 {
		before = j.slots[n-1].seq
	}
	if s.seq == 0 {
		s.seq = before
	} else if s.seq != before+1 {
		return fault.New(fault.Internal, "JournalGap", "entry %d has number %d, but %d comes next", index, s.seq, before+1)
	}
	j.slots = append(j.slots, s)
	return nil
}

// remember keeps a new entry in the cache.
func (j *Journal) remember(e Entry) {
	if n := len(j.cache); n > 0 {
		first, next := j.cache[0].Index, j.cache[n-1].Index+1
		switch {
		case e.Index == next:
		case e.Index > first && e.Index < next:
			for _, void := range j.cache[e.Index-first:] {
				j.cached -= len(void.Data)
			}
			clear(j.cache[e.Index-first:])
			j.cache = j.cache[:e.Index-first]
		default:
			j.cache, j.cached = nil, 0
		}
	}
	j.cache = append(j.cache, e)
	j.cached += len(e.Data)
	if len(j.cache) < 2*cacheEntries && j.cached < 2*cacheBytes {
		return
	}
	keep := max(0, len(j.cache)-cacheEntries)
	for i := range keep {
		j.cached -= len(j.cache[i].Data)
	}
	for ; j.cached > cacheBytes && keep < len(j.cache)-1; keep++ {
		j.cached -= len(j.cache[keep].Data)
	}
	j.cache = append(make([]Entry, 0, 2*cacheEntries), j.cache[keep:]...)
}

// Sync makes all that was written durable. After an error the journal is
// finished.
func (j *Journal) Sync() error {
	if j.failed != nil {
		return j.failed
	}
	if j.durable == j.out.off {
		return nil
	}
	if err := j.active().file.Sync(); err != nil {
		return j.stop(fmt.Errorf("syncing the log: %w", err))
	}
	j.durable, j.out.mark = j.out.off, j.out.off
	return nil
}

// Unsynced tells whether something was written since the last Sync.
func (j *Journal) Unsynced() bool { return j.durable != j.out.off }

// Mark writes a record that says what is durable, so that damage to the last
// record isn't taken for a torn tail. Call it when the log falls idle; it does
// nothing when the last record says it already. It isn't synced.
func (j *Journal) Mark() error {
	if j.failed != nil {
		return j.failed
	}
	if j.marked || j.durable != j.out.off || j.out.off+sizeOf(0) > j.capacity {
		return nil
	}
	j.out.add(typeMark)
	if err := j.flush(nil, nil); err != nil {
		return err
	}
	j.marked = true
	return nil
}

// Marked tells that the last record says what is durable, as Mark leaves it. It
// is the writer's method.
func (j *Journal) Marked() bool { return j.marked }

// roll goes on in a new segment, with room for a record of size bytes at
// least. The present one is synced and closed for writing. Want of space
// changes nothing; any other error finishes the journal.
func (j *Journal) roll(size int64) error {
	if err := j.Sync(); err != nil {
		return err
	}
	err := j.next(size)
	if err == nil {
		// No space for the next reserve is not an error: Low tells it.
		_ = j.Refill()
		return nil
	}
	err = fmt.Errorf("starting a new log file: %w", err)
	if !fsys.IsNoSpace(err) {
		return j.stop(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.low = true
	j.measure()
	return err
}

// next makes the next segment the one that is written.
func (j *Journal) next(size int64) error {
	old := j.active()
	seal := sealedSegment{old.number, j.out.off, j.out.chain}
	seg, out, capacity, err := j.newSegment(old.number+1, j.segBytes, size)
	if err != nil {
		return err
	}
	m := j.manifest
	if j.entries > 0 {
		m.sealed = append(slices.Clip(m.sealed), seal)
	}
	m.active = seg.number
	if err := j.replaceManifest(&m); err != nil {
		if errors.Is(err, errNoManifest) {
			return errors.Join(err, j.discard(seg)) // and with it, its space
		}
		return j.stop(errors.Join(err, seg.release())) // also for want of space: which manifest counts is unknown
	}
	j.mu.Lock()
	j.manifest = m
	old.sealed, old.size, old.chain = true, seal.size, seal.chain
	void := old
	if j.entries > 0 {
		void = nil
	} else {
		j.segments = j.segments[:len(j.segments)-1]
	}
	j.segments = append(j.segments, seg)
	j.use(out, capacity)
	j.measure()
	j.mu.Unlock()
	if void != nil {
		return j.discard(void)
	}
	return nil
}

// use makes a fresh segment the one that is written.
func (j *Journal) use(out appender, capacity int64) {
	j.out, j.capacity, j.entries, j.marked = out, capacity, 0, false
	j.durable, j.out.mark = out.off, out.off
}

// discard closes a segment that the manifest doesn't name any more, and
// removes its file.
func (j *Journal) discard(s *segment) error {
	if err := s.release(); err != nil {
		return err
	}
	return j.disk.Remove(s.name)
}

// smallSegment is the least length of a segment that is begun on a full disk.
const smallSegment = 8 << 10

// firstSegment is newSegment when the log is opened. On a full disk it begins
// a shorter one: the log can be read, and take what must not wait.
func (j *Journal) firstSegment(number uint64) (*segment, appender, int64, error) {
	length := j.segBytes
	for {
		s, out, capacity, err := j.newSegment(number, length, 0)
		if !fsys.IsNoSpace(err) || length <= smallSegment {
			return s, out, capacity, err
		}
		length = max(length/8, smallSegment)
	}
}

// newSegment makes the next segment, from the spare one if it is there, with
// room for length bytes, and for a record of size bytes in any case. The
// manifest doesn't name it yet.
func (j *Journal) newSegment(number uint64, length, size int64) (*segment, appender, int64, error) {
	aside := filepath.Join(j.dir, logDir, spareFile)
	f := j.spare
	j.spare = nil
	if f == nil {
		var err error
		if f, err = j.disk.Create(aside); err != nil {
			return nil, appender{}, 0, err
		}
	}
	capacity := max(length, firstRecords(j.manifest.snapshot)+size)
	s, out, err := j.fillSegment(f, aside, number, originRoll, capacity, j.before)
	return s, out, capacity, err
}

// firstRecords returns the length of a segment's first records, at most.
func firstRecords(m Meta) int64 { return sizeOf(26) + sizeOf(24) + sizeOf(6*8+len(m.Conf)) }

// fillSegment makes an empty file called aside a segment that holds head, hard
// state and base, durable under its name. It closes the file on an error.
func (j *Journal) fillSegment(f fsys.File, aside string, number uint64, origin byte, capacity int64, before position) (*segment, appender, error) {
	out := appender{seed: seedOf(j.manifest.id, number)}
	out.chain = out.seed
	out.add(typeHead, encodeHead(segmentFormat, origin, j.manifest.id, number))
	out.add(typeHard, encodeHard(j.hard))
	out.add(typeBase, encodeBase(j.manifest.snapshot, before))
	err := f.Allocate(capacity)
	if err == nil {
		_, err = f.WriteAt(out.buf, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	name := filepath.Join(j.dir, logDir, segmentName(number))
	if err == nil {
		err = j.disk.Rename(aside, name)
	}
	if err == nil {
		err = j.disk.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		// A full disk gets back what was taken. The first error is the one that counts.
		_ = errors.Join(f.Truncate(0), f.Close())
		return nil, appender{}, err
	}
	out.buf = out.buf[:0]
	return newSegment(number, name, f, j.manifest.id), out, nil
}

// encodeBase is the body of a segment's base record: the snapshot, and what
// precedes the log's first entry. Recovery takes both from the manifest; the
// record is there for the one who has lost that.
func encodeBase(m Meta, before position) []byte {
	b := u64s(m.Index, m.Term, m.Seq, before.index, before.term, before.seq)
	return append(b, m.Conf...)
}

// decodeBase is the inverse of encodeBase.
func decodeBase(body []byte) (Meta, position, bool) {
	f := fields{b: body}
	m := Meta{Index: f.u64(), Term: f.u64(), Seq: f.u64()}
	p := position{f.u64(), f.u64(), f.u64()}
	if len(f.b) > 0 {
		m.Conf = f.b
	}
	return m, p, !f.short && len(f.b) <= maxConf
}
