package consensus

import (
	"bytes"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// FuzzEntry decodes arbitrary bytes: what is taken is what encodeEntry writes.
func FuzzEntry(f *testing.F) {
	f.Add(encodeEntry(entryHeader{1, 1}, []byte("events")))
	f.Add(encodeEntry(entryHeader{1 << 40, 1 << 60}, []byte{0}))
	f.Add([]byte{entryFormat, 0x80, 0x00, 1, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, events, err := decodeEntry(data)
		if err == nil && !bytes.Equal(encodeEntry(h, events), data) {
			t.Fatalf("%x decodes to %+v, which is written otherwise", data, h)
		}
	})
}

// FuzzMessage takes arbitrary bytes as a member's message: what is taken is
// one of the types that members exchange, from and to whom it says.
func FuzzMessage(f *testing.F) {
	for _, m := range []*pb.Message{
		{Type: pb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Index: new(uint64(4)), Entries: []*pb.Entry{
			{Index: new(uint64(5)), Term: new(uint64(3)), Data: encodeEntry(entryHeader{3, 1}, []byte("x"))},
		}},
		{Type: pb.MsgProp.Enum(), From: new(uint64(1)), To: new(uint64(2))},
		{Type: pb.MsgHup.Enum(), From: new(uint64(1)), To: new(uint64(2))},
		{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(9)), To: new(uint64(2))},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMessage(1, 2, data)
		if err != nil {
			return
		}
		if memberOf(m.GetFrom()) != 1 || memberOf(m.GetTo()) != 2 || !exchanged[m.GetType()] {
			t.Fatalf("took a message of type %v from %d to %d", m.GetType(), m.GetFrom(), m.GetTo())
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	good := Options{ID: 1, Members: []uint64{1, 2, 3}, FS: fsys.NewMem(), Dir: "/l", Machine: toy.New(), Transport: &process{}}
	for _, c := range []struct {
		name   string
		change func(*Options)
	}{
		{"no machine", func(o *Options) { o.Machine = nil }},
		{"no folder", func(o *Options) { o.Dir = "" }},
		{"no id", func(o *Options) { o.ID = 0 }},
		{"an id with an incarnation", func(o *Options) { o.ID = 1<<memberBits | 1 }},
		{"not a member", func(o *Options) { o.ID = 4 }},
		{"too many members", func(o *Options) { o.Members = []uint64{1, 2, 3, 4, 5, 6} }},
		{"a member twice", func(o *Options) { o.Members = []uint64{1, 2, 2} }},
		{"no transport", func(o *Options) { o.Transport = nil }},
		{"election before heartbeat", func(o *Options) { o.ElectionTicks, o.HeartbeatTicks = 3, 3 }},
		{"hung before election", func(o *Options) { o.HungTicks = 5 }},
		{"negative depth", func(o *Options) { o.Depth = -1 }},
	} {
		o := good
		c.change(&o)
		if n, err := StartGroup(o); !fault.HasCode(err, "ConsensusOptions") {
			t.Errorf("%s: %v, %v", c.name, n, err)
		}
	}
}

// TestForms refuses a group's log as one of its own, and the other way round.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, group := range []bool{true, false} {
		o := Options{ID: 1, Members: []uint64{1}, FS: fsys.NewMem(), Dir: "/l", Machine: toy.New()}
		first, second, code := StartGroup, StartLocal, "NotALocalLog"
		if !group {
			first, second, code = second, first, "NotAGroup"
		}
		n, err := first(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		o.Machine = toy.New()
		if _, err := second(o); !fault.HasCode(err, code) {
			t.Errorf("group %v: %v", group, err)
		}
	}
}
