package consensus

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// node is the goroutine shell around a core: one goroutine owns core and
// machine, one writes the journal, others run what the core wants beside them.
type node struct {
	core  *core
	group *group // nil in a Local
	j     *journal.Journal
	pub   *published

	box    *mailbox
	orders *orders

	// Owned by the loop goroutine; pacer and pause are nil when nothing is gathered.
	pacer *clock.Pacer
	pause clock.Timer
	held  []command // until pause has passed

	quit   chan struct{} // Close was called
	once   sync.Once
	writer chan struct{} // closed when the writer has ended
	aside  sync.WaitGroup
	done   chan struct{}
	err    error // set before done is closed
}

var _ Node = (*node)(nil)

func newNode(o Options, j *journal.Journal) *node {
	n := &node{
		j: j, box: newMailbox(), orders: newOrders(),
		quit: make(chan struct{}), writer: make(chan struct{}), done: make(chan struct{}),
	}
	n.core = newCore(o, j, n)
	n.pub = n.core.pub
	return n
}

// start recovers the state and starts the goroutines.
func (n *node) start() (Node, error) {
	if r := n.j.Recovered(); r.Torn > 0 {
		n.core.log.Warn("the log ended in an unfinished write, which was cut off; nothing of it was acknowledged", "bytes", r.Torn)
	}
	n.core.start()
	if err := n.core.err; err != nil {
		return nil, closing(n.j, err)
	}
	go n.runWriter()
	go n.run()
	return n, nil
}

// run is the loop goroutine.
func (n *node) run() {
	defer close(n.done)
	ticker := n.core.o.Clock.NewTicker(n.core.o.Tick)
	defer ticker.Stop()
	var resume <-chan time.Time
	if every := n.core.o.Gather; every > 0 {
		n.pacer = clock.NewPacer(n.core.o.Clock, clock.PacerOptions{Rate: gatherRate, Burst: gatherBurst, Hold: every})
		n.pause = n.core.o.Clock.NewTimer(every)
		defer n.pause.Stop()
		resume = n.pause.C()
	}
	for n.core.err == nil {
		select {
		case <-n.quit:
			n.end()
			return
		case <-ticker.C():
			n.core.tick()
		case <-resume:
			n.submitHeld()
		case <-n.box.wake:
			n.deliver(n.box.take())
		}
	}
	n.end()
}

// deliver puts in what came.
func (n *node) deliver(m mail) {
	c := n.core
	if m.failure != nil {
		c.stop(m.failure)
	}
	for _, w := range m.stored {
		c.stored(w)
	}
	if m.waiting {
		c.waiting()
	}
	if len(m.messages) > 0 {
		c.guard(func() {
			n.group.receive(m.messages)
			c.settle()
		})
	}
	for _, f := range m.calls {
		f()
	}
	if len(m.commands) > 0 {
		n.gather(m.commands)
	}
}

// What isn't many commands yet: a second, and at once. Only those count that come
// together, or while the last batch is being committed: one order after the
// other, however fast, is never held.
const (
	gatherRate  = 100
	gatherBurst = 20
)

// gather submits commands, at once as long as they are few. When they are many
// they are held for a moment, so that more of them make one entry: that costs
// all who follow the log less.
func (n *node) gather(list []command) {
	var wait time.Duration
	if n.pacer != nil {
		together := len(list) - 1
		if len(n.core.flight) > 0 {
			together++
		}
		wait = n.pacer.Delay(together)
	}
	if len(n.held) > 0 {
		if n.held = append(n.held, list...); len(n.held) >= n.core.o.MaxBatch {
			n.submitHeld()
		}
		return
	}
	if wait <= 0 {
		n.core.submit(list)
		return
	}
	n.held = list
	n.pause.Reset(wait)
}

func (n *node) submitHeld() {
	if list := n.held; len(list) > 0 {
		n.held = nil
		n.core.submit(list)
	}
}

// end answers everyone, and closes what is open. A writer that hangs in the
// disk is left behind: nothing can end it but the end of the process.
func (n *node) end() {
	n.err = n.core.err
	n.core.close()
	rest := n.box.close()
	n.core.refuse(n.held)
	n.core.refuse(rest.commands)
	n.pub.end()
	for _, f := range rest.calls {
		f()
	}
	n.orders.close()
	if fault.HasCode(n.err, "DiskHung") {
		return
	}
	<-n.writer
	n.aside.Wait()
	n.core.snap.abandon()
	if err := n.j.Close(); err != nil && n.err == nil {
		n.err = err
	}
}

// runWriter is the writer goroutine. A failed write or sync is never tried
// again: it ends the node. Only what lacks space waits for it.
func (n *node) runWriter() {
	defer close(n.writer)
	x := writer{n.j}
	for {
		list := n.orders.take()
		if len(list) == 0 {
			return
		}
		for len(list) > 0 {
			done, err := x.writeAll(list)
			if !x.waits(err) && err != nil {
				n.box.put(func(m *mail) bool {
					m.failure = err
					return true
				})
				return
			}
			n.box.put(func(m *mail) bool {
				m.stored = append(m.stored, list[:done]...)
				m.waiting = err != nil
				return true
			})
			if list = list[done:]; len(list) > 0 && !n.pauseWriter() {
				return
			}
		}
	}
}

// pauseWriter waits for a tick; false when the node ends.
func (n *node) pauseWriter() bool {
	t := n.core.o.Clock.NewTimer(n.core.o.Tick)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-n.orders.end:
		return false
	}
}

// write implements env.
func (n *node) write(w *write) { n.orders.put(w) }

// background implements env.
func (n *node) background(f func()) { n.aside.Go(f) }

// post implements env. What is posted to a node that has ended isn't called:
// there is no library to tell.
func (n *node) post(f func()) {
	n.box.put(func(m *mail) bool {
		m.calls = append(m.calls, f)
		return true
	})
}

// Submit implements Node.
func (n *node) Submit(ctx context.Context, cmd any) (any, error) {
	type outcome struct {
		reply any
		err   error
	}
	result := make(chan outcome, 1)
	n.enqueue(command{
		cmd:  cmd,
		done: func(reply any, err error) { result <- outcome{reply, err} },
		gone: func() error {
			if ctx.Err() != nil {
				return errTimeout(ctx.Err())
			}
			return nil
		},
	})
	select {
	case r := <-result:
		return r.reply, r.err
	case <-ctx.Done():
		return nil, errTimeout(ctx.Err())
	}
}

// SubmitAsync implements Node.
func (n *node) SubmitAsync(cmd any, done func(reply any, err error)) {
	n.enqueue(command{cmd: cmd, done: done})
}

func (n *node) enqueue(c command) {
	full := false
	ok := n.box.put(func(m *mail) bool {
		if full = len(m.commands) >= n.core.o.MaxQueue; full {
			return false
		}
		m.commands = append(m.commands, c)
		return true
	})
	switch {
	case full:
		c.done(nil, errTooBusy())
	case !ok:
		c.done(nil, errNotLeader(0))
	}
}

// Entries implements Node.
func (n *node) Entries(from uint64, maxBytes int) ([]Entry, error) {
	return n.pub.Entries(from, maxBytes)
}

// Status implements Node.
func (n *node) Status() Status { return n.pub.Status() }

// TransferLeadership implements Node.
func (n *node) TransferLeadership(to uint64) error {
	return n.call(func(done func(error)) {
		err := n.core.err
		n.core.guard(func() {
			err = n.core.proto.transfer(to)
			n.core.settle()
		})
		done(err)
	})
}

// Snapshot implements Node.
func (n *node) Snapshot() error {
	return n.call(func(done func(error)) {
		n.core.guard(func() {
			n.core.snap.request(done)
			n.core.settle()
		})
	})
}

// call has the loop run f and waits until f, or something it started, calls done.
func (n *node) call(f func(done func(error))) error {
	result := make(chan error, 1)
	n.post(func() { f(func(err error) { result <- err }) })
	select {
	case err := <-result:
		return err
	case <-n.done:
		select {
		case err := <-result:
			return err
		default:
			return errClosed()
		}
	}
}

// Receive implements Node.
func (n *node) Receive(from uint64, msg []byte) error {
	if n.group == nil {
		return errNotAGroup()
	}
	m, err := decodeLetter(from, n.core.o.ID, msg)
	if err != nil {
		return err
	}
	if m.raft.GetType() == pb.MsgSnap {
		return fault.New(fault.Invalid, "BadMessage", "member %d sent a state's message without the state", from)
	}
	if !n.box.put(func(b *mail) bool {
		if len(b.messages) >= maxMessages {
			return false
		}
		b.messages = append(b.messages, m)
		return true
	}) {
		return errTooBusy()
	}
	return nil
}

// ReceiveSnapshot implements Node.
func (n *node) ReceiveSnapshot(from uint64, meta []byte, body io.Reader) error {
	if n.group == nil {
		return errNotAGroup()
	}
	m, err := decodeState(from, n.core.o.ID, meta)
	if err != nil {
		return err
	}
	if !n.hold() {
		return errClosed()
	}
	defer n.aside.Done()
	d, err := receiveState(n.j, m, body)
	if err != nil {
		return err
	}
	if !n.box.put(func(b *mail) bool {
		b.calls = append(b.calls, func() { n.core.stepState(n.group, m, d) })
		return true
	}) {
		return errors.Join(errClosed(), d.Discard())
	}
	return nil
}

// hold keeps the journal open while a caller's goroutine uses it; false when
// the node ends.
func (n *node) hold() bool {
	return n.box.put(func(*mail) bool {
		n.aside.Add(1)
		return true
	})
}

// Done implements Node.
func (n *node) Done() <-chan struct{} { return n.done }

// Err implements Node.
func (n *node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// Close implements Node.
func (n *node) Close() error {
	n.once.Do(func() { close(n.quit) })
	<-n.done
	return n.err
}

func errClosed() error {
	return fault.New(fault.Unavailable, "NodeClosed", "this member has stopped")
}

func errNotAGroup() error {
	return fault.New(fault.Invalid, "NotAGroup", "the log has no other members")
}
