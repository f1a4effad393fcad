package consensus

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// members are the group's members as of each entry that changed them, back to
// the newest snapshot. Owned by the group.
type members struct {
	list []membersAt // never empty; rising
}

// membersAt is who was in the group from an entry on.
type membersAt struct {
	index uint64 // of the entry; of the snapshot, in the first
	conf  *pb.ConfState
}

// reset begins anew with what a snapshot says.
func (m *members) reset(meta journal.Meta) error {
	conf := &pb.ConfState{}
	if err := proto.Unmarshal(meta.Conf, conf); err != nil {
		return fault.Wrap(fault.Corrupt, "JournalDamaged", err, "the log's list of members can't be decoded")
	}
	m.list = []membersAt{{meta.Index, conf}}
	return nil
}

// now returns who is in the group, as far as is applied here.
func (m *members) now() *pb.ConfState { return m.list[len(m.list)-1].conf }

// add takes note of a change.
func (m *members) add(index uint64, conf *pb.ConfState) {
	m.list = append(m.list, membersAt{index, conf})
}

// encoded returns who was in the group as of an entry, for a snapshot.
func (m *members) encoded(index uint64) ([]byte, error) {
	i := len(m.list) - 1
	for i > 0 && m.list[i].index > index {
		i--
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m.list[i].conf)
}

// forget drops what lies before a snapshot.
func (m *members) forget(snapshot uint64) {
	for len(m.list) > 1 && m.list[1].index <= snapshot {
		m.list = m.list[1:]
	}
}

// known tells whether an identity is in a group.
func known(conf *pb.ConfState, id uint64) bool {
	return slices.Contains(conf.GetVoters(), id) || slices.Contains(conf.GetLearners(), id)
}

// identity returns the identity among those given that a member has; 0 if none.
func identity(ids []uint64, member uint64) uint64 {
	for _, id := range ids {
		if memberOf(id) == member {
			return id
		}
	}
	return 0
}

// change applies an entry that changes the members.
func (g *group) change(e *pb.Entry) {
	cc, err := decodeChange(e.GetIndex(), e.GetData())
	if err != nil {
		g.c.stop(err)
		return
	}
	was := known(g.members.now(), g.id)
	conf := g.rn.ApplyConfChange(cc)
	g.members.add(e.GetIndex(), conf)
	g.tending.changing = false
	g.c.log.Info("the members of the group", "voters", conf.GetVoters(), "joining", conf.GetLearners(), "index", e.GetIndex())
	if was && !known(conf, g.id) {
		g.retire()
	}
}

// decodeChange decodes the data of an entry that changes the members. One
// entry changes one member, so that no two majorities miss each other.
func decodeChange(index uint64, data []byte) (*pb.ConfChange, error) {
	cc := &pb.ConfChange{}
	if err := proto.Unmarshal(data, cc); err != nil {
		return nil, fault.Wrap(fault.Corrupt, "UnknownEntry", err, "entry %d, a change of members, can't be decoded", index)
	}
	switch cc.GetType() {
	case pb.ConfChangeAddNode, pb.ConfChangeRemoveNode, pb.ConfChangeAddLearnerNode:
		if cc.GetNodeId() != 0 {
			return cc, nil
		}
	}
	return nil, fault.New(fault.Corrupt, "UnknownEntry", "entry %d is a change of members that this version doesn't know", index)
}
