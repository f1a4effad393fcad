package archive

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

const doc = `{"instructions":[]}`

// hostile is an archive that must be refused, and why it is.
type hostile struct {
	name string
	code string
	data func() []byte
}

func of(name, code string, data func() []byte) hostile { return hostile{name, code, data} }

// names that no archive may have.
var badNames = []struct{ what, name, code string }{
	{"out of the folder", "../x.workflow.json", CodeName},
	{"out in the middle", "a/../../x.workflow.json", CodeName},
	{"out at the end", "a/..", CodeName},
	{"absolute", "/etc/passwd", CodeName},
	{"drive", "C:/x.workflow.json", CodeName},
	{"drive relative", "c:x.workflow.json", CodeName},
	{"stream", "x.workflow.json:hidden", CodeName},
	{"backslash", `..\x.workflow.json`, CodeName},
	{"share", `\\host\share\x`, CodeName},
	{"control", "x\x01.workflow.json", CodeName},
	{"line feed", "x\n.workflow.json", CodeName},
	{"escape", "x\x1b[31m.json", CodeName},
	{"delete", "x\x7f.json", CodeName},
	{"not UTF-8", "x\xff.workflow.json", CodeName},
	{"overlong slash", "..\xc0\xafx", CodeName},
	{"surrogate", "x\xed\xa0\x80.json", CodeName},
	{"right to left", "x\u202enosj.exe", CodeName},
	{"no width", "x\u200b.json", CodeName},
	{"line separator", "x\u2028.json", CodeName},
	{"empty part", "a//x.workflow.json", CodeName},
	{"dot part", "a/./x.workflow.json", CodeName},
	{"ending dot", "a./x.workflow.json", CodeName},
	{"ending space", "a /x.workflow.json", CodeName},
	{"deep", strings.Repeat("a/", 70) + "x.json", CodeName},
	{"broken character", "x\ufffd.json", CodeName},
}

func hostileZips() []hostile {
	one := zfile{name: "a.workflow.json", data: []byte(doc)}
	two := zfile{name: "b.workflow.json", data: []byte(doc)}
	with := func(f func(*zfile)) func() []byte {
		return func() []byte { z := one; f(&z); return zipOf(z) }
	}
	put16 := func(at, v int) func([]byte) { return func(h []byte) { le.PutUint16(h[at:], uint16(v)) } }
	put32 := func(at, v int) func([]byte) { return func(h []byte) { le.PutUint32(h[at:], uint32(v)) } }
	both := func(l, c int, v int) func(*zfile) {
		return func(z *zfile) { z.local, z.central = put16(l, v), put16(c, v) }
	}
	list := []hostile{
		of("empty file", CodeUnknownFormat, func() []byte { return nil }),
		of("text", CodeUnknownFormat, func() []byte { return []byte("{}  ") }),
		of("plain tar", CodeUnknownFormat, func() []byte { return tarOf(tfile{name: "x", data: doc}) }),
		of("prefix", CodeUnknownFormat, func() []byte { return zipArchive{files: []zfile{one}, prefix: "#!/bin/sh\n"}.bytes() }),
		of("zip behind a zip", CodeSurplus, func() []byte { return append(zipOf(one), zipOf(two)...) }),
		of("data behind", CodeSurplus, func() []byte { return zipArchive{files: []zfile{one}, behind: "x"}.bytes() }),
		of("comment", CodeSurplus, func() []byte { return zipArchive{files: []zfile{one}, end: put16(20, 3), behind: "abc"}.bytes() }),
		of("entry's comment", CodeSurplus, with(func(z *zfile) { z.comment = "x" })),
		of("gap before the directory", CodeSurplus, func() []byte { return zipArchive{files: []zfile{one}, before: "APK Sig Block 42"}.bytes() }),
		of("gap between entries", CodeSurplus, func() []byte { z := two; z.gap = "....."; return zipOf(one, z) }),
		of("hidden entry", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one, two}, hidden: 1}.bytes() }),
		of("no directory", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, hidden: 1}.bytes() }),
		of("other order", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one, two}, swapped: true}.bytes() }),
		of("overlap", CodeCorrupt, func() []byte { z := two; z.central = put32(42, 0); return zipOf(one, z) }),
		of("other name in the directory", CodeCorrupt, with(func(z *zfile) {
			z.central = func(h []byte) {}
			z.local = func(h []byte) { le.PutUint16(h[26:], uint16(len(z.name)-1)); le.PutUint16(h[28:], 1) }
		})),
		of("capital in the directory", CodeCorrupt, func() []byte { b := zipOf(one); at := bytes.LastIndex(b, []byte("a.workflow")); b[at] = 'A'; return b }),
		of("lying size", CodeCorrupt, with(func(z *zfile) { z.local = put32(22, 5); z.central = put32(24, 5) })),
		of("lying size, larger", CodeCorrupt, with(func(z *zfile) { z.local = put32(22, 500); z.central = put32(24, 500) })),
		of("huge size", CodeTooLarge, with(func(z *zfile) { z.local = put32(22, 0x7fffffff) })),
		of("lying packed size", CodeTruncated, with(func(z *zfile) { z.local = put32(18, 5); z.central = put32(20, 5) })),
		of("lying packed size, larger", CodeCorrupt, with(func(z *zfile) { z.local = put32(18, 60); z.central = put32(20, 60) })),
		of("huge packed size", CodeTooLarge, with(func(z *zfile) { z.local = put32(18, 0x7fffffff) })),
		of("stored with two sizes", CodeCorrupt, with(func(z *zfile) { z.stored = true; z.local = put32(22, 5) })),
		of("stored, size behind", CodeMethod, with(func(z *zfile) { z.stored, z.behind = true, true })),
		of("wrong checksum", CodeCorrupt, with(func(z *zfile) { z.local = put32(14, 1); z.central = put32(16, 1) })),
		of("other checksum in the directory", CodeCorrupt, with(func(z *zfile) { z.central = put32(16, 1) })),
		of("wrong size behind", CodeCorrupt, func() []byte {
			z := one
			z.behind = true
			b := zipOf(z)
			at := bytes.Index(b, u32(sigDescriptor))
			b[at+12]++
			return b
		}),
		of("wrong size before", CodeCorrupt, with(func(z *zfile) { z.behind = true; z.local = put32(22, 7) })),
		of("no record behind", CodeCorrupt, func() []byte {
			z := one
			z.behind = true
			b := zipOf(z)
			at := bytes.Index(b, u32(sigDescriptor))
			b[at] = 'Q'
			return b
		}),
		of("broken deflate", CodeCorrupt, with(func(z *zfile) { z.body = func(b []byte) []byte { b[0] = 7; return b } })),
		of("encrypted", CodeEncrypted, with(func(z *zfile) { z.flags = flagEncrypted })),
		of("strongly encrypted", CodeEncrypted, with(func(z *zfile) { z.flags = flagEncrypted | flagStrong })),
		of("masked", CodeEncrypted, with(func(z *zfile) { z.flags = flagMasked })),
		of("AES", CodeEncrypted, with(both(8, 10, methodAES))),
		of("AES extension", CodeEncrypted, with(func(z *zfile) { z.extra = join(u16(extraAES), u16(0)) })),
		of("bzip2", CodeMethod, with(both(8, 10, 12))),
		of("deflate64", CodeMethod, with(both(8, 10, 9))),
		of("lzma", CodeMethod, with(both(8, 10, 14))),
		of("patched data", CodeExtension, with(func(z *zfile) { z.flags = 1 << 5 })),
		of("unknown flag", CodeExtension, with(func(z *zfile) { z.flags = 1 << 15 })),
		of("version of the future", CodeExtension, with(both(4, 6, 63))),
		of("symbolic link", CodeNotRegular, with(func(z *zfile) { z.mode = 0o120777 })),
		of("device", CodeNotRegular, with(func(z *zfile) { z.mode = 0o060644 })),
		of("fifo", CodeNotRegular, with(func(z *zfile) { z.mode = 0o010644 })),
		of("folder by its mode", CodeNotRegular, with(func(z *zfile) { z.mode = 0o040755 })),
		of("folder by its attribute", CodeNotRegular, with(func(z *zfile) { z.central = put32(38, 0x10) })),
		of("volume label", CodeNotRegular, with(func(z *zfile) { z.central = put32(38, 0x08) })),
		of("folder with content", CodeNotRegular, with(func(z *zfile) { z.name = "a/" })),
		of("setuid", CodeSetuid, with(func(z *zfile) { z.mode = 0o104755 })),
		of("setgid", CodeSetuid, with(func(z *zfile) { z.mode = 0o102755 })),
		of("sticky", CodeSetuid, with(func(z *zfile) { z.mode = 0o101755 })),
		of("Unix extension", CodeNotRegular, with(func(z *zfile) { z.extra = join(u16(extraASi), u16(2), u16(0)) })),
		of("two names", CodeName, with(func(z *zfile) { z.extra = join(u16(extraPath), u16(6), []byte("\x01\x00\x00\x00\x00b")) })),
		of("cut extension", CodeCorrupt, with(func(z *zfile) { z.extra = join(u16(0x5455), u16(200)) })),
		of("torn extension", CodeCorrupt, with(func(z *zfile) { z.extra = []byte{1} })),
		of("two zip64 extensions", CodeCorrupt, with(func(z *zfile) { z.extra = join(u16(1), u16(0), u16(1), u16(0)) })),
		of("zip64 without sizes", CodeCorrupt, with(func(z *zfile) { z.local = put32(22, none32) })),
		of("zip64 size of the sky", CodeTooLarge, with(func(z *zfile) { z.extra = join(u16(1), u16(16), u64(-1), u64(-1)); z.local = put32(22, none32) })),
		of("zip64 end that lies", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, zip64: func(b []byte) { b[24] = 9 }}.bytes() }),
		of("zip64 end elsewhere", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, zip64: func(b []byte) { b[56+8]++ }}.bytes() }),
		of("numbers that refer to nothing", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, end: put16(8, 0xffff)}.bytes() }),
		of("wrong count", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, end: put16(10, 7)}.bytes() }),
		of("wrong place of the directory", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, end: put32(16, 0)}.bytes() }),
		of("part of an archive", CodeCorrupt, func() []byte { return zipArchive{files: []zfile{one}, end: put16(4, 1)}.bytes() }),
		of("the same twice", CodeDuplicate, func() []byte { return zipOf(one, one) }),
		of("the same but for capitals", CodeDuplicate, func() []byte { z := two; z.name = "A.Workflow.JSON"; return zipOf(one, z) }),
		of("the same but for Unicode", CodeDuplicate, func() []byte {
			return zipOf(zfile{name: "\u00e9.json", data: []byte(doc)}, zfile{name: "e\u0301.json", data: []byte(doc)})
		}),
		of("the same but for width", CodeDuplicate, func() []byte { return zipOf(zfile{name: "a.json"}, zfile{name: "\uff41.json"}) }),
		of("Kelvin", CodeDuplicate, func() []byte { return zipOf(zfile{name: "k.json"}, zfile{name: "\u212a.json"}) }),
		of("sharp s", CodeDuplicate, func() []byte { return zipOf(zfile{name: "stra\u00dfe.json"}, zfile{name: "STRASSE.json"}) }),
		of("file and folder", CodeDuplicate, func() []byte { return zipOf(zfile{name: "a"}, zfile{name: "A/b.json"}) }),
		of("folder and file", CodeDuplicate, func() []byte { return zipOf(zfile{name: "a/b.json"}, zfile{name: "A"}) }),
		of("folder twice", CodeDuplicate, func() []byte { return zipOf(zfile{name: "a/", stored: true}, zfile{name: "A/", stored: true}) }),
		of("same with ./", CodeDuplicate, func() []byte { return zipOf(zfile{name: "./a.json"}, zfile{name: "a.json"}) }),
		of("NUL in a name", CodeName, func() []byte { return zipOf(zfile{name: "x.json\x00.workflow.json"}) }),
		of("no name", CodeName, func() []byte { return zipOf(zfile{name: ""}) }),
		of("long name", CodeName, func() []byte { return zipOf(zfile{name: strings.Repeat("n", 60_000)}) }),
		of("zip in a zip", CodeNested, func() []byte { return zipOf(zfile{name: "x.workflow.json", data: zipOf(one)}) }),
		of("tar.gz in a zip", CodeNested, func() []byte { return zipOf(zfile{name: "x.workflow.json", data: gz([]byte(doc))}) }),
		of("bomb", CodeRatio, func() []byte { return zipOf(zfile{name: "x.workflow.json", data: make([]byte, 30<<20)}) }),
		of("many small bombs", CodeRatio, func() []byte {
			var files []zfile
			for i := range 100 {
				files = append(files, zfile{name: fmt.Sprint(i), data: make([]byte, 1<<20)})
			}
			return zipOf(files...)
		}),
		of("large file", CodeTooLarge, func() []byte { return zipOf(zfile{name: "x", stored: true, data: make([]byte, 33<<20)}) }),
	}
	for _, n := range badNames {
		list = append(list, of("name: "+n.what, n.code, func() []byte { return zipOf(zfile{name: n.name, data: []byte(doc)}) }))
	}
	return list
}

func hostileTars() []hostile {
	one := tfile{name: "a.workflow.json", data: doc}
	t := func(name, code string, files ...tfile) hostile {
		return of(name, code, func() []byte { return gz(tarOf(files...)) })
	}
	with := func(f func(*tfile)) tfile { x := one; f(&x); return x }
	x := func(records ...string) tfile {
		return tfile{name: "PaxHeaders/x", kind: 'x', data: strings.Join(records, "")}
	}
	list := []hostile{
		t("hard link", CodeNotRegular, one, tfile{name: "b", kind: '1', link: "a.workflow.json"}),
		t("symbolic link", CodeNotRegular, tfile{name: "b", kind: '2', link: "/etc/passwd"}),
		t("character device", CodeNotRegular, tfile{name: "b", kind: '3'}),
		t("block device", CodeNotRegular, tfile{name: "b", kind: '4'}),
		t("fifo", CodeNotRegular, tfile{name: "b", kind: '6'}),
		t("contiguous", CodeNotRegular, tfile{name: "b", kind: '7'}),
		t("old sparse", CodeNotRegular, tfile{name: "b", kind: 'S', magic: "ustar  \x00"}),
		t("GNU folder dump", CodeNotRegular, tfile{name: "b", kind: 'D', magic: "ustar  \x00"}),
		t("volume label", CodeNotRegular, tfile{name: "b", kind: 'V', magic: "ustar  \x00"}),
		t("continued volume", CodeNotRegular, tfile{name: "b", kind: 'M', magic: "ustar  \x00"}),
		t("file with a link's target", CodeNotRegular, with(func(f *tfile) { f.link = "x" })),
		t("file named as a folder", CodeNotRegular, tfile{name: "a/", data: doc}),
		t("folder with content", CodeNotRegular, tfile{name: "a/", kind: '5', data: doc}),
		t("setuid", CodeSetuid, with(func(f *tfile) { f.mode = 0o4755 })),
		t("setgid folder", CodeSetuid, tfile{name: "a", kind: '5', mode: 0o2755}),
		t("global extension", CodeExtension, tfile{name: "g", kind: 'g', data: pax("path", "evil")}),
		t("long link", CodeExtension, tfile{name: "././@LongLink", kind: 'K', data: "/etc/passwd\x00", magic: "ustar  \x00"}),
		t("pax sparse", CodeExtension, x(pax("GNU.sparse.major", "1"), pax("GNU.sparse.minor", "0")), one),
		t("pax size", CodeExtension, x(pax("size", "99")), one),
		t("pax link", CodeExtension, x(pax("linkpath", "/etc/passwd")), one),
		t("pax attributes", CodeExtension, x(pax("SCHILY.xattr.security.capability", "x")), one),
		t("pax charset", CodeExtension, x(pax("hdrcharset", "BINARY")), one),
		t("pax path twice", CodeExtension, x(pax("path", "b.json"), pax("path", "c.json")), one),
		t("pax path out", CodeName, x(pax("path", "../b.json")), one),
		t("pax path with NUL", CodeName, x(pax("path", "b\x00.json")), one),
		t("pax without length", CodeExtension, x("path=b\n"), one),
		t("pax length too long", CodeExtension, x("99 path=b\n"), one),
		t("pax length too short", CodeExtension, x("3 path=b\n"), one),
		t("pax negative", CodeExtension, x("-9 path=b\n"), one),
		t("pax without a line feed", CodeExtension, x("9 path=bb"), one),
		t("two extensions", CodeExtension, x(pax("path", "b.json")), x(pax("path", "c.json")), one),
		t("pax and long name", CodeExtension, x(pax("path", "b.json")), tfile{name: "././@LongLink", kind: 'L', data: "c.json\x00"}, one),
		t("extension of nothing", CodeCorrupt, x(pax("path", "b.json"))),
		t("huge extension", CodeTooLarge, tfile{name: "x", kind: 'x', data: strings.Repeat("x", 20<<10)}, one),
		t("empty extension", CodeTooLarge, tfile{name: "x", kind: 'x'}, one),
		t("long name without end", CodeName, tfile{name: "././@LongLink", kind: 'L', data: "c.json"}, one),
		t("long name with more", CodeName, tfile{name: "././@LongLink", kind: 'L', data: "c.json\x00../x\x00"}, one),
		t("wrong checksum", CodeCorrupt, with(func(f *tfile) { f.after = func(h []byte) { h[0] = 'z' } })),
		t("size in binary", CodeCorrupt, with(func(f *tfile) { f.size = "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05" })),
		t("negative size", CodeCorrupt, with(func(f *tfile) { f.size = "-0000000005" })),
		t("huge size", CodeTooLarge, with(func(f *tfile) { f.size = "77777777777" })),
		t("lying size", CodeCorrupt, with(func(f *tfile) { f.size = "00000177777" })),
		t("size in hexadecimal", CodeCorrupt, with(func(f *tfile) { f.size = "0x000000010" })),
		t("data in the padding", CodeSurplus, with(func(f *tfile) { f.pad = 'x' })),
		t("data behind the name", CodeName, with(func(f *tfile) { f.spoil = func(h []byte) { h[60] = 'x' } })),
		t("no magic", CodeUnknownFormat, with(func(f *tfile) { f.magic = "xxxxx" })),
		t("the same twice", CodeDuplicate, one, one),
		t("the same but for capitals", CodeDuplicate, one, with(func(f *tfile) { f.name = "A.workflow.json" })),
		t("zip in a tar", CodeNested, tfile{name: "b", data: string(zipOf(zfile{name: "c"}))}),
		t("tar in a tar", CodeNested, tfile{name: "b", data: string(tarOf(one))}),
		t("no name", CodeName, tfile{name: "", data: doc}),
		t("folder beside itself", CodeDuplicate, tfile{name: "./", kind: '5'}, tfile{name: "./", kind: '5'}),
		of("gzip twice", CodeSurplus, func() []byte { return append(gz(tarOf(one)), gz(tarOf(with(func(f *tfile) { f.name = "b" })))...) }),
		of("data behind gzip", CodeSurplus, func() []byte { return append(gz(tarOf(one)), "hello"...) }),
		of("zeros behind gzip", CodeSurplus, func() []byte { return append(gz(tarOf(one)), make([]byte, 600)...) }),
		of("data behind the end", CodeSurplus, func() []byte { return gz(append(tarOf(one), one.bytes()...)) }),
		of("zeros without end", CodeSurplus, func() []byte { return gz(append(tarOf(one), make([]byte, 3<<20)...)) }),
		of("no end", CodeTruncated, func() []byte { b := tarOf(one); return gz(b[:len(b)-2*blockSize]) }),
		of("half an end", CodeTruncated, func() []byte { b := tarOf(one); return gz(b[:len(b)-blockSize]) }),
		of("torn end", CodeTruncated, func() []byte { b := tarOf(one); return gz(b[:len(b)-100]) }),
		of("torn block", CodeTruncated, func() []byte { return gz(tarOf(one)[:700]) }),
		of("nothing in gzip", CodeTruncated, func() []byte { return gz(nil) }),
		of("text in gzip", CodeTruncated, func() []byte { return gz([]byte("hello")) }),
		of("garbage in gzip", CodeCorrupt, func() []byte { return gz(bytes.Repeat([]byte("hello"), 500)) }),
		of("broken gzip", CodeCorrupt, func() []byte { b := gz(tarOf(one)); b[12] ^= 0xff; b[13] ^= 0xff; return b }),
		of("wrong gzip checksum", CodeCorrupt, func() []byte { b := gz(tarOf(one)); b[len(b)-8]++; return b }),
		of("wrong gzip size", CodeCorrupt, func() []byte { b := gz(tarOf(one)); b[len(b)-1]++; return b }),
		of("cut gzip", CodeTruncated, func() []byte { b := gz(tarOf(one)); return b[:len(b)-4] }),
		of("cut gzip header", CodeTruncated, func() []byte { return gz(nil)[:7] }),
		of("zeros only", CodeRatio, func() []byte {
			return gz(append(tarOf(one)[:1024], tfile{name: "z", kind: '0', data: string(make([]byte, 31<<20))}.bytes()...))
		}),
		of("extensions without end", CodeTooLarge, func() []byte {
			return endless(tfile{name: "x", kind: 'x', data: pax("mtime", strings.Repeat("1", 15<<10))}.bytes(), 2000)
		}),
		of("a million entries", CodeTooLarge, millionEntries),
		of("folders without end", CodeTooLarge, manyFolders),
	}
	for _, n := range badNames {
		if len(n.name) <= 100 {
			list = append(list, t("name: "+n.what, n.code, tfile{name: n.name, data: doc}))
		}
		list = append(list, t("long name: "+n.what, n.code, tfile{name: "././@LongLink", kind: 'L', magic: "ustar  \x00", data: n.name + "\x00"}, one))
	}
	return list
}

// endless repeats a piece of a tar archive.
func endless(piece []byte, n int) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, 1) // the level is one
	for range n {
		_, _ = w.Write(piece)
	}
	_ = w.Close()
	return b.Bytes()
}

// millionEntries has as many entries as fit into its size.
func millionEntries() []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, 1) // the level is one
	for i := range 300_000 {
		_, _ = w.Write(tfile{name: fmt.Sprintf("%x", i*7919), kind: '0'}.bytes())
	}
	_ = w.Close()
	return b.Bytes()
}

func manyFolders() []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, 1) // the level is one
	for i := range 4000 {
		_, _ = w.Write(tfile{name: fmt.Sprintf("%x", i) + strings.Repeat("/a", 45) + "/x", kind: '0'}.bytes())
	}
	_ = w.Close()
	return b.Bytes()
}

// Each is refused, with its code, within 2 s, and without taking the machine's
// memory.
func TestHostileArchives(t *testing.T) {
	t.Parallel()
	kinds := map[string][]hostile{"zip": hostileZips(), "tar": hostileTars()}
	if n := len(kinds["zip"]) + len(kinds["tar"]); n < 150 {
		t.Errorf("only %d archives", n)
	}
	for kind, list := range kinds {
		for _, h := range list {
			t.Run(kind+"/"+h.name, func(t *testing.T) {
				t.Parallel()
				data := h.data()
				var err error
				took := cpuTime(t, func() { _, err = all(t, data, DefaultLimits()) })
				if took > 2*time.Second*slowness {
					t.Errorf("it took %s", took)
				}
				f := fault.Of(err)
				if err == nil || f.Code != h.code || f.Kind != fault.Invalid && f.Kind != fault.TooLarge {
					t.Fatalf("got %v (%s), want %s", err, codeOf(err), h.code)
				}
				if strings.ContainsFunc(f.Public(), hidden) {
					t.Errorf("the message has characters that don't show: %q", f.Public())
				}
			})
		}
	}
}

func codeOf(err error) string {
	if err == nil {
		return "none"
	}
	return fault.Of(err).Code
}

// However large an archive is, it takes the memory of its largest file and of the
// marks of its names. Not parallel: it measures.
func TestMemory(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const bound = 128 << 20
	for name, data := range map[string]func() []byte{
		"240,000 entries": func() []byte { return full(t, TarGz, 240_000/slowness, 100) },
		"zip of 50,000":   func() []byte { return full(t, Zip, 50_000/slowness, 1000) },
		"large files":     func() []byte { return full(t, Zip, 3, 31<<20) },
		"a million":       millionEntries,
		"folders":         manyFolders,
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
			// From a file, so that the archive itself isn't counted.
			file := filepath.Join(t.TempDir(), "archive")
			if err := os.WriteFile(file, data(), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			var most uint64
			n := 0
			err = Read(t.Context(), f, DefaultLimits(), func(string, []byte) error {
				if n++; n%5000 == 0 || n < 10 {
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapInuse+now.StackInuse)
				}
				return nil
			})
			if err != nil && !fault.Is(err, fault.TooLarge) {
				t.Fatal(err)
			}
			taken := int64(most) - int64(before.HeapInuse)
			t.Logf("%d entries: %d MiB", n, taken>>20)
			if taken > bound {
				t.Errorf("%d MiB, at most %d are allowed", taken>>20, bound>>20)
			}
		})
	}
}
