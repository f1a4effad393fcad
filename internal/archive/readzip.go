package archive

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"unicode/utf8"
)

// Signatures of a zip's records.
const (
	sigLocal      = 0x04034b50
	sigDescriptor = 0x08074b50
	sigCentral    = 0x02014b50
	sigEnd64      = 0x06064b50
	sigLocator    = 0x07064b50
	sigEnd        = 0x06054b50
)

// Flags of an entry.
const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13
	flagsKnown     = 0b110 | flagDescriptor | flagUTF8 // 0b110: how hard it was packed
)

const (
	methodStored  = 0
	methodDeflate = 8
	methodAES     = 99
)

const none32 = 1<<32 - 1 // the number is in the zip64 extension

// zipEntry is what the directory has to say of an entry that was read.
type zipEntry struct {
	name          mark // of the very bytes
	folder        bool
	flags, method uint16
	crc           uint32
	packed, size  int64
	offset        int64
}

// header is the part that local headers and the directory have in common.
type header struct {
	needed, flags, method uint16
	crc                   uint32
	packed, size          int64
	nameLen, extraLen     int
}

func readHeader(b []byte) header {
	le := binary.LittleEndian
	return header{
		needed: le.Uint16(b), flags: le.Uint16(b[2:]), method: le.Uint16(b[4:]), // 6: time and date
		crc: le.Uint32(b[10:]), packed: int64(le.Uint32(b[14:])), size: int64(le.Uint32(b[18:])),
		nameLen: int(le.Uint16(b[22:])), extraLen: int(le.Uint16(b[24:])),
	}
}

// zip reads a zip archive: entries that follow each other without a gap, then
// the directory, which has to tell of just these in this order, then the end.
func (a *reader) zip() error {
	var all []zipEntry
	for {
		sig, err := a.signature()
		if err != nil {
			return err
		}
		if sig != sigLocal {
			return a.directory(all, sig)
		}
		e, err := a.local()
		if err != nil {
			return err
		}
		all = append(all, e)
	}
}

func (a *reader) signature() (uint32, error) {
	var b [4]byte
	err := a.in.full(b[:], "")
	return binary.LittleEndian.Uint32(b[:]), err
}

// local reads one entry.
func (a *reader) local() (zipEntry, error) {
	offset := a.in.n - 4
	var b [26]byte
	if err := a.in.full(b[:], ""); err != nil {
		return zipEntry{}, err
	}
	h := readHeader(b[:])
	raw, x, err := a.nameAndExtra(h.nameLen, h.extraLen)
	if err != nil {
		return zipEntry{}, err
	}
	name, folder, err := a.begin(raw)
	if err != nil {
		return zipEntry{}, err
	}
	if err := h.check(raw); err != nil {
		return zipEntry{}, err
	}
	e := zipEntry{name: exact(raw), folder: folder, flags: h.flags, method: h.method, offset: offset}
	var data []byte
	if h.flags&flagDescriptor != 0 {
		data, err = a.described(&h, &e, name, x)
	} else {
		data, err = a.sized(&h, &e, name, x)
	}
	if err != nil {
		return e, err
	}
	return e, a.end(name, folder, data)
}

// check refuses what this reader doesn't know.
func (h *header) check(name string) error {
	switch {
	case h.flags&(flagEncrypted|flagStrong|flagMasked) != 0 || h.method == methodAES:
		return refuse(CodeEncrypted, name, "it is encrypted")
	case h.flags&^flagsKnown != 0:
		return refuse(CodeExtension, name, "it has flags (%#x) that aren't known", h.flags)
	case h.method != methodStored && h.method != methodDeflate:
		return refuse(CodeMethod, name, "it is packed by the method %d; only deflate is known, and not packed", h.method)
	case h.needed&0xff > 45:
		return refuse(CodeExtension, name, "it needs version %d.%d of the format", h.needed&0xff/10, h.needed&0xff%10)
	case h.flags&flagDescriptor != 0 && h.method == methodStored:
		return refuse(CodeMethod, name, "its end can't be told: it isn't packed, and its size stands behind it")
	}
	return nil
}

// sized reads an entry whose sizes stand before it.
func (a *reader) sized(h *header, e *zipEntry, name string, x extras) ([]byte, error) {
	size, packed, err := x.sizes(h.size, h.packed, name)
	if err != nil {
		return nil, err
	}
	if h.method == methodStored && size != packed {
		return nil, refuse(CodeCorrupt, name, "it isn't packed, and has two sizes")
	}
	if packed > a.limits.Packed {
		return nil, tooLarge(CodeTooLarge, "", "the archive has more than %d bytes", a.limits.Packed)
	}
	from := a.in.n
	in := &exactly{a.in, packed}
	var r io.Reader = in
	if h.method == methodDeflate {
		if r, err = a.inflate(in); err != nil {
			return nil, err
		}
	}
	data, err := a.contents(name, unpacked{r, a}, size)
	if err != nil {
		return nil, err
	}
	if a.in.n-from != packed {
		return nil, refuse(CodeCorrupt, name, "it is packed in %d bytes where the archive tells of %d", a.in.n-from, packed)
	}
	if crc32.ChecksumIEEE(data) != h.crc {
		return nil, refuse(CodeCorrupt, name, "its checksum is wrong")
	}
	e.crc, e.packed, e.size = h.crc, packed, size
	return data, nil
}

// described reads an entry whose sizes stand behind it.
func (a *reader) described(h *header, e *zipEntry, name string, x extras) ([]byte, error) {
	from := a.in.n
	r, err := a.inflate(a.in)
	if err != nil {
		return nil, err
	}
	data, err := a.contents(name, unpacked{r, a}, -1)
	if err != nil {
		return nil, err
	}
	e.crc, e.packed, e.size = crc32.ChecksumIEEE(data), a.in.n-from, int64(len(data))
	sizes := 4
	if x.zip64 != nil {
		sizes = 8
	}
	b := make([]byte, 8+2*sizes)
	if err := a.in.full(b, name); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	packed, size := int64(le.Uint32(b[8:])), int64(le.Uint32(b[8+sizes:]))
	if sizes == 8 {
		packed, size = int64(le.Uint64(b[8:])), int64(le.Uint64(b[16:]))
	}
	if le.Uint32(b) != sigDescriptor || le.Uint32(b[4:]) != e.crc || packed != e.packed || size != e.size {
		return nil, refuse(CodeCorrupt, name, "its checksum or sizes, which stand behind it, are wrong")
	}
	// What stands before it is nothing, or the same.
	if h.crc != 0 && h.crc != e.crc || !lies(h.size, e.size) || !lies(h.packed, e.packed) {
		return nil, refuse(CodeCorrupt, name, "its checksum or sizes before it and behind it differ")
	}
	return data, nil
}

func lies(told, is int64) bool { return told == 0 || told == none32 || told == is }

// exactly gives so many bytes of the source, one by one where that is asked for.
type exactly struct {
	in   *source
	left int64
}

// Read implements io.Reader.
func (e *exactly) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.in.Read(b[:min(int64(len(b)), e.left)])
	e.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// ReadByte implements io.ByteReader.
func (e *exactly) ReadByte() (byte, error) {
	if e.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	e.left--
	b, err := e.in.ReadByte()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// extras is what is looked at in the extension of a header.
type extras struct {
	zip64 []byte
}

// Identifiers of extensions.
const (
	extraZip64 = 0x0001
	extraAES   = 0x9901
	extraASi   = 0x756e // modes and links of Unix
	extraPath  = 0x7075 // another name, in UTF-8
)

func (a *reader) nameAndExtra(nameLen, extraLen int) (string, extras, error) {
	b := make([]byte, nameLen+extraLen)
	if err := a.in.full(b, ""); err != nil {
		return "", extras{}, err
	}
	name := string(b[:nameLen])
	x, err := readExtras(name, b[nameLen:])
	return name, x, err
}

// readExtras refuses extensions that would change the name or kind of an entry.
func readExtras(name string, b []byte) (x extras, err error) {
	for len(b) > 0 {
		if len(b) < 4 {
			return x, refuse(CodeCorrupt, name, "the extension of its header is cut")
		}
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; size > len(b) {
			return x, refuse(CodeCorrupt, name, "the extension of its header is cut")
		}
		value := b[:size]
		b = b[size:]
		switch id {
		case extraZip64:
			if x.zip64 != nil {
				return x, refuse(CodeCorrupt, name, "it has two zip64 extensions")
			}
			x.zip64 = value
			if value == nil {
				x.zip64 = []byte{}
			}
		case extraAES:
			return x, refuse(CodeEncrypted, name, "it is encrypted")
		case extraASi:
			return x, refuse(CodeNotRegular, name, "an extension may make it a link")
		case extraPath: // version, checksum of the name, the other name
			if len(value) < 5 || !utf8.Valid(value[5:]) || string(value[5:]) != name {
				return x, refuse(CodeName, name, "an extension gives it another name")
			}
		}
	}
	return x, nil
}

// sizes returns the sizes of an entry, which may stand in the extension.
func (x *extras) sizes(size, packed int64, name string) (realSize, realPacked int64, err error) {
	rest := x.zip64
	for _, n := range []*int64{&size, &packed} {
		if *n != none32 {
			continue
		}
		if len(rest) < 8 {
			return 0, 0, refuse(CodeCorrupt, name, "its zip64 extension lacks a size")
		}
		if *n = int64(binary.LittleEndian.Uint64(rest)); *n < 0 {
			return 0, 0, tooLarge(CodeTooLarge, name, "the file is too large")
		}
		rest = rest[8:]
	}
	return size, packed, nil
}
