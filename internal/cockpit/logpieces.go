package cockpit

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/store"
)

// castagnoli is the polynomial of the frames' checksums.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// eachFrame reads whole frames that are in memory. It is the quick form of
// frameReader, for pieces that were checked when they were stored. It returns
// io.ErrUnexpectedEOF for a frame that isn't whole; data is valid for ever.
func eachFrame(raw []byte, created int64, f func(c joblog.Channel, time int64, data []byte)) error {
	table := castagnoli()
	for len(raw) > 0 {
		kind := raw[0]
		if kind < byte(joblog.Stdout) || kind > kindEnd {
			return badLog("a frame is of no known kind")
		}
		delta, n := binary.Uvarint(raw[1:])
		if n <= 0 {
			return io.ErrUnexpectedEOF
		}
		head := 1 + n
		size, n := binary.Uvarint(raw[head:])
		if n <= 0 {
			return io.ErrUnexpectedEOF
		}
		head += n
		if size > maxPayload {
			return badLog("a frame is too long")
		}
		end := head + int(size)
		if len(raw) < end+4 {
			return io.ErrUnexpectedEOF
		}
		if crc32.Checksum(raw[:end], table) != binary.LittleEndian.Uint32(raw[end:]) {
			return badLog("a frame has a wrong checksum")
		}
		if kind != kindEnd {
			f(joblog.Channel(kind), created+int64(min(delta, maxDelta)), raw[head:end])
		}
		raw = raw[end+4:]
	}
	return nil
}

// storedPiece returns the frames of a piece that is in the database.
func (h *history) storedPiece(ctx context.Context, s *store.Step, nr int) ([]byte, error) {
	var packed []byte
	err := h.db.Read(ctx, func(r store.Reader) (err error) {
		packed, err = r.LogChunk(s.StepKey, nr)
		return err
	})
	if err != nil {
		return nil, err
	}
	return h.pack.expand(packed)
}

// agentFrames reads frames of a log that is at its Agent, from an offset on. It
// gives each to f, as it came, until f returns false or what is there is read.
// created is the log's own time, which is read with the header at offset 0.
func (h *history) agentFrames(ctx context.Context, s *store.Step, created *int64, offset int64, f func(fr frame) bool) (ended bool, err error) {
	body, err := h.controller.TaskLog(ctx, s.Agent, s.Task, offset, false)
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }()
	r, err := newFrameReader(body, *created, offset == 0)
	if errors.Is(err, io.EOF) {
		return false, nil // not even its header is there
	}
	if err != nil {
		return false, err
	}
	*created = r.created
	for {
		fr, err := r.next()
		switch {
		case errors.Is(err, errLogEnded):
			r.drain()
			return true, nil
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		case !f(fr):
			return false, nil
		}
	}
}

// unreadable says in the log itself why there is no more of it.
func unreadable(err error) string {
	return "the log of this step can't be read: " + fault.Of(err).Message
}
