package consensus

import (
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// group commits entries by Raft. Owned by the core.
type group struct {
	c       *core
	rn      *raft.RawNode
	store   *failingStorage
	id      uint64 // this member's identity
	others  []uint64
	members members
	joining joining
	tending tending
	ticks   uint64
	heard   uint64 // tick at which a leader was heard last

	isLeader bool   // as last seen; core.leading follows when the term's first entry is applied
	term     uint64 // of that leadership
	lead     uint64 // the member whom this node believes to lead
	handover bool   // a transfer of the leadership is under way
	yield    uint64 // tick from which on a full disk makes this node hand over again

	asked    uint64 // reads asked to be confirmed, counted
	answered uint64 // and confirmed

	out      outbox
	incoming *journal.Draft // the state that the MsgSnap being stepped brings
}

var _ protocol = (*group)(nil)

// The library's sizes, in bytes and messages.
const (
	maxMessage   = 1 << 20
	maxApplying  = 16 << 20
	maxInflight  = 256
	confirmBytes = 8
)

// newGroup returns the Raft half of a core on an open journal.
func newGroup(c *core) (*group, error) {
	g := &group{c: c}
	g.store = &failingStorage{storage: storage{j: c.j, want: g.wantSnapshot}}
	for _, m := range c.o.Members {
		if m != c.o.ID {
			g.others = append(g.others, m)
		}
	}
	slices.Sort(g.others)
	g.id = c.o.ID
	if owner := c.j.Owner(); owner != 0 {
		g.id = owner
	}
	if memberOf(g.id) != c.o.ID {
		return nil, fault.New(fault.Invalid, "AnothersLog", "the log in %s is that of member %d of the group, but this is member %d", c.o.Dir, memberOf(g.id), c.o.ID)
	}
	g.joining.something = c.j.Last() > 0
	return g, g.begin()
}

// begin makes the library's half, on what the log holds.
func (g *group) begin() error {
	c := g.c
	meta, _ := c.j.Snapshot()
	if err := g.members.reset(meta); err != nil {
		return err
	}
	if _, _, err := g.store.InitialState(); err != nil {
		return err
	}
	var err error
	g.rn, err = raft.NewRawNode(&raft.Config{
		ID:                        g.id,
		ElectionTick:              c.o.ElectionTicks,
		HeartbeatTick:             c.o.HeartbeatTicks,
		Storage:                   g.store,
		Applied:                   meta.Index,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             maxMessage,
		MaxCommittedSizePerReady:  maxApplying,
		MaxUncommittedEntriesSize: 0, // in-flight entries are bounded before they are decided
		MaxInflightMsgs:           maxInflight,
		CheckQuorum:               true,
		PreVote:                   true,
		Logger:                    raftLog{c.log},
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
	})
	return err
}

func (g *group) wantSnapshot() { g.c.snap.renew() }

func (g *group) failed() error { return g.store.err }

// start lets a single voter lead at once. What is committed is applied first:
// the library refuses to campaign before.
func (g *group) start() {
	g.drain()
	if g.soon() && g.c.err == nil {
		// It may refuse without an error; the ticks repeat it.
		_ = g.rn.Campaign()
	}
	g.ask()
}

// conf implements protocol.
func (g *group) conf(index uint64) ([]byte, error) { return g.members.encoded(index) }

func (g *group) soon() bool { return len(g.others) == 0 }

func (g *group) tick() {
	g.ticks++
	if g.joining.renaming {
		return
	}
	g.rn.Tick()
	g.watch()
	g.ask()
	g.look()
	g.tend()
}

func (g *group) leader() uint64 { return g.lead }

func (g *group) accepting() bool { return g.isLeader && !g.handover }

// propose can't be refused: core looked at accepting, and nothing came between.
func (g *group) propose(_ entryHeader, data []byte) {
	if err := g.rn.Propose(data); err != nil {
		g.c.stop(fault.Wrap(fault.Internal, "ProposalDropped", err, "an entry that was decided was not taken"))
	}
	g.watch()
}

// confirm asks a majority whether this node still leads.
func (g *group) confirm() {
	g.asked++
	b := make([]byte, confirmBytes)
	for i := range b {
		b[i] = byte(g.asked >> (8 * i))
	}
	g.rn.ReadIndex(b)
}

// confirmed takes the library's answer: all asked up to this one are confirmed.
func (g *group) confirmed(ctx []byte) {
	n := uint64(0)
	for i, b := range ctx {
		n |= uint64(b) << (8 * i)
	}
	if n > g.answered && g.c.leading {
		g.c.confirmed(int(min(n-g.answered, uint64(len(g.c.reads)))))
		g.answered = n
	}
}

// watch looks at what the last input did to the leadership. It runs before
// anything that the same input led to is carried out.
func (g *group) watch() {
	st := g.rn.BasicStatus()
	leads := st.RaftState == raft.StateLeader
	g.lead = memberOf(st.Lead)
	g.handover = st.LeadTransferee != 0
	if g.isLeader && (!leads || st.GetTerm() != g.term) {
		g.isLeader = false
		g.answered = g.asked
		g.tending = tending{asks: g.tending.asks}
		g.c.lost()
	}
	if leads && !g.isLeader {
		g.isLeader, g.term = true, st.GetTerm()
		g.tending = tending{asks: g.tending.asks, since: g.ticks}
	}
	if !g.isLeader && !g.soon() && len(g.c.queue) > 0 {
		g.c.lost()
	}
}

// drain carries out what the library has ready, until there is no more.
func (g *group) drain() {
	for g.c.err == nil {
		g.watch()
		if !g.rn.HasReady() {
			break
		}
		rd := g.rn.Ready()
		for _, m := range rd.Messages {
			if g.c.err != nil {
				return
			}
			switch m.GetTo() {
			case raft.LocalAppendThread:
				g.handAppend(m)
			case raft.LocalApplyThread:
				g.apply(m)
			default:
				g.send(m)
			}
		}
		for _, r := range rd.ReadStates {
			g.confirmed(r.RequestCtx)
		}
	}
	g.out.flush(g.c.o.Transport)
}

// handAppend makes an order to the writer of what the library wants stored.
func (g *group) handAppend(m *pb.Message) {
	w := &write{after: m.GetResponses(), sync: len(m.GetResponses()) > 0}
	for _, p := range m.GetEntries() {
		e, err := journalEntry(p)
		if err != nil {
			g.c.stop(err)
			return
		}
		w.entries = append(w.entries, e)
	}
	if m.Term != nil || m.Vote != nil || m.Commit != nil {
		w.hard = &journal.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
	}
	if !raft.IsEmptySnap(m.GetSnapshot()) {
		if g.incoming == nil {
			g.c.stop(fault.New(fault.Internal, "SnapshotMissing", "a state is to be installed that didn't come"))
			return
		}
		w.install, g.incoming = g.incoming, nil
	}
	if len(w.entries) > 0 || w.install != nil {
		g.joining.something = true
	}
	g.c.hand(w)
}

// apply takes committed entries into the state.
func (g *group) apply(m *pb.Message) {
	for _, e := range m.GetEntries() {
		if g.c.err != nil {
			return
		}
		g.c.index = e.GetIndex()
		switch {
		case e.GetType() != pb.EntryNormal:
			g.change(e)
		case len(e.GetData()) > 0:
			g.c.applyEntry(e.GetIndex(), e.GetTerm(), e.GetData())
		case g.isLeader && !g.c.leading && e.GetTerm() == g.term:
			// The term's first entry: all of earlier terms is in the state now.
			g.c.lead(g.term)
		default:
			g.tending.changing = false // a change that the library refused
		}
	}
	for _, r := range m.GetResponses() {
		g.step(r)
	}
	g.founded()
}

// stored sends what had to wait for the disk.
func (g *group) stored(w *write) {
	switch {
	case w.retire:
		g.c.stop(errReplaced(g.c.o.ID))
		return
	case w.owner != 0:
		g.renamed(w.owner)
		return
	case w.install != nil:
		if err := g.members.reset(w.install.Meta()); err != nil {
			g.c.stop(err)
			return
		}
	case w.publish != nil:
		meta, _ := g.c.j.Snapshot()
		g.members.forget(meta.Index)
	}
	for _, m := range w.after {
		if m.GetTo() == g.id {
			g.step(m)
		} else {
			g.send(m)
		}
	}
}

// step puts a message into the library. What it can't use, it drops; that is
// as if it were lost.
func (g *group) step(m *pb.Message) {
	if err := g.rn.Step(m); err != nil {
		g.c.log.Debug("raft message dropped", "type", m.GetType().String(), "from", m.GetFrom(), "error", err)
	}
	g.watch()
}

// receive takes what other members sent. Messages to another incarnation of
// this member are lost: it isn't that one any more.
func (g *group) receive(list []letter) {
	for _, l := range list {
		switch {
		case g.c.err != nil:
			return
		case g.joining.renaming:
		case l.raft == nil:
			g.greet(l.hello)
		case l.raft.GetTo() == g.id && g.fits(l.raft):
			g.listen(l.raft)
			g.step(l.raft)
		}
	}
}

// listen takes note that a leader was heard.
func (g *group) listen(m *pb.Message) {
	switch m.GetType() {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		g.heard = g.ticks
	}
}

// fits tells whether the disk has room for a message's entries. While it is
// full, they count as lost: the leader sends them again.
func (g *group) fits(m *pb.Message) bool {
	if len(m.GetEntries()) == 0 || !g.c.noSpace && !g.c.j.Low() {
		return true
	}
	need := int64(entryBytes)
	for _, e := range m.GetEntries() {
		need += int64(len(e.GetData())) + entryBytes
	}
	return g.c.pending+2*need <= g.c.j.Room()
}

// overdue hands the leadership to the member that is best at hand: with a disk
// that hangs this node can't apply what the others commit.
func (g *group) overdue() {
	if !g.isLeader || g.handover {
		return
	}
	var best, match uint64
	g.rn.WithProgress(func(id uint64, typ raft.ProgressType, p progress) {
		if id != g.id && typ == raft.ProgressTypePeer && p.RecentActive && (best == 0 || p.Match > match || p.Match == match && id < best) {
			best, match = id, p.Match
		}
	})
	if best != 0 {
		g.c.log.Warn("the disk hangs; handing over", "to", memberOf(best))
		g.rn.TransferLeader(best)
		g.watch()
	}
}

// cramped hands the leadership on, since this node can't accept anything: to the
// next in turn of those that have most, so that it gets round to one with space.
func (g *group) cramped() {
	if !g.isLeader || g.handover || g.ticks < g.yield {
		return
	}
	g.yield = g.ticks + 20*uint64(g.c.o.ElectionTicks)
	var next, match uint64
	g.rn.WithProgress(func(id uint64, typ raft.ProgressType, p progress) {
		if id == g.id || typ != raft.ProgressTypePeer || !p.RecentActive || p.Match < match {
			return
		}
		// Ids count on from this node's, round and round.
		if p.Match > match || id-g.id < next-g.id {
			next, match = id, p.Match
		}
	})
	if next != 0 {
		g.c.log.Warn("the disk is full; handing over", "to", memberOf(next))
		g.rn.TransferLeader(next)
		g.watch()
	}
}

func (g *group) transfer(to uint64) error {
	if !g.isLeader {
		return errNotLeader(g.lead)
	}
	if id := identity(g.members.now().GetVoters(), to); id != 0 {
		g.rn.TransferLeader(id)
		g.watch()
		return nil
	}
	return fault.New(fault.NotFound, "UnknownMember", "the group has no member %d", to)
}

func (g *group) status(s *Status) {
	st := g.rn.BasicStatus()
	s.Leader, s.Term, s.Commit = memberOf(st.Lead), st.GetTerm(), st.GetCommit()
	conf := g.members.now()
	for _, m := range g.c.o.Members {
		ms := MemberStatus{ID: m}
		if identity(conf.GetVoters(), m) == 0 || m == g.c.o.ID && !known(conf, g.id) {
			ms.State = StateJoining
		}
		s.Members = append(s.Members, ms)
	}
	if !g.isLeader {
		return
	}
	g.rn.WithProgress(func(id uint64, typ raft.ProgressType, p progress) {
		i := slices.Index(g.c.o.Members, memberOf(id))
		if i < 0 || typ == raft.ProgressTypeLearner && identity(conf.GetVoters(), memberOf(id)) != 0 {
			return
		}
		s.Members[i].Match = p.Match
		s.Members[i].Active = p.RecentActive || id == g.id
		if typ == raft.ProgressTypePeer {
			s.Members[i].State = progressNames[p.State]
		}
	})
	for i, m := range g.c.o.Members {
		if g.repairing(m) {
			s.Members[i].State = StateJoining
		}
	}
}
