package cockpit

import "sync"

// signals wakes those who wait for news of orders, or for the history to reach
// an event. A signal says "look again", nothing more. Safe for concurrent use.
type signals struct {
	mu       sync.Mutex
	waiting  map[string]map[chan struct{}]struct{} // by the root's id
	position int64
	moved    chan struct{} // closed when position changes
}

func newSignals() *signals {
	return &signals{waiting: map[string]map[chan struct{}]struct{}{}, moved: make(chan struct{})}
}

// subscribe returns a channel that gets a signal after each change of the orders,
// and a function that ends that.
func (s *signals) subscribe(roots []string) (news <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range roots {
		if s.waiting[id] == nil {
			s.waiting[id] = map[chan struct{}]struct{}{}
		}
		s.waiting[id][c] = struct{}{}
	}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, id := range roots {
			if delete(s.waiting[id], c); len(s.waiting[id]) == 0 {
				delete(s.waiting, id)
			}
		}
	}
}

// changed tells that something about the order is new in the database.
func (s *signals) changed(root string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.waiting[root] {
		select {
		case c <- struct{}{}:
		default:
		}
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
