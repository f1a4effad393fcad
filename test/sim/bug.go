package sim

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/handover"
	"github.com/signet-scheduler/signet/internal/release"
)

// Bug is a mistake on purpose, to see whether the simulation finds it.
type Bug string

// The mistakes, each put between the product's parts from outside.
const (
	NoSync        Bug = "NoSync"        // what is acknowledged was written, but not synced
	NoDirSync     Bug = "NoDirSync"     // new names of files aren't synced
	NoFence       Bug = "NoFence"       // the Agent obeys a deposed leader
	NoNumbers     Bug = "NoNumbers"     // the Agent carries a batch out again that it has seen
	ForgetLeft    Bug = "ForgetLeft"    // the Agent takes an order again that has left it
	StartEarly    Bug = "StartEarly"    // processes start before their event is committed
	SkipEvent     Bug = "SkipEvent"     // the Controller loses an event of an Agent's chunk
	ReplyEarly    Bug = "ReplyEarly"    // clients are answered before the commit
	IgnoreReaders Bug = "IgnoreReaders" // events are dropped that a reader hasn't confirmed
	ConfirmEarly  Bug = "ConfirmEarly"  // the Cockpit confirms what it hasn't stored
	NoUndo        Bug = "NoUndo"        // a leader that lost keeps what wasn't committed
	LimitIgnored  Bug = "LimitIgnored"  // a job runs more processes than its limit
	TrustAll      Bug = "TrustAll"      // the Agent starts what a distrusted signer signed
	MixReleases   Bug = "MixReleases"   // a document needn't be listed by the release that it names
	CutDamaged    Bug = "CutDamaged"    // a damaged log is cut off where the damage is
	ForgetLost    Bug = "ForgetLost"    // after a restart nobody looks for lost processes
	HistoryTwice  Bug = "HistoryTwice"  // the Cockpit writes its position after the rows, not with them
)

// Bugs returns all mistakes.
func Bugs() []Bug {
	return []Bug{
		NoSync, NoDirSync, NoFence, NoNumbers, ForgetLeft, StartEarly, SkipEvent, ReplyEarly, IgnoreReaders, ConfirmEarly, NoUndo,
		LimitIgnored, TrustAll, MixReleases, CutDamaged, ForgetLost, HistoryTwice,
	}
}

// disk puts mistakes between a log and its disk.
func (b Bug) disk(fs fsys.FS) fsys.FS {
	if b == NoSync || b == NoDirSync {
		return forgetfulDisk{fs, b}
	}
	return fs
}

type forgetfulDisk struct {
	fsys.FS
	bug Bug
}

// SyncDir implements fsys.FS.
func (d forgetfulDisk) SyncDir(dir string) error {
	if d.bug == NoDirSync {
		return nil
	}
	return d.FS.SyncDir(dir)
}

func (d forgetfulDisk) file(f fsys.File, err error) (fsys.File, error) {
	if err != nil || d.bug != NoSync || !strings.HasSuffix(f.Name(), ".seg") {
		return f, err
	}
	return forgetfulFile{f}, nil
}

// Create implements fsys.FS.
func (d forgetfulDisk) Create(name string) (fsys.File, error) { return d.file(d.FS.Create(name)) }

// OpenWrite implements fsys.FS.
func (d forgetfulDisk) OpenWrite(name string) (fsys.File, error) { return d.file(d.FS.OpenWrite(name)) }

type forgetfulFile struct{ fsys.File }

// Sync does nothing.
func (forgetfulFile) Sync() error { return nil }

// machine puts mistakes between the commit pipeline and a machine.
func (b Bug) machine(m consensus.Machine) consensus.Machine {
	if b == NoUndo {
		return stubborn{m}
	}
	return m
}

// hasty is machine for Agents.
func (b Bug) hasty(m consensus.Machine) consensus.Machine {
	if b == StartEarly {
		return &hasty{Machine: m}
	}
	return m
}

// stubborn takes nothing back.
type stubborn struct{ consensus.Machine }

// Undo does nothing.
func (stubborn) Undo() {}

// hasty lets effects out when they are decided.
type hasty struct {
	consensus.Machine
	seq uint64
}

// Take implements consensus.Machine.
func (h *hasty) Take() []byte {
	data := h.Machine.Take()
	if len(data) > 0 {
		h.seq++
		h.Machine.Committed(h.seq)
	}
	return data
}

// Apply implements consensus.Machine.
func (h *hasty) Apply(data []byte) error {
	h.seq++
	return h.Machine.Apply(data)
}

// Committed implements consensus.Machine.
func (h *hasty) Committed(seq uint64) {
	h.seq = max(h.seq, seq)
	h.Machine.Committed(seq)
}

// adopt is the decision that takes over an Agent's events.
func (b Bug) adopt(l *handover.Link, events []engine.Stamped) handover.Decision {
	if b == SkipEvent && len(events) > 2 {
		events = append(events[:1:1], events[2:]...)
	}
	return l.Adopt(events)
}

// seen is what an Agent with a bug knows of its batches.
type seenBatch struct{ term, sequence int64 }

// batch has the Agent's machine carry a batch out.
func (b Bug) batch(s *seenBatch, e *engine.Agent, batch *engine.AgentBatch, now int64) (bool, error) {
	sent := *batch
	switch {
	case b == NoFence && batch.Term < s.term, b == NoNumbers && batch.Term == s.term && batch.Sequence <= s.sequence:
		sent.Term, sent.Sequence = s.term, s.sequence+1
	}
	if b == ForgetLeft {
		// A number that the attachment never had.
		sent.Commands = numbered(batch, func(id int64) int64 { return id + batch.Term<<20 + batch.Sequence })
	}
	fresh, err := e.Batch(&sent, now)
	if err == nil && fresh {
		*s = seenBatch{sent.Term, max(sent.Sequence, batch.Sequence)}
	}
	return fresh, err
}

// numbered returns the commands of a batch with other numbers of attachments.
func numbered(batch *engine.AgentBatch, number func(id int64) int64) []engine.AgentCommand {
	cmds := slices.Clone(batch.Commands)
	for i, cmd := range cmds {
		if a, ok := cmd.(*engine.AttachOrder); ok {
			o := *a.Order
			o.Attachment.ID = number(o.Attachment.ID)
			cmds[i] = &engine.AttachOrder{Order: &o}
		}
	}
	return cmds
}

// verifier is an Agent's trust set.
func (b Bug) verifier(s enginetest.Signers) engine.Verifier {
	switch b {
	case TrustAll:
		return credulous{}
	case LimitIgnored:
		return generous{s}
	}
	return b.verifierAbove(s)
}

// verifierAbove is a Controller's trust set.
func (b Bug) verifierAbove(s enginetest.Signers) engine.Verifier {
	if b == MixReleases {
		return careless{s}
	}
	return s
}

// careless takes a release's signature for every document that names it.
type careless struct{ enginetest.Signers }

// Verify implements engine.Verifier.
func (c careless) Verify(d engine.Document, manifest *engine.Document, at int64) (engine.Verified, error) {
	v, err := c.Signers.Verify(d, manifest, at)
	if fault.HasCode(err, release.CodeNotInRelease) {
		v, err = c.Signers.Verify(*manifest, nil, at)
		return engine.Verified{Text: d.Text, Signer: v.Signer}, err
	}
	return v, err
}

// credulous trusts everybody.
type credulous struct{}

// Verify implements engine.Verifier.
func (credulous) Verify(d engine.Document, _ *engine.Document, _ int64) (engine.Verified, error) {
	return engine.Verified{Text: d.Text, Signer: d.Evidence}, nil
}

// generous reads another limit than was signed.
type generous struct{ enginetest.Signers }

// Verify implements engine.Verifier.
func (g generous) Verify(d engine.Document, manifest *engine.Document, at int64) (engine.Verified, error) {
	v, err := g.Signers.Verify(d, manifest, at)
	v.Text = strings.ReplaceAll(v.Text, `"processLimit":2`, `"processLimit":9`)
	return v, err
}
