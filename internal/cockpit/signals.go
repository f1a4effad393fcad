package cockpit

import (
	"maps"
	"slices"
	"sync"
)

// signals wakes those who wait for news of orders, or for the history to reach
// an event. A signal says "look again", nothing more. Safe for concurrent use.
type signals struct {
	mu       sync.Mutex
	waiting  map[string]map[*subscription]struct{} // by the root's id
	position int64
	moved    chan struct{} // closed when position changes
}

func newSignals() *signals {
	return &signals{waiting: map[string]map[*subscription]struct{}{}, moved: make(chan struct{})}
}

// subscription collects which orders have changed, for one who waits.
type subscription struct {
	s       *signals
	roots   []string
	ends    bool                // only ends are of interest, and logs that have come
	news    chan struct{}       // capacity 1: something changed
	changed map[string]struct{} // guarded by signals.mu
}

// subscribe returns a subscription to changes of the orders, or to those only
// that may end the wait for their ends. It has to be ended.
func (s *signals) subscribe(roots []string, ends bool) *subscription {
	x := &subscription{s: s, roots: roots, ends: ends, news: make(chan struct{}, 1), changed: map[string]struct{}{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range roots {
		if s.waiting[id] == nil {
			s.waiting[id] = map[*subscription]struct{}{}
		}
		s.waiting[id][x] = struct{}{}
	}
	return x
}

// take returns the roots that have changed since the last take.
func (x *subscription) take() map[string]struct{} {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	c := x.changed
	x.changed = map[string]struct{}{}
	return c
}

// end ends the subscription.
func (x *subscription) end() {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	for _, id := range x.roots {
		if delete(x.s.waiting[id], x); len(x.s.waiting[id]) == 0 {
			delete(x.s.waiting, id)
		}
	}
}

// changed tells that something about the order is new in the database: its end,
// or that a log has come, or something else.
func (s *signals) changed(root string, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.waiting[root] {
		if x.ends && !ended {
			continue
		}
		x.changed[root] = struct{}{}
		select {
		case x.news <- struct{}{}:
		default:
		}
	}
}

// everything tells that anything may have changed.
func (s *signals) everything() {
	s.mu.Lock()
	roots := slices.Collect(maps.Keys(s.waiting))
	s.mu.Unlock()
	for _, root := range roots {
		s.changed(root, true)
	}
}

// reached tells that the history is complete up to an event.
func (s *signals) reached(event int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if event != s.position {
		s.position = event
		close(s.moved)
		s.moved = make(chan struct{})
	}
}

// at returns the position, and a channel that is closed when it has changed.
func (s *signals) at() (int64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position, s.moved
}
