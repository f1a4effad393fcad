package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
)

// lagging is a node that tells of an entry before it can be read.
type lagging struct {
	consensus.Node
	asked int
	entry consensus.Entry
}

func (n *lagging) Entries(from uint64, _ int) ([]consensus.Entry, error) {
	if n.asked++; n.asked < 3 || from > n.entry.Seq {
		return nil, nil
	}
	return []consensus.Entry{n.entry}, nil
}

// An entry that is committed but can't be read yet is waited for: nothing
// else may come after it for long.
func TestEntryLagsBehindItsCommit(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		x := newIndex()
		x.add(1, 7)
		x.commit(1)
		data := engine.AppendEvents(nil, []engine.Stamped{{ID: 7, Event: &engine.ControllerReady{Term: 1}}})
		node := &lagging{entry: consensus.Entry{Seq: 1, Data: data}}
		s := &Stream{node: node, index: x, clock: clock.Real{}, end: make(chan struct{}), seq: 1, follow: follow}
		var got []int64
		err := s.each(ctx, func(events []engine.Stamped) error {
			for _, e := range events {
				got = append(got, e.ID)
			}
			if follow {
				cancel() // a follower would wait for more
			}
			return nil
		}, func() error { return nil })
		if len(got) != 1 || got[0] != 7 {
			t.Errorf("follow %v: got the events %v, %v", follow, got, err)
		}
	}
}
