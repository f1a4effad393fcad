package consensus

import (
	"fmt"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// StartGroup opens the log of a group's member in o.Dir, or makes it, and
// starts the member. It returns when the state holds all that was known
// committed when it last ran. Errors are Corrupt with file and offset for a
// damaged log, Invalid for options that can't work, or the disk's.
func StartGroup(o Options) (Node, error) {
	o = o.complete()
	if err := o.check(true); err != nil {
		return nil, err
	}
	j, err := openGroup(o)
	if err != nil {
		return nil, err
	}
	n := newNode(o, j)
	g, err := newGroup(n.core)
	if err != nil {
		return nil, closing(j, err)
	}
	n.core.proto, n.group = g, g
	return n.start()
}

// openGroup opens a member's log. At birth it holds the list of members as if
// by a snapshot of the empty state at index 1.
func openGroup(o Options) (*journal.Journal, error) {
	conf, err := encodeConf(o.Members)
	if err != nil {
		return nil, err
	}
	return journal.Open(journal.Options{
		FS: o.FS, Dir: o.Dir, SegmentBytes: o.SegmentBytes,
		Birth:     journal.Meta{Index: 1, Term: 1, Conf: conf},
		BirthHard: journal.HardState{Term: 1, Commit: 1},
	})
}

// StartLocal opens the log in o.Dir, or makes it, and starts it: a node that
// always leads, without Raft, in term 1. It returns when the state holds all
// that the log holds. Errors are as StartGroup's.
func StartLocal(o Options) (Node, error) {
	o = o.complete()
	number(&o.ID, 1)
	if err := o.check(false); err != nil {
		return nil, err
	}
	j, err := openLocal(o)
	if err != nil {
		return nil, err
	}
	if meta, _ := j.Snapshot(); len(meta.Conf) > 0 {
		return nil, closing(j, fault.New(fault.Invalid, "NotALocalLog", "the log in %s is one of a group", o.Dir))
	}
	n := newNode(o, j)
	n.core.proto = &local{c: n.core}
	return n.start()
}

func openLocal(o Options) (*journal.Journal, error) {
	return journal.Open(journal.Options{FS: o.FS, Dir: o.Dir, SegmentBytes: o.SegmentBytes})
}

// closing returns err after closing the journal.
func closing(j *journal.Journal, err error) error {
	if cerr := j.Close(); cerr != nil {
		return fmt.Errorf("%w (and closing the log: %w)", err, cerr)
	}
	return err
}
