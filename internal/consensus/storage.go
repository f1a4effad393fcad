package consensus

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// storage shows a journal to the Raft library.
type storage struct {
	j *journal.Journal
	// want is called when the library asks for a snapshot and there is none.
	want func()
}

var _ raft.Storage = storage{}

// InitialState implements raft.Storage. The configuration is that of the
// snapshot, from which entries are applied again. The commit index on disk may
// lie before the snapshot, as it isn't synced by itself; the library refuses
// to start with such a one.
func (s storage) InitialState() (*pb.HardState, *pb.ConfState, error) {
	meta, _ := s.j.Snapshot()
	conf, err := decodeConf(meta.Conf)
	if err != nil {
		return nil, nil, err
	}
	if len(conf.GetVoters()) == 0 && s.j.Owner() == 0 {
		return nil, nil, fault.New(fault.Invalid, "NotAGroup", "the log is not one of a group")
	}
	h := s.j.HardState()
	commit := max(h.Commit, meta.Index)
	if last := s.j.Last(); commit > last {
		return nil, nil, fault.New(fault.Corrupt, "JournalDamaged",
			"the log ends at entry %d, but %d was known to be committed", last, commit)
	}
	return &pb.HardState{Term: new(max(h.Term, meta.Term)), Vote: new(h.Vote), Commit: new(commit)}, conf, nil
}

// Entries implements raft.Storage.
func (s storage) Entries(low, high, maxSize uint64) ([]*pb.Entry, error) {
	list, err := s.j.Entries(low, high, maxSize)
	if err != nil {
		return nil, s.translate(err)
	}
	entries := make([]*pb.Entry, len(list))
	for i := range list {
		entries[i] = raftEntry(&list[i])
	}
	return entries, nil
}

// Term implements raft.Storage.
func (s storage) Term(index uint64) (uint64, error) {
	term, err := s.j.Term(index)
	return term, s.translate(err)
}

// translate turns our errors into those the library acts upon.
func (s storage) translate(err error) error {
	switch {
	case fault.HasCode(err, "EntriesCompacted"):
		return raft.ErrCompacted
	case fault.HasCode(err, "EntriesBeyondLog"):
		return raft.ErrUnavailable
	}
	return err
}

// LastIndex implements raft.Storage.
func (s storage) LastIndex() (uint64, error) { return s.j.Last(), nil }

// FirstIndex implements raft.Storage.
func (s storage) FirstIndex() (uint64, error) { return s.j.First(), nil }

// Snapshot implements raft.Storage. The state itself travels beside Raft.
func (s storage) Snapshot() (*pb.Snapshot, error) {
	meta, ok := s.j.Snapshot()
	if !ok {
		s.want()
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return raftSnapshot(meta)
}

func raftSnapshot(meta journal.Meta) (*pb.Snapshot, error) {
	conf, err := decodeConf(meta.Conf)
	if err != nil {
		return nil, err
	}
	return &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: conf, Index: new(meta.Index), Term: new(meta.Term)}}, nil
}

// Kinds of entries in the journal.
const (
	kindNormal = 0
	kindOther  = 1 // one that the library makes for itself; carries no events
	kindChange = 2 // a change of members
)

// raftEntry returns a journal's entry as the library's.
func raftEntry(e *journal.Entry) *pb.Entry {
	p := &pb.Entry{Term: new(e.Term), Index: new(e.Index), Type: pb.EntryNormal.Enum()}
	if e.Kind == kindChange {
		p.Type = pb.EntryConfChange.Enum()
	}
	if len(e.Data) > 0 {
		p.Data = e.Data
	}
	return p
}

// journalEntry returns a library's entry as the journal's.
func journalEntry(p *pb.Entry) (journal.Entry, error) {
	e := journal.Entry{Index: p.GetIndex(), Term: p.GetTerm(), Kind: kindOther, Data: p.GetData()}
	switch p.GetType() {
	case pb.EntryNormal:
	case pb.EntryConfChange:
		e.Kind = kindChange
		_, err := decodeChange(e.Index, e.Data)
		return e, err
	default:
		return e, fault.New(fault.Corrupt, "UnknownEntry", "entry %d is of a kind that this version doesn't know", e.Index)
	}
	if len(e.Data) == 0 {
		return e, nil
	}
	h, _, err := decodeEntry(e.Data)
	if err != nil {
		return e, fault.Wrap(fault.Corrupt, "UnknownEntry", err, "entry %d can't be used", e.Index)
	}
	e.Kind, e.Seq = kindNormal, h.seq
	return e, nil
}

func encodeConf(voters []uint64) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&pb.ConfState{Voters: voters})
}

func decodeConf(b []byte) (*pb.ConfState, error) {
	conf := &pb.ConfState{}
	if err := proto.Unmarshal(b, conf); err != nil {
		return nil, fault.Wrap(fault.Corrupt, "JournalDamaged", err, "the log's list of members can't be decoded")
	}
	return conf, nil
}
