package backup

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// The file's frame (docs/formats/backup.md): what stands before and behind the
// compressed archive is a skippable frame each, so that `zstd -d | tar t` reads it.
const (
	skippable  = 0x184D2A50
	skipHead   = 8
	magic      = "signet-backup 1\n"
	tarBlock   = 512
	spoolExt   = ".parts" // behind the file's name while it is made
	unfinished = ".tmp"
)

func skipFrame(content []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	return append(b, content...)
}

// Writer makes a backup's file. Parts are compressed one by one into a file
// beside it; Finish puts them together behind the manifest, which needs to know
// all. One goroutine uses it; Finish or Abort ends it.
type Writer struct {
	disk     fsys.FS
	name     string
	spool    fsys.File
	enc      *zstd.Encoder
	parts    []Part
	ends     []int64 // where each part ends in the spool
	spooled  int64
	manifest Manifest
	ended    bool
}

// Create begins a backup that is to be called name. A file of that name stays
// until Finish replaces it.
func Create(disk fsys.FS, name string, m Manifest) (*Writer, error) {
	m.Format, m.ID = format, rand.Text()
	if m.Time == 0 {
		m.Time = time.Now().UnixMilli()
	}
	w := &Writer{disk: disk, name: name, manifest: m}
	var err error
	if w.spool, err = disk.Create(name + spoolExt); err != nil {
		return nil, cannotWrite(name, err)
	}
	if w.enc, err = zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(2)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// cannotWrite tells why the file can't be written.
func cannotWrite(name string, err error) error {
	if fsys.IsNoSpace(err) {
		return fault.Wrap(fault.NoSpace, "NoSpace", err, "the disk is full: %s can't be written", name)
	}
	return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s can't be written: %s", name, err)
}

// diskWriter tells errors of the disk from those of what is read.
type diskWriter struct {
	name string
	w    io.Writer
	n    *int64
}

func (d diskWriter) Write(b []byte) (int, error) {
	n, err := d.w.Write(b)
	*d.n += int64(n)
	if err != nil {
		err = cannotWrite(d.name, err)
	}
	return n, err
}

// Manifest tells what the backup holds so far.
func (w *Writer) Manifest() *Manifest { return &w.manifest }

// Add takes a part whose bytes r returns. Its size, if it is given, is checked.
func (w *Writer) Add(p Part, r io.Reader) error {
	want := p.Bytes
	p.File = p.fileName()
	w.enc.Reset(diskWriter{w.name, w.spool, &w.spooled})
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w.enc, h), r)
	if err == nil && want > 0 && n != want {
		err = fault.New(fault.Unavailable, "BackupCut", "%s has %d bytes, not %d as it was told", p.String(), n, want)
	}
	if err == nil {
		_, err = w.enc.Write(make([]byte, -n&(tarBlock-1))) // as the archive's form wants it
	}
	if cerr := w.enc.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	p.Bytes, p.SHA256 = n, hex.EncodeToString(h.Sum(nil))
	w.parts, w.ends = append(w.parts, p), append(w.ends, w.spooled)
	return nil
}

// Finish writes the file and gives it its name; then it is durable. It returns
// its manifest and its length.
func (w *Writer) Finish(missing []Missing) (*Manifest, int64, error) {
	w.manifest.Parts, w.manifest.Missing = w.parts, missing
	if missing == nil {
		w.manifest.Missing = []Missing{}
	}
	size, err := w.finish()
	if err != nil {
		return nil, 0, errors.Join(err, w.Abort())
	}
	w.ended = true
	_ = w.spool.Close()                  // it was only read last
	_ = w.disk.Remove(w.name + spoolExt) // a leftover at worst
	return &w.manifest, size, nil
}

func (w *Writer) finish() (int64, error) {
	f, err := w.disk.Create(w.name + unfinished)
	if err != nil {
		return 0, cannotWrite(w.name, err)
	}
	out := &summed{w: f, h: sha256.New()}
	err = w.assemble(out)
	if err == nil {
		_, err = f.Write(skipFrame(out.h.Sum(nil)))
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = w.disk.Rename(w.name+unfinished, w.name)
	}
	if err == nil {
		err = w.disk.SyncDir(filepath.Dir(w.name))
	}
	if err != nil {
		return 0, cannotWrite(w.name, err)
	}
	return out.n + skipHead + sha256.Size, nil
}

// summed hashes what it passes on.
type summed struct {
	w io.Writer
	h hash.Hash
	n int64
}

func (s *summed) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.n += int64(n)
	s.h.Write(b[:n])
	return n, err
}

// assemble writes the frames: the heads of the archive's files are compressed
// here, what is in them was before.
func (w *Writer) assemble(out io.Writer) error {
	if _, err := out.Write(skipFrame([]byte(magic))); err != nil {
		return err
	}
	text, err := json.MarshalIndent(&w.manifest, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	first, err := w.header("manifest.json", int64(len(text)), 0o600)
	if err != nil {
		return err
	}
	first = append(append(first, text...), make([]byte, -len(text)&(tarBlock-1))...)
	if err := w.frame(out, first); err != nil {
		return err
	}
	at := int64(0)
	for i := range w.parts {
		p := &w.parts[i]
		head, err := w.header(p.File, p.Bytes, int64(p.Mode)|0o600)
		if err != nil {
			return err
		}
		if err := w.frame(out, head); err != nil {
			return err
		}
		if _, err := io.Copy(out, io.NewSectionReader(w.spool, at, w.ends[i]-at)); err != nil {
			return err
		}
		at = w.ends[i]
	}
	return w.frame(out, make([]byte, 2*tarBlock))
}

// header returns the head of a file of the archive.
func (w *Writer) header(name string, size, mode int64) ([]byte, error) {
	var b bytes.Buffer
	t := tar.NewWriter(&b) // never closed: that would end the archive
	err := t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: mode, ModTime: time.UnixMilli(w.manifest.Time).UTC().Truncate(time.Second),
	})
	return b.Bytes(), err
}

func (w *Writer) frame(out io.Writer, content []byte) error {
	w.enc.Reset(out)
	if _, err := w.enc.Write(content); err != nil {
		return err
	}
	return w.enc.Close()
}

// Abort removes what was written. It does nothing after Finish.
func (w *Writer) Abort() error {
	if w.ended {
		return nil
	}
	w.ended = true
	_ = w.spool.Close() // it goes
	return errors.Join(fsys.RemoveAll(w.disk, w.name+spoolExt), fsys.RemoveAll(w.disk, w.name+unfinished))
}
