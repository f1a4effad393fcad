package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/signet-scheduler/signet/internal/fault"
)

// A snapshot container is a stream of frames, as a file and between members:
//
//	0  u32  length of the body
//	4  u32  type
//	8  u32  chain: CRC-32C continued from the frame before over bytes 0 to 8
//	        and the body; 0 before the first
//	12      body
const frameHead = 12

// The types of frames, in their order.
const (
	frameHello = 1 // the format's name and number
	frameEntry = 2 // an entry that readers of the log still need; none in what a node writes for itself
	frameState = 3 // a piece of the state
	frameMeta  = 4 // what it includes; the end
)

const containerHello = "signet-snapshot 1\n"

// framePiece is the length of a piece of the state, but for the last; a reader
// takes up to maxPiece.
const (
	framePiece = 128 << 10
	maxPiece   = 1 << 20
)

// codeSnapshot is the fault's code for a container that can't be used.
const codeSnapshot = "SnapshotDamaged"

// frameWriter writes frames.
type frameWriter struct {
	w     io.Writer
	chain uint32
	bytes int64
}

func (f *frameWriter) frame(typ uint32, parts ...[]byte) error {
	var h [frameHead]byte
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	binary.LittleEndian.PutUint32(h[0:], uint32(n))
	binary.LittleEndian.PutUint32(h[4:], typ)
	f.chain = crc32.Update(f.chain, castagnoli, h[:8])
	for _, p := range parts {
		f.chain = crc32.Update(f.chain, castagnoli, p)
	}
	binary.LittleEndian.PutUint32(h[8:], f.chain)
	for _, p := range append([][]byte{h[:]}, parts...) {
		k, err := f.w.Write(p)
		f.bytes += int64(k)
		if err != nil {
			return err
		}
	}
	return nil
}

// frameReader reads frames, in their order only. before is what precedes the
// first entry frame, known after the meta frame was read.
type frameReader struct {
	r      *bufio.Reader
	chain  uint32
	bytes  int64
	last   uint32
	body   []byte
	meta   Meta
	before position
	done   bool
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 64<<10)}
}

func (f *frameReader) bad(format string, args ...any) error {
	e := fault.New(fault.Corrupt, codeSnapshot, format, args...)
	e.Message = "the snapshot is damaged: " + e.Message
	e.Problems = []fault.Problem{{Where: place("snapshot", f.bytes), Message: "damaged here"}}
	return e
}

// next returns the next frame; its body is valid until the next call. After
// the meta frame it returns io.EOF, if nothing follows.
func (f *frameReader) next() (typ uint32, body []byte, err error) {
	if f.done {
		if _, err := f.r.ReadByte(); err == nil {
			return 0, nil, f.bad("something follows its end")
		} else if !errors.Is(err, io.EOF) {
			return 0, nil, err
		}
		return 0, nil, io.EOF
	}
	var h [frameHead]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return 0, nil, f.short(err)
	}
	n := binary.LittleEndian.Uint32(h[0:])
	typ = binary.LittleEndian.Uint32(h[4:])
	if err := f.admit(typ, n); err != nil {
		return 0, nil, err
	}
	if err := f.read(int(n)); err != nil {
		return 0, nil, f.short(err)
	}
	f.chain = crc32.Update(crc32.Update(f.chain, castagnoli, h[:8]), castagnoli, f.body)
	if f.chain != binary.LittleEndian.Uint32(h[8:]) {
		return 0, nil, f.bad("a checksum doesn't fit")
	}
	f.bytes += int64(frameHead) + int64(n)
	f.last = typ
	switch typ {
	case frameHello:
		if string(f.body) != containerHello {
			return 0, nil, f.bad("it isn't of a format this version knows")
		}
	case frameMeta:
		var ok bool
		if f.meta, f.before, ok = decodeBase(f.body); !ok {
			return 0, nil, f.bad("its end can't be decoded")
		}
		f.meta.Conf = append([]byte(nil), f.meta.Conf...)
		f.done = true
	}
	return typ, f.body, nil
}

func (f *frameReader) short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return f.bad("it ends early")
	}
	return err
}

// admit checks a frame's type and length before anything is read for it.
func (f *frameReader) admit(typ, n uint32) error {
	limits := [...]uint32{
		frameHello: uint32(len(containerHello)), frameEntry: MaxBody,
		frameState: maxPiece, frameMeta: maxConf + 6*8,
	}
	switch {
	case typ < frameHello || typ > frameMeta || typ < f.last ||
		(typ == frameHello) != (f.last == 0):
		return f.bad("it has a frame of type %d after one of type %d", typ, f.last)
	case n > limits[typ]:
		return f.bad("it has a frame of %d bytes", n)
	}
	return nil
}

// read fills body with n bytes, without trusting n with much memory before
// they have come.
func (f *frameReader) read(n int) error {
	f.body = f.body[:0]
	for n > 0 {
		piece := min(n, maxPiece)
		have := len(f.body)
		f.body = append(f.body, make([]byte, piece)...)
		if _, err := io.ReadFull(f.r, f.body[have:]); err != nil {
			return err
		}
		n -= piece
	}
	return nil
}

// stateReader yields the state in a container, and an error instead of its end
// when the container isn't whole.
type stateReader struct {
	frames *frameReader
	rest   []byte
	file   io.Closer
}

// Read implements io.Reader.
func (s *stateReader) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		typ, body, err := s.frames.next()
		if err != nil {
			return 0, err
		}
		if typ == frameState {
			s.rest = body
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (s *stateReader) Close() error { return s.file.Close() }
