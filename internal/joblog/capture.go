package joblog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Capture writes the output of one process to its log, until Finish, which every
// capture needs. While the process is young, and while it is silent, nobody
// works for it: Finish reads what has come from a short job, the hub's watcher
// what comes from a longer one.
type Capture struct {
	path  string // clean
	open  func(path string, create bool) (logFile, error)
	hub   *Hub
	own   bool // the hub is for this capture only
	now   func() time.Time
	limit int64

	once    sync.Once
	summary Summary
	err     error
	ended   [2]bool // the pipes whose end was read; of who is in Finish

	// read are the read ends. Finish closes them under mu, and after the watcher
	// has forgotten them: who holds mu may read them, and the watcher may watch
	// them as long as it knows the capture.
	read  [2]readEnd
	watch watch

	mu    sync.Mutex // may be held for a write; never taken under the watcher's or the hub's
	write [2]*os.File
	done  bool // the read ends are closed
	log
}

// Create opens the two pipes for the log at path. The file is made when there is
// something to write. If there is one by then, nothing is written, as a task's
// log is written once: that is the fault "TaskLogExists" of Finish.
func Create(path string, o Options) (*Capture, error) { return start(openFile, path, o) }

func start(open func(path string, create bool) (logFile, error), path string, o Options) (*Capture, error) {
	c := &Capture{path: filepath.Clean(path), open: open, hub: o.Hub, own: o.Hub == nil, limit: o.Limit, now: o.Now}
	if c.own {
		c.hub = NewHub()
	}
	if c.limit <= 0 {
		c.limit = DefaultLimit
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.size, c.created = int64(headerSize), c.now()
	if err := c.openPipes(); err != nil {
		if c.own {
			err = errors.Join(err, c.hub.Close())
		}
		return nil, fault.Wrap(fault.Unavailable, "NoPipe", err, "no pipe can be opened for the task's output")
	}
	return c, nil
}

func (c *Capture) openPipes() error {
	var err error
	if c.read[0], c.write[0], err = openPipe("stdout"); err != nil {
		return err
	}
	if c.read[1], c.write[1], err = openPipe("stderr"); err != nil {
		c.read[0].close()
		return errors.Join(err, c.write[0].Close())
	}
	if err := c.hub.watcher.add(c); err != nil {
		c.CloseWriteEnds()
		c.closeReadEnds()
		return err
	}
	return nil
}

// Stdout returns the write end for the process's standard output; nil after
// CloseWriteEnds.
func (c *Capture) Stdout() *os.File { return c.writeEnd(0) }

// Stderr returns the write end for the process's standard error; nil after
// CloseWriteEnds.
func (c *Capture) Stderr() *os.File { return c.writeEnd(1) }

func (c *Capture) writeEnd(i int) *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write[i]
}

// CloseWriteEnds closes our copies of the write ends. To be called as soon as the
// process has been started, or couldn't be; else the output has no end.
func (c *Capture) CloseWriteEnds() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.write {
		if w != nil {
			_ = w.Close() // nothing was written through it
			c.write[i] = nil
		}
	}
}

// Materialize makes the file, if the log has none yet and isn't finished: for
// one who wants to follow it.
func (c *Capture) Materialize() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished || c.made {
		return nil
	}
	if err := c.openLog(); err != nil {
		return writeFault(err, "the task's log can't be created")
	}
	c.closeLog()
	c.hub.notify(c.path, false)
	return nil
}

// Mark adds a line of ours to the log, for instance why the job was killed.
func (c *Capture) Mark(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark(line)
	c.closeLog()
	c.hub.notify(c.path, false)
}

// Finish ends the log. To be called when the process has ended: it reads what is
// there, waits up to grace for the pipes' end (left-over processes may hold them
// open), writes the end record and closes everything. An error means that the
// log isn't whole, while the summary still counts everything; after one of kind
// NoSpace it may have no end either, until Seal makes it. A second call returns
// the same.
func (c *Capture) Finish(grace time.Duration) (Summary, error) {
	c.once.Do(func() {
		c.CloseWriteEnds()
		if !c.drain() && grace > 0 {
			c.await(grace)
			c.drain()
		}
		c.hub.watcher.leave(c)
		c.closeReadEnds()
		c.summary, c.err = c.finish()
		c.hub.notify(c.path, true)
		if c.own {
			c.err = errors.Join(c.err, c.hub.Close())
		}
	})
	return c.summary, c.err
}

// drain reads each pipe until it has ended or is empty, or for long enough. It
// tells whether both have ended.
func (c *Capture) drain() bool {
	b := c.hub.lend()
	defer c.hub.buffers.Put(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.read {
		for left := drainLimit; left > 0 && !c.ended[i]; {
			n, err := r.read(b.room())
			if errors.Is(err, errEmpty) {
				break
			}
			c.ended[i] = err != nil
			if n > 0 {
				c.output(Channel(i+1), b, n)
				left -= n
			}
		}
	}
	return c.ended[0] && c.ended[1]
}

// await leaves the pipes that haven't ended to the watcher until they have, at
// most for so long.
func (c *Capture) await(grace time.Duration) {
	c.rest()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.hub.watcher.await(c, [2]bool{!c.ended[0], !c.ended[1]}):
	case <-timer.C:
	}
}

// turn reads a pipe once. It tells whether there is more; else the pipe is
// watched again. For readers of the watcher.
func (c *Capture) turn(i int) bool {
	b := c.hub.lend()
	defer c.hub.buffers.Put(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return false
	}
	n, err := c.read[i].read(b.room())
	if n > 0 {
		c.output(Channel(i+1), b, n)
	}
	if n == bufferSize {
		return true
	}
	c.closeLog()
	if err == nil || errors.Is(err, errEmpty) || errors.Is(err, io.EOF) {
		c.hub.watcher.rearm(c, i) // an end is told without anything to read
	}
	return false
}

// rest closes the file for now, as others are served first.
func (c *Capture) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLog()
}

func (c *Capture) closeReadEnds() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.read {
		r.close()
	}
	c.done = true
}
