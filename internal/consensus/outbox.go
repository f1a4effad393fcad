package consensus

import (
	"go.etcd.io/raft/v3/tracker"
)

// progress is what the library knows about a member.
type progress = tracker.Progress

// progressNames are the names of what a leader does with a member.
var progressNames = map[tracker.StateType]string{
	tracker.StateProbe: "probe", tracker.StateReplicate: "replicate", tracker.StateSnapshot: "snapshot",
}

// outbox gathers the messages of one round, by target, in their order.
type outbox struct {
	targets []uint64
	msgs    [][][]byte
}

func (o *outbox) add(to uint64, msg []byte) {
	for i, t := range o.targets {
		if t == to {
			o.msgs[i] = append(o.msgs[i], msg)
			return
		}
	}
	o.targets = append(o.targets, to)
	o.msgs = append(o.msgs, [][]byte{msg})
}

func (o *outbox) flush(t Transport) {
	for i, to := range o.targets {
		if t != nil {
			t.Send(to, o.msgs[i])
		}
		o.msgs[i] = nil
	}
	o.targets, o.msgs = o.targets[:0], o.msgs[:0]
}
