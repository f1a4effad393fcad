package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
)

// client is the owner that lets a starter process fork.
type client struct {
	*book
	o     Options
	log   func(slog.Level, string)
	slots chan struct{} // starts in flight
	pacer *clock.Pacer  // of what the starter says; used by the reading goroutine only

	stopping chan struct{} // closed by Close
	stopped  chan struct{} // closed when the last starter has gone

	mu      sync.Mutex
	session *session      // nil while there is none
	changed chan struct{} // closed and replaced when session changes
}

// Pauses between attempts to start a starter that doesn't come up.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// What is much that the starter has to say, a second, and for how long it then
// waits for more: much less than a start in flight waits for others anyway.
const (
	manyMessages = 1000
	holdMessages = 3 * time.Millisecond
)

// StartStarter starts the starter process and returns the owner that uses it.
//
// It makes this process a subreaper: when the starter dies, its jobs become
// children of this process, which kills and reaps them, ends them as Unknown, and
// starts another starter.
func StartStarter(o Options) (Owner, error) {
	if len(o.Argv) == 0 {
		return nil, fault.New(fault.Invalid, "NoStarterCommand", "there is no command line for the starter process")
	}
	if o.Instance == "" {
		o.Instance = fmt.Sprint("process ", os.Getpid(), " ", time.Now().UnixNano())
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, startFault(err)
	}
	c := &client{
		book:     newBook(),
		o:        o,
		log:      logTo(o.Log),
		slots:    make(chan struct{}, maxInFlight),
		pacer:    clock.NewPacer(clock.Real{}, clock.PacerOptions{Rate: manyMessages, Burst: manyMessages / 20, Hold: holdMessages}),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
		changed:  make(chan struct{}),
	}
	s, err := c.dial()
	if err != nil {
		c.book.close()
		return nil, startFault(err)
	}
	c.setSession(s)
	go c.run(s)
	return c, nil
}

// run reads what the starter says, and replaces it when it dies.
func (c *client) run(s *session) {
	defer close(c.stopped)
	for s != nil {
		err := s.read(c.handle, c.hold)
		c.setSession(nil)
		c.lost(s, err)
		if s = c.redial(); s != nil {
			s.reap(nil) // what a starter that didn't come up has left; the new one has killed it
		}
		c.setSession(s)
	}
}

func (c *client) isStopping() bool {
	select {
	case <-c.stopping:
		return true
	default:
		return false
	}
}

// redial starts a starter, again and again until one comes up or Close is called.
func (c *client) redial() *session {
	for pause := firstPause; !c.isStopping(); pause = min(2*pause, lastPause) {
		s, err := c.dial()
		if err == nil {
			return s
		}
		c.log(slog.LevelError, "The starter process can't be started; no job can start now: "+err.Error())
		select {
		case <-time.After(pause):
		case <-c.stopping:
		}
	}
	return nil
}

// handle takes a message of the starter. It runs in the reading goroutine and
// never waits for anything.
func (c *client) handle(m *message) {
	switch m.kind {
	case msgStarted:
		if m.fail != nil {
			c.ended(neverRan(m.running.Key, m.fail))
			return
		}
		c.started(m.running)
	case msgEnded:
		if m.number == 1 {
			c.empty(m.end.Key)
		}
		c.ended(m.end)
	case msgLog:
		c.log(slog.Level(int(m.number)-levelShift), m.text)
	}
}

// hold waits for a moment after so many messages came together, when many jobs
// start: what the starter says meanwhile is read at once, instead of waking up
// for each. One job after the other is never held.
func (c *client) hold(messages int) {
	if len(c.slots) < 2 {
		messages = 0
	}
	d := c.pacer.Delay(messages)
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.stopping:
	}
}

// lost cleans up after a starter that has ended: in good order, or not.
func (c *client) lost(s *session, cause error) {
	by := KilledByClose
	if !c.isStopping() {
		by = KilledByStarterLost
		c.log(slog.LevelError, fmt.Sprintf("The starter process was lost; its jobs are killed, and their ends are unknown (%v)", cause))
	}
	s.end()
	live := c.live()
	if err := s.bury(live); err != nil {
		c.log(slog.LevelError, "Jobs of a starter that was lost can't be killed: "+err.Error())
	}
	now := time.Now()
	for _, r := range live {
		c.ended(End{Key: r.Key, Unknown: true, Started: cmp.Or(r.Started, now), Ended: now, KilledBy: by})
	}
}

func (c *client) setSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *client) current() (*session, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session, c.changed
}

// await waits for a session other than broken.
func (c *client) awaitSession(ctx context.Context, broken *session) (*session, error) {
	for {
		s, changed := c.current()
		if err := cmp.Or(ctx.Err(), c.shutErr()); err != nil {
			return nil, err
		}
		if s != nil && s != broken {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-c.stopping:
		}
	}
}

// Start implements Owner.
func (c *client) Start(ctx context.Context, s Spec) (Running, error) {
	e, mine, err := c.begin(s.Key)
	if err != nil {
		return Running{}, err
	}
	if !mine {
		return c.await(ctx, e)
	}
	if serr := checkSpec(&s); serr != nil {
		c.ended(neverRan(s.Key, serr))
		return Running{Key: s.Key}, serr
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		c.abandon(s.Key, ctx.Err())
		return Running{}, ctx.Err()
	case <-c.stopping:
		c.abandon(s.Key, errOwnerClosed())
		return Running{}, errOwnerClosed()
	}
	if err := c.send(ctx, e, &s); err != nil {
		c.abandon(s.Key, err)
		return Running{}, err
	}
	// It can't be taken back any more, so the context doesn't count.
	r, err := c.await(context.WithoutCancel(ctx), e)
	if how := c.takePending(e); how != 0 {
		c.tell(&message{kind: msgKill, key: s.Key, number: uint64(how)})
	}
	return r, err
}

// send hands a start over to the starter. An error means that it didn't arrive.
func (c *client) send(ctx context.Context, e *entry, s *Spec) error {
	var broken *session
	for {
		ses, err := c.awaitSession(ctx, broken)
		if err != nil {
			return err
		}
		c.sending(e)
		err = ses.sendStart(s)
		if err == nil || !c.unsent(e) {
			return nil
		}
		if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, net.ErrClosed) {
			return startFault(err)
		}
		broken = ses // the starter has gone; on our side the socket may be closed already
	}
}

// tell sends a message without an answer. Without a starter there is nothing to
// tell: what it knew is being killed.
func (c *client) tell(m *message) {
	if s, _ := c.current(); s != nil {
		s.send(m)
	}
}

// List implements Owner.
func (c *client) List(context.Context) ([]Running, []End, error) {
	r, e := c.list()
	return r, e, nil
}

// Kill implements Owner.
func (c *client) Kill(key Key, how Signal) error {
	now, err := c.kill(key, how)
	if now {
		c.tell(&message{kind: msgKill, key: key, number: uint64(how)})
	}
	return err
}

// Ended implements Owner.
func (c *client) Ended(key Key) (End, bool) { return c.end(key) }

// Ends implements Owner.
func (c *client) Ends() <-chan End { return c.out }

// Forget implements Owner.
func (c *client) Forget(key Key) error {
	left, err := c.forget(key)
	if left {
		c.tell(&message{kind: msgForget, key: key})
	}
	return err
}

// Close implements Owner.
func (c *client) Close() error {
	if !c.shut() {
		<-c.stopped
		<-c.done
		return nil
	}
	close(c.stopping)
	s, _ := c.current()
	if s != nil {
		s.send(&message{kind: msgClose})
		// The starter has its own patience; one that hangs is killed, and run
		// cleans up.
		late := time.AfterFunc(2*patience, s.kill)
		defer late.Stop()
	}
	<-c.stopped
	c.book.close()
	return nil
}
