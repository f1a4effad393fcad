package ledger

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
)

// lagging is a node that tells of an entry before it can be read.
type lagging struct {
	consensus.Node
	asked int
	entry consensus.Entry
}

func (n *lagging) Entries(from uint64, _ int) ([]consensus.Entry, error) {
	if n.asked++; n.asked < 3 || from > n.entry.Seq {
		return nil, nil
	}
	return []consensus.Entry{n.entry}, nil
}

// collector is a sink that keeps what it gets. Owned by the stream.
type collector struct {
	flushed func()
	got     []int64
	flushes []int // how many events had come then
}

func (c *collector) send(data []byte) error {
	return decoded(func(events []engine.Stamped) error {
		for _, e := range events {
			c.got = append(c.got, e.ID)
		}
		return nil
	})(data)
}

func (c *collector) flush() error {
	c.flushes = append(c.flushes, len(c.got))
	c.flushed()
	return nil
}

func (c *collector) idle() error { return nil }

// An entry that is committed but can't be read yet is waited for: nothing
// else may come after it for long.
func TestEntryLagsBehindItsCommit(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		x := newIndex(0)
		x.add(1, 7, 1)
		x.commit(1)
		data := engine.AppendEvents(nil, []engine.Stamped{{ID: 7, Event: &engine.ControllerReady{Term: 1}}})
		node := &lagging{entry: consensus.Entry{Seq: 1, Data: data}}
		s := &Stream{node: node, index: x, clock: clock.Real{}, end: make(chan struct{}), seq: 1, follow: follow}
		out := &collector{flushed: func() {
			if follow {
				cancel() // a follower would wait for more
			}
		}}
		err := s.each(ctx, out)
		if len(out.got) != 1 || out.got[0] != 7 {
			t.Errorf("follow %v: got the events %v, %v", follow, out.got, err)
		}
	}
}

// What is there is brought to the reader at once, whatever number of entries it is.
func TestFlushes(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &written{x: newIndex(0)}
	for range 3 {
		w.add(1)
	}
	out := &collector{}
	out.flushed = func() {
		switch len(out.flushes) {
		case 1:
			w.add(1)
			w.add(1)
		case 2:
			cancel()
		}
	}
	s := &Stream{node: w, index: w.x, clock: clock.Real{}, end: make(chan struct{}), seq: 1, follow: true, beat: heartbeat}
	if err := s.each(ctx, out); ctx.Err() == nil {
		t.Fatal(err)
	}
	if want := []int{3, 5}; !slices.Equal(out.flushes, want) {
		t.Errorf("flushed after %v events, want %v", out.flushes, want)
	}
}

// Where much comes, what comes within a moment is brought to the reader together;
// where little comes, at once.
func TestGather(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := &written{x: newIndex(0)}
		w.add(50)
		start := time.Now()
		var at []time.Duration
		out := &collector{}
		out.flushed = func() {
			at = append(at, time.Since(start))
			switch len(at) {
			case 1: // more than the burst is there, and more comes soon
				time.AfterFunc(10*time.Millisecond, func() { w.add(1) })
				time.AfterFunc(20*time.Millisecond, func() { w.add(1) })
			case 2: // after a pause
				time.AfterFunc(time.Second, func() { w.add(2) })
			case 3:
				time.AfterFunc(time.Millisecond, func() { w.add(1) })
			case 4:
				cancel()
			}
		}
		s := &Stream{node: w, index: w.x, clock: clock.Real{}, end: make(chan struct{}), seq: 1, follow: true, beat: heartbeat}
		s.Gather(clock.PacerOptions{Rate: 100, Burst: 10, Hold: 40 * time.Millisecond})
		if err := s.each(ctx, out); ctx.Err() == nil {
			t.Fatal(err)
		}
		if want := []int{50, 52, 54, 55}; !slices.Equal(out.flushes, want) {
			t.Errorf("flushed after %v events, want %v", out.flushes, want)
		}
		ms := time.Millisecond
		if want := []time.Duration{0, 40 * ms, 1040 * ms, 1041 * ms}; !slices.Equal(at, want) {
			t.Errorf("flushed at %v, want %v", at, want)
		}
	})
}

// written is a node whose log is in memory. Safe for concurrent use.
type written struct {
	consensus.Node
	x       *Index
	mu      sync.Mutex
	entries []consensus.Entry
	last    int64 // event id
}

// add commits an entry of so many events.
func (w *written) add(events int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []engine.Stamped
	for range events {
		w.last++
		list = append(list, engine.Stamped{ID: w.last, Event: &engine.ControllerReady{Term: 1}})
	}
	seq := uint64(len(w.entries) + 1)
	w.entries = append(w.entries, consensus.Entry{Seq: seq, Data: engine.AppendEvents(nil, list)})
	w.x.add(seq, w.last, events)
	w.x.commit(seq)
}

func (w *written) Entries(from uint64, _ int) ([]consensus.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entries[min(from-1, uint64(len(w.entries))):], nil
}

// pruned is a node that was opened after its older entries had been dropped.
type pruned struct {
	consensus.Node
	entries []consensus.Entry
}

func (n *pruned) Status() consensus.Status {
	return consensus.Status{OldestSeq: n.entries[0].Seq, Applied: n.entries[len(n.entries)-1].Seq}
}

func (n *pruned) Entries(from uint64, _ int) ([]consensus.Entry, error) {
	for i, e := range n.entries {
		if e.Seq >= from {
			return n.entries[i:], nil
		}
	}
	return nil, nil
}

// After a restart nobody reads on over events that are gone; whoever has
// confirmed the newest of what may go can read on.
func TestNoGapAfterRestart(t *testing.T) {
	t.Parallel()
	node := &pruned{}
	for seq := uint64(5); seq <= 8; seq++ { // of 1 to 4 nothing is left
		id := int64(seq) * 10
		node.entries = append(node.entries, consensus.Entry{Seq: seq, Data: engine.AppendEvents(nil, []engine.Stamped{
			{ID: id, Event: &engine.ControllerReady{Term: 1}}, {ID: id + 1, Event: &engine.ControllerReady{Term: 1}},
		})})
	}
	x := newIndex(0)
	x.restart(8, 81) // the snapshot
	x.commit(8)
	if err := x.Build(node); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		after int64
		seq   uint64 // 0: EventSeqTorn
	}{{0, 5}, {1, 0}, {40, 0}, {49, 0}, {50, 5}, {51, 6}, {60, 6}, {61, 7}, {81, 9}} {
		s, err := Open(node, x, clock.Real{}, nil, k.after, false)
		switch {
		case k.seq == 0 && !fault.HasCode(err, "EventSeqTorn"):
			t.Errorf("after %d: got %v, want EventSeqTorn", k.after, err)
		case k.seq != 0 && err != nil:
			t.Errorf("after %d: %v", k.after, err)
		case k.seq != 0 && s.seq != k.seq:
			t.Errorf("after %d: the stream begins at entry %d, not %d", k.after, s.seq, k.seq)
		}
	}
	for id, want := range map[int64]uint64{51: 5, 61: 6, 81: 8} {
		if got := x.needed(id); got != want {
			t.Errorf("a reader that has confirmed %d needs entry %d, not %d", id, got, want)
		}
	}
}

// TestBehind: a stream that begins in the middle of an entry leaves out what
// came before, and passes on later entries as they are, packed ones unpacked.
func TestBehind(t *testing.T) {
	t.Parallel()
	entry := func(ids ...int64) []byte {
		var events []engine.Stamped
		for _, id := range ids {
			events = append(events, engine.Stamped{ID: id, Event: &engine.ControllerReady{Term: id}})
		}
		return engine.AppendEvents(nil, events)
	}
	many := make([]int64, 20_000)
	for i := range many {
		many[i] = int64(10 + i)
	}
	packed := Pack(entry(many...))
	if packed[0] != compressed {
		t.Fatal("a large entry isn't packed")
	}
	for _, c := range []struct {
		after   int64
		entries [][]byte
		want    []int64
	}{
		{0, [][]byte{entry(1, 2), entry(3)}, []int64{1, 2, 3}},
		{2, [][]byte{entry(1, 2, 3), entry(4)}, []int64{3, 4}},
		{2, [][]byte{entry(1, 2), entry(3, 4)}, []int64{3, 4}},
		{9, [][]byte{packed}, many},
		{12, [][]byte{packed}, many[3:]},
	} {
		s := &Stream{after: c.after}
		var got []int64
		for _, data := range c.entries {
			b, err := s.behind(data)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) == 0 {
				continue
			}
			events, err := engine.ReadEvents(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				got = append(got, e.ID)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("behind %d: got %d events, want %d", c.after, len(got), len(c.want))
		}
	}
	for _, bad := range [][]byte{{compressed, 1, 2}, {9, 9, 9, 9}} {
		if _, err := (&Stream{}).behind(bad); err == nil {
			t.Errorf("%x was passed on", bad)
		}
	}
}
