package consensus

import (
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// published is what other goroutines may see of a core. Safe for concurrent use.
type published struct {
	j      *journal.Journal
	mu     sync.RWMutex
	status Status
	index  uint64 // entries up to here are committed
	ended  bool   // the journal is closed

	damaged func(error) // called when the log isn't what was written
}

// publish shows the core's state to others.
func (c *core) publish() {
	s := Status{
		ID: c.o.ID, Applied: c.applied, Lead: c.leading && c.err == nil && !c.stopping,
		OutOfSpace: c.noSpace, LogID: c.j.ID(),
	}
	if meta, ok := c.j.Snapshot(); ok {
		s.SnapshotSeq = meta.Seq
	}
	c.proto.status(&s)
	c.pub.mu.Lock()
	defer c.pub.mu.Unlock()
	c.pub.status, c.pub.index = s, c.index
}

// Status implements Node.
func (p *published) Status() Status {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.status
	s.Members = append([]MemberStatus(nil), s.Members...)
	if seq, err := p.j.Seq(p.j.First() - 1); err == nil {
		s.OldestSeq = seq + 1
	}
	return s
}

// Entries implements Node.
func (p *published) Entries(from uint64, maxBytes int) ([]Entry, error) {
	p.mu.RLock()
	index, applied, ended := p.index, p.status.Applied, p.ended
	p.mu.RUnlock()
	if ended {
		return nil, fault.New(fault.Unavailable, "NodeClosed", "this member has stopped")
	}
	if from > applied {
		return nil, nil
	}
	low := p.j.Index(max(from, 1))
	before, err := p.j.Seq(low - 1)
	if err != nil || before+1 != max(from, 1) {
		return nil, fault.New(fault.NotFound, "EntriesCompacted",
			"entry %d is not in the log any more; read the state and go on from there", from)
	}
	return p.read(low, index, uint64(max(maxBytes, 0)))
}

// read returns the entries with events between two indexes, one at least if
// there is one.
func (p *published) read(low, high, maxBytes uint64) ([]Entry, error) {
	for low <= high {
		list, err := p.j.Entries(low, high+1, maxBytes)
		if err != nil {
			if fault.Is(err, fault.Corrupt) {
				p.damaged(err)
			}
			return nil, err
		}
		var entries []Entry
		for _, e := range list {
			if e.Seq == 0 {
				continue
			}
			_, events, err := decodeEntry(e.Data)
			if err != nil {
				return nil, fault.Wrap(fault.Corrupt, "UnknownEntry", err, "entry %d can't be read", e.Index)
			}
			entries = append(entries, Entry{Seq: e.Seq, Term: e.Term, Data: events})
		}
		if len(entries) > 0 {
			return entries, nil
		}
		low += uint64(len(list))
	}
	return nil, nil
}

// end makes Entries refuse: the journal closes.
func (p *published) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.status.Lead = false
}
