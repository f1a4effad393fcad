package consensus

import "sync"

// mailbox is what waits for the loop. Safe for concurrent use.
type mailbox struct {
	mu     sync.Mutex
	wake   chan struct{}
	closed bool
	mail   mail
}

// mail is what the loop takes at once.
type mail struct {
	stored   []*write
	messages []letter
	calls    []func()
	commands []command
	waiting  bool  // the writer waits for space
	failure  error // of the writer
}

// maxMessages is how many messages of members may wait; more are dropped.
const maxMessages = 4096

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put adds to the mail and wakes the loop; false after close.
func (b *mailbox) put(add func(m *mail) bool) bool {
	b.mu.Lock()
	ok := !b.closed && add(&b.mail)
	b.mu.Unlock()
	if ok {
		b.ring()
	}
	return ok
}

func (b *mailbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all that waits.
func (b *mailbox) take() mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.mail
	b.mail = mail{}
	return m
}

// close refuses what comes later, and returns what waits.
func (b *mailbox) close() mail {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.take()
}

// orders is what waits for the writer. Safe for concurrent use.
type orders struct {
	mu     sync.Mutex
	wake   chan struct{}
	list   []*write
	closed bool
	end    chan struct{} // closed by close
}

func newOrders() *orders {
	return &orders{wake: make(chan struct{}, 1), end: make(chan struct{})}
}

func (o *orders) put(w *write) {
	o.mu.Lock()
	o.list = append(o.list, w)
	o.mu.Unlock()
	o.ring()
}

func (o *orders) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take waits for orders; none means that no more will come.
func (o *orders) take() []*write {
	for {
		o.mu.Lock()
		list, closed := o.list, o.closed
		o.list = nil
		o.mu.Unlock()
		if len(list) > 0 || closed {
			return list
		}
		<-o.wake
	}
}

// close lets take return what waits, and then nothing.
func (o *orders) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	close(o.end)
	o.ring()
}
