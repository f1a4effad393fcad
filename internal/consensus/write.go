package consensus

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

// write is one order to the writer. The core makes it, the writer carries it
// out, and the core gets it back when all in it, and all before it, is
// durable. Orders are carried out in their order; only one side has it at a time.
type write struct {
	install *journal.Draft // the state that replaces the log
	entries []journal.Entry
	hard    *journal.HardState
	sync    bool
	after   []*pb.Message // to be sent, or stepped, when all is durable

	publish *draft
	discard []*journal.Draft
	compact uint64 // drop entries below
	probe   bool   // look at the disk
	owner   uint64 // give the log, which has no entries, to this identity
	retire  bool   // its owner is in the group no more

	done  int    // steps carried out, see writer.write
	bytes int64  // what it takes in the log, about
	since uint64 // tick at which it was handed out

	// Results.
	publishErr error // it isn't published, and the log goes on
	low        bool  // of a probe
	free       int64
}

// writer carries out orders on the journal. It is the shell's: a goroutine
// runs it, or a test, step by step.
type writer struct {
	j *journal.Journal
}

// write carries out w, but for its sync. An error means that the node must
// stop, unless waits says otherwise: then the same call is due again.
func (x writer) write(w *write) error {
	steps := [...]func(*write) error{x.install, x.own, x.append, x.promise, x.tidy}
	for ; w.done < len(steps); w.done++ {
		if err := steps[w.done](w); err != nil {
			return err
		}
	}
	return x.j.Failed()
}

// waits tells that an order can't be carried out until the disk has space. The
// log is as it was, and goes on.
func (x writer) waits(err error) bool { return fsys.IsNoSpace(err) && x.j.Failed() == nil }

// install makes a state that a member sent the log.
func (x writer) install(w *write) error {
	if w.install == nil {
		return nil
	}
	h := x.j.HardState()
	if w.hard != nil {
		h = *w.hard
	}
	// Entries that follow are not there yet: the commit index must not
	// point at them.
	h.Commit = w.install.Meta().Index
	return x.j.Install(w.install, h)
}

// own says whose the log is.
func (x writer) own(w *write) error {
	if w.owner != 0 {
		if err := x.j.SetOwner(w.owner); err != nil {
			return err
		}
	}
	if w.retire {
		return x.j.Retire()
	}
	return nil
}

func (x writer) append(w *write) error { return x.j.Append(w.entries) }

// promise writes the hard state, behind the entries that its commit index names.
func (x writer) promise(w *write) error {
	if w.hard == nil {
		return nil
	}
	return x.j.SetHardState(*w.hard)
}

// tidy does what only concerns the disk.
func (x writer) tidy(w *write) error {
	if w.publish != nil {
		w.publishErr = x.j.Publish(w.publish.file, w.publish.meta)
	}
	if w.compact > 0 {
		if err := x.j.Compact(w.compact); err != nil {
			return err
		}
	}
	for _, d := range w.discard {
		// It is only a leftover; the next start removes it, too.
		_ = d.Discard()
	}
	if w.probe {
		return x.probe(w)
	}
	return nil
}

// probe looks at the disk's space, and tells the log that it is idle.
func (x writer) probe(w *write) error {
	if x.j.Low() {
		_ = x.j.Refill() // Low tells whether it worked
	}
	free, err := x.j.Free()
	if err != nil {
		return err
	}
	w.free, w.low = free, x.j.Low()
	return x.j.Mark()
}

// writeAll carries out orders and syncs them; it returns how many, and why not
// all. Before a failure none counts.
func (x writer) writeAll(list []*write) (int, error) {
	for i, w := range list {
		if err := x.write(w); x.waits(err) {
			if serr := x.sync(list[:i]); serr != nil {
				return 0, serr
			}
			return i, err
		} else if err != nil {
			return 0, err
		}
	}
	return len(list), x.sync(list)
}

// sync makes all orders carried out so far durable, if one of them needs it.
func (x writer) sync(list []*write) error {
	for _, w := range list {
		if w.sync {
			return x.j.Sync()
		}
	}
	return nil
}
