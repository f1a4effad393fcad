package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The modes of files in an archive.
const (
	public  = 0o644
	private = 0o600
)

// Writer writes an archive. Files come in the order of their names; times and
// owners are always the same.
type Writer struct {
	names  *names
	last   string
	limits Limits
	n      int
	total  int64
	add    func(name string, mode int64, data []byte) error
	finish func() error
}

// NewWriter returns a writer of an archive that Read reads with the same limits.
func NewWriter(w io.Writer, f Format, l Limits) (*Writer, error) {
	a := &Writer{names: newNames(), limits: l}
	switch f {
	case Zip:
		a.zip(w)
	case TarGz:
		a.tarGz(w)
	default:
		return nil, fault.New(fault.Invalid, CodeUnknownFormat, "the format of an archive is %s or %s", Zip, TarGz)
	}
	return a, nil
}

// Add writes a file. Its name has to come behind that of the file before. The error
// is that of the underlying writer, or says that this name or this much can't be
// read again.
func (a *Writer) Add(name string, data []byte) error { return a.file(name, public, data) }

// AddPrivate is Add for a file that only its owner may read when it is unpacked.
func (a *Writer) AddPrivate(name string, data []byte) error { return a.file(name, private, data) }

func (a *Writer) file(name string, mode int64, data []byte) error {
	if a.n > 0 && name <= a.last {
		return fmt.Errorf("archive: %q comes behind %q", name, a.last)
	}
	if _, folder, err := a.names.add(name); err != nil {
		return err
	} else if folder {
		return refuse(CodeName, name, "a file with the name of a folder")
	}
	a.n++
	a.last = name
	a.total += int64(len(data))
	if a.n > a.limits.Entries || a.total > a.limits.Total || int64(len(data)) > a.limits.Entry {
		return tooLarge(CodeTooLarge, "", "an archive has at most %d files and %d bytes: take fewer objects", a.limits.Entries, a.limits.Total)
	}
	return a.add(name, mode, data)
}

// Close writes the end. The underlying writer stays open.
func (a *Writer) Close() error { return a.finish() }

// zip writes each file with its sizes in front of it: readable as a stream.
func (a *Writer) zip(w io.Writer) {
	const (
		dosDate = 1<<5 | 1 // 1980-01-01, the first that there is
		unix    = 3 << 8
		version = 20
		regular = 0o100000
	)
	z := zip.NewWriter(w)
	var packed bytes.Buffer
	deflater, err := flate.NewWriter(&packed, flate.DefaultCompression)
	a.finish = z.Close
	a.add = func(name string, mode int64, data []byte) error {
		if err != nil {
			return err
		}
		packed.Reset()
		deflater.Reset(&packed)
		_, err := deflater.Write(data)
		if err = errors.Join(err, deflater.Close()); err != nil {
			return err
		}
		h := &zip.FileHeader{
			Name: name, CreatorVersion: unix | version, ReaderVersion: version, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(data)), ExternalAttrs: uint32(regular|mode) << 16,
		}
		h.ModifiedDate = dosDate //nolint:staticcheck // CreateRaw writes what stands here
		for i := range len(name) {
			if name[i] >= 0x80 {
				h.Flags = flagUTF8
			}
		}
		out, err := z.CreateRaw(h)
		if err != nil {
			return err
		}
		_, err = out.Write(packed.Bytes())
		return err
	}
}

func (a *Writer) tarGz(w io.Writer) {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	when := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	a.finish = func() error { return errors.Join(t.Close(), z.Close()) }
	a.add = func(name string, mode int64, data []byte) error {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: mode, ModTime: when}); err != nil {
			return err
		}
		_, err := t.Write(data)
		return err
	}
}
