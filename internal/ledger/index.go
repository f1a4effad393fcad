package ledger

import (
	"sort"
	"sync"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
)

func newIndex() *Index { return &Index{grown: make(chan struct{})} }

// Index finds the entry that holds the event after a given one. It keeps
// the last event id of each entry that may still be read. Safe for concurrent
// use.
type Index struct {
	mu        sync.Mutex
	marks     []mark // by rising seq
	committed uint64
	grown     chan struct{} // closed when more is committed
}

type mark struct {
	seq  uint64
	last int64
}

func (x *Index) add(seq uint64, last int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.marks); n > 0 && x.marks[n-1].seq >= seq {
		return
	}
	x.marks = append(x.marks, mark{seq, last})
}

func (x *Index) cut(seq uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.marks) > 0 && x.marks[len(x.marks)-1].seq > seq {
		x.marks = x.marks[:len(x.marks)-1]
	}
}

// restart begins the index behind a snapshot.
func (x *Index) restart(seq uint64, last int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.marks = []mark{{seq, last}}
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
// ask for. To be called once, before the first reader.
func (x *Index) Build(node consensus.Node) error {
	st := node.Status()
	from := st.OldestSeq
	var old []mark
	for from <= st.SnapshotSeq {
		entries, err := node.Entries(from, indexBytes)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			events, err := engine.ReadEvents(e.Data)
			if err != nil {
				return err
			}
			if len(events) > 0 {
				old = append(old, mark{e.Seq, events[len(events)-1].ID})
			}
			from = e.Seq + 1
		}
	}
	x.prepend(old)
	return nil
}

// prepend puts older entries before those that are known.
func (x *Index) prepend(old []mark) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.marks) > 0 {
		for len(old) > 0 && old[len(old)-1].seq >= x.marks[0].seq {
			old = old[:len(old)-1]
		}
	}
	x.marks = append(old, x.marks...)
}
