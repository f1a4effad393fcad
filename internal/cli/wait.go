package cli

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

// waitChunk is how many orders one request asks about.
const waitChunk = 1000

// waitAgain bounds one waiting request, in seconds.
const waitAgain = 30

// waitOutage is how long a waiting command without a limit of its own bears
// that the Cockpit can't be reached.
const waitOutage = 5 * time.Minute

// reportWait waits for orders and tells how they ended.
func (s *session) reportWait(ctx context.Context, client *Client, added api.AddOrdersResponse, limit time.Duration) error {
	ended, err := s.waitFor(ctx, client, added.Ids, limit)
	if err != nil {
		return err
	}
	bad := 0
	for _, o := range ended {
		if !o.Successful {
			bad++
			fmt.Fprintf(s.io.Err, "signet: order %s: %s\n", printable(o.Id), printable(howEnded(o)))
		}
	}
	if s.json() {
		if err := s.printJSON(struct {
			api.AddOrdersResponse
			Orders []api.WaitedOrder `json:"orders"`
		}{added, ended}); err != nil {
			return err
		}
	}
	if bad > 0 {
		return &exitError{exitNegative}
	}
	return nil
}

func howEnded(o api.WaitedOrder) string {
	if o.State == "Finished" {
		return "Finished, but its outcome is a failure"
	}
	return o.State
}

// waitFor returns when all orders have ended. A Cockpit that restarts meanwhile
// is waited for, too.
func (s *session) waitFor(ctx context.Context, client *Client, ids []string, limit time.Duration) ([]api.WaitedOrder, error) {
	w := waiter{s: s, client: client, limit: limit, started: time.Now(), progress: s.progress()}
	defer w.progress.end()
	ended := make([]api.WaitedOrder, 0, len(ids))
	for done := 0; done < len(ids); done += waitChunk {
		chunk := ids[done:min(done+waitChunk, len(ids))]
		orders, err := w.chunk(ctx, chunk, func(now int) { w.progress.show("%d of %d orders have ended", done+now, len(ids)) })
		if err != nil {
			return nil, err
		}
		ended = append(ended, orders...)
	}
	return ended, nil
}

type waiter struct {
	s        *session
	client   *Client
	limit    time.Duration
	started  time.Time
	lost     time.Time // since when the Cockpit can't be reached
	progress *progress
}

// chunk waits for some orders.
func (w *waiter) chunk(ctx context.Context, ids []string, show func(ended int)) ([]api.WaitedOrder, error) {
	for {
		left := w.limit - time.Since(w.started)
		seconds := int64(min(waitAgain, math.Ceil(max(0, left.Seconds()))))
		var answer api.WaitResponse
		err := w.client.Post(ctx, w.s.at("/orders/wait"), api.WaitRequest{Ids: ids, Timeout: &seconds}, true, &answer)
		switch {
		case err == nil && answer.Complete:
			return answer.Orders, nil
		case err == nil:
			w.lost = time.Time{}
			show(countEnded(answer.Orders))
		case !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Timeout):
			return nil, err
		case w.lost.IsZero():
			w.lost = time.Now()
		case w.limit == math.MaxInt64 && time.Since(w.lost) > waitOutage:
			return nil, err
		}
		if time.Since(w.started) >= w.limit {
			return nil, w.timeOver(answer, err)
		}
		if err != nil && !wait(ctx, 200*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
}

func (w *waiter) timeOver(answer api.WaitResponse, err error) error {
	if err != nil {
		return fault.Wrap(fault.Timeout, "WaitOver", err, "%s are over, and the Cockpit can't be reached: %s", w.limit, fault.Of(err).Public())
	}
	open := ""
	for _, o := range answer.Orders {
		if !o.Ended {
			open = o.Id
			break
		}
	}
	return fault.New(fault.Timeout, "WaitOver", "%s are over: %d of %d orders have ended; not yet: %s ...",
		w.limit, countEnded(answer.Orders), len(answer.Orders), printable(open))
}

func countEnded(orders []api.WaitedOrder) int {
	n := 0
	for _, o := range orders {
		if o.Ended {
			n++
		}
	}
	return n
}
