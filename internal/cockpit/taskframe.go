package cockpit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
)

// The format of a task's log (docs/formats/task-log.md), as a stream: package
// joblog reads files, but a log comes here over the wire, from a machine that
// isn't believed.
const (
	logMagic   = "SGNTTLOG"
	logFormat  = 1
	logHeader  = len(logMagic) + 4 + 8 + 4
	maxPayload = 1 << 20
	kindEnd    = 4
	// maxDelta keeps a damaged time from overflowing: about 146 years.
	maxDelta = 1 << 62 / uint64(time.Millisecond)
)

// errLogEnded is returned after the last frame of a finished log.
var errLogEnded = errors.New("the task's log has ended")

// frame is a piece of output. Data and raw are valid until the next call.
type frame struct {
	channel joblog.Channel
	time    int64 // milliseconds since the epoch
	data    []byte
	raw     []byte // as it came, with its head and checksum
}

// frameReader reads frames from a stream. Owned by one goroutine.
type frameReader struct {
	in      *bufio.Reader
	created int64 // what the frames' times count from
	raw     bytes.Buffer
	table   *crc32.Table
}

// newFrameReader reads a log's header, unless the stream begins behind it and its
// time is known. A stream that is too short for a header gives io.EOF.
func newFrameReader(in io.Reader, created int64, header bool) (*frameReader, error) {
	return newBufferedFrameReader(bufio.NewReaderSize(in, 32<<10), created, header)
}

func newBufferedFrameReader(in *bufio.Reader, created int64, header bool) (*frameReader, error) {
	r := &frameReader{in: in, created: created, table: crc32.MakeTable(crc32.Castagnoli)}
	if !header {
		return r, nil
	}
	var b [logHeader]byte
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		return nil, shortLog(err)
	}
	body := b[:logHeader-4]
	switch {
	case string(b[:len(logMagic)]) != logMagic:
		return nil, badLog("it doesn't begin as a task log does")
	case binary.LittleEndian.Uint32(b[len(logMagic):]) != logFormat:
		return nil, badLog("its format is not known here")
	case crc32.Checksum(body, r.table) != binary.LittleEndian.Uint32(b[logHeader-4:]):
		return nil, badLog("its header has a wrong checksum")
	}
	r.created = int64(binary.LittleEndian.Uint64(b[len(logMagic)+4:]))
	return r, nil
}

// shortLog tells the end between frames from one within a frame.
func shortLog(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return fault.Wrap(fault.Unavailable, "TaskLogCut", err, "the task's log could not be read to its end")
}

func badLog(why string) error {
	return fault.New(fault.Corrupt, "TaskLogCorrupt", "the task's log is damaged: %s", why)
}

// next returns the next frame: errLogEnded behind the last one of a finished
// log, io.EOF where the stream ends before that.
func (r *frameReader) next() (frame, error) {
	r.raw.Reset()
	kind, err := r.in.ReadByte()
	if err != nil {
		return frame{}, shortLog(err)
	}
	if kind < byte(joblog.Stdout) || kind > kindEnd {
		return frame{}, badLog("a frame is of no known kind")
	}
	r.raw.WriteByte(kind)
	delta, err := r.uvarint()
	if err != nil {
		return frame{}, err
	}
	size, err := r.uvarint()
	if err != nil {
		return frame{}, err
	}
	if size > maxPayload {
		return frame{}, badLog("a frame is too long")
	}
	head := r.raw.Len()
	if _, err := io.CopyN(&r.raw, r.in, int64(size)+4); err != nil {
		return frame{}, shortLog(err)
	}
	raw := r.raw.Bytes()
	end := len(raw) - 4
	if crc32.Checksum(raw[:end], r.table) != binary.LittleEndian.Uint32(raw[end:]) {
		return frame{}, badLog("a frame has a wrong checksum")
	}
	if kind == kindEnd {
		return frame{}, errLogEnded
	}
	return frame{joblog.Channel(kind), r.created + int64(min(delta, maxDelta)), raw[head:end], raw}, nil
}

// drain reads the end of the stream behind the end of the log, so that its
// connection can be used again.
func (r *frameReader) drain() { _, _ = io.CopyN(io.Discard, r.in, 1) }

// uvarint reads a number and keeps its bytes.
func (r *frameReader) uvarint() (uint64, error) {
	start := r.raw.Len()
	for range binary.MaxVarintLen64 {
		b, err := r.in.ReadByte()
		if err != nil {
			return 0, shortLog(err)
		}
		r.raw.WriteByte(b)
		if b < 0x80 {
			v, n := binary.Uvarint(r.raw.Bytes()[start:])
			if n <= 0 {
				break
			}
			return v, nil
		}
	}
	return 0, badLog("a number is out of range")
}
