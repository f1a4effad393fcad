package journal_test

import (
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

// TestOwner: who writes a log is remembered, can be changed while it has no
// entries, and ends for good.
func TestOwner(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	o := options(disk)
	o.Owner = 7
	reopen := func(owner uint64, retired bool) *journal.Journal {
		t.Helper()
		j, err := journal.Open(o)
		must(t, err)
		if j.Owner() != owner || j.Retired() != retired {
			t.Fatalf("owner %d, retired %v; want %d, %v", j.Owner(), j.Retired(), owner, retired)
		}
		return j
	}
	j := reopen(7, false)
	must(t, j.SetHardState(journal.HardState{Term: 3, Vote: 9}))
	must(t, j.SetOwner(8))
	if h := j.HardState(); h != (journal.HardState{}) {
		t.Errorf("the new owner has promised %+v", h)
	}
	must(t, j.Close())
	o.Owner = 99 // only at birth
	j = reopen(8, false)
	if h := j.HardState(); h != (journal.HardState{}) {
		t.Errorf("after reopening the owner has promised %+v", h)
	}
	must(t, j.Append(entries(1, 2, 1, 10)))
	if err := j.SetOwner(9); !fault.HasCode(err, "OwnerOfEntries") {
		t.Errorf("a log with entries was given away: %v", err)
	}
	must(t, j.Append(entries(3, 80, 1, 100))) // the manifest changes
	must(t, j.Retire())
	if !j.Retired() {
		t.Error("it isn't retired")
	}
	must(t, j.Close())
	must(t, reopen(8, true).Close())
}

// TestSnapshotWithoutManifest: a folder that holds only a snapshot isn't empty.
func TestSnapshotWithoutManifest(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	must(t, disk.MkdirAll("/j/snapshots"))
	must(t, fsys.WriteFileAtomic(disk, "/j/snapshots/x.snapshot", []byte("state")))
	if _, err := journal.Open(options(disk)); !fault.HasCode(err, "JournalDamaged") {
		t.Errorf("a snapshot without a manifest: %v", err)
	}
}
