package joblog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The file, in short (docs/formats/task-log.md has it whole):
//
//	header  magic[8] | format u32 | created i64, ms | crc32c u32
//	frame   kind u8 | uvarint ms since created | uvarint n | n bytes | crc32c u32
//
// The last frame is of kind kindEnd. All fixed numbers are little-endian.
const (
	magic      = "SGNTTLOG"
	format     = 1
	headerSize = len(magic) + 4 + 8 + 4
	crcSize    = 4
	maxHead    = 1 + binary.MaxVarintLen64 + binary.MaxVarintLen32

	// maxPayload bounds what a reader accepts. Our writer makes frames of at
	// most bufferSize, the rest is room for another writer.
	maxPayload = 1 << 20

	kindEnd = 4 // after Stdout, Stderr, Mark
)

// Flags in the end record.
const (
	flagOpen = 1 << iota // someone still held a pipe open
	flagLost             // written by Seal: the writer had died
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// errShort: the bytes end within a header or frame.
	errShort = errors.New("incomplete frame")
)

// record is a decoded frame; data aliases the input.
type record struct {
	kind  byte
	delta uint64 // ms since the file was created
	data  []byte
}

// ending is the payload of the end record.
type ending struct {
	stdout, stderr, cut int64
	flags               uint64
}

func encodeHeader(created time.Time) []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, format)
	b = binary.LittleEndian.AppendUint64(b, uint64(created.UnixMilli()))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeHeader returns when the file was created, or errShort.
func decodeHeader(b []byte) (time.Time, error) {
	if len(b) < headerSize {
		return time.Time{}, errShort
	}
	b = b[:headerSize]
	body := b[:headerSize-crcSize]
	if string(b[:len(magic)]) != magic {
		return time.Time{}, fault.New(fault.Corrupt, "NotATaskLog", "the file isn't a task log: it doesn't begin with %q", magic)
	}
	if f := binary.LittleEndian.Uint32(b[len(magic):]); f != format {
		return time.Time{}, fault.New(fault.Corrupt, "UnknownTaskLogFormat", "the task log has format %d, this program reads format %d", f, format)
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[headerSize-crcSize:]) {
		return time.Time{}, fault.New(fault.Corrupt, "TaskLogCorrupt", "the task log's header has a wrong checksum")
	}
	return time.UnixMilli(int64(binary.LittleEndian.Uint64(b[len(magic)+4:]))), nil
}

// appendHead appends the part of a frame that comes before its payload.
func appendHead(b []byte, kind byte, delta uint64, n int) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, delta)
	return binary.AppendUvarint(b, uint64(n))
}

// appendFrame appends a whole frame.
func appendFrame(b []byte, kind byte, delta uint64, data []byte) []byte {
	start := len(b)
	b = appendHead(b, kind, delta, len(data))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// decodeFrame decodes the frame at the beginning of b and returns its length.
// errShort means that b ends before the frame does.
func decodeFrame(b []byte) (record, int, error) {
	if len(b) == 0 {
		return record{}, 0, errShort
	}
	kind := b[0]
	if kind < byte(Stdout) || kind > kindEnd {
		return record{}, 0, corrupt("an unknown kind of frame, %d", kind)
	}
	delta, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return record{}, 0, shortOr(n, "time")
	}
	head := 1 + n
	size, n := binary.Uvarint(b[head:])
	if n <= 0 {
		return record{}, 0, shortOr(n, "length")
	}
	head += n
	if size > maxPayload {
		return record{}, 0, corrupt("a frame of %d bytes; at most %d are possible", size, maxPayload)
	}
	end := head + int(size)
	if len(b) < end+crcSize {
		return record{}, 0, errShort
	}
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return record{}, 0, corrupt("a frame with a wrong checksum")
	}
	return record{kind: kind, delta: delta, data: b[head:end:end]}, end + crcSize, nil
}

// shortOr maps binary.Uvarint's n <= 0 to an error: 0 is too few bytes, less is
// a number beyond 64 bits.
func shortOr(n int, what string) error {
	if n == 0 {
		return errShort
	}
	return corrupt("a frame's %s is out of range", what)
}

func corrupt(message string, args ...any) error {
	return fault.New(fault.Corrupt, "TaskLogCorrupt", "the task log has "+message, args...)
}

func (e ending) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(e.stdout))
	b = binary.AppendUvarint(b, uint64(e.stderr))
	b = binary.AppendUvarint(b, uint64(e.cut))
	return binary.AppendUvarint(b, e.flags)
}

func decodeEnding(b []byte) (ending, error) {
	var v [4]uint64
	for i := range v {
		x, n := binary.Uvarint(b)
		if n <= 0 || x > 1<<62 {
			return ending{}, corrupt("an end record that can't be read")
		}
		v[i], b = x, b[n:]
	}
	if len(b) != 0 {
		return ending{}, corrupt("an end record that is too long")
	}
	return ending{stdout: int64(v[0]), stderr: int64(v[1]), cut: int64(v[2]), flags: v[3]}, nil
}
