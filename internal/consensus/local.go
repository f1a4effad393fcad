package consensus

import (
	"fmt"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// local commits entries by the own disk alone: what is synced is committed.
type local struct {
	c    *core
	last uint64 // index of the newest entry handed out
}

var _ protocol = (*local)(nil)

// localTerm is the term of everything in a log of its own.
const localTerm = 1

// replayBytes is how much of the log is read at once.
const replayBytes = 4 << 20

// start applies what the log holds. Opening synced it, so all is committed.
func (l *local) start() {
	c := l.c
	l.last = c.j.Last()
	for c.index < l.last && c.err == nil {
		list, err := c.j.Entries(c.index+1, l.last+1, replayBytes)
		if err != nil {
			c.stop(fmt.Errorf("reading the log: %w", err))
			return
		}
		l.apply(list)
	}
	if c.err == nil {
		c.lead(localTerm)
	}
}

func (l *local) apply(list []journal.Entry) {
	for i := range list {
		if l.c.err != nil {
			return
		}
		l.c.index = list[i].Index
		l.c.applyEntry(list[i].Index, list[i].Term, list[i].Data)
	}
}

func (l *local) tick() {}

func (l *local) accepting() bool { return true }

func (l *local) soon() bool { return true }

func (l *local) leader() uint64 { return l.c.o.ID }

func (l *local) propose(h entryHeader, data []byte) {
	l.last++
	l.c.hand(&write{sync: true, entries: []journal.Entry{{Index: l.last, Term: h.term, Seq: h.seq, Data: data}}})
}

// confirm has nothing to ask: nobody else can lead.
func (l *local) confirm() { l.c.confirmed(len(l.c.reads)) }

func (l *local) drain() {}

// conf is empty: the log is of one.
func (l *local) conf(uint64) ([]byte, error) { return nil, nil }

func (l *local) stored(w *write) { l.apply(w.entries) }

// overdue can only wait for the end that core.watchDisk makes.
func (l *local) overdue() {}

// cramped can only wait for space.
func (l *local) cramped() {}

func (l *local) status(s *Status) {
	s.Leader, s.Term, s.Commit = s.ID, localTerm, l.c.index
	s.Members = []MemberStatus{{ID: s.ID, Match: l.c.index, Active: true, State: "replicate"}}
}

func (l *local) transfer(uint64) error {
	return fault.New(fault.Invalid, "NotAGroup", "the log has no other members")
}
