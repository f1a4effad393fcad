package cockpit

import (
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
)

// How many streams of news there are at once, one for each browser: each takes a
// connection, of which the listener has 4096, and memory. One account can't take
// all of them.
const (
	maxStreams   = 2000
	maxStreamsOf = 1500
)

// audience counts the streams of news. Safe for concurrent use.
type audience struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by account
}

// enter takes a place for an account; leave gives it back, once.
func (a *audience) enter(account string) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.all >= maxStreams:
		return nil, fault.New(fault.Unavailable, "TooManyStreams", "%d browsers get news of this Cockpit already, which are as many as there may be", maxStreams)
	case a.of[account] >= maxStreamsOf:
		return nil, fault.New(fault.Unavailable, "TooManyStreams", "%d browsers get news for %s already, which are as many as one account may have", maxStreamsOf, account)
	}
	if a.of == nil {
		a.of = map[string]int{}
	}
	a.all++
	a.of[account]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all--
		if a.of[account]--; a.of[account] == 0 {
			delete(a.of, account)
		}
	}, nil
}
