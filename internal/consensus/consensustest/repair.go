package consensustest

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// small makes states travel, and entries go, soon.
func small(o *consensus.Options) { o.KeepEntries, o.SegmentBytes = 1, 4<<10 }

// load submits commands from first to last, so that the log has several files,
// and takes snapshots.
func load(c *Cluster, first, last uint64) {
	c.t.Helper()
	for i := first; i <= last; i++ {
		cmd := add(i)
		cmd.Bytes = 200
		c.Submit(cmd)
	}
	c.Settle()
	for _, m := range c.Members() {
		if m.Node == nil {
			continue
		}
		if err := m.Node.Snapshot(); err != nil && !fault.HasCode(err, "SnapshotDiscarded") {
			c.t.Fatal(err)
		}
	}
}

// follower returns a member that doesn't lead.
func follower(c *Cluster) *Member {
	return c.Members()[c.Leader().ID%uint64(len(c.Members()))]
}

// repaired waits until a member has everything and votes, then has it show
// that: the leader goes, and it is needed for all that follows.
func repaired(c *Cluster, m *Member, next uint64) {
	c.t.Helper()
	c.Await("the member to be repaired", func() bool {
		for _, o := range c.Members() {
			if n := c.node(o.ID, o.ID); n == nil || n.Status().Members[m.ID-1].State == consensus.StateJoining {
				return false
			}
		}
		return true
	})
	c.Settle()
	from := m.Node.Status().OldestSeq
	list, err := m.Node.Entries(from, 1<<20)
	if err != nil || len(list) == 0 || list[0].Seq != from {
		c.t.Errorf("the repaired member's entries: %d, %v", len(list), err)
	}
	var gone *Member
	for _, o := range c.Members() {
		if o != m && (gone == nil || o.Node.Status().Lead) {
			gone = o
		}
	}
	if err := c.Stop(gone); err != nil {
		c.t.Error(err)
	}
	if r := c.Submit(add(1)); !r.Repeat {
		c.t.Errorf("the first command is forgotten: %+v", r)
	}
	if r := c.Submit(add(next)); r.Refused || r.Count != next {
		c.t.Errorf("%d orders after %d commands", r.Count, next)
	}
	c.Start(gone)
	c.Digests()
}

// lostLog: a member whose folder is empty is no new one; it gets everything,
// also what the readers of the event stream need.
func lostLog(t *testing.T, form Form) {
	for name, tune := range map[string]func(*consensus.Options){"entries": nil, "state": small} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCluster(t, form, tune)
			load(c, 1, 60)
			c.Submit(toy.Command{Op: toy.Confirm, ID: 1000, Value: 40})
			m := follower(c)
			if err := c.Stop(m); err != nil {
				t.Fatal(err)
			}
			before := c.Leader().Node.Status()
			m.Mem = fsys.NewMem()
			m.Disk = fsys.NewFailing(m.Mem)
			c.Start(m)
			if s := m.Node.Status(); s.Applied != 0 && s.Members[m.ID-1].State != consensus.StateJoining {
				t.Errorf("at once: %+v", s)
			}
			load(c, 61, 80)
			c.Await("the reader to go on", func() bool {
				list, err := m.Node.Entries(41, 1)
				return err == nil && len(list) == 1 && list[0].Seq == 41
			})
			repaired(c, m, 81)
			if before.Applied < 61 {
				t.Errorf("before: %+v", before)
			}
		})
	}
}

// rottenLog: a bit of any file that counts; the log is put aside.
func rottenLog(t *testing.T, form Form) {
	for _, part := range []string{"/log/", "/snapshots/", "/manifest"} {
		t.Run(strings.Trim(part, "/"), func(t *testing.T) {
			t.Parallel()
			c := NewCluster(t, form, small)
			load(c, 1, 60)
			m := follower(c)
			if err := c.Stop(m); err != nil {
				t.Fatal(err)
			}
			name, size := fileIn(t, m, part)
			flip(t, m, name, size/2)
			c.Start(m)
			if info, err := m.Mem.Stat("/data/log.damaged/manifest"); err != nil || info.Size == 0 {
				t.Errorf("what was damaged isn't kept: %v", err)
			}
			repaired(c, m, 61)
		})
	}
}

// readDamage: damage that is met while a node runs ends it, and the next start
// repairs it.
func readDamage(t *testing.T, form Form) {
	c := NewCluster(t, form, func(o *consensus.Options) { o.SegmentBytes = 4 << 10 })
	for i := uint64(1); i <= 60; i++ {
		cmd := add(i)
		cmd.Bytes = 200
		c.Submit(cmd)
	}
	m := follower(c)
	if err := c.Stop(m); err != nil {
		t.Fatal(err)
	}
	c.Start(m) // what it reads is not in memory now
	name, _ := fileIn(t, m, "/log/")
	flip(t, m, name, 2000)
	c.Await("the damage to be met", func() bool {
		for from := uint64(1); from <= 60; from++ {
			if _, err := m.Node.Entries(from, 1); fault.Is(err, fault.Corrupt) || fault.HasCode(err, "NodeClosed") {
				return true
			}
		}
		return false
	})
	c.Ended(m)
	if err := m.Node.Err(); !fault.Is(err, fault.Corrupt) || len(fault.Of(err).Problems) != 1 {
		t.Errorf("the node ended with %v", err)
	}
	_ = c.Stop(m) // returns the same
	c.Start(m)
	repaired(c, m, 61)
}

// oldDisk: a disk that was replaced, and comes back when the group has gone on
// without it, counts no more; the member finds out, and is repaired again.
func oldDisk(t *testing.T, form Form) {
	c := NewCluster(t, form, small)
	load(c, 1, 30)
	m := follower(c)
	if err := c.Stop(m); err != nil {
		t.Fatal(err)
	}
	old := m.Mem
	m.Mem = fsys.NewMem()
	m.Disk = fsys.NewFailing(m.Mem)
	c.Start(m)
	c.Await("the member to be repaired", func() bool {
		return c.Leader().Node.Status().Members[m.ID-1].State == "replicate" && m.Node.Status().Members[m.ID-1].State == ""
	})
	if err := c.Stop(m); err != nil {
		t.Fatal(err)
	}
	m.Mem = old
	m.Disk = fsys.NewFailing(m.Mem)
	c.Start(m)
	c.Ended(m)
	if err := m.Node.Err(); !fault.HasCode(err, "MemberReplaced") {
		t.Errorf("with a disk that was replaced: %v", err)
	}
	_ = c.Stop(m) // returns the same
	c.Start(m)
	repaired(c, m, 31)
}

// fileIn returns the first file of a stopped member's log whose path has that part.
func fileIn(t *testing.T, m *Member, part string) (name string, size int64) {
	t.Helper()
	dir := filepath.Join("/data/log", filepath.Dir(part+"x"))
	if part == "/manifest" {
		dir = "/data/log"
	}
	list, err := m.Mem.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if strings.Contains(dir+"/"+i.Name, part) && i.Name != "spare" && i.Name != "manifest.next" {
			return dir + "/" + i.Name, i.Size
		}
	}
	t.Fatalf("no file %s", part)
	return "", 0
}

func flip(t *testing.T, m *Member, name string, at int64) {
	t.Helper()
	f, err := m.Mem.OpenWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 4
	if err == nil {
		_, err = f.WriteAt(b[:], at)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
