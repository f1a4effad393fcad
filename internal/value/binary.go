package value

import (
	"encoding/binary"
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The binary form of a value is a tag byte and its content. Counts and lengths
// are unsigned varints. The callers' formats carry the version number.
//
//	0 Missing
//	1 String   length, bytes
//	2 integer  zigzag varint (an integral Number within int64)
//	3 decimal  flags (1 = negative), zigzag varint exponent, length, big-endian coefficient
//	4 false    5 true
//	6 List     count, values
//	7 Object   count, then name (length, bytes) and value, names strictly ascending
const (
	tagMissing byte = iota
	tagString
	tagInteger
	tagDecimal
	tagFalse
	tagTrue
	tagList
	tagObject
)

// maxStoredDepth is what the binary form can hold. It is above MaxDepth
// because the engine wraps results of orders into lists before it checks them,
// and a log that can't be read back would be worse than a value too deep.
const maxStoredDepth = 2 * MaxDepth

// AppendBinary appends the compact binary form of v. The same value always
// gives the same bytes. A value nested deeper than 128 is a broken invariant
// of the caller (see Depth) and panics: written, it could never be read again.
func AppendBinary(dst []byte, v Value) []byte { return appendBinary(dst, v, 0) }

func appendBinary(dst []byte, v Value, depth int) []byte {
	if depth > maxStoredDepth {
		panic("value: a value to be stored is nested deeper than " + strconv.Itoa(maxStoredDepth))
	}
	switch v := v.(type) {
	case String:
		return appendText(append(dst, tagString), string(v))
	case Number:
		return appendNumber(dst, v)
	case Boolean:
		if v {
			return append(dst, tagTrue)
		}
		return append(dst, tagFalse)
	case List:
		dst = binary.AppendUvarint(append(dst, tagList), uint64(len(v)))
		for _, item := range v {
			dst = appendBinary(dst, item, depth+1)
		}
		return dst
	case Object:
		dst = binary.AppendUvarint(append(dst, tagObject), uint64(len(v.fields)))
		for _, f := range v.fields {
			dst = appendBinary(appendText(dst, f.name), f.value, depth+1)
		}
		return dst
	}
	return append(dst, tagMissing)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendNumber(dst []byte, n Number) []byte {
	if i, ok := n.Int64(); ok {
		return binary.AppendVarint(append(dst, tagInteger), i)
	}
	flags := byte(0)
	if n.neg {
		flags = 1
	}
	dst = binary.AppendVarint(append(dst, tagDecimal, flags), int64(n.exp))
	var coefficient [16]byte
	binary.BigEndian.PutUint64(coefficient[:8], n.hi)
	binary.BigEndian.PutUint64(coefficient[8:], n.lo)
	bytes := coefficient[:]
	for bytes[0] == 0 {
		bytes = bytes[1:]
	}
	return append(binary.AppendUvarint(dst, uint64(len(bytes))), bytes...)
}

// ReadBinary reads one value that AppendBinary wrote and returns what follows
// it. It is total: any other input gives an error (Corrupt, code BadValue) and
// takes time and memory in proportion to its length. Only what AppendBinary
// writes is accepted, so equal values have equal bytes.
func ReadBinary(src []byte) (v Value, rest []byte, err error) {
	r := binaryReader{src: src}
	v = r.value(0)
	if r.bad != "" {
		return nil, nil, fault.New(fault.Corrupt, "BadValue", "a stored value can't be read: %s at byte %d", r.bad, len(src)-len(r.src))
	}
	return v, r.src, nil
}

// binaryReader reads on until something is bad; then it stands still.
type binaryReader struct {
	src []byte
	bad string
}

func (r *binaryReader) fail(why string) {
	if r.bad == "" {
		r.bad = why
	}
}

func (r *binaryReader) byte() byte {
	if r.bad != "" || len(r.src) == 0 {
		r.fail("unexpected end")
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *binaryReader) uvarint() uint64 {
	u, n := binary.Uvarint(r.src)
	if r.bad != "" || n <= 0 || n > 1 && r.src[n-1] == 0 {
		r.fail("bad length")
		return 0
	}
	r.src = r.src[n:]
	return u
}

func (r *binaryReader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads a number of things that take at least least bytes each, so that
// a damaged count can't make us allocate.
func (r *binaryReader) count(least int) int {
	u := r.uvarint()
	if u > uint64(len(r.src)/least) {
		r.fail("a length beyond the end")
		return 0
	}
	return int(u)
}

func (r *binaryReader) text() string {
	n := r.count(1)
	s := string(r.src[:n])
	r.src = r.src[n:]
	return s
}

func (r *binaryReader) value(depth int) Value {
	if depth > maxStoredDepth {
		r.fail("nested too deep")
		return nil
	}
	switch r.byte() {
	case tagMissing:
		return Missing{}
	case tagString:
		return String(r.text())
	case tagInteger:
		return NewInt(r.varint())
	case tagDecimal:
		return r.decimal()
	case tagFalse:
		return Boolean(false)
	case tagTrue:
		return Boolean(true)
	case tagList:
		return r.list(depth)
	case tagObject:
		return r.object(depth)
	}
	r.fail("unknown tag")
	return nil
}

// mostAtOnce bounds what is allocated before it is seen, since each of many
// nested counts may claim all the rest of the input.
const mostAtOnce = 256

func (r *binaryReader) list(depth int) Value {
	n := r.count(1)
	list := make(List, 0, min(n, mostAtOnce))
	for range n {
		item := r.value(depth + 1)
		if r.bad != "" {
			return nil
		}
		list = append(list, item)
	}
	return list
}

func (r *binaryReader) object(depth int) Value {
	n := r.count(2)
	if n == 0 {
		return Object{}
	}
	fields := make([]field, 0, min(n, mostAtOnce))
	for i := range n {
		f := field{name: r.text()}
		if i > 0 && f.name <= fields[i-1].name {
			r.fail("names out of order")
		}
		if f.value = r.value(depth + 1); r.bad != "" {
			return nil
		}
		fields = append(fields, f)
	}
	return Object{fields}
}

func (r *binaryReader) decimal() Value {
	flags := r.byte()
	exponent := r.varint()
	size := r.count(1)
	if r.bad != "" {
		return nil
	}
	if flags > 1 || size < 1 || size > 16 || r.src[0] == 0 || exponent < -MaxPlaces || exponent > MaxWhole {
		r.fail("bad number")
		return nil
	}
	var coefficient [16]byte
	copy(coefficient[16-size:], r.src)
	r.src = r.src[size:]
	n := Number{
		hi:  binary.BigEndian.Uint64(coefficient[:8]),
		lo:  binary.BigEndian.Uint64(coefficient[8:]),
		exp: int16(exponent),
		neg: flags == 1,
	}
	_, integer := n.Int64()
	// 2^114 is above 10^34; coefficient() needs the bound.
	if n.hi>>50 != 0 || n.countDigits() > MaxDigits || n.countDigits()+int(n.exp) > MaxWhole || integer || n.canonical() != n {
		r.fail("bad number")
		return nil
	}
	return n
}
