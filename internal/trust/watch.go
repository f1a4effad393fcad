package trust

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultInterval is how often a Watcher looks by default. Together with
// graceTime it makes every change effective within two seconds.
const DefaultInterval = 500 * time.Millisecond

// Watcher follows the trust directories. It is safe for concurrent use.
//
// A removed file is without effect at the next look. A file that can't be used
// (half-written, unreadable) counts as it was for one second, then as removed; a
// revocation list that can't be used counts on as it was. While a directory has
// rights that Load refuses, nothing new in it is believed, but removals count.
type Watcher struct {
	interval time.Duration
	onChange func(*Set, error)
	current  atomic.Pointer[Set]

	mu       sync.Mutex // held while looking
	loader   *loader
	reported string

	control sync.Mutex // guards the fields below
	stop    chan struct{}
	done    chan struct{}
	closed  bool
}

// NewWatcher reads the trust directories a first time; what Load refuses it
// refuses too. An interval of 0 means DefaultInterval. The function onChange, if
// not nil, is called after each look that found another set, another error or
// other warnings, one call at a time; its set is never nil. It isn't called for
// the first reading, whose result is Current, and must not call Close or Poll.
func NewWatcher(dirs Dirs, p Policy, interval time.Duration, onChange func(*Set, error)) (*Watcher, error) {
	l, err := newLoader(dirs, p)
	if err != nil {
		return nil, err
	}
	set, err := l.load(time.Now())
	if err != nil {
		return nil, err
	}
	if interval <= 0 {
		interval = DefaultInterval
	}
	w := &Watcher{interval: interval, onChange: onChange, loader: l, reported: report(set, nil)}
	w.current.Store(set)
	return w, nil
}

// Current returns the set as of the last look; never nil.
func (w *Watcher) Current() *Set { return w.current.Load() }

// Start looks again at every interval until Close. Only the first call counts.
func (w *Watcher) Start() {
	w.control.Lock()
	defer w.control.Unlock()
	if w.closed || w.stop != nil {
		return
	}
	w.stop, w.done = make(chan struct{}), make(chan struct{})
	ticker := time.NewTicker(w.interval)
	go func() {
		defer close(w.done)
		defer ticker.Stop()
		w.run(ticker.C, w.stop)
	}()
}

func (w *Watcher) run(ticks <-chan time.Time, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case now := <-ticks:
			w.Poll(now)
		}
	}
}

// Close ends the watching and waits for the last look to end. Current stays.
func (w *Watcher) Close() error {
	w.control.Lock()
	defer w.control.Unlock()
	if !w.closed && w.stop != nil {
		close(w.stop)
		<-w.done
	}
	w.closed = true
	return nil
}

// Poll looks at the directories once, as at the time now, which must not go back
// between calls.
func (w *Watcher) Poll(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	set, err := w.loader.load(now)
	news := report(set, err)
	if news == w.reported {
		return
	}
	w.reported = news
	w.current.Store(set)
	if w.onChange != nil {
		w.onChange(set, err)
	}
}

// report is a text that differs when there is something to tell.
func report(set *Set, err error) string {
	return fmt.Sprintf("%x %v %v", set.digest, set.warnings, err)
}
