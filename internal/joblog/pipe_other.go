//go:build !unix

package joblog

import (
	"errors"
	"io"
	"os"
	"sync"
)

// errStillOpen ends a pump whose pipe had no end when its time was over.
var errStillOpen = errors.New("pipe still open")

// pipe returns a pipe.
func pipe() (r, w *os.File, err error) { return os.Pipe() }

// pipeReader reads a pipe into lent buffers. Without a poller it holds its
// buffer while it waits.
type pipeReader struct {
	file    *os.File
	buffers *sync.Pool
}

func newPipeReader(r *os.File, buffers *sync.Pool) *pipeReader {
	return &pipeReader{file: r, buffers: buffers}
}

// next waits until the pipe has something and reads it into a buffer, which the
// caller gives back. io.EOF is the pipe's end.
func (p *pipeReader) next() (*buffer, int, error) {
	b, _ := p.buffers.Get().(*buffer)
	n, err := p.file.Read(b[maxHead : maxHead+bufferSize])
	if err != nil && !errors.Is(err, io.EOF) {
		err = errStillOpen
	}
	return b, n, err
}
