package joblog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// logFile is what a capture needs of its file, so that a test can let it fail.
type logFile interface {
	Write([]byte) (int, error)
	Truncate(int64) error
	Close() error
}

// Capture writes the output of one process to its log. Two goroutines read the
// pipes until Finish, which every capture needs. The file is made when there is
// something to write: most jobs are silent, and files that come and go cost a
// file system more than all else here.
type Capture struct {
	path  string // clean
	make  func(path string) (logFile, error)
	hub   *Hub
	now   func() time.Time
	limit int64

	read  [2]*os.File // read ends, owned by the pumps until they are done
	write [2]*os.File // write ends; nil when closed, under mu
	pumps sync.WaitGroup

	once    sync.Once
	summary Summary
	err     error

	mu       sync.Mutex
	file     logFile // nil while there is nothing to write
	finished bool
	created  time.Time
	size     int64 // of the whole frames in the file
	bytes    [2]int64
	kept     int64
	cut      bool  // the limit was reached
	broken   error // the first error of a write; nothing is kept after it
	open     bool
	tail     tail
	line     lastLine
}

// Create opens the two pipes for the log at path. An existing file is the fault
// "TaskLogExists": a task's log is written once.
func Create(path string, o Options) (*Capture, error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return nil, fault.New(fault.Conflict, "TaskLogExists", "the task's log exists already")
	case !errors.Is(err, fs.ErrNotExist):
		return nil, writeFault(err, "the task's log can't be created")
	}
	return start(makeFile, path, o)
}

func makeFile(path string) (logFile, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
}

func start(makeFile func(path string) (logFile, error), path string, o Options) (*Capture, error) {
	c := &Capture{path: filepath.Clean(path), make: makeFile, hub: o.Hub, limit: o.Limit, now: o.Now, size: int64(headerSize)}
	if c.hub == nil {
		c.hub = NewHub()
	}
	if c.limit <= 0 {
		c.limit = DefaultLimit
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.created = c.now()
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
	if c.finished || c.file != nil {
		return nil
	}
	if err := c.begin(); err != nil {
		return writeFault(err, "the task's log can't be created")
	}
	c.hub.notify(c.path, false)
	return nil
}

// begin makes the file with its header.
func (c *Capture) begin() error {
	f, err := c.make(c.path)
	if err != nil {
		return err
	}
	if _, err := f.Write(encodeHeader(c.created)); err != nil {
		return errors.Join(err, f.Close(), os.Remove(c.path))
	}
	c.file = f
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
			c.output(ch, b, n)
		}
		if b != nil {
			c.hub.buffers.Put(b)
		}
		if err != nil {
			c.mu.Lock()
			c.open = c.open || errors.Is(err, errStillOpen)
			c.mu.Unlock()
			return
		}
	}
}

// output takes n bytes that were read into b.
func (c *Capture) output(ch Channel, b *buffer, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := b[maxHead : maxHead+n]
	c.bytes[ch-1] += int64(n)
	if ch == Stderr {
		c.line.add(p)
	}
	if c.broken != nil {
		return
	}
	delta := c.delta()
	fits := n
	if !c.cut {
		if room := c.limit - c.size - maxHead - crcSize; room < int64(n) {
			c.cut = true
			fits = int(max(room, 0))
		}
		if fits > 0 {
			c.writeOutput(byte(ch), delta, b, fits)
		}
		if c.cut {
			c.mark(fmt.Sprintf("The log has reached its limit of %d bytes. Of what follows only the last %d bytes are kept; they come when the job has ended.", c.limit, tailBytes))
		}
		c.hub.notify(c.path, false)
		p = p[fits:]
	}
	if len(p) > 0 && c.broken == nil {
		c.tail.add(byte(ch), delta, p)
	}
}

// writeOutput writes the first n bytes of b as a frame, with head and checksum
// put around them in the buffer.
func (c *Capture) writeOutput(kind byte, delta uint64, b *buffer, n int) {
	var h [maxHead]byte
	head := appendHead(h[:0], kind, delta, n)
	from := maxHead - len(head)
	copy(b[from:], head)
	end := maxHead + n
	var after [crcSize]byte
	copy(after[:], b[end:]) // the bytes behind may be output that goes to the tail
	binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[from:end], castagnoli))
	if c.append(b[from : end+crcSize]) {
		c.kept += int64(n)
	}
	copy(b[end:], after[:])
}

func (c *Capture) mark(line string) {
	if !c.finished && c.broken == nil {
		c.append(appendFrame(nil, byte(Mark), c.delta(), []byte(line[:min(len(line), MaxLine)])))
	}
}

// append writes a whole frame. When that fails the file is cut back to its last
// whole frame, and nothing more is written but the end.
func (c *Capture) append(frame []byte) bool {
	if c.file == nil {
		if err := c.begin(); err != nil {
			c.broken = err
			return false
		}
	}
	if _, err := c.file.Write(frame); err != nil {
		c.broken = err
		if terr := c.file.Truncate(c.size); terr != nil {
			c.broken = errors.Join(err, terr)
		}
		return false
	}
	c.size += int64(len(frame))
	return true
}

func (c *Capture) delta() uint64 {
	return uint64(max(c.now().Sub(c.created).Milliseconds(), 0))
}

// finish writes tail and end record. The pumps are done.
func (c *Capture) finish() (Summary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil && c.cut {
		c.writeTail()
	}
	s := Summary{
		StdoutBytes:    c.bytes[0],
		StderrBytes:    c.bytes[1],
		Cut:            c.bytes[0] + c.bytes[1] - c.kept,
		LastStderrLine: c.line.text(),
		Open:           c.open,
	}
	defer func() { c.finished = true }()
	first := c.broken
	if s.Silent = c.file == nil && first == nil && !s.Open; s.Silent {
		return s, nil
	}
	c.broken = nil // a full disk may have room for the end
	if first != nil {
		c.mark(fmt.Sprintf("The log couldn't be written: %v. %d bytes of output are missing.", first, s.Cut))
	}
	if c.broken == nil { // no end without its mark; Seal can make both later
		e := ending{stdout: s.StdoutBytes, stderr: s.StderrBytes, cut: s.Cut}
		if s.Open {
			e.flags |= flagOpen
		}
		c.append(appendFrame(nil, kindEnd, c.delta(), e.encode()))
	}
	err := errors.Join(first, c.broken)
	if c.file != nil {
		err = errors.Join(err, c.file.Close())
		c.file = nil
	}
	if err != nil {
		return s, writeFault(err, "the task's log isn't whole")
	}
	return s, nil
}

func (c *Capture) writeTail() {
	missing := c.bytes[0] + c.bytes[1] - c.kept - int64(c.tail.size)
	if missing > 0 {
		c.mark(fmt.Sprintf("%d bytes of output are left out here.", missing))
	}
	for _, p := range c.tail.pieces {
		if c.append(appendFrame(nil, p.kind, p.delta, p.data)) {
			c.kept += int64(len(p.data))
		}
	}
	c.tail = tail{}
}
