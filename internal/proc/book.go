package proc

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
)

// book remembers, for an owner, every key that isn't forgotten, and sends ends
// to whoever reads them. Safe for concurrent use.
type book struct {
	mu      sync.Mutex
	entries map[Key]*entry
	next    uint64 // entry.seq
	closed  bool

	queue []End         // not yet sent
	wake  chan struct{} // has room for one: queue has changed
	out   chan End
	stop  chan struct{}
	done  chan struct{} // the pump has ended
}

type entryState uint8

const (
	starting entryState = iota
	running
	ended
)

// entry is one key. Its fields are under book.mu, except ready.
type entry struct {
	seq     uint64
	state   entryState
	decided bool          // the start's outcome is known
	ready   chan struct{} // closed when decided
	err     error         // of the start; nil, *StartError, or nothing was started
	running Running
	end     End
	pending Signal // asked for before the start was decided
	sent    bool   // the starter may know it
	empty   bool   // nothing is left of it: the starter has forgotten it
}

func newBook() *book {
	b := &book{
		entries: make(map[Key]*entry),
		wake:    make(chan struct{}, 1),
		out:     make(chan End),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go b.pump()
	return b
}

// pump sends the queued ends, so that nobody else waits for their reader.
func (b *book) pump() {
	defer close(b.done)
	defer close(b.out)
	for {
		b.mu.Lock()
		batch := b.queue
		b.queue = nil
		b.mu.Unlock()
		for _, e := range batch {
			select {
			case b.out <- e:
			case <-b.stop:
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-b.wake:
		case <-b.stop:
			return
		}
	}
}

// begin registers a start. It returns false when the key is known already.
func (b *book) begin(key Key) (*entry, bool, error) {
	if err := checkKey(key); err != nil {
		return nil, false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil {
		return e, false, nil
	}
	if b.closed {
		return nil, false, errOwnerClosed()
	}
	e := &entry{seq: b.next, ready: make(chan struct{})}
	b.next++
	b.entries[key] = e
	return e, true, nil
}

// await returns the outcome of a start that another call has begun.
func (b *book) await(ctx context.Context, e *entry) (Running, error) {
	select {
	case <-e.ready:
	case <-ctx.Done():
		return Running{}, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.running, e.err
}

// abandon drops a start that didn't happen.
func (b *book) abandon(key Key, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil && !e.decided {
		delete(b.entries, key)
		e.decide(err)
	}
}

// started records that the process runs. Its end may be known already: it is
// told now, so that nobody hears of an end before the start is decided.
func (b *book) started(r Running) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[r.Key]
	if e == nil || e.decided {
		return
	}
	e.running = r
	e.decide(nil)
	if e.state == ended {
		b.tell(e.end)
		return
	}
	e.state = running
}

// takePending returns the signal that was asked for while the start was under
// way, and 0 when there was none or the process never ran.
func (b *book) takePending(e *entry) Signal {
	b.mu.Lock()
	defer b.mu.Unlock()
	how := e.pending
	e.pending = 0
	if e.err != nil || (e.state == ended && how == Term) {
		return 0
	}
	return how
}

// sending notes that a start goes to the starter now, and unsent that it didn't
// arrive there; unsent returns false when its end was recorded meanwhile.
func (b *book) sending(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.sent = true
}

func (b *book) unsent(e *entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.sent = false
	return !e.decided
}

func (e *entry) decide(err error) {
	e.decided, e.err = true, err
	close(e.ready)
}

// ended records an end, once, and tells it.
func (b *book) ended(end End) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[end.Key]
	if e == nil || (e.state == ended && e.decided) {
		return
	}
	if e.state != ended {
		e.state, e.end = ended, end
	}
	if !e.decided {
		e.running = Running{Key: end.Key}
		switch {
		case end.StartError != nil:
			e.decide(end.StartError)
		case end.Unknown:
			// Of a starter that was lost. If it still said how the process ended,
			// but not how it started, that end stands.
			e.decide(nil)
		default:
			return // started tells it
		}
	}
	b.tell(e.end)
}

// tell queues an end. b.mu is held.
func (b *book) tell(end End) {
	b.queue = append(b.queue, end)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// live returns what hasn't ended and is, or may be, known to the starter.
func (b *book) live() []Running {
	b.mu.Lock()
	defer b.mu.Unlock()
	var known []Running
	for key, e := range b.entries {
		switch {
		case !e.decided && e.sent:
			known = append(known, Running{Key: key})
		case e.decided && e.state == running:
			known = append(known, e.running)
		}
	}
	return known
}

func (b *book) list() ([]Running, []End) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*entry, 0, len(b.entries))
	for _, e := range b.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(x, y *entry) int { return cmp.Compare(x.seq, y.seq) })
	var r []Running
	var n []End
	for _, e := range all {
		switch {
		case !e.decided:
		case e.state == ended:
			n = append(n, e.end)
		default:
			r = append(r, e.running)
		}
	}
	return r, n
}

func (b *book) end(key Key) (End, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil && e.decided && e.state == ended {
		return e.end, true
	}
	return End{}, false
}

// kill checks a Kill and reports whether it is to be done now; for a start under
// way it is remembered.
func (b *book) kill(key Key, how Signal) (bool, error) {
	if how != Term && how != KillAll {
		return false, fault.New(fault.Invalid, "InvalidSignal", "signal %d is unknown", how)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[key]
	if e == nil {
		return false, fault.New(fault.NotFound, "UnknownProcess", "no process has the key %q", key)
	}
	if !e.decided {
		e.pending = max(e.pending, how)
		return false, nil
	}
	return e.state == running || how == KillAll, nil
}

// empty notes that a process that has ended has left nothing.
func (b *book) empty(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil {
		e.empty = true
	}
}

// forget drops an entry and reports whether something of it may be left.
func (b *book) forget(key Key) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[key]
	if e == nil {
		return false, nil
	}
	if e.state != ended || !e.decided {
		return false, fault.New(fault.Conflict, "ProcessRuns", "the process with key %q hasn't ended", key)
	}
	delete(b.entries, key)
	return !e.empty && e.end.StartError == nil, nil
}

// shut refuses further starts. It returns false when it was called before.
func (b *book) shut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := !b.closed
	b.closed = true
	return first
}

// shutErr returns the error of a start after shut, else nil.
func (b *book) shutErr() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errOwnerClosed()
	}
	return nil
}

// close ends the pump and the channel of ends.
func (b *book) close() {
	close(b.stop)
	<-b.done
}

func checkKey(key Key) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fault.New(fault.Invalid, "InvalidProcessKey", "a process key has 1 to %d bytes, this one has %d", MaxKey, len(key))
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return fault.New(fault.Invalid, "InvalidProcessKey", "the process key %q has a byte that isn't printable ASCII", key)
		}
	}
	return nil
}

func errOwnerClosed() error {
	return fault.New(fault.Unavailable, "ProcessOwnerClosed", "no process can be started: the owner of processes is closed")
}
