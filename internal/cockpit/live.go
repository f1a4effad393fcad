package cockpit

import (
	"context"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/identity"
)

// liveCalls knows the calls that take long, so that they end with the session
// that made them. Safe for concurrent use.
type liveCalls struct {
	mu   sync.Mutex
	next int
	by   map[[32]byte]map[int]context.CancelFunc
}

func newLiveCalls() *liveCalls {
	return &liveCalls{by: map[[32]byte]map[int]context.CancelFunc{}}
}

// begin returns a context that ends with the session; end has to be called.
func (l *liveCalls) begin(ctx context.Context, s identity.Session) (_ context.Context, end func()) {
	ctx, cancel := context.WithDeadline(ctx, s.Expires)
	if s.Expires.Equal(time.Time{}) {
		return ctx, cancel
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	n := l.next
	if l.by[s.Hash] == nil {
		l.by[s.Hash] = map[int]context.CancelFunc{}
	}
	l.by[s.Hash][n] = cancel
	return ctx, func() {
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		if delete(l.by[s.Hash], n); len(l.by[s.Hash]) == 0 {
			delete(l.by, s.Hash)
		}
	}
}

// end ends the calls of sessions that have ended.
func (l *liveCalls) end(hashes ...[32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range hashes {
		for _, cancel := range l.by[h] {
			cancel()
		}
	}
}
