package joblog

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Capture writes the output of one process to its log. Two goroutines read the
// pipes until Finish, which every capture needs.
type Capture struct {
	path  string // clean
	open  func(path string, create bool) (logFile, error)
	hub   *Hub
	now   func() time.Time
	limit int64

	read  [2]*os.File // read ends, owned by the pumps until they are done
	write [2]*os.File // write ends; nil when closed, under mu
	pumps sync.WaitGroup

	once    sync.Once
	summary Summary
	err     error

	mu    sync.Mutex
	still [2]bool // somebody still holds the pipe
	log
}

// Create opens the two pipes for the log at path. The file is made when there is
// something to write. If there is one by then, nothing is written, as a task's
// log is written once: that is the fault "TaskLogExists" of Finish.
func Create(path string, o Options) (*Capture, error) { return start(openFile, path, o) }

func start(open func(path string, create bool) (logFile, error), path string, o Options) (*Capture, error) {
	c := &Capture{path: filepath.Clean(path), open: open, hub: o.Hub, limit: o.Limit, now: o.Now}
	if c.hub == nil {
		c.hub = NewHub()
	}
	if c.limit <= 0 {
		c.limit = DefaultLimit
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.size, c.created = int64(headerSize), c.now()
	for i := range c.read {
		r, w, err := pipe()
		if err != nil {
			c.closePipes()
			return nil, fault.Wrap(fault.Unavailable, "NoPipe", err, "no pipe can be opened for the task's output")
		}
		c.read[i], c.write[i] = r, w
	}
	for i := range c.read {
		c.pumps.Go(func() { c.pump(Channel(i+1), c.read[i]) })
	}
	return c, nil
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

func (c *Capture) closePipes() {
	for i := range c.read {
		if c.read[i] != nil {
			_ = c.read[i].Close()
			_ = c.write[i].Close()
		}
	}
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
		deadline := time.Now().Add(max(grace, 0))
		for _, r := range c.read {
			// A pipe that is already closed refuses; its pump is done then.
			_ = r.SetReadDeadline(deadline)
		}
		c.pumps.Wait()
		c.summary, c.err = c.finish()
		c.hub.notify(c.path, true)
	})
	return c.summary, c.err
}

// pump reads one pipe until its end, or until Finish's deadline.
func (c *Capture) pump(ch Channel, r *os.File) {
	defer r.Close()
	p := newPipeReader(r, &c.hub.buffers)
	for {
		b, n, err := p.next()
		if n > 0 {
			c.mu.Lock()
			c.output(ch, b, n)
			c.closeLog()
			c.mu.Unlock()
		}
		if b != nil {
			c.hub.buffers.Put(b)
		}
		if err != nil {
			c.mu.Lock()
			c.still[ch-1] = errors.Is(err, errStillOpen)
			c.mu.Unlock()
			return
		}
	}
}
