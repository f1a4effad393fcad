package ledger

import (
	"context"
	"log/slog"
	"math"
	"sort"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

func newIndex(keepEvents int) *Index {
	return &Index{keepEvents: keepEvents, grown: make(chan struct{}), stale: make(chan struct{}, 1)}
}

// Index finds the entry that holds the event after a given one. It keeps
// the last event id of each entry that may still be read. Safe for concurrent
// use.
type Index struct {
	mu        sync.Mutex
	marks     []mark // by rising seq
	committed uint64
	grown     chan struct{} // closed when more is committed
	whole     bool          // nothing that can be read is missing at the beginning
	begin     int64         // first event of the oldest entry when the log was opened, if others came before
	stale     chan struct{} // capacity 1: a snapshot was installed, so whole is false

	// The newest events, so many of them as are kept whatever readers need, are
	// in the marks from keep on.
	keepEvents int
	keep       int // index in marks
	kept       int // events in marks[keep:]
}

type mark struct {
	seq    uint64
	last   int64
	events int32
}

func (x *Index) add(seq uint64, last int64, events int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.marks); n > 0 && x.marks[n-1].seq >= seq {
		return
	}
	x.marks = append(x.marks, mark{seq, last, int32(min(events, math.MaxInt32))})
	x.kept += events
	x.slide()
}

func (x *Index) cut(seq uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for n := len(x.marks) - 1; n >= 0 && x.marks[n].seq > seq; n-- {
		if n >= x.keep {
			x.kept -= int(x.marks[n].events)
		}
		x.marks = x.marks[:n]
	}
	x.slide()
}

// slide moves keep to the newest mark from which on there are enough events.
func (x *Index) slide() {
	x.keep = min(x.keep, len(x.marks))
	for x.keep > 0 && x.kept < x.keepEvents {
		x.keep--
		x.kept += int(x.marks[x.keep].events)
	}
	for x.keep < len(x.marks) && x.kept-int(x.marks[x.keep].events) >= x.keepEvents {
		x.kept -= int(x.marks[x.keep].events)
		x.keep++
	}
}

// keptFrom returns the entry from which on the events are that are kept
// whatever readers need.
func (x *Index) keptFrom() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.keepEvents == 0:
		return math.MaxUint64
	case !x.whole || x.kept < x.keepEvents || x.keep == len(x.marks):
		return 1
	}
	return x.marks[x.keep].seq
}

// restart begins the index behind a snapshot.
func (x *Index) restart(seq uint64, last int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.marks, x.keep, x.kept = []mark{{seq: seq, last: last}}, 0, 0
	x.whole = false
	select {
	case x.stale <- struct{}{}:
	default:
	}
}

func (x *Index) commit(seq uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if seq > x.committed {
		x.committed = seq
		close(x.grown)
		x.grown = make(chan struct{})
	}
}

// Position returns the newest committed entry, its last event's id, and a
// channel that is closed when more is committed.
func (x *Index) Position() (seq uint64, last int64, grown <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := sort.Search(len(x.marks), func(i int) bool { return x.marks[i].seq > x.committed })
	if i > 0 {
		last = x.marks[i-1].last
	}
	return x.committed, last, x.grown
}

// FirstAfter returns the number of the first entry with an event after id.
func (x *Index) FirstAfter(id int64) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := sort.Search(len(x.marks), func(i int) bool { return x.marks[i].last > id })
	switch {
	case i < len(x.marks):
		return x.marks[i].seq
	case i > 0:
		return x.marks[i-1].seq + 1
	}
	return 1
}

// indexBytes is how much is read at once to build the index.
const indexBytes = 4 << 20

// Build reads the entries that a snapshot covers but that readers may still
// ask for. To be called before the first reader; Keep does it again whenever a
// snapshot of another member was installed.
func (x *Index) Build(node Reader) error {
	st := node.Status()
	from, to := st.OldestSeq, x.first()
	var old []mark
	var begin int64
	for from < to {
		entries, err := node.Entries(from, indexBytes)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			events, err := readEntry(e.Data)
			if err != nil {
				return err
			}
			if len(events) > 0 {
				if len(old) == 0 && e.Seq > 1 {
					begin = events[0].ID
				}
				old = append(old, mark{e.Seq, events[len(events)-1].ID, int32(min(len(events), math.MaxInt32))})
			}
			from = e.Seq + 1
		}
	}
	x.prepend(old, begin)
	return nil
}

// first returns the oldest entry that is known.
func (x *Index) first() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.marks) == 0 {
		return 0
	}
	return x.marks[0].seq
}

// keepEvery is how often entries that are gone are dropped from the index.
const keepEvery = time.Minute

// Stale tells that the index must be built again: a snapshot was installed.
func (x *Index) Stale() bool {
	select {
	case <-x.stale:
		return true
	default:
		return false
	}
}

// Keep keeps the index whole, and no longer than the log, until ctx ends.
func (x *Index) Keep(ctx context.Context, node Reader, c clock.Clock, log *slog.Logger) {
	t := c.NewTicker(keepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.stale:
			if err := x.Build(node); err != nil {
				log.Error("the index of events couldn't be built", "error", err)
			}
		case <-t.C():
			x.forget(node.Status().OldestSeq)
		}
	}
}

// forget drops what can't be read any more; the newest of it stays, so that
// the beginning is known.
func (x *Index) forget(oldest uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := sort.Search(len(x.marks), func(i int) bool { return x.marks[i].seq >= oldest }); i > 1 {
		for _, m := range x.marks[min(x.keep, i-1) : i-1] {
			x.kept -= int(m.events)
		}
		x.marks, x.keep = append([]mark(nil), x.marks[i-1:]...), max(0, x.keep-(i-1))
	}
}

// prepend puts older entries before those that are known.
func (x *Index) prepend(old []mark, begin int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.marks) > 0 {
		for len(old) > 0 && old[len(old)-1].seq >= x.marks[0].seq {
			old = old[:len(old)-1]
		}
	}
	if len(old) > 0 {
		x.begin = begin
	}
	x.marks, x.keep = append(old, x.marks...), x.keep+len(old)
	x.whole = true
	x.slide()
}

func (x *Index) isWhole() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.whole
}

// torn tells whether events after id may be gone already.
func (x *Index) torn(id int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return id < x.begin
}

// needed is FirstAfter for what must not be thrown away: everything, as long
// as the index isn't whole, and the entry with event id itself, which proves
// after a restart that nothing is missing behind it.
func (x *Index) needed(id int64) uint64 {
	if !x.isWhole() {
		return 1
	}
	return max(x.FirstAfter(id), 2) - 1
}
