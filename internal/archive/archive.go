// Package archive owns the two containers in which object files travel between
// installations: .zip and .tar.gz. It reads and writes names and bytes.
//
// It must not know documents, touch the disk, or guess at what an archive
// means: whatever isn't a plain file with a plain name is refused. The Cockpit
// calls it for what is imported and exported.
//
// Invariants:
//
//  1. An archive is read once, from its first byte to its last. Nothing is
//     skipped: bytes that belong to no entry are refused, and what a zip's
//     directory says is what was read.
//  2. Memory is bounded by one entry and the marks of names, time by the
//     context; no declared size is believed before the bytes are there.
//  3. Names can be files side by side on any system: none leaves the folder that
//     it is unpacked in, no two are the same to a file system that makes no
//     difference between capitals or forms of Unicode.
//  4. The same files give the same bytes.
package archive

import (
	"compress/flate"
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Format is a kind of container.
type Format string

// The formats.
const (
	Zip   Format = "zip"
	TarGz Format = "tar.gz"
)

// MediaType returns the media type of archives of the format.
func (f Format) MediaType() string {
	if f == Zip {
		return "application/zip"
	}
	return "application/gzip"
}

// Limits bounds what is read.
type Limits struct {
	Packed  int64 // bytes of the archive
	Entries int   // files and folders
	Entry   int64 // bytes of one file
	Total   int64 // bytes of all files
	Ratio   int64 // unpacked bytes for each byte read, once there are some
}

// DefaultLimits holds 50,000 documents, each with up to four files of evidence.
func DefaultLimits() Limits {
	return Limits{Packed: 128 << 20, Entries: 250_000, Entry: 32 << 20, Total: 256 << 20, Ratio: 200}
}

// Bounds of names.
const (
	maxName    = 1100 // bytes: a path, and what its file's name has behind it
	maxDepth   = 64
	maxFolders = 100_000
	shownName  = 200 // bytes of a name in a message
)

// ratioFrom is how many bytes may be unpacked before their ratio is looked at.
const ratioFrom = 16 << 20

// The codes of refusals, beside those that package names.
const (
	CodeUnknownFormat = "UnknownFormat"       // neither of the formats, or a part of one that isn't known
	CodeTruncated     = "TruncatedArchive"    // it ends too early
	CodeCorrupt       = "CorruptArchive"      // checksums, sizes or the directory don't agree
	CodeSurplus       = "SurplusData"         // bytes that belong to no entry
	CodeName          = "UnsafeName"          // a name that is no plain path
	CodeDuplicate     = "DuplicateName"       // the same name again, for some file system
	CodeNotRegular    = "NotRegular"          // a link, a device, a sparse file ...
	CodeSetuid        = "SetuidFile"          // a file that would run as somebody else
	CodeEncrypted     = "EncryptedEntry"      // encrypted
	CodeMethod        = "UnknownMethod"       // packed in an unknown way
	CodeNested        = "NestedArchive"       // an archive in the archive
	CodeExtension     = "UnknownExtension"    // an extension of the format that could change what is read
	CodeTooLarge      = "ArchiveTooLarge"     // a bound was passed
	CodeRatio         = "SuspiciousExpansion" // it unpacks to far more than it has
)

// refuse returns the error about an entry, or about the whole for "".
func refuse(code, entry, format string, args ...any) error {
	e := fault.New(fault.Invalid, code, format, args...)
	if entry == "" {
		return e
	}
	return e.About(Show(entry))
}

func tooLarge(code, entry, format string, args ...any) error {
	e := fault.New(fault.TooLarge, code, format, args...)
	if entry == "" {
		return e
	}
	return e.About(Show(entry))
}

// Show returns the name of an entry for messages: shortened, and with all that
// isn't printable escaped.
func Show(name string) string {
	cut := ""
	if len(name) > shownName {
		name, cut = name[:shownName], "..."
	}
	quoted := strconv.QuoteToGraphic(name)
	if plain := quoted[1 : len(quoted)-1]; plain == name {
		return name + cut
	}
	return quoted + cut
}

// Read reads an archive to its end and calls take with each file, in the order
// of the archive; folders are passed over. What take was given is good only when
// Read returns nil. An error of take ends it and is returned.
//
// The error is Invalid or TooLarge, with one of the codes above and the entry as
// its subject; Timeout when ctx ends; or that of r.
func Read(ctx context.Context, r io.Reader, l Limits, take func(name string, data []byte) error) error {
	in := newSource(ctx, r, l.Packed)
	a := &reader{in: in, limits: l, take: take, names: newNames()}
	err := a.read()
	// What the source says is why, whatever became of it on the way here.
	if in.err != nil {
		return in.err
	}
	return err
}

type reader struct {
	in      *source
	limits  Limits
	take    func(string, []byte) error
	names   *names
	entries int
	total   int64         // bytes of files
	out     int64         // bytes unpacked
	deflate io.ReadCloser // used again for each entry of a zip
}

// read tells the formats apart.
func (a *reader) read() error {
	head, err := a.in.peek(4)
	switch {
	case err != nil:
		return refuse(CodeUnknownFormat, "", "this is neither a .zip nor a .tar.gz file")
	case head[0] == 0x1f && head[1] == 0x8b:
		return a.tarGz()
	case head[0] == 'P' && head[1] == 'K':
		return a.zip()
	}
	return refuse(CodeUnknownFormat, "", "this is neither a .zip nor a .tar.gz file")
}

// begin takes the name of the next entry.
func (a *reader) begin(raw string) (name string, folder bool, err error) {
	if a.entries++; a.entries > a.limits.Entries {
		return "", false, tooLarge(CodeTooLarge, "", "the archive has more than %d entries", a.limits.Entries)
	}
	return a.names.add(raw)
}

// end hands over a file that was read, or makes sure that a folder is empty.
func (a *reader) end(name string, folder bool, data []byte) error {
	switch {
	case folder && len(data) > 0:
		return refuse(CodeNotRegular, name, "a folder with content")
	case folder:
		return nil
	}
	if kind := packed(data); kind != "" {
		return refuse(CodeNested, name, "a file that is %s itself", kind)
	}
	return a.take(name, data)
}

// inflate returns a decompressor, which is good until the next call.
func (a *reader) inflate(r flate.Reader) (io.Reader, error) {
	if a.deflate == nil {
		a.deflate = flate.NewReader(r)
		return a.deflate, nil
	}
	return a.deflate, a.deflate.(flate.Resetter).Reset(r, nil) //nolint:forcetypeassert // the package promises it
}

// contents reads what an entry holds; declared is its size by the archive, or -1
// where it is told behind.
func (a *reader) contents(name string, r io.Reader, declared int64) ([]byte, error) {
	if declared > a.limits.Entry {
		return nil, a.entryTooLarge(name)
	}
	left := a.limits.Total - a.total
	most := min(a.limits.Entry, left)
	const first = 4 << 10
	room := int64(first)
	if declared >= 0 {
		room = min(declared+1, 1<<20) // one more, to see the end
	}
	data := make([]byte, 0, room)
	for {
		if len(data) == cap(data) {
			grown := 2 * int64(cap(data))
			if declared >= 0 {
				grown = min(grown, declared+1)
			}
			if grown <= int64(cap(data)) {
				return nil, refuse(CodeCorrupt, name, "it has more than the %d bytes that the archive tells", declared)
			}
			bigger := make([]byte, len(data), grown)
			copy(bigger, data)
			data = bigger
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		size := int64(len(data))
		switch {
		case size > most && most < left:
			return nil, a.entryTooLarge(name)
		case size > most:
			return nil, tooLarge(CodeTooLarge, name, "the files have more than %d bytes together", a.limits.Total)
		case errors.Is(err, io.EOF):
			if declared >= 0 && size != declared {
				return nil, refuse(CodeCorrupt, name, "it has %d bytes where the archive tells of %d", size, declared)
			}
			a.total += size
			return data, nil
		case err != nil:
			return nil, inflating(name, err)
		}
	}
}

func (a *reader) entryTooLarge(name string) error {
	return tooLarge(CodeTooLarge, name, "the file has more than %d bytes", a.limits.Entry)
}

// inflating makes an error of what a decompressor says.
func inflating(name string, err error) error {
	if fault.Is(err, fault.TooLarge) || fault.Is(err, fault.Invalid) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(CodeTruncated, name, "the archive ends within this entry")
	}
	return refuse(CodeCorrupt, name, "it can't be unpacked: %s", err)
}

// unpacked counts what comes out of a decompressor, and stops what grows without
// end.
type unpacked struct {
	r io.Reader
	a *reader
}

// Read implements io.Reader.
func (u unpacked) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	a := u.a
	a.out += int64(n)
	if a.out > ratioFrom && a.out > a.limits.Ratio*a.in.n {
		return 0, tooLarge(CodeRatio, "", "the archive unpacks to more than %d times its size", a.limits.Ratio)
	}
	return n, err
}

// packed tells by the first bytes which container a file is; "": none.
func packed(data []byte) string {
	for _, m := range []struct {
		at   int
		text string
		kind string
	}{
		{0, "PK\x03\x04", "a zip archive"},
		{0, "PK\x05\x06", "a zip archive"},
		{0, "\x1f\x8b", "a gzip file"},
		{0, "BZh", "a bzip2 file"},
		{0, "\xfd7zXZ\x00", "an xz file"},
		{0, "\x28\xb5\x2f\xfd", "a zstd file"},
		{0, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
		{0, "Rar!\x1a\x07", "a RAR archive"},
		{257, "ustar", "a tar archive"},
	} {
		if len(data) >= m.at+len(m.text) && string(data[m.at:m.at+len(m.text)]) == m.text {
			return m.kind
		}
	}
	return ""
}
