package cockpit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/store"
)

// leases is a database of which there is the lease only.
type leases struct {
	store.Store
	mu      sync.Mutex
	answer  store.Lease
	err     error
	hang    bool // it doesn't answer
	asked   int
	given   int // back
	holders map[string]bool
}

func (l *leases) Lease(ctx context.Context, q store.LeaseRequest) (store.Lease, error) {
	l.mu.Lock()
	answer, err, hang := l.answer, l.err, l.hang
	l.asked++
	if q.For == 0 {
		l.given++
	}
	l.holders[q.Holder] = true
	l.mu.Unlock()
	if hang {
		<-ctx.Done()
		return store.Lease{}, ctx.Err()
	}
	return answer, err
}

func (l *leases) set(answer store.Lease, err error, hang bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer, l.err, l.hang = answer, err, hang
}

// stage tells what a keeper has running.
type stage struct {
	mu      sync.Mutex
	running map[string]bool
	history []string
	began   time.Time
	t       *testing.T
}

func (s *stage) play(name string) func(context.Context) {
	return func(ctx context.Context) {
		s.mu.Lock()
		if len(s.running) > 0 {
			s.t.Errorf("%s begins while %v runs", name, s.running)
		}
		s.running[name] = true
		s.history = append(s.history, fmt.Sprint(name, " ", time.Since(s.began)))
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		delete(s.running, name)
		s.mu.Unlock()
	}
}

func (s *stage) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history[len(s.history)-1]
}

// The services run while the lease is held, and end before it runs out, whatever
// the database does.
func TestKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &leases{holders: map[string]bool{}}
		s := &stage{running: map[string]bool{}, began: time.Now(), t: t}
		k := &keeper{db: l, clock: clock.Real{}, log: slog.New(slog.DiscardHandler), holder: "h", reader: "r"}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.run(ctx, func(ctx context.Context, l store.Lease) { s.play(fmt.Sprint("lead ", l.Term))(ctx) }, s.play("stand"))
		}()
		at := func(d time.Duration, want string) {
			t.Helper()
			<-time.NewTimer(d - time.Since(s.began)).C
			synctest.Wait()
			if got := s.last(); got != want {
				t.Errorf("after %s: %s, want %s (%v)", d, got, want, s.history)
			}
		}
		held := func(term int64) store.Lease { return store.Lease{Held: true, Term: term} }
		at(time.Second, "stand 0s")
		l.set(held(1), nil, false)
		at(10*time.Second, "lead 1 1.5s")
		// For a moment the database can't be reached: nothing changes.
		l.set(store.Lease{}, errors.New("no"), false)
		at(12*time.Second, "lead 1 1.5s")
		l.set(held(1), nil, false)
		at(20*time.Second, "lead 1 1.5s")
		// It hangs: before the lease is over, so are the services.
		l.set(store.Lease{}, nil, true)
		at(27*time.Second, "stand 25s") // last extended at 19.5 s
		// Another has it.
		l.set(store.Lease{}, nil, false)
		at(35*time.Second, "stand 25s")
		l.set(held(3), nil, false)
		at(40*time.Second, "lead 3 36s")
		// Another had it in between.
		l.set(held(5), nil, false)
		at(45*time.Second, "lead 5 42s")
		l.set(store.Lease{}, nil, false)
		at(50*time.Second, "stand 46.5s")
		l.set(held(7), nil, false)
		at(60*time.Second, "lead 7 51s")
		cancel()
		<-done
		if len(s.running) > 0 || l.given != 1 || len(l.holders) != 1 {
			t.Errorf("running %v, given back %d times, asked as %v", s.running, l.given, l.holders)
		}
	})
}

// Who can't lose the lease asks once.
func TestKeeperAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &leases{holders: map[string]bool{}, answer: store.Lease{Held: true, Forever: true, Term: 1}}
		s := &stage{running: map[string]bool{}, began: time.Now(), t: t}
		k := &keeper{db: l, clock: clock.Real{}, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		k.run(ctx, func(ctx context.Context, _ store.Lease) { s.play("lead")(ctx) }, s.play("stand"))
		if s.last() != "lead 0s" || l.asked != 2 || len(s.running) > 0 {
			t.Errorf("asked %d times: %v", l.asked, s.history)
		}
	})
}
