package joblog

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Reader reads the frames of a log, finished or growing. It is owned by one
// goroutine.
type Reader struct {
	file    *os.File
	created time.Time
	offset  int64 // of buf[start] in the file
	buf     []byte
	start   int
	end     int
	header  bool // has been read
	ended   bool
	summary Summary
}

// smallRead is the reader's first buffer; it grows to hold the greatest frame.
const smallRead = 8 << 10

// Open opens a log at its beginning. A missing file is the fault
// "UnknownTaskLog".
func Open(path string) (*Reader, error) { return OpenAt(path, 0) }

// OpenAt opens a log at an offset that a Frame gave; 0 is the beginning. Another
// offset makes Next fail.
func OpenAt(path string, offset int64) (*Reader, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, "UnknownTaskLog", err, "there is no such task log")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "TaskLogUnreadable", err, "the task log can't be opened")
	}
	return &Reader{file: f, offset: max(offset, int64(headerSize))}, nil
}

// Next returns the next frame. It returns io.EOF at the present end of a log
// that isn't finished (a later call may give more; a log whose writer has died
// stays so until it is sealed), and ErrEnded after the last frame.
func (r *Reader) Next() (Frame, error) {
	if r.ended {
		return Frame{}, ErrEnded
	}
	if err := r.readHeader(); err != nil {
		return Frame{}, err
	}
	for {
		rec, n, err := decodeFrame(r.buf[r.start:r.end])
		if err == nil {
			r.start += n
			r.offset += int64(n)
			return r.frame(rec)
		}
		if !errors.Is(err, errShort) {
			return Frame{}, err
		}
		if err := r.fill(); err != nil {
			return Frame{}, err
		}
	}
}

// Frames returns the frames up to the present end, or up to an error, which is
// yielded once. The end itself isn't an error.
func (r *Reader) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for {
			f, err := r.Next()
			if err == io.EOF || err == ErrEnded {
				return
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// Offset returns where the next frame begins.
func (r *Reader) Offset() int64 { return r.offset }

// Summary returns what the end record says, without LastStderrLine, and false
// until Next has returned ErrEnded.
func (r *Reader) Summary() (Summary, bool) { return r.summary, r.ended }

// Close closes the file.
func (r *Reader) Close() error {
	if err := r.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (r *Reader) readHeader() error {
	if r.header {
		return nil
	}
	var b [headerSize]byte
	n, err := r.file.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return unreadable(err)
	}
	created, err := decodeHeader(b[:n])
	if errors.Is(err, errShort) {
		return io.EOF // the writer is just creating it, or died then
	}
	if err != nil {
		return err
	}
	r.created, r.header = created, true
	return nil
}

func (r *Reader) frame(rec record) (Frame, error) {
	if rec.kind == kindEnd {
		e, err := decodeEnding(rec.data)
		if err != nil {
			return Frame{}, err
		}
		r.ended = true
		r.summary = e.summary()
		r.buf = nil
		return Frame{}, ErrEnded
	}
	return Frame{
		Channel: Channel(rec.kind),
		Time:    r.created.Add(time.Duration(min(rec.delta, maxDelta)) * time.Millisecond),
		Data:    rec.data,
		Offset:  r.offset,
	}, nil
}

// maxDelta keeps a damaged time from overflowing: about 146 years.
const maxDelta = 1 << 62 / uint64(time.Millisecond)

func (e ending) summary() Summary {
	return Summary{StdoutBytes: e.stdout, StderrBytes: e.stderr, Cut: e.cut, Open: e.flags&flagOpen != 0}
}

// fill reads more behind what is buffered. io.EOF means that there is no more
// at present.
func (r *Reader) fill() error {
	if r.start > 0 {
		copy(r.buf, r.buf[r.start:r.end])
		r.start, r.end = 0, r.end-r.start
	}
	if r.end == len(r.buf) {
		// A frame is at most maxHead+maxPayload+crcSize long, decodeFrame
		// refuses more: so this ends.
		grown := make([]byte, max(smallRead, 2*len(r.buf)))
		copy(grown, r.buf)
		r.buf = grown
	}
	n, err := r.file.ReadAt(r.buf[r.end:], r.offset+int64(r.end))
	r.end += n
	if n > 0 {
		return nil
	}
	if err == io.EOF {
		if r.end == 0 {
			r.buf = nil // a follower that waits holds no buffer
		}
		return io.EOF
	}
	return unreadable(err)
}

func unreadable(err error) error {
	return fault.Wrap(fault.Internal, "TaskLogUnreadable", err, "the task log can't be read")
}
