package joblog

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// youth is the time between two ticks. A capture is young until the second
	// tick after its start: nobody reads its pipes meanwhile, and Finish does if
	// its job ends in this time. What it writes to stdout and stderr then isn't
	// told apart by time: so the time is short, and longer only when more than a
	// crowd is young, since it pays to wait for their ends.
	youth   = 2 * time.Millisecond
	crowded = 10 * time.Millisecond
	crowd   = 8
	// maxReaders is how many goroutines read pipes and write files at once. A
	// write may take long when the disk is busy; others go on meanwhile.
	maxReaders = 16
)

// watcher reads the pipes of jobs that run longer than a moment. One goroutine
// waits for all pipes, by one epoll instance; a few others, which exist while
// there is something to read, read them and write the files. So a waiting job
// costs no goroutine, and one that ends early costs the watcher nothing.
//
// A pipe that has something to read is disarmed until it has been read, so one
// reader at a time is sent to it; what orders them for good is the capture's
// mutex, which is never taken under the watcher's.
type watcher struct {
	youth, crowded time.Duration

	mu      sync.Mutex
	group   sync.WaitGroup
	epoll   *os.File // nil before the first capture
	fd      int      // of epoll
	conn    syscall.RawConn
	closed  bool
	ticking bool // the next tick is set
	young   []*Capture
	aging   []*Capture          // young at the last tick
	last    uint64              // key given last
	watched map[uint64]*Capture // by key of its pipe
	queue   []turn              // pipes that have something to read
	readers int
	idle    bool       // one of the readers waits for work
	work    *sync.Cond // wakes it; on mu
}

// watch is what the watcher knows of a capture. Guarded by the watcher's mutex.
type watch struct {
	key     uint64        // of stdout's pipe, stderr's is the next; 0 before it is watched
	left    bool          // its pipes aren't ours any more
	waiting chan struct{} // closed when the awaited pipes have ended; nil when nobody waits
	awaited [2]bool
}

// turn is the right to read a pipe.
type turn struct {
	c *Capture
	i int
}

func newWatcher() *watcher {
	w := &watcher{youth: youth, crowded: crowded, watched: map[uint64]*Capture{}}
	w.work = sync.NewCond(&w.mu)
	return w
}

// add takes in a capture, whose job is about to start.
func (w *watcher) add(c *Capture) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fs.ErrClosed
	}
	if w.epoll == nil {
		if err := w.start(); err != nil {
			return err
		}
	}
	w.young = append(w.young, c)
	w.setTick()
	return nil
}

// start opens the epoll instance, on which Go's poller waits in turn: no thread
// is blocked.
func (w *watcher) start() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	f := os.NewFile(uintptr(fd), "epoll")
	conn, err := f.SyscallConn()
	if err == nil {
		err = f.SetReadDeadline(time.Time{}) // fails if Go's poller can't wait on it
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.epoll, w.fd, w.conn = f, fd, conn
	w.group.Go(w.run)
	return nil
}

// setTick sets the next tick, if none is.
func (w *watcher) setTick() {
	if w.ticking {
		return
	}
	d := w.youth
	if len(w.aging)+len(w.young) > crowd {
		d = w.crowded
	}
	w.ticking = w.epoll.SetReadDeadline(time.Now().Add(d)) == nil
}

// run waits for output and ticks, until the watcher is closed.
func (w *watcher) run() {
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		err := w.conn.Read(func(fd uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err == unix.EINTR
		})
		switch {
		case err != nil: // the deadline has passed
			if !w.tick() {
				return
			}
		default:
			w.take(events[:max(n, 0)])
		}
	}
}

// tick has the pipes watched of those who aren't young any more. It tells false
// when the watcher is closed.
func (w *watcher) tick() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	due := w.aging
	w.aging, w.young = w.young, nil
	for i, c := range due {
		if !c.watch.left && w.arm(c, [2]bool{true, true}) != nil {
			w.young = append(w.young, c) // the kernel has no memory: later, then
		}
		due[i] = nil
	}
	if w.young == nil {
		w.young = due[:0]
	}
	w.ticking = false
	if len(w.aging)+len(w.young) > 0 {
		w.setTick()
		return true
	}
	_ = w.epoll.SetReadDeadline(time.Time{}) // it could be set before
	return true
}

// arm has some of a capture's pipes watched, or watched again.
func (w *watcher) arm(c *Capture, pipes [2]bool) error {
	if c.watch.key == 0 {
		w.last += 2
		c.watch.key = w.last
	}
	for i, r := range c.read {
		if !pipes[i] {
			continue
		}
		key := c.watch.key + uint64(i)
		w.watched[key] = c
		err := w.control(unix.EPOLL_CTL_ADD, r, key)
		if err == unix.EEXIST {
			err = w.control(unix.EPOLL_CTL_MOD, r, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// control changes what epoll knows of a pipe. An event carries the key, not the
// descriptor: that may be another pipe's when the event is looked at.
func (w *watcher) control(op int, r readEnd, key uint64) error {
	return unix.EpollCtl(w.fd, op, int(r), &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLONESHOT,
		Fd:     int32(uint32(key)), Pad: int32(uint32(key >> 32)),
	})
}

// rearm has a pipe watched again after a turn. The caller sees to it that the
// pipe isn't closed meanwhile.
func (w *watcher) rearm(c *Capture, i int) {
	_ = w.control(unix.EPOLL_CTL_MOD, c.read[i], c.watch.key+uint64(i)) // needs nothing that could be missing
}

// take hands what has something to read to the readers.
func (w *watcher) take(events []unix.EpollEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		key := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		c := w.watched[key]
		if c == nil {
			continue // Finish was faster
		}
		i := int(key - c.watch.key)
		if e.Events&unix.EPOLLIN != 0 {
			w.queue = append(w.queue, turn{c, i})
			continue
		}
		delete(w.watched, key) // empty and without a writer: Finish closes it
		c.watch.awaited[i] = false
		if c.watch.waiting != nil && c.watch.awaited == [2]bool{} {
			close(c.watch.waiting)
			c.watch.waiting = nil
		}
	}
	w.hire()
}

// hire has one reader more at work if there is something to read. A reader hires
// the next when it leaves something behind.
func (w *watcher) hire() {
	switch {
	case len(w.queue) == 0 || w.closed:
	case w.idle:
		w.work.Signal()
	case w.readers < maxReaders:
		w.readers++
		w.group.Go(w.serve)
	}
}

// serve takes turns until there are none. One reader stays then, as a fresh
// goroutine has to grow its stack first.
func (w *watcher) serve() {
	for {
		t, ok := w.next()
		if !ok {
			return
		}
		for t.c.turn(t.i) {
			if w.yield(t) {
				t.c.rest()
				break
			}
		}
	}
}

func (w *watcher) next() (turn, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.idle && !w.closed {
		w.idle = true
		w.work.Wait()
		w.idle = false
	}
	if len(w.queue) == 0 || w.closed {
		w.readers--
		return turn{}, false
	}
	t := w.queue[0]
	w.queue[0] = turn{}
	w.queue = w.queue[1:]
	w.hire()
	return t, true
}

// yield puts a turn behind the others, if there are others.
func (w *watcher) yield(t turn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 && !w.closed {
		return false
	}
	w.queue = append(w.queue, t)
	return true
}

// await has the pipes of a capture read whose job has ended, and returns what is
// closed when those have ended that are named.
func (w *watcher) await(c *Capture, pipes [2]bool) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := make(chan struct{})
	if w.closed {
		close(done)
		return done
	}
	c.watch.waiting, c.watch.awaited = done, pipes
	if w.arm(c, pipes) != nil {
		w.young = append(w.young, c)
		w.setTick()
	}
	return done
}

// leave forgets a capture, so that its pipes can be closed.
func (w *watcher) leave(c *Capture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.watch.left = true
	if c.watch.key != 0 {
		delete(w.watched, c.watch.key)
		delete(w.watched, c.watch.key+1)
	}
}

// close ends all goroutines and waits for them.
func (w *watcher) close() {
	w.mu.Lock()
	w.closed = true
	w.work.Signal()
	started := w.epoll != nil
	if started {
		_ = w.epoll.SetReadDeadline(time.Unix(1, 0)) // wakes run; refused when closed before
	}
	w.mu.Unlock()
	w.group.Wait()
	if started {
		_ = w.epoll.Close() // after the last who uses the descriptor
	}
}
