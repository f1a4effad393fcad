package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// A record on disk, little endian; it starts at a multiple of 8:
//
//	 0  u32  length of the body in bytes
//	 4  u32  check of the header alone, with the segment's seed and the offset
//	 8  u64  durable mark: everything before this offset was synced when the
//	         record was written
//	16  u8   type
//	17  u8   padding: zero bytes after the body, 0 to 7
//	18  u16  zero
//	20  u32  chain: CRC-32C continued from the record before over bytes 0 to
//	         20, the body and its padding; the segment's seed before the first
//	24       body, padding
//
// The header's own check lets a reader find the records behind a damaged one.
const (
	headerSize = 24
	alignment  = 8

	// MaxBody is the greatest length of a record's body, in bytes.
	MaxBody = 64 << 20
)

// The types of records.
const (
	typeHead  = 1 // the segment's first: format, log id, number
	typeHard  = 2 // hard state
	typeBase  = 3 // snapshot and first index at the segment's birth
	typeEntry = 4
	typeMark  = 5 // nothing but its durable mark
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seedOf returns where a segment's chain begins. It binds records to their log
// and segment: those of another file never fit.
func seedOf(id [16]byte, number uint64) uint32 {
	var b [24]byte
	copy(b[:], id[:])
	binary.LittleEndian.PutUint64(b[16:], number)
	return crc32.Checksum(b[:], castagnoli)
}

func headerCheck(seed uint32, off int64, h []byte) uint32 {
	var b [28]byte
	binary.LittleEndian.PutUint32(b[0:], seed)
	binary.LittleEndian.PutUint64(b[4:], uint64(off))
	copy(b[12:], h[0:4])
	copy(b[16:], h[8:20])
	return crc32.Checksum(b[:], castagnoli)
}

// sizeOf returns the bytes a record takes whose body has that length.
func sizeOf(body int) int64 {
	return int64(headerSize+body+alignment-1) &^ (alignment - 1)
}

// appender encodes records that follow one another in a segment.
type appender struct {
	seed  uint32
	off   int64 // where the next record begins
	chain uint32
	mark  int64
	buf   []byte
}

// add appends a record whose body is the parts in a row.
func (a *appender) add(typ byte, parts ...[]byte) {
	body := 0
	for _, p := range parts {
		body += len(p)
	}
	size := sizeOf(body)
	pad := int(size) - headerSize - body
	var h [headerSize]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(body))
	binary.LittleEndian.PutUint64(h[8:], uint64(a.mark))
	h[16], h[17] = typ, byte(pad)
	binary.LittleEndian.PutUint32(h[4:], headerCheck(a.seed, a.off, h[:]))
	var zeros [alignment]byte
	chain := crc32.Update(a.chain, castagnoli, h[:20])
	for _, p := range parts {
		chain = crc32.Update(chain, castagnoli, p)
	}
	a.chain = crc32.Update(chain, castagnoli, zeros[:pad])
	binary.LittleEndian.PutUint32(h[20:], a.chain)
	a.buf = append(a.buf, h[:]...)
	for _, p := range parts {
		a.buf = append(a.buf, p...)
	}
	a.buf = append(a.buf, zeros[:pad]...)
	a.off += size
}

// header is a record's decoded header.
type header struct {
	body  int
	mark  int64
	typ   byte
	pad   int
	chain uint32
}

func (h header) size() int64 { return int64(headerSize + h.body + h.pad) }

// decodeHeader decodes the header at an offset of a segment; ok tells whether
// one was written there.
func decodeHeader(b []byte, seed uint32, off int64) (h header, ok bool) {
	if len(b) < headerSize || binary.LittleEndian.Uint32(b[4:]) != headerCheck(seed, off, b) {
		return header{}, false
	}
	body, mark := binary.LittleEndian.Uint32(b[0:]), binary.LittleEndian.Uint64(b[8:])
	if body > MaxBody || mark > uint64(off) || b[18] != 0 || b[19] != 0 {
		return header{}, false
	}
	h = header{
		body: int(body), mark: int64(mark), typ: b[16], pad: int(b[17]),
		chain: binary.LittleEndian.Uint32(b[20:]),
	}
	return h, h.typ >= typeHead && h.typ <= typeMark && sizeOf(h.body) == h.size()
}

// verify tells whether b, a whole record, continues the chain.
func (h header) verify(b []byte, before uint32) bool {
	sum := crc32.Update(before, castagnoli, b[:20])
	sum = crc32.Update(sum, castagnoli, b[headerSize:])
	if sum != h.chain {
		return false
	}
	for _, z := range b[headerSize+h.body:] {
		if z != 0 {
			return false
		}
	}
	return true
}

// fields reads numbers from the front of a body; short tells that there were
// too few bytes.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) u64() uint64 {
	if len(f.b) < 8 {
		f.short = true
		return 0
	}
	v := binary.LittleEndian.Uint64(f.b)
	f.b = f.b[8:]
	return v
}

func (f *fields) u8() byte {
	if len(f.b) < 1 {
		f.short = true
		return 0
	}
	v := f.b[0]
	f.b = f.b[1:]
	return v
}

func u64s(values ...uint64) []byte {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// entryHead is the length of an entry's body before its data.
const entryHead = 3*8 + 1

func encodeEntryHead(e *Entry) []byte {
	return append(u64s(e.Index, e.Term, e.Seq), e.Kind)
}

func decodeEntry(body []byte) (Entry, bool) {
	f := fields{b: body}
	e := Entry{Index: f.u64(), Term: f.u64(), Seq: f.u64(), Kind: f.u8()}
	e.Data = f.b
	return e, !f.short && e.Index > 0
}

func encodeHard(h HardState) []byte { return u64s(h.Term, h.Vote, h.Commit) }

func decodeHard(body []byte) (HardState, bool) {
	f := fields{b: body}
	h := HardState{Term: f.u64(), Vote: f.u64(), Commit: f.u64()}
	return h, !f.short && len(f.b) == 0
}

func encodeHead(format, origin byte, id [16]byte, number uint64) []byte {
	return append(append([]byte{format, origin}, id[:]...), u64s(number)...)
}

// segmentHead is the body of a segment's first record.
type segmentHead struct {
	format, origin byte
	id             [16]byte
	number         uint64
}

func decodeHead(body []byte) (segmentHead, bool) {
	f := fields{b: body}
	h := segmentHead{format: f.u8(), origin: f.u8()}
	if len(f.b) != 24 {
		return h, false
	}
	copy(h.id[:], f.b)
	f.b = f.b[16:]
	h.number = f.u64()
	return h, true
}
