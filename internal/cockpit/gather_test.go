package cockpit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// The history of an order is written at once when it ends, together with what
// came shortly before; what doesn't end is written a moment later.
func TestGatherWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	id := int64(0)
	piece := func(events ...engine.Event) []engine.Stamped {
		var p []engine.Stamped
		for _, e := range events {
			id++
			p = append(p, engine.Stamped{ID: id, Key: "O", Event: e})
		}
		return p
	}
	type step struct {
		after  time.Duration
		events []engine.Stamped
	}
	begun, started := piece(&order.Added{}, &order.Attachable{}), piece(&order.AttachedEvent{}, &order.Started{})
	for what, c := range map[string]struct {
		steps []step
		want  int
		took  time.Duration
	}{
		"ends at once":              {[]step{{0, piece(&order.FinishedEvent{}, &order.Deleted{})}}, 2, 0},
		"runs a short job":          {[]step{{0, begun}, {2 * time.Millisecond, started}, {3 * time.Millisecond, piece(&order.FinishedEvent{})}}, 5, 5 * time.Millisecond},
		"fails":                     {[]step{{0, begun}, {time.Millisecond, piece(&order.FailedEvent{})}}, 3, time.Millisecond},
		"runs a long job":           {[]step{{0, begun}, {time.Millisecond, started}, {time.Minute, piece(&order.FinishedEvent{})}}, 4, lull},
		"more came with the end":    {[]step{{0, piece(&order.FinishedEvent{})}, {0, begun}}, 3, 0},
		"the stream ends meanwhile": {[]step{{0, begun}, {time.Millisecond, nil}}, 2, time.Millisecond},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := (&follower{clock: clock.Real{}}).init()
				from := make(chan []engine.Stamped, 8)
				done := make(chan struct{})
				go func() {
					defer close(done)
					for _, s := range c.steps {
						if s.after > 0 {
							timer := time.NewTimer(s.after)
							<-timer.C
						}
						if s.events == nil {
							close(from)
							return
						}
						from <- s.events
					}
				}()
				synctest.Wait() // what comes at once is there
				began := time.Now()
				batch, ok := f.gather(t.Context(), from)
				if !ok || len(batch) != c.want || time.Since(began) != c.took {
					t.Errorf("%d events after %v, want %d after %v", len(batch), time.Since(began), c.want, c.took)
				}
				<-done
			})
		})
	}
}

// Nothing is given out when the follower is to end.
func TestGatherEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := (&follower{clock: clock.Real{}}).init()
		from := make(chan []engine.Stamped, 1)
		from <- []engine.Stamped{{ID: 1, Key: "O", Event: &order.Started{}}}
		timer := time.AfterFunc(time.Millisecond, cancel)
		defer timer.Stop()
		if batch, ok := f.gather(ctx, from); ok {
			t.Errorf("it gave out %d events", len(batch))
		}
	})
}
