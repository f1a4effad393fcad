package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/signet-scheduler/signet/internal/fsys"
)

// place names a position in a file.
func place(file string, off int64) string { return fmt.Sprintf("%s, offset %d", file, off) }

// segmentName returns the file name of a segment.
func segmentName(number uint64) string { return fmt.Sprintf("%016d.seg", number) }

// segment is one file of records. Number, name, file and seed are fixed; users
// counts who may still read, the journal itself among them.
type segment struct {
	number uint64
	name   string
	file   fsys.File
	seed   uint32
	users  atomic.Int32

	// Of a sealed segment: its length and the chain at its end.
	sealed bool
	size   int64
	chain  uint32
}

func newSegment(number uint64, name string, file fsys.File, id [16]byte) *segment {
	s := &segment{number: number, name: name, file: file, seed: seedOf(id, number)}
	s.users.Store(1)
	return s
}

// hold keeps the file open for a reader; called with the journal's lock held,
// so that the journal itself still holds it.
func (s *segment) hold() { s.users.Add(1) }

// release closes the file when nobody reads any more.
func (s *segment) release() error {
	if s.users.Add(-1) == 0 {
		return s.file.Close()
	}
	return nil
}

// window reads a file in pieces, front to back.
type window struct {
	file fsys.File
	size int64
	buf  []byte
	off  int64 // of buf[0] in the file
}

// windowSize is how much is read at once.
const windowSize = 1 << 20

// at returns n bytes at an offset, or fewer at the file's end. They are valid
// until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	n = int(max(min(int64(n), w.size-off), 0))
	if off >= w.off && off+int64(n) <= w.off+int64(len(w.buf)) {
		return w.buf[off-w.off:][:n], nil
	}
	want := int(max(min(int64(max(n, windowSize)), w.size-off), 0))
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.off = w.buf[:want], off
	if got, err := w.file.ReadAt(w.buf, off); err != nil && (!errors.Is(err, io.EOF) || got < want) {
		w.buf = w.buf[:0]
		return nil, fmt.Errorf("reading %s: %w", place(w.file.Name(), off), err)
	}
	return w.buf[:n], nil
}

// scanned says how far the records of a segment are good.
type scanned struct {
	end   int64  // where the last good record ends
	chain uint32 // there
	torn  int64  // bytes after it that aren't zero, up to the last such
}

// scan calls visit with every good record from the front; the body is valid
// during the call only. A sealed segment must be good up to its end. In
// another one, the first bad record ends the log if nothing later says that it
// was durable; else it is damage.
func (s *segment) scan(visit func(h header, body []byte, off int64, before uint32) error) (scanned, error) {
	size := s.size
	if !s.sealed {
		var err error
		if size, err = s.file.Size(); err != nil {
			return scanned{}, err
		}
	}
	w := &window{file: s.file, size: size}
	r := scanned{chain: s.seed}
	for r.end < size {
		h, rec, err := s.record(w, r.end, r.chain)
		if err != nil {
			return r, err
		}
		if rec == nil {
			break
		}
		if err := visit(h, rec[headerSize:headerSize+h.body], r.end, r.chain); err != nil {
			return r, err
		}
		r.end += h.size()
		r.chain = h.chain
	}
	if s.sealed {
		if r.end != s.size || r.chain != s.chain {
			return r, damaged(s.name, r.end, "a record of a closed log file isn't what was written")
		}
		return r, nil
	}
	return r, s.judge(w, &r)
}

// record returns the record at an offset, or nil when none is whole there.
func (s *segment) record(w *window, off int64, before uint32) (header, []byte, error) {
	b, err := w.at(off, headerSize)
	if err != nil {
		return header{}, nil, err
	}
	h, ok := decodeHeader(b, s.seed, off)
	if !ok || h.size() > w.size-off {
		return h, nil, nil
	}
	b, err = w.at(off, int(h.size()))
	if err != nil || !h.verify(b, before) {
		return h, nil, err
	}
	return h, b, nil
}

// judge looks at what follows the last good record. A later record whose mark
// lies beyond the bad place proves that it was synced before: damage. No such
// record means that the tail was never acknowledged.
func (s *segment) judge(w *window, r *scanned) error {
	var zeros [4096]byte
	for off := r.end; off < w.size; {
		b, err := w.at(off, len(zeros))
		if err != nil {
			return err
		}
		if bytes.Equal(b, zeros[:len(b)]) {
			off += int64(len(b))
			continue
		}
		for end := min(off+int64(len(zeros)), w.size); off < end; off += alignment {
			b, err := w.at(off, headerSize)
			if err != nil {
				return err
			}
			if !bytes.Equal(b[:min(alignment, len(b))], zeros[:min(alignment, len(b))]) {
				r.torn = off + alignment - r.end
			}
			if h, ok := decodeHeader(b, s.seed, off); ok && h.mark > r.end {
				return damaged(s.name, r.end,
					"a record isn't what was written, and one behind it (offset %d) proves that it was stored", off)
			}
		}
	}
	return nil
}
