package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
)

// ndjsonType is the media type of streams: JSON texts, each ended by LF.
const ndjsonType = "application/x-ndjson"

// StreamOptions says how a stream is written. A zero field means its default.
type StreamOptions struct {
	Heartbeat    time.Duration // an empty line when nothing else was written for this long, 3 s
	WriteTimeout time.Duration // a reader that takes no bytes for this long is dropped, 10 s
	Buffer       int           // bytes that wait for the reader before Write waits, 256 KiB
	MaxLine      int           // bytes of one line, 16 MiB
	Clock        clock.Clock   // for heartbeats, the machine's
}

func (o StreamOptions) withDefaults() StreamOptions {
	if o.Heartbeat <= 0 {
		o.Heartbeat = 3 * time.Second
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 10 * time.Second
	}
	if o.Buffer <= 0 {
		o.Buffer = 256 << 10
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 16 << 20
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	return o
}

// StreamWriter answers a request with an NDJSON stream. A goroutine of its own
// sends what has gathered while it sent the batch before, so a flush is never
// waited for as long as more lines come, and none is late when they don't. Write,
// WriteJSON and Flush are safe for concurrent use. The handler has to Close it
// before it returns.
type StreamWriter struct {
	opts StreamOptions
	rc   *http.ResponseController
	w    http.ResponseWriter

	mu      sync.Mutex
	changed sync.Cond // on mu: something was sent, or the stream ended
	pending []byte
	written int64 // batches' bytes taken in, and sent
	sent    int64
	closed  bool
	err     error

	wake chan struct{} // capacity 1: there is something to send, or to end
	done chan struct{} // closed when the goroutine has ended
}

// NewStreamWriter sends the header of an NDJSON stream and begins with its
// heartbeats. The stream ends when the request's context or the server does.
func NewStreamWriter(w http.ResponseWriter, r *http.Request, o StreamOptions) *StreamWriter {
	s := &StreamWriter{
		opts: o.withDefaults(), rc: http.NewResponseController(w), w: w,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.changed.L = &s.mu
	h := w.Header()
	h.Set("Content-Type", ndjsonType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	drain, _ := r.Context().Value(drainKey{}).(<-chan struct{})
	go s.run(r.Context(), drain)
	return s
}

// Write takes in one line: a JSON text without line feeds. It waits while the
// buffer is full. After the reader has gone it returns an Unavailable fault.
func (s *StreamWriter) Write(line []byte) error {
	if len(line) > s.opts.MaxLine {
		return fault.New(fault.TooLarge, "LineTooLong", "a line has %d bytes; at most %d are allowed", len(line), s.opts.MaxLine)
	}
	if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
		return fault.New(fault.Internal, "InvalidLine", "a line of a stream is a JSON text without line feeds")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A line longer than the buffer is taken alone.
	for s.err == nil && !s.closed && len(s.pending) > 0 && len(s.pending)+len(line) >= s.opts.Buffer {
		s.changed.Wait()
	}
	if err := s.ended(); err != nil {
		return err
	}
	s.pending = append(append(s.pending, line...), '\n')
	s.written += int64(len(line)) + 1
	s.signal()
	return nil
}

// WriteJSON is Write of v as JSON.
func (s *StreamWriter) WriteJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "a line of a stream can't be encoded")
	}
	return s.Write(line)
}

// Flush waits until all that was written has been handed to the system.
func (s *StreamWriter) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for goal := s.written; s.sent < goal && s.err == nil; {
		s.changed.Wait()
	}
	return s.err
}

// Done is closed when the stream has ended: its reader is gone, the server
// stops, or it was closed.
func (s *StreamWriter) Done() <-chan struct{} { return s.done }

// Close sends what is left and waits for the goroutine. It returns why the
// stream ended early, if it did. Further calls return the same.
func (s *StreamWriter) Close() error {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.signal()
	s.mu.Unlock()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *StreamWriter) ended() error {
	if s.err == nil && s.closed {
		return fault.New(fault.Internal, "StreamClosed", "the stream was closed before")
	}
	return s.err
}

// signal wakes the goroutine; one signal stands for any number.
func (s *StreamWriter) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *StreamWriter) run(ctx context.Context, drain <-chan struct{}) {
	defer close(s.done)
	// The time-outs of a request are not those of a stream. Writers that know no
	// deadlines say so, and have none.
	_ = s.rc.SetReadDeadline(time.Time{})
	if err := s.send(nil); err != nil { // the header
		s.fail(err)
		return
	}
	idle := s.opts.Clock.NewTimer(s.opts.Heartbeat)
	defer idle.Stop()
	var spare []byte
	for {
		beat := false
		select {
		case <-s.wake:
		case <-idle.C():
			beat = true
		case <-ctx.Done():
			s.fail(context.Cause(ctx))
			return
		case <-drain:
			s.fail(http.ErrServerClosed)
			return
		}
		s.mu.Lock()
		batch, closed := s.pending, s.closed
		s.pending = spare[:0]
		s.mu.Unlock()
		if n := len(batch); n > 0 || beat {
			if n == 0 {
				batch = append(batch, '\n')
			}
			if err := s.send(batch); err != nil {
				s.fail(err)
				return
			}
			s.mu.Lock()
			s.sent += int64(n)
			s.changed.Broadcast()
			s.mu.Unlock()
			idle.Reset(s.opts.Heartbeat)
		}
		spare = batch
		if cap(spare) > 4*s.opts.Buffer {
			spare = nil // one huge line must not hold its memory for ever
		}
		if closed {
			return
		}
	}
}

// send writes and flushes a batch within the time for it. Between batches there
// is no deadline: with HTTP/2, one that passes ends the stream also when nothing
// is being written.
func (s *StreamWriter) send(batch []byte) error {
	_ = s.rc.SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout))
	if _, err := s.w.Write(batch); err != nil {
		return err
	}
	if err := s.rc.Flush(); err != nil {
		return err
	}
	_ = s.rc.SetWriteDeadline(time.Time{})
	return nil
}

// fail ends the stream; whoever waits on it gets the error.
func (s *StreamWriter) fail(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = fault.Wrap(fault.Unavailable, "StreamEnded", cause, "the stream ended: its reader is gone, or the server stops")
	s.changed.Broadcast()
}
