package consensus_test

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

func addition(id uint64) toy.Command { return toy.Command{Op: toy.Add, ID: id, Key: id, Value: id} }

// following returns the entry that says that a log was made of a copy.
func following() []byte {
	m := toy.New()
	m.Lead(1)
	m.Decide(addition(1_000_000), time.Time{})
	return m.Take()
}

// copyOf copies the leader while commands come, and returns the copy, the
// number of its last entry, and the events up to there.
func copyOf(t *testing.T, c *consensustest.Cluster) (body []byte, seq uint64, ids []uint64) {
	t.Helper()
	var load sync.WaitGroup
	stop := make(chan struct{})
	leader := c.Leader().Node
	load.Go(func() {
		for id := uint64(1); ; id++ {
			select {
			case <-stop:
				return
			default:
				_, _ = leader.Submit(t.Context(), addition(id)) // the load ends with the test
			}
		}
	})
	defer load.Wait()
	defer close(stop)
	c.Await("entries", func() bool { return leader.Status().Applied > 20 })
	cp, err := consensus.TakeCopy(t.Context(), leader)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	seq = cp.Seq()
	c.Await("entries behind the copy", func() bool { return leader.Status().Applied > seq+20 })
	var b bytes.Buffer
	n, err := cp.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d: %v", n, b.Len(), err)
	}
	return b.Bytes(), seq, events(t, leader, seq)
}

// events returns the ids of the events up to an entry.
func events(t *testing.T, n consensus.Node, until uint64) (ids []uint64) {
	t.Helper()
	for from := n.Status().OldestSeq; from <= until; {
		list, err := n.Entries(from, 1<<20)
		if err != nil || len(list) == 0 {
			t.Fatalf("entries from %d: %d, %v", from, len(list), err)
		}
		for _, e := range list {
			if from = e.Seq + 1; e.Seq > until {
				break
			}
			all, err := toy.DecodeEvents(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range all {
				ids = append(ids, ev.ID())
			}
		}
	}
	return ids
}

// A copy that was made while commands came becomes a group, or a log of its
// own, that has just what was there, can be read without gap, and goes on.
func TestCopyBecomesALog(t *testing.T) {
	t.Parallel()
	for _, form := range []consensustest.Form{
		{Name: "local", Members: 1, Start: consensus.StartLocal},
		{Name: "group of 1", Members: 1, Start: consensus.StartGroup},
		{Name: "group of 3", Members: 3, Start: consensus.StartGroup},
	} {
		t.Run(form.Name, func(t *testing.T) {
			t.Parallel()
			old := consensustest.NewCluster(t, form, nil)
			body, seq, want := copyOf(t, old)
			var mu sync.Mutex
			made := map[uint64]bool{}
			start := form.Start
			form.Start = func(o consensus.Options) (consensus.Node, error) {
				mu.Lock()
				defer mu.Unlock()
				if !made[o.ID] {
					made[o.ID] = true
					in := consensus.Import{FS: o.FS, Dir: o.Dir, Body: bytes.NewReader(body), Data: following()}
					if form.Name != "local" {
						in.Members, in.ID, in.Term = o.Members, o.ID, 1<<40
					}
					if err := consensus.ImportLog(in); err != nil {
						return nil, err
					}
				}
				return start(o)
			}
			c := consensustest.NewCluster(t, form, nil)
			leader := c.Leader().Node
			if got := leader.Status(); form.Name != "local" && got.Term <= 1<<40 {
				t.Errorf("it leads in term %d", got.Term)
			}
			if r := c.Submit(addition(want[0])); !r.Repeat {
				t.Errorf("what was done before the copy was done again: %+v", r)
			}
			if r := c.Submit(addition(2_000_000)); r.Refused || r.Count != uint64(len(want))+2 {
				t.Errorf("it doesn't go on from the copy: %+v, not %d orders", r, len(want)+2)
			}
			want = append(slices.Clone(want), 1_000_000, 2_000_000)
			if got := events(t, c.Leader().Node, seq+2); !slices.Equal(got, want) {
				t.Errorf("the events are %v, not %v", got, want)
			}
			c.Digests()
			for _, m := range c.Members() {
				c.Start(m)
			}
			if r := c.Submit(addition(3_000_000)); r.Count != uint64(len(want))+1 {
				t.Errorf("after another start: %+v", r)
			}
			c.Digests()
		})
	}
}

// What can't be a log is refused.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	c := consensustest.NewCluster(t, consensustest.Form{Members: 1, Start: consensus.StartGroup}, nil)
	body, _, _ := copyOf(t, c)
	for name, k := range map[string]struct {
		in   consensus.Import
		code string
	}{
		"another kind": {consensus.Import{Body: bytes.NewReader(body)}, "WrongKindOfLog"},
		"a low term":   {consensus.Import{Body: bytes.NewReader(body), Members: []uint64{1}, ID: 1, Term: 1}, "TermTooLow"},
		"cut":          {consensus.Import{Body: bytes.NewReader(body[:len(body)-1]), Members: []uint64{1}, ID: 1, Term: 1 << 40}, "SnapshotDamaged"},
		"more":         {consensus.Import{Body: bytes.NewReader(append(slices.Clone(body), 0)), Members: []uint64{1}, ID: 1, Term: 1 << 40}, "SnapshotDamaged"},
	} {
		k.in.FS, k.in.Dir, k.in.Data = fsys.NewMem(), "/log", following()
		if err := consensus.ImportLog(k.in); !fault.HasCode(err, k.code) {
			t.Errorf("%s: %v, not %s", name, err, k.code)
		}
	}
	mem := fsys.NewMem()
	for i, want := range []string{"", "LogExists"} {
		err := consensus.ImportLog(consensus.Import{FS: mem, Dir: "/log", Body: bytes.NewReader(body), Members: []uint64{1}, ID: 1, Term: 1 << 40, Data: following()})
		if (err == nil) != (i == 0) || i == 1 && !fault.HasCode(err, want) {
			t.Errorf("import %d: %v", i, err)
		}
	}
	for at := 0; at < len(body); at += max(1, len(body)/300) {
		bad := slices.Clone(body)
		bad[at] ^= 1 << (at % 8)
		_, err := journal.ReadCopy(bytes.NewReader(bad), func(io.Reader) error { return nil })
		if !fault.HasCode(err, "SnapshotDamaged") {
			t.Fatalf("with byte %d of %d flipped: %v", at, len(body), err)
		}
	}
	if m, err := journal.ReadCopy(bytes.NewReader(body), func(r io.Reader) error { return toy.New().Restore(r) }); err != nil || m.Seq == 0 {
		t.Errorf("the copy as it is: %+v, %v", m, err)
	}
}

// Whoever doesn't lead can't be copied; nor can what is closed.
func TestCopyNeedsALeader(t *testing.T) {
	t.Parallel()
	c := consensustest.NewCluster(t, consensustest.Form{Members: 3, Start: consensus.StartGroup}, nil)
	c.Submit(addition(1))
	leader := c.Leader()
	for _, m := range c.Members() {
		if m == leader {
			continue
		}
		if _, err := consensus.TakeCopy(t.Context(), m.Node); !fault.HasCode(err, "NotLeader") {
			t.Errorf("a follower: %v", err)
		}
	}
	node := leader.Node
	if err := c.Stop(leader); err != nil {
		t.Fatal(err)
	}
	if _, err := consensus.TakeCopy(t.Context(), node); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a closed one: %v", err)
	}
}
