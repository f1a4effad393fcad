package archive

import "encoding/binary"

// directory reads what follows the entries, from behind the first signature on.
func (a *reader) directory(all []zipEntry, sig uint32) error {
	begin := a.in.n - 4
	for i := range all {
		if sig != sigCentral {
			return a.unknownRecord(sig, "the directory lacks entries that are in the archive")
		}
		if err := a.central(&all[i]); err != nil {
			return err
		}
		var err error
		if sig, err = a.signature(); err != nil {
			return err
		}
	}
	if sig == sigCentral {
		return refuse(CodeCorrupt, "", "the directory names entries that aren't in the archive, or not in its order")
	}
	end := ending{entries: int64(len(all)), at: begin, size: a.in.n - 4 - begin}
	if sig == sigEnd64 {
		if err := a.end64(&end); err != nil {
			return err
		}
		var err error
		if sig, err = a.signature(); err != nil {
			return err
		}
	}
	if sig != sigEnd {
		return a.unknownRecord(sig, "the archive has no end")
	}
	if err := a.endRecord(&end); err != nil {
		return err
	}
	return a.in.atEnd()
}

// unknownRecord tells what a record is that doesn't belong here.
func (a *reader) unknownRecord(sig uint32, otherwise string) error {
	if sig == sigEnd || sig == sigEnd64 || sig == sigCentral || sig == sigLocal {
		return refuse(CodeCorrupt, "", "%s", otherwise)
	}
	return refuse(CodeSurplus, "", "at byte %d there is something that is no part of an entry", a.in.n-4)
}

// central reads what the directory says of an entry: what was read.
func (a *reader) central(e *zipEntry) error {
	le := binary.LittleEndian
	var b [42]byte
	if err := a.in.full(b[:], ""); err != nil {
		return err
	}
	h := readHeader(b[2:])
	commentLen, disk, attributes := le.Uint16(b[28:]), le.Uint16(b[30:]), le.Uint32(b[34:])
	offset := int64(le.Uint32(b[38:]))
	name, x, err := a.nameAndExtra(h.nameLen, h.extraLen)
	if err != nil {
		return err
	}
	if commentLen > 0 {
		return refuse(CodeSurplus, name, "it has a comment")
	}
	if err := h.check(name); err != nil {
		return err
	}
	size, packed, err := x.sizes(h.size, h.packed, name)
	if err != nil {
		return err
	}
	if offset == none32 {
		if offset, err = x.offset(&h, name); err != nil {
			return err
		}
	}
	if exact(name) != e.name || h.flags != e.flags || h.method != e.method || h.crc != e.crc || size != e.size || packed != e.packed ||
		offset != e.offset || disk != 0 && disk != 0xffff {
		return refuse(CodeCorrupt, name, "what the directory says of it is not what is there")
	}
	return checkAttributes(name, e.folder, attributes)
}

// offset returns where an entry begins, when that stands in the extension.
func (x *extras) offset(h *header, name string) (int64, error) {
	at := 0
	for _, n := range []int64{h.size, h.packed} {
		if n == none32 {
			at += 8
		}
	}
	if len(x.zip64) < at+8 {
		return 0, refuse(CodeCorrupt, name, "its zip64 extension lacks the place")
	}
	return int64(binary.LittleEndian.Uint64(x.zip64[at:])), nil
}

// checkAttributes looks at the kind of a file that systems keep in an archive:
// those of Unix in the upper half, those of DOS in the lower.
func checkAttributes(name string, folder bool, attributes uint32) error {
	const (
		dosFolder, dosLabel = 0x10, 0x08
		kindMask            = 0o170000
		kindFile, kindDir   = 0o100000, 0o040000
	)
	mode := attributes >> 16
	kind := mode & kindMask
	want := uint32(kindFile)
	if folder {
		want = kindDir
	}
	switch {
	case kind != 0 && kind != want, attributes&dosLabel != 0, !folder && attributes&dosFolder != 0:
		return refuse(CodeNotRegular, name, "it is neither a file nor a folder")
	case mode&0o7000 != 0:
		return refuse(CodeSetuid, name, "it has the mode %o", mode&0o7777)
	}
	return nil
}

// ending is what the end of an archive has to tell.
type ending struct {
	entries, at, size int64
	at64              int64 // where the zip64 end begins; 0: there is none
}

// end64 reads the end in its zip64 form, and the record that tells where it is.
func (a *reader) end64(end *ending) error {
	le := binary.LittleEndian
	end.at64 = a.in.n - 4
	var b [52 + 20]byte
	if err := a.in.full(b[:], ""); err != nil {
		return err
	}
	l := b[52:]
	n := func(b []byte) int64 { return int64(le.Uint64(b)) }
	if n(b[0:]) != 44 || le.Uint32(b[12:]) != 0 || le.Uint32(b[16:]) != 0 || n(b[20:]) != end.entries || n(b[28:]) != end.entries ||
		n(b[36:]) != end.size || n(b[44:]) != end.at {
		return refuse(CodeCorrupt, "", "the zip64 end of the archive doesn't tell what is there")
	}
	if le.Uint32(l) != sigLocator || le.Uint32(l[4:]) != 0 || n(l[8:]) != end.at64 || le.Uint32(l[16:]) != 1 {
		return refuse(CodeCorrupt, "", "the zip64 end of the archive isn't where it is said to be")
	}
	return nil
}

// endRecord reads the last record. Its numbers are the real ones, or refer to the
// zip64 end.
func (a *reader) endRecord(end *ending) error {
	le := binary.LittleEndian
	var b [18]byte
	if err := a.in.full(b[:], ""); err != nil {
		return err
	}
	is := func(told, refers, want int64) bool { return told == want || told == refers && end.at64 != 0 }
	switch {
	case le.Uint16(b[16:]) != 0:
		return refuse(CodeSurplus, "", "the archive has a comment")
	case !is(int64(le.Uint16(b[0:])), 0xffff, 0), !is(int64(le.Uint16(b[2:])), 0xffff, 0):
		return refuse(CodeCorrupt, "", "this is a part of an archive")
	case !is(int64(le.Uint16(b[4:])), 0xffff, end.entries), !is(int64(le.Uint16(b[6:])), 0xffff, end.entries),
		!is(int64(le.Uint32(b[8:])), none32, end.size), !is(int64(le.Uint32(b[12:])), none32, end.at):
		return refuse(CodeCorrupt, "", "the end of the archive doesn't tell what is there")
	}
	return nil
}
