package consensus

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// tending is how a leader takes in members that have nothing. Each step is an
// entry of the log, one after the other: the new identity becomes a learner,
// which gets everything and has no vote; when it has caught up, the old
// identity of that member goes; then the new one gets its vote. The leader
// looks only at who is in the group now, so that any leader goes on where the
// one before stopped.
type tending struct {
	asks     map[uint64]request // by member: who asked to be taken in
	since    uint64             // tick at which the leadership began
	changing bool               // a change is on its way
	seen     map[uint64]uint64  // tick at which an identity was last active
	rounds   map[uint64]round
}

type request struct {
	id uint64
	at uint64 // tick
}

// round is how a learner catches up: it gets what was committed at the
// beginning. The round that takes less than an election timeout was the last.
type round struct {
	target uint64
	began  uint64
}

// look takes note of who is active.
func (g *group) look() {
	if !g.isLeader || len(g.others) == 0 {
		return
	}
	t := &g.tending
	if t.seen == nil {
		t.seen, t.rounds = map[uint64]uint64{}, map[uint64]round{}
	}
	commit := g.rn.BasicStatus().GetCommit()
	g.rn.WithProgress(func(id uint64, typ raft.ProgressType, p progress) {
		if p.RecentActive {
			t.seen[id] = g.ticks
		}
		if typ != raft.ProgressTypeLearner || p.State != tracker.StateReplicate {
			delete(t.rounds, id)
			return
		}
		r, ok := t.rounds[id]
		if !ok || p.Match >= r.target && g.ticks-r.began > uint64(g.c.o.ElectionTicks) {
			t.rounds[id] = round{commit, g.ticks}
		}
	})
}

// active tells that an identity was heard of lately. Who hasn't been looked at
// for long enough counts as active.
func (g *group) active(id uint64) bool {
	seen := max(g.tending.seen[id], g.tending.since)
	return g.ticks-seen <= 2*uint64(g.c.o.ElectionTicks)
}

// caughtUp tells that a learner has what was committed a short while ago.
func (g *group) caughtUp(id uint64) bool {
	r, ok := g.tending.rounds[id]
	done := false
	g.rn.WithProgress(func(p uint64, _ raft.ProgressType, pr progress) {
		done = done || p == id && pr.State == tracker.StateReplicate && pr.Match >= r.target
	})
	return ok && done && g.active(id)
}

// tend proposes the next change of members, if one is due.
func (g *group) tend() {
	if !g.c.leading || g.handover || g.tending.changing {
		return
	}
	for _, m := range g.c.o.Members { // the own leftovers, too
		if typ, id := g.due(m); id != 0 {
			g.move(typ, id)
			return
		}
	}
}

// due returns what is to be changed about a member, if anything. An identity
// that is active is never taken out: a late question, or one of a second
// process, changes nothing.
func (g *group) due(m uint64) (pb.ConfChangeType, uint64) {
	conf := g.members.now()
	voter, learner, asks := identity(conf.GetVoters(), m), identity(conf.GetLearners(), m), g.asks(m)
	switch {
	case voter != 0 && g.active(voter):
		if learner != 0 && !g.active(learner) {
			return pb.ConfChangeRemoveNode, learner // the old one is back
		}
	case learner != 0 && asks != 0:
		if !g.active(learner) {
			return pb.ConfChangeRemoveNode, learner
		}
	case learner != 0 && g.caughtUp(learner):
		if voter != 0 {
			return pb.ConfChangeRemoveNode, voter
		}
		return pb.ConfChangeAddNode, learner
	case learner == 0 && asks != 0:
		return pb.ConfChangeAddLearnerNode, asks
	}
	return 0, 0
}

// asks returns the identity under which a member asked lately to be taken in;
// 0 if none, or it is in.
func (g *group) asks(m uint64) uint64 {
	r := g.tending.asks[m]
	if r.id == 0 || g.ticks-r.at > 3*askMost || known(g.members.now(), r.id) {
		return 0
	}
	return r.id
}

// repairing tells that a member asks to be taken in, or is on its way.
func (g *group) repairing(m uint64) bool {
	return identity(g.members.now().GetLearners(), m) != 0 || g.asks(m) != 0
}
