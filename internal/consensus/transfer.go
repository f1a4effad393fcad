package consensus

import (
	"io"
	"sync"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// send gives a message to the transport, now, as bytes: the library, the
// journal and other messages share what it points to.
func (g *group) send(m *pb.Message) {
	if m.GetType() == pb.MsgSnap {
		g.sendState(m)
		return
	}
	data, err := proto.Marshal(m)
	if err != nil {
		g.c.stop(fault.Wrap(fault.Internal, "MessageEncoding", err, "a message can't be encoded"))
		return
	}
	g.out.add(memberOf(m.GetTo()), data)
}

// sendState sends the newest snapshot as a stream beside Raft, with the
// entries before it that readers still need. The library must learn exactly
// once how it ended, or it never sends this member anything again.
func (g *group) sendState(m *pb.Message) {
	to := m.GetTo()
	from := g.c.index + 1
	if g.c.retain > 0 {
		from = g.c.j.Index(g.c.retain)
	}
	meta, body, err := g.c.j.Export(from)
	if err != nil {
		g.c.log.Warn("a state can't be sent", "to", to, "error", err)
		g.c.env.post(func() { g.c.guard(func() { g.report(to, err) }) })
		return
	}
	fail := func(err error) {
		_ = body.Close() // it is only read
		g.c.env.post(func() { g.c.guard(func() { g.report(to, err) }) })
	}
	// The newest may be newer than the one the library named.
	snap, err := raftSnapshot(meta)
	if err != nil {
		fail(err)
		return
	}
	if !known(snap.GetMetadata().GetConfState(), to) {
		// It would not take the state of a group that it isn't in.
		g.c.snap.renew()
		fail(fault.New(fault.NotFound, "NoSnapshot", "the newest snapshot is older than the member"))
		return
	}
	m = proto.Clone(m).(*pb.Message)
	m.Snapshot = snap
	data, err := proto.Marshal(m)
	if err != nil {
		fail(err)
		return
	}
	var once sync.Once
	g.c.log.Info("sending the state", "to", memberOf(to), "seq", meta.Seq, "index", meta.Index)
	g.c.o.Transport.SendSnapshot(memberOf(to), data, &watched{body, g.c.damaged}, func(err error) {
		once.Do(func() {
			_ = body.Close() // it is only read
			g.c.env.post(func() { g.c.guard(func() { g.report(to, err) }) })
		})
	})
}

// watched reads a state and tells of damage that it meets.
type watched struct {
	io.Reader
	damaged func(error)
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if fault.Is(err, fault.Corrupt) {
		w.damaged(err)
	}
	return n, err
}

// report tells the library how the sending of a state ended.
func (g *group) report(to uint64, err error) {
	status := raft.SnapshotFinish
	if err != nil {
		status = raft.SnapshotFailure
		g.c.log.Warn("sending the state failed", "to", memberOf(to), "error", err)
	}
	g.rn.ReportSnapshot(to, status)
	g.c.settle()
}

// decodeState decodes the message that came with a state.
func decodeState(from, to uint64, meta []byte) (*pb.Message, error) {
	m, err := decodeMessage(from, to, meta)
	if err != nil {
		return nil, err
	}
	if m.GetType() != pb.MsgSnap || raft.IsEmptySnap(m.GetSnapshot()) {
		return nil, fault.New(fault.Invalid, "BadMessage", "member %d sent a state without its message", from)
	}
	return m, nil
}

// receiveState stores a state that a member sends; it runs beside the loop.
func receiveState(j *journal.Journal, m *pb.Message, body io.Reader) (*journal.Draft, error) {
	if j.Low() {
		return nil, fault.New(fault.NoSpace, "OutOfSpace", "the disk is too full for the state that member %d sends", m.GetFrom())
	}
	d, err := j.Receive(body)
	if err != nil {
		return nil, err
	}
	meta, want := d.Meta(), m.GetSnapshot().GetMetadata()
	if meta.Index != want.GetIndex() || meta.Term != want.GetTerm() {
		_ = d.Discard() // the next start removes it, too
		return nil, fault.New(fault.Invalid, "BadMessage", "the state that member %d sent isn't the one it named", m.GetFrom())
	}
	return d, nil
}

// stepState puts the message of a stored state into the library, which decides
// whether it is of use.
func (c *core) stepState(g *group, m *pb.Message, d *journal.Draft) {
	c.guard(func() {
		g.incoming = d
		if m.GetTo() == g.id && !g.joining.renaming && !c.j.Low() {
			g.listen(m)
			g.step(m)
			c.settle()
		} // else it counts as lost: installing takes the reserve, and there is none
		if g.incoming != nil {
			g.incoming = nil
			c.hand(&write{discard: []*journal.Draft{d}})
		}
	})
}
