package consensus

import (
	"context"
	"log/slog"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/signet-scheduler/signet/internal/fault"
)

// joining is what a member does that has nothing: neither entries nor members.
// It votes for nobody who counts on it and never campaigns, as nobody knows
// its identity. It asks the others, again and again. If one of them leads, it
// is taken in (tending). If all of them say that they have nothing either,
// this is the group's first start, and the member with the lowest id founds
// it: it gives each of the others an identity, waits until all have taken it,
// and writes the list of them as the first entries of its log, which Raft
// brings to the others. The identities are made for this one founding, so that
// nothing of an earlier one, broken off when its founder lost its disk, is
// ever taken for a part of it.
type joining struct {
	something bool // the log has, or is to get, entries
	renaming  bool // the disk is taking a new identity
	founding  bool // founded, and not led yet
	heard     map[uint64]hello
	names     map[uint64]uint64 // given to the others
	next      uint64            // tick of the next question
	wait      uint64            // ticks between questions
	told      uint64            // tick of the last line in the log
}

// Times in ticks.
const (
	askMost   = 10  // between a member's questions
	tellEvery = 300 // between lines in the log
)

// fresh tells that this member has nothing.
func (g *group) fresh() bool {
	return !g.joining.something && len(g.members.now().GetVoters()) == 0
}

// founder tells whether this member founds the group if it is new.
func (g *group) founder() bool { return g.c.o.ID < g.others[0] }

// say sends a hello to a member.
func (g *group) say(to uint64, h hello) {
	h.from, h.fresh = g.id, g.fresh()
	if !h.fresh {
		h.asOf, _ = g.place(g.c.index) // without a term it convinces nobody
	} else if g.founder() {
		h.take = g.joining.names[to]
	}
	g.out.add(to, h.encode())
}

// ask asks the others, when this member has nothing, or hasn't heard a leader
// for long and may have been replaced.
func (g *group) ask() {
	if len(g.others) == 0 || g.ticks < g.joining.next {
		return
	}
	j := &g.joining
	fresh := g.fresh()
	switch patience := 3 * uint64(g.c.o.ElectionTicks); {
	case fresh:
		j.wait = min(max(1, 2*j.wait), askMost)
		g.tell()
	case g.isLeader || g.ticks-g.heard < patience:
		return
	default:
		j.wait = patience
	}
	j.next = g.ticks + j.wait
	for _, m := range g.others {
		g.say(m, hello{})
	}
}

// tell writes into the log that this member has nothing; a warning when that
// lasts.
func (g *group) tell() {
	j := &g.joining
	if g.ticks < j.told {
		return
	}
	level := slog.LevelInfo
	if j.told > 0 {
		level = slog.LevelWarn
	}
	j.told = g.ticks + tellEvery
	var silent, empty []uint64
	for _, m := range g.others {
		if h, ok := j.heard[m]; !ok {
			silent = append(silent, m)
		} else if h.fresh {
			empty = append(empty, m)
		}
	}
	g.c.log.Log(context.Background(), level, "this member has no log; it asks the others to take it in", "identity", g.id, "others", g.others, "silent", silent, "without a log, too", empty)
}

// greet takes a hello.
func (g *group) greet(h hello) {
	m := memberOf(h.from)
	if !slices.Contains(g.others, m) {
		return
	}
	if !g.fresh() {
		g.greetKnowing(m, h)
		return
	}
	if h.take != 0 && h.take != g.id {
		if h.fresh && m < g.c.o.ID && m == g.others[0] && memberOf(h.take) == g.c.o.ID {
			g.rename(h.take)
		}
		return
	}
	if g.joining.heard == nil {
		g.joining.heard = map[uint64]hello{}
	}
	g.joining.heard[m] = h
	if !h.reply {
		g.say(m, hello{reply: true})
	}
	g.found()
}

// greetKnowing is greet of a member that knows the group.
func (g *group) greetKnowing(m uint64, h hello) {
	conf := g.members.now()
	if h.reply {
		if p, ok := g.standing(); ok && h.gone == g.id && h.asOf.after(p) {
			g.retire()
		}
		return
	}
	answer := hello{reply: true}
	if h.fresh {
		if g.tending.asks == nil {
			g.tending.asks = map[uint64]request{}
		}
		g.tending.asks[m] = request{h.from, g.ticks}
		g.tend()
	} else if g.c.leading && !known(conf, h.from) {
		answer.gone = h.from
	}
	g.say(m, answer)
}

// standing returns the newest entry as of which this member may think itself
// in the group.
func (g *group) standing() (place, bool) {
	if known(g.members.now(), g.id) {
		return g.place(g.c.index)
	}
	return g.place(g.c.j.Last())
}

// place returns where an entry of the log stands; false while the writer is
// replacing the log by a state.
func (g *group) place(index uint64) (place, bool) {
	term, err := g.c.j.Term(index)
	return place{term, index}, err == nil
}

// rename gives this member, which has nothing, another identity.
func (g *group) rename(id uint64) {
	g.joining.renaming = true
	g.c.hand(&write{owner: id})
}

// renamed goes on with the new identity, which is durable.
func (g *group) renamed(id uint64) {
	g.id, g.joining.renaming = id, false
	if err := g.begin(); err != nil {
		g.c.stop(err)
		return
	}
	if g.founder() {
		g.found()
	} else {
		g.say(g.others[0], hello{reply: true})
	}
}

// found founds the group when all others have nothing and have taken the
// identities that this member gave them.
func (g *group) found() {
	j := &g.joining
	if !g.founder() || j.renaming || !g.fresh() {
		return
	}
	for _, m := range g.others {
		if h, ok := j.heard[m]; !ok || !h.fresh {
			j.names = nil
			return
		}
	}
	if j.names == nil {
		g.name()
		return
	}
	peers := []raft.Peer{{ID: g.id}}
	for _, m := range g.others {
		if j.heard[m].from != j.names[m] {
			return
		}
		peers = append(peers, raft.Peer{ID: j.names[m]})
	}
	if g.rn.BasicStatus().GetTerm() > 0 {
		// It has promised something under its present identity.
		if id, ok := g.incarnate(g.c.o.ID); ok {
			g.rename(id)
		}
		return
	}
	g.c.log.Info("founding the group", "members", g.c.o.Members)
	if err := g.rn.Bootstrap(peers); err != nil {
		g.c.stop(fault.Wrap(fault.Internal, "Founding", err, "the group can't be founded"))
		return
	}
	j.something, j.founding = true, true
}

// name gives the others their identities.
func (g *group) name() {
	names := map[uint64]uint64{}
	for _, m := range g.others {
		id, ok := g.incarnate(m)
		if !ok {
			return
		}
		names[m] = id
	}
	g.joining.names = names
	for _, m := range g.others {
		g.say(m, hello{})
	}
}

func (g *group) incarnate(member uint64) (uint64, bool) {
	id, err := incarnate(member)
	if err != nil {
		g.c.stop(fault.Wrap(fault.Internal, "NoRandomness", err, "no identity can be made"))
	}
	return id, err == nil
}

// founded has the founder lead as soon as its list of members is applied.
func (g *group) founded() {
	if g.joining.founding && g.c.err == nil && len(g.members.now().GetVoters()) == len(g.others)+1 {
		g.joining.founding = false
		// It may refuse without an error; then an election timeout does it.
		_ = g.rn.Campaign()
		g.watch()
	}
}

// retire ends this member: the group has replaced it. Its log is of use to
// nobody; the next start puts it aside and joins anew.
func (g *group) retire() {
	g.c.hand(&write{retire: true})
}

func errReplaced(id uint64) error {
	return fault.New(fault.Conflict, "MemberReplaced",
		"the group has taken in member %d anew, as it had lost its log; the log found here is an older one and counts no more. At its next start the member puts it aside and gets everything from the others", id)
}

// move asks the group to change one member.
func (g *group) move(typ pb.ConfChangeType, id uint64) {
	g.c.log.Info("changing the members", "change", typ.String(), "member", memberOf(id), "identity", id)
	if err := g.rn.ProposeConfChange(&pb.ConfChange{Type: typ.Enum(), NodeId: new(id)}); err == nil {
		g.tending.changing = true
	}
	g.watch()
}
