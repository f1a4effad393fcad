package consensus

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// group commits entries by Raft. Owned by the core.
type group struct {
	c      *core
	rn     *raft.RawNode
	store  *failingStorage
	voters []uint64

	isLeader bool   // as last seen; core.leading follows when the term's first entry is applied
	term     uint64 // of that leadership
	lead     uint64 // whom this node believes to lead
	handover bool   // a transfer of the leadership is under way

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
	meta, _ := c.j.Snapshot()
	conf, err := decodeConf(meta.Conf)
	if err != nil {
		return nil, err
	}
	if _, _, err := g.store.InitialState(); err != nil {
		return nil, err
	}
	g.voters = conf.GetVoters()
	g.rn, err = raft.NewRawNode(&raft.Config{
		ID:                        c.o.ID,
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
	return g, err
}

func (g *group) wantSnapshot() {
	if g.c.snap.draft == nil && len(g.c.snap.next) == 0 {
		g.c.snap.request(func(error) {})
	}
}

func (g *group) failed() error { return g.store.err }

// start lets a single voter lead at once. What is committed is applied first:
// the library refuses to campaign before.
func (g *group) start() {
	g.drain()
	if g.soon() && g.c.err == nil {
		// It may refuse without an error; the ticks repeat it.
		_ = g.rn.Campaign()
	}
}

func (g *group) soon() bool { return len(g.voters) == 1 }

func (g *group) tick() { g.rn.Tick() }

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
	g.lead = st.Lead
	g.handover = st.LeadTransferee != 0
	if g.isLeader && (!leads || st.GetTerm() != g.term) {
		g.isLeader = false
		g.answered = g.asked
		g.c.lost()
	}
	if leads && !g.isLeader {
		g.isLeader, g.term = true, st.GetTerm()
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
	g.c.hand(w)
}

// apply takes committed entries into the state.
func (g *group) apply(m *pb.Message) {
	for _, e := range m.GetEntries() {
		if e.GetType() != pb.EntryNormal {
			g.c.stop(fault.New(fault.Internal, "UnknownEntry", "entry %d is a change of members, which this version doesn't know", e.GetIndex()))
		}
		if g.c.err != nil {
			return
		}
		g.c.index = e.GetIndex()
		if len(e.GetData()) > 0 {
			g.c.applyEntry(e.GetIndex(), e.GetTerm(), e.GetData())
		} else if g.isLeader && !g.c.leading && e.GetTerm() == g.term {
			// The term's first entry: all of earlier terms is in the state now.
			g.c.lead(g.term)
		}
	}
	for _, r := range m.GetResponses() {
		g.step(r)
	}
}

// stored sends what had to wait for the disk.
func (g *group) stored(w *write) {
	for _, m := range w.after {
		if m.GetTo() == g.c.o.ID {
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

// receive takes messages of other members.
func (g *group) receive(list []*pb.Message) {
	for _, m := range list {
		if g.c.err != nil {
			return
		}
		if g.fits(m) {
			g.step(m)
		}
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
	g.rn.WithProgress(func(id uint64, _ raft.ProgressType, p progress) {
		if id != g.c.o.ID && p.RecentActive && (best == 0 || p.Match > match || p.Match == match && id < best) {
			best, match = id, p.Match
		}
	})
	if best != 0 {
		g.c.log.Warn("the disk hangs; handing over", "to", best)
		g.rn.TransferLeader(best)
		g.watch()
	}
}

func (g *group) transfer(to uint64) error {
	if !g.isLeader {
		return errNotLeader(g.lead)
	}
	if slices.Contains(g.voters, to) {
		g.rn.TransferLeader(to)
		g.watch()
		return nil
	}
	return fault.New(fault.NotFound, "UnknownMember", "the group has no member %d", to)
}

func (g *group) status(s *Status) {
	st := g.rn.BasicStatus()
	s.Leader, s.Term, s.Commit = st.Lead, st.GetTerm(), st.GetCommit()
	for _, id := range g.voters {
		s.Members = append(s.Members, MemberStatus{ID: id})
	}
	if !g.isLeader {
		return
	}
	g.rn.WithProgress(func(id uint64, _ raft.ProgressType, p progress) {
		for i := range s.Members {
			if s.Members[i].ID == id {
				s.Members[i].Match = p.Match
				s.Members[i].Active = p.RecentActive || id == g.c.o.ID
				s.Members[i].State = progressNames[p.State]
			}
		}
	})
}

// decodeMessage decodes what a member sent, and refuses what members don't
// send each other.
func decodeMessage(from, to uint64, data []byte) (*pb.Message, error) {
	if len(data) > journal.MaxBody+maxMessage {
		return nil, fault.New(fault.TooLarge, "MessageTooLarge", "a message of %d bytes from member %d", len(data), from)
	}
	m := &pb.Message{}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fault.Wrap(fault.Invalid, "BadMessage", err, "a message from member %d can't be decoded", from)
	}
	if m.GetFrom() != from || m.GetTo() != to || !exchanged[m.GetType()] || len(m.GetResponses()) > 0 {
		return nil, fault.New(fault.Invalid, "BadMessage", "member %d sent a message that is none between members", from)
	}
	for i, e := range m.GetEntries() {
		if e.GetIndex() != m.GetIndex()+1+uint64(i) {
			return nil, fault.New(fault.Invalid, "BadMessage", "member %d sent entries out of order", from)
		}
		if _, err := journalEntry(e); err != nil {
			return nil, fmt.Errorf("a message from member %d: %w", from, err)
		}
	}
	return m, nil
}

// exchanged are the types of messages that members send each other.
var exchanged = map[pb.MessageType]bool{
	pb.MsgApp: true, pb.MsgAppResp: true, pb.MsgVote: true, pb.MsgVoteResp: true,
	pb.MsgPreVote: true, pb.MsgPreVoteResp: true, pb.MsgHeartbeat: true,
	pb.MsgHeartbeatResp: true, pb.MsgTimeoutNow: true, pb.MsgSnap: true,
}
