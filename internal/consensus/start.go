package consensus

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

// StartGroup opens the log of a group's member in o.Dir, or makes it, and
// starts the member. It returns when the state holds all that was known
// committed when it last ran. A member of several whose log is damaged puts it
// aside; one that has none is taken in by the others, or waits for them. Errors
// are Corrupt with file and offset for a damaged log of a group of one, Invalid
// for options that can't work and for another's log, or the disk's.
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

// openGroup opens a member's log. A damaged one of a group of several is put
// aside: the others have what was in it. So is one that the group has replaced.
func openGroup(o Options) (*journal.Journal, error) {
	if len(o.Members) == 1 {
		return openAlone(o)
	}
	j, err := openMember(o)
	switch {
	case fault.HasCode(err, "JournalDamaged"):
		o.Log.Error("this member's log is damaged; it is put aside, and the member gets everything from the others", "aside", aside(o), "error", err)
	case err != nil:
		return nil, err
	case j.Retired():
		o.Log.Warn("the group has replaced this member's log; it is put aside, and the member gets everything from the others", "aside", aside(o))
		err = j.Close()
	case j.Owner() != 0 && j.Last() > 0 && j.HardState().Term == 0:
		// Entries came, and the promise to keep them didn't: nobody counts on them.
		if err := errors.Join(j.Close(), fsys.RemoveAll(o.FS, o.Dir)); err != nil {
			return nil, err
		}
		return openMember(o)
	default:
		return j, nil
	}
	if err != nil && !fault.HasCode(err, "JournalDamaged") {
		return nil, err
	}
	if err := setAside(o); err != nil {
		return nil, err
	}
	return openMember(o)
}

// openAlone opens the log of a group of one. At birth it holds the list of
// members as if by a snapshot of the empty state at index 1.
func openAlone(o Options) (*journal.Journal, error) {
	conf, err := encodeConf(o.Members)
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(journal.Options{
		FS: o.FS, Dir: o.Dir, SegmentBytes: o.SegmentBytes,
		Birth:     journal.Meta{Index: 1, Term: 1, Conf: conf},
		BirthHard: journal.HardState{Term: 1, Commit: 1},
	})
	return j, advise(o, err)
}

// openMember opens the log of a member of several. At birth it has nothing but
// an identity.
func openMember(o Options) (*journal.Journal, error) {
	owner, err := incarnate(o.ID)
	if err != nil {
		return nil, err
	}
	return journal.Open(journal.Options{FS: o.FS, Dir: o.Dir, SegmentBytes: o.SegmentBytes, Owner: owner})
}

// aside returns where a log is put that can't be used any more.
func aside(o Options) string { return filepath.Clean(o.Dir) + ".damaged" }

// setAside puts the log aside, for whoever wants to look into it, in place of
// one that was put there before.
func setAside(o Options) error {
	if err := fsys.RemoveAll(o.FS, aside(o)); err != nil {
		return fmt.Errorf("removing the log that was put aside before: %w", err)
	}
	if err := o.FS.Rename(filepath.Clean(o.Dir), aside(o)); err != nil {
		return fmt.Errorf("putting the damaged log aside (empty the folder %s by hand): %w", o.Dir, err)
	}
	return o.FS.SyncDir(filepath.Dir(filepath.Clean(o.Dir)))
}

// advise says how to get out of it when a log is damaged that nobody else has.
func advise(o Options, err error) error {
	if !fault.HasCode(err, "JournalDamaged") {
		return err
	}
	f := *fault.Of(err)
	f.Message += ". Nobody else has what was in it; restore it from a backup: signet restore FILE"
	return fmt.Errorf("opening the log in %s: %w", o.Dir, &f)
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
	if meta, _ := j.Snapshot(); len(meta.Conf) > 0 || j.Owner() != 0 {
		return nil, closing(j, fault.New(fault.Invalid, "NotALocalLog", "the log in %s is one of a group", o.Dir))
	}
	n := newNode(o, j)
	n.core.proto = &local{c: n.core}
	return n.start()
}

func openLocal(o Options) (*journal.Journal, error) {
	j, err := journal.Open(journal.Options{FS: o.FS, Dir: o.Dir, SegmentBytes: o.SegmentBytes})
	return j, advise(o, err)
}

// closing returns err after closing the journal.
func closing(j *journal.Journal, err error) error {
	if cerr := j.Close(); cerr != nil {
		return fmt.Errorf("%w (and closing the log: %w)", err, cerr)
	}
	return err
}
