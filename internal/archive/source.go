package archive

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/signet-scheduler/signet/internal/fault"
)

// source is the archive's bytes as they come: counted, bounded, and only as long
// as there is time. It gives single bytes, so that a decompressor takes no more
// than is its own.
type source struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call of Read
	r    *bufio.Reader
	n    int64 // bytes taken
	most int64
	err  error // why no more is read; not the end
}

func newSource(ctx context.Context, r io.Reader, most int64) *source {
	return &source{ctx: ctx, r: bufio.NewReaderSize(r, 64<<10), most: most}
}

// often is how many bytes are read between two looks at the time.
const often = 64 << 10

// count takes n bytes into account.
func (s *source) count(n int) error {
	before := s.n
	s.n += int64(n)
	switch {
	case s.n > s.most:
		s.err = tooLarge(CodeTooLarge, "", "the archive has more than %d bytes", s.most)
	case before/often != s.n/often && s.ctx.Err() != nil:
		s.err = fault.Wrap(fault.Timeout, "ArchiveTimeout", s.ctx.Err(), "there was no time left to read the archive")
	}
	return s.err
}

// failed keeps an error that isn't the end.
func (s *source) failed(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return err
}

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(b)
	if e := s.count(n); e != nil {
		return 0, e
	}
	return n, s.failed(err)
}

// ReadByte implements io.ByteReader.
func (s *source) ReadByte() (byte, error) {
	if s.err != nil {
		return 0, s.err
	}
	b, err := s.r.ReadByte()
	if err != nil {
		return 0, s.failed(err)
	}
	return b, s.count(1)
}

// peek returns bytes that are still to be read.
func (s *source) peek(n int) ([]byte, error) {
	b, err := s.r.Peek(n)
	return b, s.failed(err)
}

// full fills b, or tells that the archive ends within entry.
func (s *source) full(b []byte, entry string) error {
	if _, err := io.ReadFull(s, b); err != nil {
		if s.err != nil {
			return s.err
		}
		return refuse(CodeTruncated, entry, "the archive ends too early")
	}
	return nil
}

// atEnd makes sure that nothing follows.
func (s *source) atEnd() error {
	if _, err := s.ReadByte(); err == nil {
		return refuse(CodeSurplus, "", "there is data behind the end of the archive")
	}
	return s.err
}
