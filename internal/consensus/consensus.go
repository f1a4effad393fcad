package consensus

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Machine is the state machine that a Node drives. Every method is called from
// the node's loop goroutine only, one at a time; none may block.
//
// The state may run ahead of the log's commit: Decide changes it at once, and
// Undo takes back what wasn't committed. The machine counts entries itself: it
// starts at 0, a Take that returns events adds one, and so does an Apply.
// Committed names entries by that count.
type Machine interface {
	// Decide decides on a command in the newest state, which may be ahead of
	// the commit. The reply, also one that refuses, reaches the caller when
	// all that the state rests on is committed. Decide is called only between
	// Lead and Follow. now never goes backwards within a node.
	Decide(cmd any, now time.Time) (reply any)
	// Take returns the encoded events decided since the last Take; empty if
	// there are none. It is called once after each batch of commands, and what
	// it returns becomes one entry. The node keeps the slice.
	Take() []byte
	// Apply folds one committed entry that this node didn't decide (as a
	// follower, or on replay). An error stops the node.
	Apply(data []byte) error
	// Committed tells that the entries up to seq are committed, and durable
	// here: events and effects up to there may leave. It is called at least
	// once after each group of entries committed together, and after Restore.
	Committed(seq uint64)
	// Undo takes back everything that was decided and isn't committed.
	Undo()
	// Lead tells that this node leads and that the state holds all that was
	// committed before: Decide may be called from now on.
	Lead(term uint64)
	// Follow tells that this node doesn't lead any more. Undo came before.
	Follow()
	// Freeze returns a picture of the newest state, which may run ahead of the
	// commit. It must be quick: copy pointers, don't encode.
	Freeze() Frozen
	// Restore replaces the whole state by what a Frozen wrote. It reads r to its end.
	Restore(r io.Reader) error
	// Retain returns the lowest entry, by number, that readers of the event
	// stream still need; entries from there on stay readable. 0 means none but
	// those the newest snapshot doesn't cover.
	Retain() uint64
	// Digest returns a digest of the newest state, to compare members and to
	// compare a live state with one folded again.
	Digest() [32]byte
}

// Frozen is an immutable picture of a Machine's state. WriteTo encodes it; it
// runs in another goroutine while the machine goes on.
type Frozen = io.WriterTo

// Sized is implemented by commands that may be big: a batch ends when the
// sizes of its commands, in bytes, add up to Options.MaxBatchBytes. A command
// without it counts 256 bytes.
type Sized interface{ Size() int }

// Looking is implemented by commands that look at the state and never decide
// anything: they are answered also while the disk is full.
type Looking interface{ LooksOnly() bool }

// Entry is one committed entry of the event stream. Data is what Take
// returned; it must not be changed.
type Entry struct {
	Seq  uint64 // 1, 2, 3 ...: the number the machine counts
	Term uint64 // the term of the leader that decided it; 1 in a Local
	Data []byte
}

// MemberStatus is what a leader knows about a member; others know only the ids.
type MemberStatus struct {
	ID     uint64
	Match  uint64 // index up to which its log is known to agree
	Active bool   // heard of within the last election timeout
	State  string // StateJoining, or "probe", "replicate" or "snapshot", as the library names them
}

// StateJoining is the state of a member that has no vote: it lost its log, or
// was never in the group, and gets everything from the others. Every member
// tells it.
const StateJoining = "joining"

// Status is a picture of a node at one moment.
type Status struct {
	ID          uint64
	Leader      uint64 // 0 when unknown
	Term        uint64
	Commit      uint64 // index in the log known committed; indexes count also entries without events
	Applied     uint64 // number of the newest entry that is committed and in the state
	Lead        bool   // commands are decided here
	Members     []MemberStatus
	OldestSeq   uint64 // lowest entry that Entries can return; Applied+1 when there is none
	SnapshotSeq uint64 // entry the newest snapshot includes; 0 without one
	LogID       string // made at the log's birth: another id means that the old log was lost
	OutOfSpace  bool   // commands are refused until the disk has space again
}

// Node is one member of a group, or a log of its own. Its methods are safe for
// concurrent use.
type Node interface {
	// Submit has the leader's machine decide cmd, waits until all that the
	// reply rests on is committed, and returns the reply. Errors:
	// Unavailable "NotLeader" (nothing was done; Subject is the leader's id in
	// decimal, if known), Unavailable "OutcomeUnknown" (the leadership was
	// lost, or the node closed, with the command in flight), Unavailable
	// "TooBusy" (too many commands wait; nothing was done), NoSpace
	// "OutOfSpace" (nothing was done), and Timeout "SubmitTimeout" when ctx
	// ended first (the outcome is unknown).
	Submit(ctx context.Context, cmd any) (any, error)
	// SubmitAsync is Submit that tells the outcome by a call of done, exactly
	// once, from the loop goroutine, or from SubmitAsync itself when the node
	// is closed or too busy. done must not block.
	SubmitAsync(cmd any, done func(reply any, err error))
	// Entries returns committed entries from number from on, in order, at
	// least one if there is one and else as many as fit in maxBytes. It
	// returns none when from is beyond the newest, and NotFound
	// "EntriesCompacted" when from is below Status.OldestSeq.
	Entries(from uint64, maxBytes int) ([]Entry, error)
	// Status returns the node's present state.
	Status() Status
	// TransferLeadership asks that another member lead; it doesn't wait. It
	// fails when this node doesn't lead, or for a member it doesn't know.
	TransferLeadership(to uint64) error
	// Snapshot takes a snapshot now and waits until it is published. Conflict
	// "SnapshotDiscarded" means that the leadership was lost meanwhile.
	Snapshot() error
	// Receive takes one message that a member's Transport sent. It doesn't
	// wait; an error says that the message is not one, or was dropped.
	Receive(from uint64, msg []byte) error
	// ReceiveSnapshot takes the state that a member's Transport sent: it
	// stores what body yields, checks it, and hands it over. When it returns
	// nil the sender's done gets nil, else the error.
	ReceiveSnapshot(from uint64, meta []byte, body io.Reader) error
	// Done is closed when the node has stopped, by Close or by itself.
	Done() <-chan struct{}
	// Err returns why the node stopped by itself; nil while it runs and after Close.
	Err() error
	// Close stops the node and waits for all it started. Commands in flight
	// get Unavailable "OutcomeUnknown", those that wait "NotLeader".
	Close() error
}

// Transport carries messages between the members. No method may block; what
// can't be delivered is dropped, and messages may be lost, doubled and late.
type Transport interface {
	// Send sends messages to a member, which hands them to Node.Receive.
	Send(to uint64, msgs [][]byte)
	// SendSnapshot sends a state to a member, which hands meta and body to
	// Node.ReceiveSnapshot. It calls done exactly once, from any goroutine,
	// with what ReceiveSnapshot returned or why it wasn't reached. body is
	// read, until its end or an error, before done is called, and not after.
	SendSnapshot(to uint64, meta []byte, body io.Reader, done func(error))
}

// Options configure a node. Zero values stand for the defaults named.
type Options struct {
	ID        uint64       // this member; 1 to 2^32-1. A Local has 1 if none is given
	Members   []uint64     // the group's members, this one included; not of a Local
	FS        fsys.FS      // default: the real disk
	Dir       string       // folder of the log; made when missing
	Clock     clock.Clock  // default: the machine's
	Machine   Machine      // its state is empty
	Transport Transport    // nil only in a group of one, or a Local
	Log       *slog.Logger // default: discard

	Tick           time.Duration // default 100 ms
	ElectionTicks  int           // default 10: a leader not heard of for one to two times as long is replaced
	HeartbeatTicks int           // default 1
	HungTicks      int           // default 300: a disk that doesn't finish an operation for as long stops the node

	// Gather is how long commands are gathered, at most, while there are many of them. 0 means that
	// each batch is decided at once, as it is while there are few.
	Gather time.Duration

	Depth         int // entries in flight; default 4
	MaxBatch      int // commands an entry; default 4,096
	MaxBatchBytes int // sizes of the commands of an entry; default 1 MiB
	MaxQueue      int // commands that wait; default 65,536

	SegmentBytes   int64         // size of a log file; default 16 MiB
	SnapshotBytes  int64         // log written since the last snapshot that makes one due in any case; default 64 MiB. As much as the snapshot is enough, from 8 MiB on
	SnapshotPeriod time.Duration // age of the last snapshot that makes one due, if anything was written since; default 1 h
	KeepEntries    uint64        // so many of the newest entries stay readable, whatever readers need; default 10,000
	MinFreeSpace   int64         // commands are refused while the disk has less free; default two log files
}
