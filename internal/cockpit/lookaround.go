package cockpit

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// A member that hangs, is held or is cut off refuses nothing: it doesn't answer
// at all. So while one is waited for, all are asked now and then who leads, and
// the wait is given up when it is another one. A leader that only takes its time
// is waited for: it still answers that it leads, or nobody else does.
const (
	lookAfter = 500 * time.Millisecond // without an answer
	lookGrace = 500 * time.Millisecond // for the other answers when the first is there
)

// attempt makes one try at a member, and gives it up when another one leads.
func (r *Remote) attempt(ctx context.Context, at int, f func(context.Context, member) (hint string, err error)) (hint string, err error) {
	if len(r.members) == 1 {
		return f(ctx, r.members[at])
	}
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	looks, stop := context.WithCancel(ctx)
	moved := -1
	var looking sync.WaitGroup
	looking.Go(func() {
		if moved = r.lookAround(looks, at); moved >= 0 {
			giveUp()
		}
	})
	hint, err = f(ctx, r.members[at])
	stop()
	looking.Wait()
	if err != nil && moved >= 0 {
		other := r.members[moved]
		return strings.TrimSuffix(other.url, apiPath), fault.Wrap(fault.Unavailable, "LeaderMoved", err, "%s doesn't answer, and %s leads", r.members[at].name, other.name)
	}
	return hint, err
}

// lookAround returns the index of the member that leads, as soon as it is
// another one than at; -1 when ctx ends first.
func (r *Remote) lookAround(ctx context.Context, at int) int {
	for {
		sleep(ctx, r.clock, lookAfter)
		if ctx.Err() != nil {
			return -1
		}
		st, err := r.survey(ctx)
		if err != nil || ctx.Err() != nil {
			continue
		}
		if i := r.named(st.Leader); i >= 0 && i != at {
			return i
		}
	}
}

// survey asks all members at once and returns the answer of the newest term,
// the leader's own if it is there. It waits for all, but not for long when one
// has answered, and not at all when a majority has and the leader is among them:
// a newer one would have been chosen by one of these.
func (r *Remote) survey(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithCancel(ctx)
	type answer struct {
		status Status
		err    error
	}
	answers := make(chan answer, len(r.members))
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	for _, m := range r.members {
		asking.Go(func() {
			var a answer
			a.err = askOnce(ctx, m, http.MethodGet, "/status", nil, &a.status)
			answers <- a
		})
	}
	var best Status
	var failed error
	grace := r.clock.NewTimer(2 * tryTime) // longer than any answer takes
	defer grace.Stop()
	count := 0
	for range r.members {
		var a answer
		select {
		case a = <-answers:
		case <-grace.C():
			return best, nil
		}
		if a.err != nil {
			failed = a.err
			continue
		}
		if best.Name == "" || a.status.Term > best.Term || a.status.Term == best.Term && a.status.Leader == a.status.Name {
			best = a.status
		}
		if count++; 2*count > len(r.members) && best.Leader == best.Name {
			return best, nil
		}
		if count == 1 {
			grace.Reset(lookGrace)
		}
	}
	if best.Name == "" {
		return best, failed
	}
	return best, nil
}

// named returns the index of a member, -1 if there is none of that name.
func (r *Remote) named(name string) int {
	for i, m := range r.members {
		if m.name == name {
			return i
		}
	}
	return -1
}
