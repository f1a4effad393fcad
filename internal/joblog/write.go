package joblog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"time"
)

// logFile is what a capture needs of its file, so that a test can let it fail.
type logFile interface {
	Write([]byte) (int, error)
	Truncate(int64) error
	Close() error
}

// log is what a capture knows of its log; guarded by the capture's mutex. The
// file is made when there is something to write: most jobs are silent, and files
// that come and go cost a file system more than all else here. It is open only
// while it is written: a job that waits holds two descriptors, its read ends.
type log struct {
	file     logFile // nil while it is closed
	made     bool    // there is a file
	finished bool
	created  time.Time
	size     int64 // of the whole frames in the file
	bytes    [2]int64
	kept     int64
	cut      bool  // the limit was reached
	broken   error // the first error of a write; nothing is kept after it
	tail     tail
	line     lastLine
}

// openLog opens the file; the first time it makes it, with its header.
func (c *Capture) openLog() error {
	if c.file != nil {
		return nil
	}
	c.hub.files <- struct{}{} // who holds a place is writing, and waits for nobody
	f, err := c.open(c.path, !c.made)
	if err == nil && !c.made {
		if _, werr := f.Write(encodeHeader(c.created)); werr != nil {
			err = errors.Join(werr, f.Close(), os.Remove(c.path))
		}
	}
	if err != nil {
		<-c.hub.files
		return err
	}
	c.file, c.made = f, true
	return nil
}

// closeLog closes the file, until there is more to write.
func (c *Capture) closeLog() {
	if c.file == nil {
		return
	}
	if err := c.file.Close(); err != nil && c.broken == nil {
		c.broken = err
	}
	c.file = nil
	<-c.hub.files
}

// output takes n bytes that were read into b.
func (c *Capture) output(ch Channel, b *buffer, n int) {
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
	if err := c.openLog(); err != nil {
		c.broken = err
		return false
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

// finish writes tail and end record. Everything was read.
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
		Open:           !c.ended[0] || !c.ended[1],
	}
	defer func() { c.finished = true }()
	first := c.broken
	if s.Silent = !c.made && first == nil && !s.Open; s.Silent {
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
	c.closeLog()
	if err := errors.Join(first, c.broken); err != nil {
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
