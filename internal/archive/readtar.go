package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strconv"
	"strings"
)

const (
	blockSize  = 512
	maxPax     = 16 << 10 // bytes of one extension
	maxTrailer = 1 << 20  // bytes of zeros behind the end

	extensionRoom = 4 << 10 // bytes of extensions for each entry, on average
)

// tarball is a tar archive as it comes out of its one gzip member.
type tarball struct {
	*reader
	r        io.Reader
	extended int64 // bytes of extensions
	block    [blockSize]byte
}

// tarGz reads a .tar.gz archive: one gzip member that holds one tar archive.
func (a *reader) tarGz() error {
	z, err := gzip.NewReader(a.in)
	if err != nil {
		return inflating("", err)
	}
	z.Multistream(false)
	t := &tarball{reader: a, r: unpacked{z, a}}
	if err := t.all(); err != nil {
		return err
	}
	// The end of the member: its checksum, and nothing more in it.
	var one [1]byte
	switch n, err := io.ReadFull(t.r, one[:]); {
	case n > 0:
		return refuse(CodeSurplus, "", "there is data behind the end of the archive")
	case !errors.Is(err, io.EOF):
		return inflating("", err)
	}
	if head, err := a.in.peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		return refuse(CodeSurplus, "", "another gzip file follows the archive")
	}
	return a.in.atEnd()
}

// full reads a whole block or more.
func (t *tarball) full(b []byte, entry string) error {
	if _, err := io.ReadFull(t.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return refuse(CodeTruncated, entry, "the archive ends too early")
		}
		return inflating(entry, err)
	}
	return nil
}

// all reads entries until two empty blocks, then zeros to the end.
func (t *tarball) all() error {
	name := "" // of the next entry, by an extension
	for {
		b := &t.block
		if err := t.full(b[:], name); err != nil {
			return err
		}
		if *b == [blockSize]byte{} {
			if name != "" {
				return refuse(CodeCorrupt, name, "its name stands before the end of the archive")
			}
			return t.trailer()
		}
		h, err := readTarHeader(b)
		if err != nil {
			return err
		}
		switch h.kind {
		case 'x', 'L':
			if name != "" {
				return refuse(CodeExtension, name, "it has two extensions")
			}
			if name, err = t.extension(h); err != nil {
				return err
			}
			continue
		}
		if name != "" {
			h.name, name = name, ""
		}
		if err := t.entry(h); err != nil {
			return err
		}
	}
}

// trailer reads what follows the first empty block.
func (t *tarball) trailer() error {
	zeros := make([]byte, 10<<10)
	for size := 0; ; {
		n, err := io.ReadFull(t.r, zeros)
		size += n
		switch {
		case len(bytes.Trim(zeros[:n], "\x00")) > 0:
			return refuse(CodeSurplus, "", "there is data behind the end of the archive")
		case size > maxTrailer:
			return refuse(CodeSurplus, "", "there are more than %d bytes behind the end of the archive", maxTrailer)
		case err == nil:
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return inflating("", err)
		case size%blockSize != 0 || size < blockSize:
			return refuse(CodeTruncated, "", "the archive ends too early")
		default:
			return nil
		}
	}
}

// tarHeader is what is looked at of a header.
type tarHeader struct {
	name string
	size int64
	mode int64
	kind byte
}

// readTarHeader reads a header in the form of POSIX (ustar) or of GNU.
func readTarHeader(b *[blockSize]byte) (h tarHeader, err error) {
	var sum int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	if told, ok := octal(b[148:156]); !ok || told != sum {
		return h, refuse(CodeCorrupt, "", "the checksum of a header in the archive is wrong")
	}
	var ok bool
	if h.name, ok = text(b[0:100]); !ok {
		return h, refuse(CodeName, h.name, "the name of an entry has more behind its end")
	}
	h.kind = b[156]
	if h.kind == 0 {
		h.kind = '0'
	}
	switch magic := string(b[257:265]); magic {
	case "ustar\x0000":
		prefix, ok := text(b[345:500])
		if !ok {
			return h, refuse(CodeName, h.name, "the name of an entry has more behind its end")
		}
		if prefix != "" {
			h.name = prefix + "/" + h.name
		}
	case "ustar  \x00":
	default:
		return h, refuse(CodeUnknownFormat, h.name, "its header is of a tar format that isn't known")
	}
	if h.size, ok = octal(b[124:136]); !ok {
		return h, refuse(CodeCorrupt, h.name, "its size can't be read")
	}
	if h.mode, ok = octal(b[100:108]); !ok {
		return h, refuse(CodeCorrupt, h.name, "its mode can't be read")
	}
	if link, _ := text(b[157:257]); link != "" && (h.kind == '0' || h.kind == '5') {
		return h, refuse(CodeNotRegular, h.name, "it has the target of a link")
	}
	return h, nil
}

// text returns what stands before the first NUL; ok is false when there is more
// behind it.
func text(b []byte) (s string, ok bool) {
	before, behind, _ := bytes.Cut(b, []byte{0})
	return string(before), len(bytes.Trim(behind, "\x00")) == 0
}

// octal reads a number.
func octal(b []byte) (int64, bool) {
	s := strings.Trim(string(b), " \x00")
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, 8, 63)
	return int64(n), err == nil
}

// entry reads one file or folder.
func (t *tarball) entry(h tarHeader) error {
	switch h.kind {
	case '0':
	case '5':
		h.name = strings.TrimSuffix(h.name, "/") + "/"
	case 'g', 'K':
		return refuse(CodeExtension, h.name, "an extension of the format that could change what is read")
	case '1', '2':
		return refuse(CodeNotRegular, h.name, "it is a link")
	case 'S':
		return refuse(CodeNotRegular, h.name, "it is a sparse file")
	default:
		return refuse(CodeNotRegular, h.name, "it is neither a file nor a folder")
	}
	name, folder, err := t.begin(h.name)
	switch {
	case err != nil:
		return err
	case folder != (h.kind == '5'):
		return refuse(CodeNotRegular, h.name, "a file with the name of a folder")
	case h.mode&0o7000 != 0:
		return refuse(CodeSetuid, h.name, "it has the mode %o", h.mode)
	case folder && h.size > 0:
		return refuse(CodeNotRegular, h.name, "a folder with content")
	}
	data, err := t.contents(name, io.LimitReader(t.r, h.size), h.size)
	if err != nil {
		return err
	}
	if err := t.padding(h.size, name); err != nil {
		return err
	}
	return t.end(name, folder, data)
}

// padding reads the zeros up to the end of a block.
func (t *tarball) padding(size int64, name string) error {
	b := t.block[:(blockSize-size%blockSize)%blockSize]
	if err := t.full(b, name); err != nil {
		return err
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return refuse(CodeSurplus, name, "there is data between this entry and the next")
	}
	return nil
}

// extension reads the name of the next entry.
func (t *tarball) extension(h tarHeader) (name string, err error) {
	if h.size > maxPax || h.size == 0 {
		return "", tooLarge(CodeTooLarge, h.name, "an extension of the format has %d bytes", h.size)
	}
	// All of them may have no more than names need, or they would be a way to
	// keep a reader busy.
	if t.extended += blockSize + h.size; t.extended > int64(t.entries+10)*extensionRoom {
		return "", tooLarge(CodeTooLarge, h.name, "the archive has more extensions than its entries need")
	}
	b := make([]byte, h.size)
	if err := t.full(b, h.name); err != nil {
		return "", err
	}
	if err := t.padding(h.size, h.name); err != nil {
		return "", err
	}
	if h.kind == 'x' {
		return paxPath(b)
	}
	if b[len(b)-1] != 0 || bytes.IndexByte(b, 0) != len(b)-1 || len(b) == 1 {
		return "", refuse(CodeName, string(b), "a long name that doesn't end where it should")
	}
	return string(b[:len(b)-1]), nil
}

// paxKnown are records of POSIX that say nothing about what a file holds.
var paxKnown = map[string]bool{"mtime": true, "atime": true, "ctime": true, "uid": true, "gid": true, "uname": true, "gname": true}

// paxPath reads the records of a POSIX extension: LENGTH KEY=VALUE and a line
// feed. It returns the name that they give.
func paxPath(b []byte) (name string, err error) {
	seen := map[string]bool{}
	for len(b) > 0 {
		length, _, ok := bytes.Cut(b[:min(len(b), 8)], []byte{' '})
		n, err := strconv.Atoi(string(length))
		if !ok || err != nil || n <= len(length)+1 || n > len(b) || b[n-1] != '\n' || length[0] < '1' || length[0] > '9' {
			return "", refuse(CodeExtension, "", "an extension of the format can't be read")
		}
		key, value, ok := strings.Cut(string(b[len(length)+1:n-1]), "=")
		b = b[n:]
		switch {
		case !ok || seen[key]:
			return "", refuse(CodeExtension, "", "an extension of the format can't be read, or says two things")
		case key == "path" && value != "":
			name = value
		case !paxKnown[key]:
			return "", refuse(CodeExtension, "", "the extension %s of the format; leave out extended attributes and the like", Show(key))
		}
		seen[key] = true
	}
	return name, nil
}
