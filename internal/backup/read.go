package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Reader reads a backup's file that was checked as a whole.
type Reader struct {
	Manifest *Manifest
	file     fsys.File
	end      int64 // of the archive
	size     int64
	name     string
}

// Open opens a backup and checks all of it: the sum over the file, the
// manifest, and each part's size and sum. Errors are Invalid "BackupDamaged"
// with what is wrong, "BackupTooNew", or those of the disk.
func Open(ctx context.Context, disk fsys.FS, name string) (*Reader, error) {
	f, err := disk.Open(name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "CannotRead", err, "the backup can't be read: %s", err)
	}
	r := &Reader{file: f, name: name}
	err = r.checkSum(ctx)
	if err == nil {
		err = r.Each(ctx, func(p *Part, body io.Reader) error {
			h := sha256.New()
			if _, err := io.Copy(h, body); err != nil {
				return err
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != p.SHA256 {
				return damaged("%s isn't what the manifest says", p.String())
			}
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// Size returns the file's length in bytes.
func (r *Reader) Size() int64 { return r.size }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// checkSum compares the file with the sum at its end.
func (r *Reader) checkSum(ctx context.Context) (err error) {
	if r.size, err = r.file.Size(); err != nil {
		return err
	}
	first := skipFrame([]byte(magic))
	r.end = r.size - skipHead - sha256.Size
	b := make([]byte, len(first))
	if r.end < int64(len(first)) {
		return damaged("%s is too short to be one", r.name)
	}
	if _, err := r.file.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading %s: %w", r.name, err)
	}
	if !bytes.Equal(b, first) {
		if bytes.Equal(b[skipHead:skipHead+14], first[skipHead:skipHead+14]) {
			return fault.New(fault.Invalid, "BackupTooNew", "%s has another format than this program knows: use the program that made it", r.name)
		}
		return damaged("%s is no backup of Signet, or its beginning is damaged", r.name)
	}
	last := make([]byte, skipHead+sha256.Size)
	if _, err := r.file.ReadAt(last, r.end); err != nil {
		return fmt.Errorf("reading %s: %w", r.name, err)
	}
	if binary.LittleEndian.Uint32(last) != skippable || binary.LittleEndian.Uint32(last[4:]) != sha256.Size {
		return damaged("%s ends early, or its end is damaged", r.name)
	}
	h := sha256.New()
	if _, err := io.Copy(h, withContext(ctx, io.NewSectionReader(r.file, 0, r.end))); err != nil {
		return fmt.Errorf("reading %s: %w", r.name, err)
	}
	if !bytes.Equal(h.Sum(nil), last[skipHead:]) {
		return damaged("a part of %s was changed after it was written: its checksum doesn't fit", r.name)
	}
	return nil
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func withContext(ctx context.Context, r io.Reader) io.Reader { return &contextReader{ctx, r} }

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// Each calls f for every part, in the manifest's order, with its bytes.
func (r *Reader) Each(ctx context.Context, f func(p *Part, body io.Reader) error) error {
	dec, err := zstd.NewReader(withContext(ctx, io.NewSectionReader(r.file, 0, r.end)), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return err
	}
	defer dec.Close()
	t := tar.NewReader(dec)
	if r.Manifest == nil {
		if r.Manifest, err = first(t); err != nil {
			return err
		}
	} else if _, err := t.Next(); err != nil {
		return unreadable(err)
	}
	for i := range r.Manifest.Parts {
		p := &r.Manifest.Parts[i]
		h, err := t.Next()
		switch {
		case err != nil:
			return unreadable(err)
		case h.Name != p.File || h.Size != p.Bytes || h.Typeflag != tar.TypeReg:
			return damaged("where %s should be is %q with %d bytes", p.String(), h.Name, h.Size)
		}
		if err := f(p, t); err != nil {
			return unreadable(err)
		}
	}
	if _, err := t.Next(); !errors.Is(err, io.EOF) {
		return damaged("something follows its last part")
	}
	return nil
}

// first reads the manifest.
func first(t *tar.Reader) (*Manifest, error) {
	h, err := t.Next()
	if err != nil {
		return nil, unreadable(err)
	}
	if h.Name != "manifest.json" || h.Size > maxManifest {
		return nil, damaged("it doesn't begin with a manifest")
	}
	data, err := io.ReadAll(t)
	if err != nil {
		return nil, unreadable(err)
	}
	return readManifest(data)
}

// unreadable is the fault for an archive that can't be read; faults, and the
// end of a context, stay what they are.
func unreadable(err error) error {
	var known *fault.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return damaged("its archive can't be read: %s", err)
}
