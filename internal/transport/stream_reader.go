package transport

import (
	"bufio"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// StreamReader reads an NDJSON stream line by line. Owned by one goroutine;
// Close may be called by any.
type StreamReader struct {
	body    *watchedBody
	lines   *bufio.Reader
	maxLine int
	long    []byte // a line that didn't fit the buffer
	err     error
}

// NewStreamReader returns a reader of body's lines, of at most maxLine bytes
// each. If body is an io.Closer, Close and a passed idle time close it.
func NewStreamReader(body io.Reader, maxLine int) *StreamReader {
	w := &watchedBody{body: body}
	return &StreamReader{body: w, lines: bufio.NewReaderSize(w, min(max(maxLine, 16), 64<<10)), maxLine: maxLine}
}

// SetIdle makes Next fail when nothing came for d: three times the writer's
// heartbeat is sensible. Zero waits for ever. The body has to be an io.Closer
// whose Close interrupts Read. Call it before the first Next.
func (s *StreamReader) SetIdle(d time.Duration) { s.body.idle = d }

// Next returns the next line without its LF; heartbeats are passed over. The
// bytes are valid until the next call. At the end of a stream that ended in
// order it returns io.EOF; a stream cut within a line, or silent for too long, is
// an Unavailable fault, a line that is too long TooLarge. After an error it
// returns that error for ever.
func (s *StreamReader) Next() ([]byte, error) {
	for s.err == nil {
		var line []byte
		line, s.err = s.line()
		if s.err == nil && len(line) > 0 {
			return line, nil
		}
	}
	return nil, s.err
}

// line reads up to the next LF.
func (s *StreamReader) line() ([]byte, error) {
	s.long = s.long[:0]
	for {
		part, err := s.lines.ReadSlice('\n')
		n := len(s.long) + len(part)
		if err == nil {
			n-- // the LF
		}
		if n > s.maxLine {
			_ = s.Close()
			return nil, fault.New(fault.TooLarge, "LineTooLong", "the stream has a line of more than %d bytes", s.maxLine)
		}
		switch {
		case err == nil && len(s.long) == 0:
			return part[:len(part)-1], nil
		case err == nil:
			s.long = append(s.long, part[:len(part)-1]...)
			return s.long, nil
		case errors.Is(err, bufio.ErrBufferFull):
			s.long = append(s.long, part...)
		case errors.Is(err, io.EOF) && n == 0:
			return nil, io.EOF
		default:
			return nil, s.broken(err)
		}
	}
}

func (s *StreamReader) broken(err error) error {
	if s.body.silent.Load() {
		return fault.Wrap(fault.Unavailable, "StreamSilent", err, "nothing came on the stream for %s", s.body.idle)
	}
	if known := (*fault.Error)(nil); errors.As(err, &known) && known.Kind == fault.Untrusted {
		return err
	}
	return fault.Wrap(fault.Unavailable, "StreamCut", err, "the stream was cut")
}

// Close ends the stream; a Next that waits returns.
func (s *StreamReader) Close() error { return s.body.close() }

// watchedBody closes a body when a Read waits for too long. The time between
// Reads, while the caller works, doesn't count.
type watchedBody struct {
	body   io.Reader
	idle   time.Duration
	timer  *time.Timer
	silent atomic.Bool
}

// Read reads from the body.
func (w *watchedBody) Read(p []byte) (int, error) {
	if w.idle > 0 {
		if w.timer == nil {
			w.timer = time.AfterFunc(w.idle, w.expire)
		} else {
			w.timer.Reset(w.idle)
		}
		defer w.timer.Stop()
	}
	return w.body.Read(p)
}

func (w *watchedBody) expire() {
	w.silent.Store(true)
	_ = w.close()
}

func (w *watchedBody) close() error {
	if c, ok := w.body.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
