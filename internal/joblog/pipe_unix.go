//go:build unix

package joblog

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
)

// errStillOpen ends a pump whose pipe had no end when its time was over.
var errStillOpen = errors.New("pipe still open")

// pipe returns a pipe whose read end belongs to Go's poller, and whose write end
// is blocking: it goes to a job, and programs break on EAGAIN.
func pipe() (r, w *os.File, err error) {
	r, w, err = os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := w.SyscallConn()
	if err == nil {
		var blocking error
		err = raw.Control(func(fd uintptr) { blocking = syscall.SetNonblock(int(fd), false) })
		err = errors.Join(err, blocking)
	}
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(), w.Close())
	}
	return r, w, nil
}

// pipeReader reads a pipe into lent buffers.
type pipeReader struct {
	raw     syscall.RawConn
	buffers *sync.Pool
	late    bool // the deadline has passed
	left    int  // bytes that may still be read then
}

// drainLimit bounds what is read after the deadline: a pipe's greatest usual
// content. A left-over process that goes on writing isn't waited for.
const drainLimit = 1 << 20

func newPipeReader(r *os.File, buffers *sync.Pool) *pipeReader {
	p := &pipeReader{buffers: buffers, left: drainLimit}
	raw, err := r.SyscallConn()
	if err == nil {
		p.raw = raw
	}
	return p
}

// next waits until the pipe has something and reads it into a buffer, which the
// caller gives back; a waiting pipe holds none. io.EOF is the pipe's end.
func (p *pipeReader) next() (b *buffer, n int, err error) {
	if p.raw == nil {
		return nil, 0, io.EOF
	}
	try := func(fd uintptr) bool {
		b, n, err = p.try(int(fd))
		return err != syscall.EAGAIN
	}
	if !p.late {
		rerr := p.raw.Read(try)
		if rerr == nil {
			return b, n, err
		}
		if !errors.Is(rerr, os.ErrDeadlineExceeded) {
			return nil, 0, rerr
		}
		p.late = true
	}
	if p.left <= 0 {
		return nil, 0, errStillOpen
	}
	if cerr := p.raw.Control(func(fd uintptr) { try(fd) }); cerr != nil {
		return nil, 0, cerr
	}
	if err == syscall.EAGAIN {
		return nil, 0, errStillOpen
	}
	p.left -= n
	return b, n, err
}

// try reads once without waiting.
func (p *pipeReader) try(fd int) (*buffer, int, error) {
	b, _ := p.buffers.Get().(*buffer)
	for {
		n, err := syscall.Read(fd, b[maxHead:maxHead+bufferSize])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			p.buffers.Put(b)
			return nil, 0, err
		case n == 0:
			p.buffers.Put(b)
			return nil, 0, io.EOF
		default:
			return b, n, nil
		}
	}
}
