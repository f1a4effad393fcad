package consensustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Run checks a form of node.
func Run(t *testing.T, form Form) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Form)
		from int // members it needs
		to   int // and may have; 0: any
	}{
		{"answers and entries", answers, 1, 0},
		{"restart", restart, 1, 0},
		{"many callers", callers, 1, 0},
		{"snapshot and retention", snapshots, 1, 0},
		{"close", closes, 1, 0},
		{"full disk", fullDisk, 1, 1},
		{"leader with a full disk", fullLeader, 3, 0},
		{"failed sync", failedSync, 1, 1},
		{"hung disk", hungDisk, 1, 1},
		{"damaged log", damagedLog, 1, 1},
		{"leader change", leaderChange, 3, 0},
		{"hand over", handOver, 3, 0},
		{"member that was away", away, 3, 0},
		{"hung leader", hungLeader, 3, 0},
		{"foreign messages", foreignMessages, 2, 0},
		{"member that lost its log", lostLog, 3, 0},
		{"member with a damaged log", rottenLog, 3, 0},
		{"damage that is read", readDamage, 3, 0},
		{"member with an old disk", oldDisk, 3, 0},
	} {
		if form.Members < c.from || c.to > 0 && form.Members > c.to {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, form)
		})
	}
}

func add(id uint64) toy.Command { return toy.Command{Op: toy.Add, ID: id, Key: id, Value: id} }

// answers: replies of what was done, refused and repeated, and the entries.
func answers(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	if r := c.Submit(add(1)); r.Refused || r.Count != 1 {
		t.Errorf("first command: %+v", r)
	}
	if r := c.Submit(toy.Command{Op: toy.Add, ID: 2, Key: 1}); !r.Refused {
		t.Errorf("an order that exists was added: %+v", r)
	}
	if r := c.Submit(add(1)); !r.Repeat {
		t.Errorf("a repeat was done again: %+v", r)
	}
	c.Submit(add(3))
	leader := c.Leader().Node
	list, err := leader.Entries(1, 1<<20)
	if err != nil || len(list) != 2 || list[0].Seq != 1 || list[1].Seq != 2 {
		t.Fatalf("entries: %+v, %v", list, err)
	}
	if events, err := toy.DecodeEvents(list[1].Data); err != nil || len(events) != 1 || events[0].ID() != 3 {
		t.Errorf("second entry: %+v, %v", events, err)
	}
	if list, err := leader.Entries(1, 1); err != nil || len(list) != 1 {
		t.Errorf("a reader with little room gets %d entries, %v", len(list), err)
	}
	if list, err := leader.Entries(3, 1<<20); err != nil || len(list) != 0 {
		t.Errorf("entries beyond the newest: %+v, %v", list, err)
	}
	s := leader.Status()
	if !s.Lead || s.Leader != s.ID || s.Applied != 2 || s.OldestSeq != 1 || len(s.Members) != form.Members || s.LogID == "" || s.Term == 0 {
		t.Errorf("status: %+v", s)
	}
	c.Digests()
}

// restart: the state, the numbers and the log's id are there again.
func restart(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	ids := map[uint64]string{}
	for round := range uint64(3) {
		for i := uint64(1); i <= 20; i++ {
			if r := c.Submit(add(round*100 + i)); r.Count != round*20+i {
				t.Errorf("round %d, command %d: %+v", round, i, r)
			}
		}
		for _, m := range c.Members() {
			id := m.Node.Status().LogID
			if round > 0 && ids[m.ID] != id {
				t.Errorf("member %d's log has another id after a restart", m.ID)
			}
			ids[m.ID] = id
		}
		before := c.Digests()
		for _, m := range c.Members() {
			c.Start(m)
		}
		// The new term's first entry commits what the old ones left.
		c.Submit(add(1))
		if after := c.Digests(); after != before {
			t.Errorf("round %d: the state isn't what it was", round)
		}
		for _, m := range c.Members() {
			c.Start(m)
		}
	}
}

// callers: many at once, each answered once, all in the log once.
func callers(t *testing.T, form Form) {
	const people, each = 32, 30
	c := NewCluster(t, form, nil)
	c.Leader()
	var all sync.WaitGroup
	for p := range uint64(people) {
		all.Go(func() {
			for i := uint64(1); i <= each; i++ {
				if r := c.Submit(add(p*1000 + i)); r.Refused {
					t.Errorf("caller %d, command %d: %+v", p, i, r)
				}
			}
		})
	}
	all.Wait()
	c.Settle()
	for _, m := range c.Members() {
		counts := map[uint64]int{}
		next := uint64(1)
		for next <= m.Node.Status().Applied {
			list, err := m.Node.Entries(next, 4000)
			if err != nil || len(list) == 0 {
				t.Fatalf("member %d: entries from %d: %d, %v", m.ID, next, len(list), err)
			}
			for _, e := range list {
				if e.Seq != next {
					t.Fatalf("member %d: entry %d after %d", m.ID, e.Seq, next-1)
				}
				next++
				events, err := toy.DecodeEvents(e.Data)
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					counts[ev.ID()]++
				}
			}
		}
		if len(counts) != people*each {
			t.Errorf("member %d: %d commands in the log, want %d", m.ID, len(counts), people*each)
		}
		for id, n := range counts {
			if n != 1 {
				t.Errorf("member %d: command %d is %d times in the log", m.ID, id, n)
			}
		}
	}
	c.Digests()
}

// snapshots: what a snapshot includes goes when the reader confirmed it, not before.
func snapshots(t *testing.T, form Form) {
	c := NewCluster(t, form, func(o *consensus.Options) { o.KeepEntries, o.SegmentBytes = 1, 4<<10 })
	for i := uint64(1); i <= 100; i++ {
		cmd := add(i)
		cmd.Bytes = 200
		c.Submit(cmd)
	}
	c.Settle()
	for _, m := range c.Members() {
		if err := m.Node.Snapshot(); err != nil {
			t.Fatalf("member %d: %v", m.ID, err)
		}
		if s := m.Node.Status(); s.SnapshotSeq != s.Applied || s.OldestSeq != 1 {
			t.Errorf("member %d: after a snapshot: %+v", m.ID, s)
		}
	}
	c.Submit(toy.Command{Op: toy.Confirm, ID: 1000, Value: 80})
	c.Settle()
	for _, m := range c.Members() {
		c.Await("entries to be dropped", func() bool { return m.Node.Status().OldestSeq > 1 })
		if s := m.Node.Status(); s.OldestSeq > 81 {
			t.Errorf("member %d: entries the reader needs are gone: %+v", m.ID, s)
		}
		if list, err := m.Node.Entries(81, 1); err != nil || len(list) != 1 || list[0].Seq != 81 {
			t.Errorf("member %d: the reader can't go on: %v, %v", m.ID, list, err)
		}
		if _, err := m.Node.Entries(1, 1); !fault.HasCode(err, "EntriesCompacted") || !fault.Is(err, fault.NotFound) {
			t.Errorf("member %d: entries that are gone: %v", m.ID, err)
		}
	}
	before := c.Digests()
	for _, m := range c.Members() {
		c.Start(m)
	}
	c.Submit(add(1))
	if c.Digests() != before {
		t.Error("the state isn't what it was, after a restart from snapshots")
	}
}

// closes: whoever waits is answered, and closing twice is fine.
func closes(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	leader := c.Leader()
	node := leader.Node
	var all sync.WaitGroup
	for i := uint64(1); i <= 200; i++ {
		all.Add(1)
		node.SubmitAsync(add(i), func(_ any, err error) {
			defer all.Done()
			if err != nil && !fault.HasCode(err, "OutcomeUnknown") && !fault.HasCode(err, "NotLeader") {
				t.Errorf("a caller got %v", err)
			}
		})
	}
	if err := node.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	all.Wait()
	if err := node.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := node.Submit(context.Background(), add(999)); !fault.HasCode(err, "NotLeader") {
		t.Errorf("submitting to a closed node: %v", err)
	}
	if _, err := node.Entries(1, 1); !fault.HasCode(err, "NodeClosed") {
		t.Errorf("reading from a closed node: %v", err)
	}
	if err := node.Snapshot(); !fault.HasCode(err, "NodeClosed") {
		t.Errorf("a snapshot of a closed node: %v", err)
	}
	select {
	case <-node.Done():
	default:
		t.Error("a closed node isn't done")
	}
	if node.Err() != nil {
		t.Errorf("a closed node has the error %v", node.Err())
	}
}

// fullDisk: commands are refused before they are decided, and taken again when
// there is space.
func fullDisk(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	c.Submit(add(1))
	m := c.Members()[0]
	m.Mem.SetCapacity(m.Mem.Used())
	c.Await("the full disk to be seen", func() bool { return m.Node.Status().OutOfSpace })
	_, err := m.Node.Submit(context.Background(), add(2))
	if !fault.HasCode(err, "OutOfSpace") || !fault.Is(err, fault.NoSpace) {
		t.Errorf("with a full disk: %v", err)
	}
	if r, err := m.Node.Submit(context.Background(), toy.Command{Op: toy.Look}); err != nil || r.(toy.Reply).Count != 1 {
		t.Errorf("looking at the state with a full disk: %v, %v", r, err)
	}
	m.Mem.SetCapacity(1 << 40)
	c.Await("the space to be seen", func() bool { return !m.Node.Status().OutOfSpace })
	if r := c.Submit(add(2)); r.Refused || r.Repeat || r.Count != 2 {
		t.Errorf("after space came back: %+v", r)
	}
}

// fullLeader: a leader whose disk is full hands over; the group goes on, and all
// catch up when there is space.
func fullLeader(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	c.Submit(add(1))
	old := c.Leader()
	old.Mem.SetCapacity(old.Mem.Used())
	c.Await("another leader", func() bool { return !old.Node.Status().Lead && c.Leader() != old })
	if r := c.Submit(add(2)); r.Refused || r.Count != 2 {
		t.Errorf("with a leader that has space: %+v", r)
	}
	old.Mem.SetCapacity(1 << 40)
	c.Await("the space to be seen", func() bool { return !old.Node.Status().OutOfSpace })
	c.Submit(add(3))
	c.Settle()
	c.Digests()
}

// failedSync: a failed sync isn't tried again; the node stops and says why.
func failedSync(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	c.Submit(add(1))
	m := c.Members()[0]
	node := m.Node
	m.Disk.SetRules(fsys.Rule{Ops: []fsys.Op{fsys.OpSync}, Err: syscall.EIO})
	if _, err := node.Submit(context.Background(), add(2)); !fault.HasCode(err, "OutcomeUnknown") {
		t.Errorf("a command whose sync failed: %v", err)
	}
	c.Ended(m)
	if !errors.Is(node.Err(), syscall.EIO) {
		t.Errorf("the node stopped with %v", node.Err())
	}
	if node.Status().Lead {
		t.Error("a stopped node says that it leads")
	}
	if err := c.Stop(m); !errors.Is(err, syscall.EIO) {
		t.Errorf("closing a node that stopped: %v", err)
	}
	c.Start(m)
	c.Submit(add(2))
	if r := c.Submit(add(2)); !r.Repeat || r.Count != 2 {
		t.Errorf("after the restart: %+v", r)
	}
}

// hungDisk: a caller may give up; after a long time the node does, too.
func hungDisk(t *testing.T, form Form) {
	c := NewCluster(t, form, func(o *consensus.Options) { o.HungTicks = 30 })
	c.Submit(add(1))
	m := c.Members()[0]
	free := make(chan struct{})
	defer close(free)
	m.Disk.SetRules(fsys.Rule{Ops: []fsys.Op{fsys.OpSync}, Wait: free, Err: syscall.EIO})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.Node.Submit(ctx, add(2)); !fault.HasCode(err, "SubmitTimeout") || !fault.Is(err, fault.Timeout) {
		t.Errorf("with a disk that hangs: %v", err)
	}
	c.Ended(m)
	if !fault.HasCode(m.Node.Err(), "DiskHung") {
		t.Errorf("the node stopped with %v", m.Node.Err())
	}
	c.Stop(m) // returns the same
}

// damagedLog: a log that isn't what was written doesn't start.
func damagedLog(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	for i := uint64(1); i <= 10; i++ {
		c.Submit(add(i))
	}
	m := c.Members()[0]
	if err := c.Stop(m); err != nil {
		t.Fatal(err)
	}
	name := "/data/log/log/0000000000000001.seg"
	f, err := m.Mem.OpenWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 500); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	err = c.TryStart(m)
	if !fault.Is(err, fault.Corrupt) || len(fault.Of(err).Problems) != 1 {
		t.Fatalf("a damaged log: %v", err)
	}
}

// leaderChange: when the leader goes, another leads, and nothing acknowledged is lost.
func leaderChange(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	id := uint64(0)
	for range 3 {
		for range 10 {
			id++
			c.Submit(add(id))
		}
		old := c.Leader()
		if err := c.Stop(old); err != nil {
			t.Fatal(err)
		}
		id++
		c.Submit(add(id))
		c.Start(old)
	}
	if r := c.Submit(toy.Command{Op: toy.Add, ID: 5000, Key: 5000}); r.Count != id+1 {
		t.Errorf("%d orders after %d commands: %+v", r.Count, id+1, r)
	}
	c.Digests()
}

// handOver: the leadership goes where it is asked to, and a follower names the leader.
func handOver(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	c.Submit(add(1))
	c.Settle()
	old := c.Leader()
	to := c.Members()[old.ID%uint64(form.Members)]
	if err := old.Node.TransferLeadership(to.ID); err != nil {
		t.Fatal(err)
	}
	c.Await("the new leader", func() bool { return to.Node.Status().Lead })
	c.Await("the old one to know", func() bool { return old.Node.Status().Leader == to.ID })
	_, err := old.Node.Submit(context.Background(), add(2))
	if !fault.HasCode(err, "NotLeader") || fault.Of(err).Subject != fmt.Sprint(to.ID) {
		t.Errorf("submitting to a follower: %v", err)
	}
	if err := old.Node.TransferLeadership(old.ID); !fault.HasCode(err, "NotLeader") {
		t.Errorf("a follower hands over: %v", err)
	}
	if err := to.Node.TransferLeadership(77); !fault.HasCode(err, "UnknownMember") {
		t.Errorf("handing over to nobody: %v", err)
	}
	c.Submit(add(2))
	c.Digests()
}

// away: a member that missed much gets the state, and the entries a reader needs.
func away(t *testing.T, form Form) {
	c := NewCluster(t, form, func(o *consensus.Options) { o.KeepEntries, o.SegmentBytes = 1, 4<<10 })
	c.Submit(add(1))
	c.Settle()
	leader := c.Leader()
	gone := c.Members()[leader.ID%uint64(form.Members)]
	if err := c.Stop(gone); err != nil {
		t.Fatal(err)
	}
	for i := uint64(2); i <= 120; i++ {
		cmd := add(i)
		cmd.Bytes = 200
		c.Submit(cmd)
	}
	c.Submit(toy.Command{Op: toy.Confirm, ID: 1000, Value: 60})
	c.Settle()
	for _, m := range c.Members() {
		if m == gone {
			continue
		}
		if err := m.Node.Snapshot(); err != nil && !fault.HasCode(err, "SnapshotDiscarded") {
			t.Fatal(err)
		}
		c.Await("entries to be dropped", func() bool { return m.Node.Status().OldestSeq > 1 })
	}
	c.Start(gone)
	c.Settle()
	s := gone.Node.Status()
	if s.SnapshotSeq == 0 {
		t.Errorf("the member didn't get a state: %+v", s)
	}
	for next := uint64(61); next <= s.Applied; next++ {
		list, err := gone.Node.Entries(next, 1)
		if err != nil || len(list) != 1 || list[0].Seq != next {
			t.Fatalf("the reader can't read entry %d at the member that was away: %v, %v", next, list, err)
		}
	}
	c.Digests()
}

// hungLeader: a leader whose disk hangs hands over, so that the group goes on.
func hungLeader(t *testing.T, form Form) {
	c := NewCluster(t, form, func(o *consensus.Options) { o.HungTicks = 1000 })
	c.Submit(add(1))
	c.Settle()
	old := c.Leader()
	free := make(chan struct{})
	old.Disk.SetRules(fsys.Rule{Ops: []fsys.Op{fsys.OpSync}, Wait: free})
	old.Node.SubmitAsync(add(2), func(any, error) {})
	c.Await("another leader", func() bool {
		for _, m := range c.Members() {
			if m != old && m.Node.Status().Lead {
				return true
			}
		}
		return false
	})
	close(free)
	c.Submit(add(3))
	c.Digests()
}

// foreignMessages: what isn't a message between members is refused.
func foreignMessages(t *testing.T, form Form) {
	c := NewCluster(t, form, nil)
	n := c.Leader().Node
	for _, msg := range [][]byte{nil, {1}, []byte("GET / HTTP/1.1\r\n"), make([]byte, 100)} {
		if err := n.Receive(1, msg); !fault.Is(err, fault.Invalid) {
			t.Errorf("message %q: %v", msg, err)
		}
		if err := n.ReceiveSnapshot(1, msg, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("state %q: %v", msg, err)
		}
	}
}
