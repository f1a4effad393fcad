package journal

import (
	"errors"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Owner returns who writes the log, as Options.Owner or SetOwner said.
func (j *Journal) Owner() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.manifest.owner
}

// Retired tells that Retire was called: its owner may not use the log any more.
func (j *Journal) Retired() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.manifest.retired
}

// SetOwner gives a log without entries to another owner, durably. What the one
// before promised is forgotten, too: a hard state is its owner's. It is the
// writer's method.
func (j *Journal) SetOwner(owner uint64) error {
	if j.failed != nil {
		return j.failed
	}
	if len(j.slots) > 0 || j.snapFile != "" {
		return fault.New(fault.Internal, "OwnerOfEntries", "a log with entries can't be given away")
	}
	n := j.manifest
	n.owner = owner
	if err := j.replace(n); err != nil {
		return err
	}
	if err := j.SetHardState(HardState{}); err != nil {
		return err
	}
	return j.Sync()
}

// Retire says, durably, that the log's owner may not use it any more. It is
// the writer's method.
func (j *Journal) Retire() error {
	if j.failed != nil {
		return j.failed
	}
	n := j.manifest
	n.retired = true
	return j.replace(n)
}

// replace makes n the manifest. Want of space changes nothing; any other error
// finishes the journal.
func (j *Journal) replace(n manifest) error {
	if err := j.replaceManifest(&n); err != nil {
		if errors.Is(err, errNoManifest) {
			return err
		}
		return j.stop(err)
	}
	j.mu.Lock()
	j.manifest = n
	j.mu.Unlock()
	_ = j.Refill()
	return nil
}
