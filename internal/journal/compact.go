package journal

import (
	"errors"
	"sort"
)

// Compact drops entries below index that nobody needs any more, as far as
// whole segments hold nothing else; what the newest snapshot doesn't include
// stays. It does nothing when no segment can go, or the disk is too full for
// the new manifest.
func (j *Journal) Compact(index uint64) error {
	if j.failed != nil {
		return j.failed
	}
	index = min(index, j.snapshot.Index+1, j.last()+1)
	keep := j.active().number // the oldest segment that stays
	if index <= j.last() && index > j.before.index {
		keep = j.slots[index-j.before.index-1].seg.number
	} else if index <= j.before.index {
		return nil
	}
	if j.segments[0].number >= keep {
		return nil
	}
	n := sort.Search(len(j.slots), func(i int) bool { return j.slots[i].seg.number >= keep })
	before, err := j.at(j.before.index + uint64(n))
	if err != nil {
		return err
	}
	m := j.manifest
	m.before = before
	m.sealed = nil
	for _, s := range j.manifest.sealed {
		if s.number >= keep {
			m.sealed = append(m.sealed, s)
		}
	}
	if err := j.replaceManifest(&m); err != nil {
		if errors.Is(err, errNoManifest) {
			return nil // nothing has changed; the next call tries again
		}
		return j.stop(err)
	}
	var void []*segment
	j.mu.Lock()
	j.manifest, j.before = m, before
	j.slots = append(make([]slot, 0, len(j.slots)-n+cacheEntries), j.slots[n:]...)
	for len(j.segments) > 0 && j.segments[0].number < keep {
		void = append(void, j.segments[0])
		j.segments = j.segments[1:]
	}
	if c := len(j.cache); c > 0 && j.cache[0].Index <= before.index {
		// The cache never reaches below the log.
		drop := min(before.index-j.cache[0].Index+1, uint64(c))
		for _, e := range j.cache[:drop] {
			j.cached -= len(e.Data)
		}
		j.cache = append(make([]Entry, 0, c), j.cache[drop:]...)
	}
	j.mu.Unlock()
	for _, s := range void {
		err = errors.Join(err, j.discard(s))
	}
	if err != nil {
		return j.stop(err)
	}
	// No space for the reserve is not an error: Low tells it.
	_ = j.Refill()
	return nil
}
