package journal

import (
	"fmt"
	"sort"

	"github.com/signet-scheduler/signet/internal/fault"
)

// HardState returns the newest hard state that was written.
func (j *Journal) HardState() HardState {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.hard
}

// Snapshot returns what the newest snapshot includes, and whether there is a
// file of it; at birth there is none, and the state is empty.
func (j *Journal) Snapshot() (Meta, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.snapshot, j.snapFile != ""
}

// SnapshotBytes returns the size of the newest snapshot's file; 0 without one.
func (j *Journal) SnapshotBytes() int64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.snapFile == "" {
		return 0
	}
	return j.manifest.bytes
}

// First returns the index of the oldest entry that can be read; one more than
// Last when there is none.
func (j *Journal) First() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.before.index + 1
}

// Last returns the index of the newest entry, or of what precedes the first.
func (j *Journal) Last() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.last()
}

func (j *Journal) last() uint64 { return j.before.index + uint64(len(j.slots)) }

// Term returns the term of an entry from First-1 to Last.
func (j *Journal) Term(index uint64) (uint64, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	p, err := j.at(index)
	return p.term, err
}

// Seq returns the highest number among the entries up to index, which lies
// from First-1 to Last.
func (j *Journal) Seq(index uint64) (uint64, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	p, err := j.at(index)
	return p.seq, err
}

func (j *Journal) at(index uint64) (position, error) {
	switch {
	case index < j.before.index:
		return position{}, j.compacted(index)
	case index == j.before.index:
		return j.before, nil
	case index > j.last():
		return position{}, fault.New(fault.NotFound, codeBeyond, "the log ends before entry %d", index)
	}
	s := &j.slots[index-j.before.index-1]
	return position{index, s.term, s.seq}, nil
}

func (j *Journal) compacted(index uint64) error {
	return fault.New(fault.NotFound, codeCompacted, "entry %d is gone; the log begins with entry %d", index, j.before.index+1)
}

// Index returns the lowest index whose Seq is at least seq; Last+1 when there
// is none.
func (j *Journal) Index(seq uint64) uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if seq <= j.before.seq {
		return j.before.index
	}
	i := sort.Search(len(j.slots), func(i int) bool { return j.slots[i].seq >= seq })
	return j.before.index + 1 + uint64(i)
}

// Entries returns the entries with indexes from low to below high, in order:
// at least one, and not more than maxBytes of data if there is more than one.
// The slice is the caller's; the data isn't.
func (j *Journal) Entries(low, high uint64, maxBytes uint64) ([]Entry, error) {
	j.mu.RLock()
	if low <= j.before.index {
		defer j.mu.RUnlock()
		return nil, j.compacted(low)
	}
	if high > j.last()+1 {
		defer j.mu.RUnlock()
		return nil, fault.New(fault.NotFound, codeBeyond, "the log ends before entry %d", high-1)
	}
	if n := len(j.cache); n > 0 && low >= j.cache[0].Index {
		defer j.mu.RUnlock()
		first := j.cache[0].Index
		return limit(j.cache[low-first:high-first], maxBytes), nil
	}
	slots := j.holdSlots(low, high, maxBytes)
	j.mu.RUnlock()
	return readSlots(low, slots)
}

// limit copies as many of the entries as fit.
func limit(entries []Entry, maxBytes uint64) []Entry {
	n, bytes := 0, uint64(0)
	for n < len(entries) {
		bytes += uint64(len(entries[n].Data))
		if n > 0 && bytes > maxBytes {
			break
		}
		n++
	}
	return append(make([]Entry, 0, n), entries[:n]...)
}

// holdSlots returns where the entries are, as many as fit, and keeps their
// segments open until readSlots is through. The lock is held.
func (j *Journal) holdSlots(low, high, maxBytes uint64) []slot {
	var list []slot
	bytes := uint64(0)
	for i := low; i < high; i++ {
		s := j.slots[i-j.before.index-1]
		bytes += uint64(s.size)
		if len(list) > 0 && bytes > maxBytes {
			break
		}
		s.seg.hold()
		list = append(list, s)
	}
	return list
}

// readSlots reads entries from the disk and checks them.
func readSlots(index uint64, slots []slot) (entries []Entry, err error) {
	defer func() {
		for _, s := range slots {
			if rerr := s.seg.release(); err == nil && rerr != nil {
				entries, err = nil, rerr
			}
		}
	}()
	entries = make([]Entry, 0, len(slots))
	for i, s := range slots {
		e, err := s.read()
		if err != nil {
			return nil, err
		}
		if want := index + uint64(i); e.Index != want {
			return nil, damaged(s.seg.name, s.off, "entry %d stands where entry %d was written", e.Index, want)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (s slot) read() (Entry, error) {
	b := make([]byte, s.size)
	if _, err := s.seg.file.ReadAt(b, s.off); err != nil {
		return Entry{}, fmt.Errorf("reading %s: %w", place(s.seg.name, s.off), err)
	}
	h, ok := decodeHeader(b, s.seg.seed, s.off)
	if !ok || h.typ != typeEntry || h.size() != s.size || !h.verify(b, s.before) {
		return Entry{}, damaged(s.seg.name, s.off, "an entry isn't what was written")
	}
	e, ok := decodeEntry(b[headerSize : headerSize+h.body])
	if !ok {
		return Entry{}, damaged(s.seg.name, s.off, "an entry can't be decoded")
	}
	return e, nil
}
