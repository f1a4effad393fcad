package consensus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

// Copy is a consistent copy of a log: the state at one committed entry, and
// the entries before it that are in the log. Until it is closed the log keeps
// these entries. One goroutine uses it.
type Copy struct {
	n      *node
	seq    uint64 // of the entry; the state may have run ahead of it when it was frozen
	frozen Frozen
	term   uint64 // of the leadership in which it was made; of an entry once it is ready
	index  uint64
	conf   []byte
	from   uint64 // first entry, by index
	done   func(error)
	once   sync.Once
}

// TakeCopy has a leading node freeze its newest state and waits until that is
// committed; the node goes on meanwhile. Errors: NotLeader and OutcomeUnknown
// as Submit's, and Timeout when ctx ends first.
func TakeCopy(ctx context.Context, of Node) (*Copy, error) {
	n, ok := of.(*node)
	if !ok {
		return nil, fault.New(fault.Internal, "NoCopies", "this node can't be copied")
	}
	c := &Copy{n: n}
	result := make(chan error, 1)
	c.done = func(err error) { result <- err }
	if !n.box.put(func(m *mail) bool {
		m.calls = append(m.calls, func() { n.core.guard(func() { n.core.copies.begin(c); n.core.settle() }) })
		return true
	}) {
		return nil, errClosed()
	}
	select {
	case err := <-result:
		if err != nil {
			return nil, err
		}
		return c, nil
	case <-n.done:
	case <-ctx.Done():
	}
	c.Close()
	if ctx.Err() != nil {
		return nil, errTimeout(ctx.Err())
	}
	return nil, errClosed()
}

// Seq returns the number of the entry that the copy ends with.
func (c *Copy) Seq() uint64 { return c.seq }

// WriteTo writes the copy as a snapshot container (docs/formats/snapshot-container.md).
func (c *Copy) WriteTo(w io.Writer) (int64, error) {
	out := &counted{w: w}
	meta := journal.Meta{Index: c.index, Term: c.term, Seq: c.seq, Conf: c.conf}
	err := c.n.j.WriteCopy(out, c.from, meta, c.frozen)
	return out.n, err
}

// Close lets the log drop what was kept for the copy.
func (c *Copy) Close() {
	c.once.Do(func() { c.n.post(func() { c.n.core.copies.end(c) }) })
}

type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// copies are the copies that are being made of a core's state. Owned by it.
type copies struct {
	c       *core
	waiting []*Copy // what they hold isn't committed yet
	held    []*Copy
}

// begin freezes the state as it is, usually ahead of the commit.
func (s *copies) begin(p *Copy) {
	c := s.c
	if c.err != nil || c.stopping || !c.leading {
		p.done(errNotLeader(c.proto.leader()))
		return
	}
	p.seq, p.frozen, p.from = c.seq, c.m.Freeze(), c.j.First()
	s.waiting = append(s.waiting, p)
}

// advance lets those go on whose entry is committed.
func (s *copies) advance() {
	for len(s.waiting) > 0 && s.c.err == nil && s.waiting[0].seq <= s.c.applied {
		p := s.waiting[0]
		s.waiting = s.waiting[1:]
		err := s.complete(p)
		if err == nil {
			s.held = append(s.held, p)
		}
		p.done(err)
	}
}

// complete finds the entry that the state was frozen at.
func (s *copies) complete(p *Copy) (err error) {
	if p.seq == 0 {
		return fault.New(fault.Conflict, "NothingToCopy", "the log is empty")
	}
	meta, _ := s.c.j.Snapshot()
	if p.index = meta.Index; p.seq > meta.Seq {
		p.index = s.c.j.Index(p.seq)
	}
	if p.conf, err = s.c.proto.conf(p.index); err != nil {
		return err
	}
	p.term, err = s.c.j.Term(p.index)
	return err
}

// lost gives up what isn't committed: it shows a state that never was.
func (s *copies) lost() {
	list := s.waiting
	s.waiting = nil
	for _, p := range list {
		p.done(errUnknown())
	}
}

func (s *copies) end(p *Copy) {
	same := func(q *Copy) bool { return q == p }
	s.waiting, s.held = slices.DeleteFunc(s.waiting, same), slices.DeleteFunc(s.held, same)
}

// needed returns the lowest index that must stay for a copy, or max.
func (s *copies) needed(most uint64) uint64 {
	for _, p := range s.waiting {
		most = min(most, p.from)
	}
	for _, p := range s.held {
		most = min(most, p.from)
	}
	return most
}

// Import says how a log is made of a copy.
type Import struct {
	FS   fsys.FS // default: the real disk
	Dir  string  // of the log; empty, or missing
	Body io.Reader
	// Members are the ids of a group's members, and ID is the one whose log it
	// is; nil: a log of its own.
	Members []uint64
	ID      uint64
	// Term is that of the entry that follows the copy, of a group: above all
	// that the group, or any member of it, has had. The same for all members.
	Term uint64
	// Data is what the machine takes by that entry. The same for all members.
	Data []byte
}

// ImportLog makes the log of a member, or a log of its own, of a copy: its
// state and entries, and one entry that follows them. Errors are Corrupt for a
// copy that isn't whole, Conflict "LogExists", or the disk's. A log that wasn't
// finished is there when it fails: the caller removes the folder.
func ImportLog(o Import) error {
	if o.FS == nil {
		o.FS = fsys.Real{}
	}
	if o.Members != nil && !slices.Contains(o.Members, o.ID) {
		return fault.New(fault.Invalid, "UnknownMember", "member %d isn't one of the group", o.ID)
	}
	if len(o.Data) == 0 {
		return errors.New("a log that is made of a copy needs an entry that says so")
	}
	ids, owner := o.identities()
	return journal.Import(journal.Options{FS: o.FS, Dir: o.Dir, Owner: owner}, o.Body, func(m *journal.Meta, h *journal.HardState) ([]journal.Entry, error) {
		if (len(m.Conf) > 0) != (o.Members != nil) {
			return nil, fault.New(fault.Invalid, "WrongKindOfLog", "the copy is of another kind of log")
		}
		e := entryHeader{localTerm, m.Seq + 1}
		if o.Members != nil {
			conf, err := encodeConf(ids)
			if err != nil {
				return nil, err
			}
			if o.Term <= m.Term {
				return nil, fault.New(fault.Invalid, "TermTooLow", "the copy is of term %d: it can't go on in term %d", m.Term, o.Term)
			}
			m.Conf, e.term, h.Term = conf, o.Term, o.Term
		}
		return []journal.Entry{{Index: m.Index + 1, Term: e.term, Seq: e.seq, Data: encodeEntry(e, o.Data)}}, nil
	})
}

// identities returns those of all members, and the own. Members of several are
// incarnated anew, all in the same way: who has a log of another life is not of
// this group.
func (o *Import) identities() (all []uint64, own uint64) {
	if len(o.Members) < 2 {
		return o.Members, 0
	}
	sum := sha256.Sum256(o.Data)
	incarnation := uint64(max(1, binary.BigEndian.Uint32(sum[:])>>1))
	for _, m := range o.Members {
		id := incarnation<<memberBits | memberOf(m)
		all = append(all, id)
		if m == o.ID {
			own = id
		}
	}
	return all, own
}
