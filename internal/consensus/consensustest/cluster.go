// Package consensustest is the conformance suite of consensus.Node: what a
// Node promises, checked on every form of it, and the group in one process
// that the checks, and tests of other packages, run on. Only tests call it.
package consensustest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Form is one form of a node.
type Form struct {
	Name    string
	Members int
	Start   func(consensus.Options) (consensus.Node, error)
}

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

// Cluster is a group, or a log of its own, in one process, each member with a
// disk of its own in memory.
type Cluster struct {
	t    testing.TB
	form Form
	tune func(*consensus.Options)

	mu      sync.Mutex
	members []*Member
	cut     map[uint64]bool
	sends   sync.WaitGroup
}

// Member is one member of a Cluster.
type Member struct {
	ID      uint64
	Disk    *fsys.Failing // over Mem
	Mem     *fsys.Mem
	Node    consensus.Node // nil when down
	Machine *toy.Machine   // owned by the node's loop
}

// NewCluster makes a form's members and starts them; the test's end stops them.
// tune, if given, changes the options of each member's every start.
func NewCluster(t testing.TB, form Form, tune func(*consensus.Options)) *Cluster {
	t.Helper()
	c := &Cluster{t: t, form: form, tune: tune, cut: map[uint64]bool{}}
	for id := uint64(1); id <= uint64(form.Members); id++ {
		mem := fsys.NewMem()
		c.members = append(c.members, &Member{ID: id, Mem: mem, Disk: fsys.NewFailing(mem)})
	}
	t.Cleanup(c.close)
	for _, m := range c.members {
		c.Start(m)
	}
	return c
}

// close stops all; a test that ends a member by a failure has looked at it.
func (c *Cluster) close() {
	for _, m := range c.members {
		c.Stop(m)
	}
	c.sends.Wait()
}

// Members returns all members.
func (c *Cluster) Members() []*Member { return c.members }

// Start starts a member on what its disk holds.
func (c *Cluster) Start(m *Member) {
	c.t.Helper()
	if err := c.TryStart(m); err != nil {
		c.t.Fatalf("starting member %d: %v", m.ID, err)
	}
}

// TryStart is Start for a member that may not start.
func (c *Cluster) TryStart(m *Member) error {
	machine := toy.New()
	o := consensus.Options{
		ID: m.ID, FS: m.Disk, Dir: "/data/log", Machine: machine, Transport: &link{c, m.ID},
		Tick: 10 * time.Millisecond, SegmentBytes: 64 << 10, MinFreeSpace: 64 << 10, MaxBatchBytes: 8 << 10,
	}
	for id := uint64(1); id <= uint64(c.form.Members); id++ {
		o.Members = append(o.Members, id)
	}
	if c.tune != nil {
		c.tune(&o)
	}
	node, err := c.form.Start(o)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m.Node, m.Machine = node, machine
	return nil
}

// Stop closes a member's node and returns what Close returned.
func (c *Cluster) Stop(m *Member) error {
	c.mu.Lock()
	node := m.Node
	m.Node = nil
	c.mu.Unlock()
	if node == nil {
		return nil
	}
	return node.Close()
}

// Cut takes a member off the network, or puts it back.
func (c *Cluster) Cut(id uint64, off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[id] = off
}

// node returns a member's node, nil when it can't be reached from another.
func (c *Cluster) node(from, to uint64) consensus.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut[from] || c.cut[to] || to == 0 || to > uint64(len(c.members)) {
		return nil
	}
	return c.members[to-1].Node
}

// link is a member's Transport.
type link struct {
	c    *Cluster
	from uint64
}

// Send implements consensus.Transport. What a member refuses counts as lost.
func (l *link) Send(to uint64, msgs [][]byte) {
	if n := l.c.node(l.from, to); n != nil {
		for _, m := range msgs {
			_ = n.Receive(l.from, m)
		}
	}
}

// SendSnapshot implements consensus.Transport.
func (l *link) SendSnapshot(to uint64, meta []byte, body io.Reader, done func(error)) {
	n := l.c.node(l.from, to)
	l.c.sends.Go(func() {
		if n == nil {
			done(errors.New("the member can't be reached"))
			return
		}
		done(n.ReceiveSnapshot(l.from, meta, body))
	})
}

// Leader waits until a member that can be reached leads, and returns it.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	var leader *Member
	c.Await("a leader", func() bool {
		for _, m := range c.members {
			if n := c.node(m.ID, m.ID); n != nil && n.Status().Lead {
				leader = m
				return true
			}
		}
		return false
	})
	return leader
}

// Await waits until what is so; it asks again and again.
func (c *Cluster) Await(what string, so func() bool) {
	c.t.Helper()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-end.C:
			var text strings.Builder
			for _, m := range c.members {
				if n := c.node(m.ID, m.ID); n != nil {
					text.WriteString(fmt.Sprintf("\n%+v", n.Status()))
				}
			}
			c.t.Fatalf("waited in vain for %s%s", what, text.String())
		}
	}
}

// Ended waits until a member's node has stopped.
func (c *Cluster) Ended(m *Member) {
	c.t.Helper()
	select {
	case <-m.Node.Done():
	case <-time.After(patience):
		c.t.Fatalf("member %d doesn't stop: %+v", m.ID, m.Node.Status())
	}
}

// Submit submits a command to whoever leads, again and again until it is done
// or refused.
func (c *Cluster) Submit(cmd toy.Command) toy.Reply {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var reply toy.Reply
	c.Await("an answer", func() bool {
		for _, m := range c.members {
			n := c.node(m.ID, m.ID)
			if n == nil || !n.Status().Lead {
				continue
			}
			r, err := n.Submit(ctx, cmd)
			if err == nil {
				reply = r.(toy.Reply)
				return true
			}
			if !fault.Is(err, fault.Unavailable) {
				c.t.Fatalf("submitting %+v: %v", cmd, err)
			}
		}
		return false
	})
	return reply
}

// Settle waits until all members that run have the newest entry that any of
// them has, and returns its number.
func (c *Cluster) Settle() uint64 {
	c.t.Helper()
	var newest uint64
	c.Await("all members to have all entries", func() bool {
		low := ^uint64(0)
		newest = 0
		for _, m := range c.members {
			if n := c.node(m.ID, m.ID); n != nil {
				applied := n.Status().Applied
				low, newest = min(low, applied), max(newest, applied)
			}
		}
		return low == newest
	})
	return newest
}

// Digests stops all members and compares their states.
func (c *Cluster) Digests() [32]byte {
	c.t.Helper()
	c.Settle()
	var first [32]byte
	seen := false
	for _, m := range c.members {
		if err := c.Stop(m); err != nil {
			c.t.Errorf("closing member %d: %v", m.ID, err)
		}
		if m.Machine == nil {
			continue
		}
		d := m.Machine.Digest()
		if !seen {
			first, seen = d, true
		} else if d != first {
			c.t.Errorf("member %d has another state than member 1", m.ID)
		}
	}
	return first
}
