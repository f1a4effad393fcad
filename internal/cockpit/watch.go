package cockpit

import (
	"context"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// maxAhead bounds the events that a follower which only watches keeps until they
// are written. The stream waits meanwhile.
const maxAhead = 4 * maxBatch

// hear tells that somebody has written the history up to an event; 0: perhaps.
func (f *follower) hear(position int64) {
	f.mu.Lock()
	f.heard = max(f.heard, position)
	f.unsure = f.unsure || position == 0
	f.mu.Unlock()
	select {
	case f.hints <- struct{}{}:
	default:
	}
}

// written returns up to which event the history is written by now, by another.
func (f *follower) written(ctx context.Context) (int64, error) {
	f.mu.Lock()
	position, unsure := f.heard, f.unsure
	f.unsure = false
	f.mu.Unlock()
	if !unsure {
		return position, nil
	}
	stored, err := f.position(ctx)
	if err != nil {
		f.mu.Lock()
		f.unsure = true
		f.mu.Unlock()
	}
	return max(position, stored), err
}

// watch reads events as they come, and tells of them when they are written.
func (f *follower) watch(ctx context.Context, from <-chan []engine.Stamped, position int64) error {
	f.hear(0) // it may have come on before the stream began
	var ahead []engine.Stamped
	last := position
	for {
		in := from
		if len(ahead) >= maxAhead {
			in = nil
		}
		select {
		case batch, ok := <-in:
			if !ok {
				return errStreamEnded
			}
			if batch = behind(batch, last); len(batch) > 0 {
				last = batch[len(batch)-1].ID
				ahead = append(ahead, batch...)
			}
		case <-f.hints:
			now, err := f.written(ctx)
			if err != nil {
				return err
			}
			position = max(position, now)
		case <-ctx.Done():
			return ctx.Err()
		}
		n := 0
		changed := map[string]bool{}
		for n < len(ahead) && ahead[n].ID <= position {
			if f.isOrders[ahead[n].Event.Type()] {
				root := string(order.ID(ahead[n].Key).Root())
				changed[root] = changed[root] || endsOne(ahead[n:n+1])
			}
			n++
		}
		f.covered(position, ahead[:n], changed)
		ahead = append(ahead[:0:0], ahead[n:]...)
	}
}
