package journal

import (
	"github.com/signet-scheduler/signet/internal/fault"
)

// Entry is one entry of the log. Entries have rising, gapless indexes; an
// entry with an index that is there already makes that one and all after it
// void. Seq is the caller's number of the entry, rising without gap among
// those that have one; 0 means none. Data must not be changed once it is here.
type Entry struct {
	Index uint64
	Term  uint64
	Seq   uint64
	Kind  uint8
	Data  []byte
}

// size is what the entry takes on disk, in bytes.
func (e *Entry) size() int64 { return sizeOf(entryHead + len(e.Data)) }

// HardState is what a member promised: its term, whom it voted for in it, and
// the index it knew committed.
type HardState struct {
	Term, Vote, Commit uint64
}

// Meta says what a snapshot includes: all entries up to Index, of which the
// last has Term, and Seq is the highest number among them. Conf is the
// caller's, as of Index; at most 64 KiB.
type Meta struct {
	Index, Term, Seq uint64
	Conf             []byte
}

// position is a place in the log: an entry's index and term, and the highest
// number up to there.
type position struct {
	index, term, seq uint64
}

// maxConf is the greatest length of Meta.Conf.
const maxConf = 64 << 10

// The codes of the faults that this package makes.
const (
	codeDamaged   = "JournalDamaged"
	codeCompacted = "EntriesCompacted"
	codeBeyond    = "EntriesBeyondLog"
)

// damaged is the fault for stored bytes that aren't what was written.
func damaged(file string, off int64, format string, args ...any) *fault.Error {
	e := fault.New(fault.Corrupt, codeDamaged, format, args...)
	e.Message = "the log is damaged: " + e.Message + "; nothing was changed"
	e.Problems = []fault.Problem{{Where: place(file, off), Message: "damaged here"}}
	return e
}
