package joblog

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
)

// bufferSize is how much is read from a pipe at once: the size of a pipe.
const bufferSize = 64 << 10

// buffer has room for a frame's head before what was read, and for its checksum
// after it, so that a frame is one write without copying.
type buffer [maxHead + bufferSize + crcSize]byte

// room is where to read to.
func (b *buffer) room() []byte { return b[maxHead : maxHead+bufferSize] }

// filesAtOnce bounds how many log files are open at once.
const filesAtOnce = 64

// Hub connects the writers of logs in this process with those who follow them,
// reads the pipes of running jobs, and lends the writers their buffers. Safe for
// concurrent use. The zero value is not usable; call NewHub, and Close.
type Hub struct {
	buffers sync.Pool
	watcher *watcher
	files   chan struct{} // holds an element for each open log file

	mu     sync.Mutex
	topics map[string]*topic // by clean path; only of logs that somebody follows
}

// NewHub returns a hub.
func NewHub() *Hub {
	return &Hub{
		buffers: sync.Pool{New: func() any { return new(buffer) }},
		watcher: newWatcher(),
		files:   make(chan struct{}, filesAtOnce),
		topics:  make(map[string]*topic),
	}
}

// Close ends the hub's goroutines and waits for them. Captures should be
// finished before: what is left of them reads no output but in Finish, which
// doesn't wait for more. Following goes on. Further calls do nothing.
func (h *Hub) Close() error {
	h.watcher.close()
	return nil
}

// topic is one log that is followed. Every follower holds a reference.
type topic struct {
	hub  *Hub
	path string
	refs int // under hub.mu

	mu      sync.Mutex
	changed chan struct{} // nil when nobody waits
	ended   bool          // its writer has finished
}

// lend returns a buffer, which is to be put back.
func (h *Hub) lend() *buffer {
	b, _ := h.buffers.Get().(*buffer)
	return b
}

func (h *Hub) open(path string) *topic {
	path = filepath.Clean(path)
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[path]
	if t == nil {
		t = &topic{hub: h, path: path}
		h.topics[path] = t
	}
	t.refs++
	return t
}

func (t *topic) close() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	t.refs--
	if t.refs == 0 {
		delete(t.hub.topics, t.path)
	}
}

// notify wakes those who wait for the log at a clean path. A follower joins
// before it reads the file, and this is called after the file was written: so
// one that comes too late for the notice has no need of it.
func (h *Hub) notify(path string, ended bool) {
	h.mu.Lock()
	t := h.topics[path]
	h.mu.Unlock()
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = t.ended || ended
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// wait returns a channel that is closed at the next notice, and whether the
// writer has finished. It is asked before the file is read, so no notice is
// missed.
func (t *topic) wait() (<-chan struct{}, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed, t.ended
}

// Follow returns a follower of the log at path, from an offset that a Frame gave
// (0 is the beginning). The file need not exist yet, and may be finished. The
// caller closes the follower.
func (h *Hub) Follow(path string, from int64) *Follower {
	return &Follower{topic: h.open(path), path: path, from: from}
}

// Seal finishes a log whose writer has died: it cuts off a torn last frame,
// adds reason as a mark, and the end record. A finished log stays as it is. It
// returns what the log holds. Nobody may be writing the log.
func (h *Hub) Seal(path, reason string) (Summary, error) {
	s, err := seal(path, reason)
	if err == nil {
		h.notify(filepath.Clean(path), true)
	}
	return s, err
}

// Follower gives the frames of a log as they are written. It is owned by one
// goroutine.
type Follower struct {
	topic  *topic
	path   string
	from   int64
	reader *Reader
	peeked Frame
	have   bool // peeked is valid
}

// Next returns the next frame, and waits for it. It returns ErrEnded after the
// last frame of a finished log, and the context's error when that ends first. A
// log whose writer has died stays open until it is sealed.
func (f *Follower) Next(ctx context.Context) (Frame, error) {
	for {
		if f.have {
			f.have = false
			return f.peeked, nil
		}
		changed, ended := f.topic.wait()
		frame, err := f.read()
		if err != io.EOF {
			return frame, err
		}
		if ended {
			// Its writer couldn't write the end record, for instance on a full disk.
			return Frame{}, ErrEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Frame{}, ctx.Err()
		}
	}
}

// Ready reports whether Next would return a frame without waiting; before it
// would wait, a caller may want to flush. It invalidates the data of the frame
// before.
func (f *Follower) Ready() bool {
	if f.have {
		return true
	}
	frame, err := f.read()
	if err != nil {
		return false // Next meets it again
	}
	f.peeked, f.have = frame, true
	return true
}

// Close ends following.
func (f *Follower) Close() error {
	if f.topic == nil {
		return nil
	}
	f.topic.close()
	f.topic = nil
	if f.reader == nil {
		return nil
	}
	return f.reader.Close()
}

// read is Reader.Next; a file that isn't there yet is io.EOF.
func (f *Follower) read() (Frame, error) {
	if f.reader == nil {
		r, err := OpenAt(f.path, f.from)
		var e *fault.Error
		if errors.As(err, &e) && e.Kind == fault.NotFound {
			return Frame{}, io.EOF
		}
		if err != nil {
			return Frame{}, err
		}
		f.reader = r
	}
	return f.reader.Next()
}
