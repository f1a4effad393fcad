package cockpit

import (
	"bufio"
	"io"
	"net/http"
)

// pipeWriter is an answer that is read while it is written.
type pipeWriter struct {
	header http.Header
	w      *io.PipeWriter
	r      *bufio.Reader
}

func newPipeWriter() *pipeWriter {
	r, w := io.Pipe()
	return &pipeWriter{http.Header{}, w, bufio.NewReader(r)}
}

func (p *pipeWriter) Header() http.Header         { return p.header }
func (p *pipeWriter) WriteHeader(int)             {}
func (p *pipeWriter) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p *pipeWriter) Flush()                      {}

// line returns the next line.
func (p *pipeWriter) line() string {
	s, _ := p.r.ReadString('\n')
	return s
}
