package archive

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
)

// zfile is an entry of a zip archive that a test makes byte by byte.
type zfile struct {
	name    string
	data    []byte
	stored  bool
	behind  bool // sizes stand behind it
	flags   uint16
	extra   []byte
	mode    uint32              // of Unix
	local   func(h []byte)      // spoils the local header, from its signature on
	central func(h []byte)      // spoils the directory's
	body    func([]byte) []byte // spoils what is packed
	gap     string              // stands before it
	comment string
}

// zipArchive is one that a test spoils.
type zipArchive struct {
	files   []zfile
	before  string // stands before the directory
	end     func(h []byte)
	swapped bool           // the directory is in another order
	hidden  int            // so many entries at the end aren't in the directory
	zip64   func(b []byte) // there is a zip64 end, which it spoils
	behind  string
	prefix  string
}

var le = binary.LittleEndian

func deflated(data []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9) // the level is one
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func u16(n int) []byte { return le.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte { return le.AppendUint32(nil, uint32(n)) }
func u64(n int) []byte { return le.AppendUint64(nil, uint64(n)) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func (z zipArchive) bytes() []byte {
	var out []byte
	out = append(out, z.prefix...)
	var entries [][]byte
	for _, f := range z.files {
		out = append(out, f.gap...)
		offset := len(out)
		method, packed := 8, deflated(f.data)
		if f.stored {
			method, packed = 0, f.data
		}
		flags := int(f.flags)
		crc, p, s := int(crc32.ChecksumIEEE(f.data)), len(packed), len(f.data)
		lcrc, lp, ls := crc, p, s
		if f.behind {
			flags |= flagDescriptor
			lcrc, lp, ls = 0, 0, 0
		}
		common := func(crc, p, s int, extra []byte) []byte {
			return join(u16(20), u16(flags), u16(method), u16(0), u16(33), u32(crc), u32(p), u32(s), u16(len(f.name)), u16(len(extra)))
		}
		l := join(u32(sigLocal), common(lcrc, lp, ls, f.extra))
		c := join(u32(sigCentral), u16(3<<8|20), common(crc, p, s, nil), u16(len(f.comment)), u16(0), u16(0), u32(int(f.mode)<<16), u32(offset))
		if f.local != nil {
			f.local(l)
		}
		if f.central != nil {
			f.central(c)
		}
		if f.body != nil {
			packed = f.body(packed)
		}
		out = append(out, join(l, []byte(f.name), f.extra, packed)...)
		if f.behind {
			out = append(out, join(u32(sigDescriptor), u32(crc), u32(p), u32(s))...)
		}
		entries = append(entries, append(c, f.name+f.comment...))
	}
	out = append(out, z.before...)
	at := len(out)
	entries = entries[:len(entries)-z.hidden]
	if z.swapped {
		entries[0], entries[1] = entries[1], entries[0]
	}
	for _, e := range entries {
		out = append(out, e...)
	}
	n, size := len(entries), len(out)-at
	if z.zip64 != nil {
		at64 := len(out)
		b := join(u32(sigEnd64), u64(44), u16(45), u16(45), u32(0), u32(0), u64(n), u64(n), u64(size), u64(at), u32(sigLocator), u32(0), u64(at64), u32(1))
		z.zip64(b)
		out = append(out, b...)
	}
	end := join(u32(sigEnd), u16(0), u16(0), u16(n), u16(n), u32(size), u32(at), u16(0))
	if z.end != nil {
		z.end(end)
	}
	return append(append(out, end...), z.behind...)
}

// tfile is an entry of a tar archive that a test makes byte by byte.
type tfile struct {
	name  string
	kind  byte
	data  string
	mode  int
	size  string // as it is told, where that is spoiled
	link  string
	magic string
	pad   byte
	spoil func(h []byte) // before the checksum
	after func(h []byte) // and after it
}

func (f tfile) bytes() []byte {
	h := make([]byte, blockSize)
	copy(h, f.name)
	mode := f.mode
	if mode == 0 {
		mode = 0o644
	}
	copy(h[100:], fmt.Sprintf("%07o", mode))
	copy(h[108:], "0000000")
	copy(h[116:], "0000000")
	size := f.size
	if size == "" {
		size = fmt.Sprintf("%011o", len(f.data))
	}
	copy(h[124:], size)
	copy(h[136:], "00000000000")
	h[156] = f.kind
	copy(h[157:], f.link)
	magic := f.magic
	if magic == "" {
		magic = "ustar\x0000"
	}
	copy(h[257:], magic)
	if f.spoil != nil {
		f.spoil(h)
	}
	sum := 8 * int(' ')
	for i, c := range h {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	if f.after != nil {
		f.after(h)
	}
	out := append([]byte(nil), h...)
	out = append(out, f.data...)
	for len(out)%blockSize != 0 {
		out = append(out, f.pad)
	}
	return out
}

// tarOf returns a tar archive with its end.
func tarOf(files ...tfile) []byte {
	var out []byte
	for _, f := range files {
		if f.kind == 0 {
			f.kind = '0'
		}
		out = append(out, f.bytes()...)
	}
	return append(out, make([]byte, 2*blockSize)...)
}

func gz(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// pax returns a record of a POSIX extension.
func pax(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	n := len(rest)
	for len(fmt.Sprint(n))+len(rest) != n {
		n = len(fmt.Sprint(n)) + len(rest)
	}
	return fmt.Sprint(n) + rest
}

func zipOf(files ...zfile) []byte { return zipArchive{files: files}.bytes() }

// all reads a whole archive.
func all(t *testing.T, data []byte, l Limits) (map[string]string, error) {
	t.Helper()
	got := map[string]string{}
	err := Read(t.Context(), bytes.NewReader(data), l, func(name string, data []byte) error {
		got[name] = string(data)
		return nil
	})
	return got, err
}
