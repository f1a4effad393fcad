// Package codec writes and reads the fields of events, commands and state in
// two forms from one description: the compact binary form of the log and of
// snapshots, and the JSON form of the API.
//
// A type describes its fields once, in a method Walk(Walker), naming each field
// as the JSON of the reference does. The four walkers (binary and JSON, writing
// and reading) do the rest, so the two forms can't drift apart. The binary form
// has no names: the order of the fields is the format (docs/formats/events.md),
// a field may only be added at the end, and a field that an older record lacks
// reads as zero. Reading is total: any input gives a value or an error.
//
// The package must not know any event. order and engine describe theirs.
package codec

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Walker visits the fields of a value, in order. While writing it takes what
// the pointers hold; while reading it sets it. The empty name stands for an
// element of a list itself. In JSON, zero values are left out.
type Walker interface {
	Reading() bool
	JSON() bool // the JSON form, where derived fields may be added for readers
	Str(name string, p *string)
	Int(name string, p *int64)
	Bool(name string, p *bool)
	Bytes(name string, p *[]byte)
	Value(name string, p *value.Value) // nil is "absent", not Missing
	Map(name string, p *value.Map)
	Pos(name string, p *workflow.Position)
	OptPos(name string, p **workflow.Position)
	OptBool(name string, p **bool)
	Block(name string, p *workflow.Block)
	// Obj visits a nested object: present says whether there is one to be
	// written; the result whether there is one.
	Obj(name string, present bool, f func(Walker)) bool
	// List visits n elements to be written; while reading, each is called with
	// i = 0, 1, ... for every element there is.
	List(name string, n int, each func(w Walker, i int))
	// Fail records an error of the caller's own checks while reading.
	Fail(err error)
}

// Fielder is a value that describes its fields.
type Fielder interface{ Walk(Walker) }

// Binary appends the binary form of f to dst, without a length.
func Binary(dst []byte, f Fielder) []byte {
	w := binWriter{b: dst}
	f.Walk(&w)
	return w.b
}

// ReadBinary reads f from all of src.
func ReadBinary(src []byte, f Fielder) error {
	r := binReader{b: src}
	f.Walk(&r)
	return r.err
}

// JSON appends f's JSON object to dst.
func JSON(dst []byte, f Fielder) []byte {
	w := jsonWriter{b: append(dst, '{')}
	f.Walk(&w)
	return append(w.b, '}')
}

// ReadJSON reads f from an object; a field that f doesn't describe is an error
// naming its path.
func ReadJSON(n *strictjson.Node, path string, f Fielder) error {
	r := jsonReader{shared: &jsonShared{}, n: n, path: path}
	r.object(f.Walk)
	if len(r.shared.problems) > 0 {
		return &fault.Error{Kind: fault.Invalid, Code: "InvalidJson", Message: "the JSON doesn't have the form expected", Problems: r.shared.problems}
	}
	return nil
}

// Strings visits a list of strings.
func Strings(w Walker, name string, p *[]string) {
	if w.Reading() {
		*p = nil
	}
	w.List(name, len(*p), func(w Walker, i int) {
		if w.Reading() {
			var s string
			w.Str("", &s)
			*p = append(*p, s)
			return
		}
		w.Str("", &(*p)[i])
	})
}

// Positions visits a list of positions.
func Positions(w Walker, name string, p *[]workflow.Position) {
	if w.Reading() {
		*p = nil
	}
	w.List(name, len(*p), func(w Walker, i int) {
		if w.Reading() {
			var pos workflow.Position
			w.Pos("", &pos)
			*p = append(*p, pos)
			return
		}
		w.Pos("", &(*p)[i])
	})
}

// Text visits a named string type.
func Text[T ~string](w Walker, name string, p *T) {
	s := string(*p)
	w.Str(name, &s)
	*p = T(s)
}

// Number visits any integer type.
func Number[T ~int | ~int8 | ~int16 | ~int32 | ~uint8 | ~uint16 | ~uint32](w Walker, name string, p *T) {
	n := int64(*p)
	w.Int(name, &n)
	if w.Reading() && int64(T(n)) != n {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "%s: %d is out of range", name, n))
		return
	}
	*p = T(n)
}

// Uint64 visits an unsigned number below 2^63.
func Uint64(w Walker, name string, p *uint64) {
	n := int64(*p & math.MaxInt64)
	w.Int(name, &n)
	if n < 0 {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "%s must not be negative", name))
		n = 0
	}
	*p = uint64(n)
}

// Opt visits an optional object; nil is "absent".
func Opt[T any, P interface {
	*T
	Fielder
}](w Walker, name string, p *P,
) {
	v := *p
	if v == nil {
		v = new(T)
	}
	if w.Obj(name, *p != nil, v.Walk) {
		*p = v
	} else {
		*p = nil
	}
}

// Always visits an object that is always there.
func Always(w Walker, name string, f Fielder) { w.Obj(name, true, f.Walk) }

// List visits a list of objects.
func List[T any, P interface {
	*T
	Fielder
}](w Walker, name string, p *[]T,
) {
	if w.Reading() {
		*p = nil
	}
	w.List(name, len(*p), func(w Walker, i int) {
		if w.Reading() {
			var v T
			w.Obj("", true, P(&v).Walk)
			*p = append(*p, v)
			return
		}
		w.Obj("", true, P(&(*p)[i]).Walk)
	})
}

// ---- binary, writing

type binWriter struct{ b []byte }

func (w *binWriter) Reading() bool { return false }
func (w *binWriter) JSON() bool    { return false }
func (w *binWriter) Fail(error)    {}

func (w *binWriter) Str(_ string, p *string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	w.b = append(w.b, *p...)
}
func (w *binWriter) Int(_ string, p *int64) { w.b = binary.AppendVarint(w.b, *p) }
func (w *binWriter) Bool(_ string, p *bool) {
	if *p {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *binWriter) Bytes(_ string, p *[]byte) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	w.b = append(w.b, *p...)
}

func (w *binWriter) Value(_ string, p *value.Value) {
	if *p == nil {
		w.b = append(w.b, 0)
		return
	}
	w.b = value.AppendBinary(append(w.b, 1), *p)
}

func (w *binWriter) Map(_ string, p *value.Map) {
	names := p.Names()
	w.b = binary.AppendUvarint(w.b, uint64(len(names)))
	for _, n := range names {
		w.Str("", &n)
		w.b = value.AppendBinary(w.b, (*p)[n])
	}
}

func (w *binWriter) Pos(_ string, p *workflow.Position) {
	w.Block("", &p.Block)
	w.b = binary.AppendVarint(w.b, int64(p.Nr))
}

func (w *binWriter) OptPos(_ string, p **workflow.Position) {
	present := *p != nil
	if w.Bool("", &present); present {
		w.Pos("", *p)
	}
}

func (w *binWriter) OptBool(_ string, p **bool) {
	present := *p != nil
	if w.Bool("", &present); present {
		w.Bool("", *p)
	}
}

func (w *binWriter) Block(_ string, p *workflow.Block) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	w.b = append(w.b, *p...)
}

// Obj writes length+1 and the fields, so that a reader can skip what it
// doesn't know; 0 is "absent".
func (w *binWriter) Obj(_ string, present bool, f func(Walker)) bool {
	if !present {
		w.b = append(w.b, 0)
		return false
	}
	start := len(w.b)
	f(w)
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(w.b)-start)+1)
	w.b = append(w.b, head[:n]...)
	copy(w.b[start+n:], w.b[start:len(w.b)-n])
	copy(w.b[start:], head[:n])
	return true
}

func (w *binWriter) List(_ string, n int, each func(Walker, int)) {
	w.b = binary.AppendUvarint(w.b, uint64(n))
	for i := range n {
		each(w, i)
	}
}

// ---- binary, reading

type binReader struct {
	b   []byte
	err error
}

func (r *binReader) Reading() bool { return true }
func (r *binReader) JSON() bool    { return false }

func (r *binReader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *binReader) corrupt(what string) {
	r.Fail(fault.New(fault.Corrupt, "BadRecord", "%s doesn't decode", what))
}

// uvarint reads a length or count; the end of the record reads as 0, for a
// field that was added after the record was written.
func (r *binReader) uvarint(what string) uint64 {
	if len(r.b) == 0 {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.corrupt(what)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *binReader) take(n uint64, what string) []byte {
	if n > uint64(len(r.b)) {
		r.corrupt(what)
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *binReader) Str(name string, p *string) { *p = string(r.take(r.uvarint(name), name)) }

func (r *binReader) Int(name string, p *int64) {
	*p = 0
	if len(r.b) == 0 {
		return
	}
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.corrupt(name)
		return
	}
	*p, r.b = v, r.b[n:]
}

func (r *binReader) Bool(name string, p *bool) {
	*p = false
	if len(r.b) == 0 {
		return
	}
	if r.b[0] > 1 {
		r.corrupt(name)
		return
	}
	*p, r.b = r.b[0] == 1, r.b[1:]
}

func (r *binReader) Bytes(name string, p *[]byte) {
	*p = append([]byte(nil), r.take(r.uvarint(name), name)...)
}

func (r *binReader) Value(name string, p *value.Value) {
	*p = nil
	var present bool
	r.Bool(name, &present)
	if !present || r.err != nil {
		return
	}
	*p = r.value(name)
}

func (r *binReader) value(name string) value.Value {
	v, rest, err := value.ReadBinary(r.b)
	if err != nil {
		r.corrupt(name)
		return nil
	}
	r.b = rest
	return v
}

func (r *binReader) Map(name string, p *value.Map) {
	*p = nil
	n := r.uvarint(name)
	if n == 0 {
		return
	}
	if n > uint64(len(r.b)) {
		r.corrupt(name)
		return
	}
	m := make(value.Map, n)
	for range n {
		var k string
		r.Str(name, &k)
		v := r.value(name)
		if r.err != nil {
			return
		}
		m[k] = v
	}
	*p = m
}

func (r *binReader) Pos(name string, p *workflow.Position) {
	r.Block(name, &p.Block)
	var n int64
	r.Int(name, &n)
	if n < 0 || n > math.MaxInt32 {
		r.corrupt(name)
		n = 0
	}
	p.Nr = int(n)
}

func (r *binReader) OptPos(name string, p **workflow.Position) {
	*p = nil
	var present bool
	if r.Bool(name, &present); present {
		*p = new(workflow.Position)
		r.Pos(name, *p)
	}
}

func (r *binReader) OptBool(name string, p **bool) {
	*p = nil
	var present bool
	if r.Bool(name, &present); present {
		*p = new(bool)
		r.Bool(name, *p)
	}
}

func (r *binReader) Block(name string, p *workflow.Block) {
	*p = workflow.Block(r.take(r.uvarint(name), name))
}

func (r *binReader) Obj(name string, _ bool, f func(Walker)) bool {
	n := r.uvarint(name)
	if n == 0 || r.err != nil {
		return false
	}
	in := binReader{b: r.take(n-1, name)}
	if r.err != nil {
		return false
	}
	f(&in)
	if in.err != nil {
		r.Fail(in.err)
		return false
	}
	return true
}

func (r *binReader) List(name string, _ int, each func(Walker, int)) {
	n := r.uvarint(name)
	if n > uint64(len(r.b)) { // every element takes a byte at least
		r.corrupt(name)
		return
	}
	for i := range int(n) { //nolint:gosec // n is bounded by the input's length
		each(r, i)
		if r.err != nil {
			return
		}
	}
}

// ---- JSON, writing

type jsonWriter struct{ b []byte }

func (w *jsonWriter) Reading() bool { return false }
func (w *jsonWriter) JSON() bool    { return true }
func (w *jsonWriter) Fail(error)    {}

// field begins a member; the empty name an element of a list.
func (w *jsonWriter) field(name string) {
	if c := w.b[len(w.b)-1]; c != '{' && c != '[' {
		w.b = append(w.b, ',')
	}
	if name != "" {
		w.b = append(AppendString(w.b, name), ':')
	}
}

func (w *jsonWriter) Str(name string, p *string) {
	if *p != "" || name == "" {
		w.field(name)
		w.b = AppendString(w.b, *p)
	}
}

func (w *jsonWriter) Int(name string, p *int64) {
	if *p != 0 || name == "" {
		w.field(name)
		w.b = strconv.AppendInt(w.b, *p, 10)
	}
}

func (w *jsonWriter) Bool(name string, p *bool) {
	if *p || name == "" {
		w.field(name)
		w.b = strconv.AppendBool(w.b, *p)
	}
}

func (w *jsonWriter) Bytes(name string, p *[]byte) {
	if len(*p) != 0 || name == "" {
		w.field(name)
		w.b = append(w.b, '"')
		w.b = base64.StdEncoding.AppendEncode(w.b, *p)
		w.b = append(w.b, '"')
	}
}

func (w *jsonWriter) Value(name string, p *value.Value) {
	if *p != nil {
		w.field(name)
		w.b = value.AppendJSON(w.b, *p)
	}
}

func (w *jsonWriter) Map(name string, p *value.Map) {
	if len(*p) == 0 && name != "" {
		return
	}
	w.field(name)
	w.b = append(w.b, '{')
	for _, n := range p.Names() {
		w.field(n)
		w.b = value.AppendJSON(w.b, (*p)[n])
	}
	w.b = append(w.b, '}')
}

func (w *jsonWriter) Pos(name string, p *workflow.Position) {
	w.field(name)
	w.b = append(w.b, '[')
	w.block(p.Block)
	w.comma()
	w.b = strconv.AppendInt(w.b, int64(p.Nr), 10)
	w.b = append(w.b, ']')
}

func (w *jsonWriter) OptPos(name string, p **workflow.Position) {
	if *p != nil {
		w.Pos(name, *p)
	}
}

func (w *jsonWriter) OptBool(name string, p **bool) {
	if *p != nil {
		w.field(name)
		w.b = strconv.AppendBool(w.b, **p)
	}
}

func (w *jsonWriter) Block(name string, p *workflow.Block) {
	if p.IsRoot() && name != "" {
		return
	}
	w.field(name)
	w.b = append(w.b, '[')
	w.block(*p)
	w.b = append(w.b, ']')
}

func (w *jsonWriter) comma() {
	if w.b[len(w.b)-1] != '[' {
		w.b = append(w.b, ',')
	}
}

func (w *jsonWriter) block(b workflow.Block) {
	at, branch, ok := b.Split()
	if !ok {
		return
	}
	w.block(at.Block)
	w.comma()
	w.b = strconv.AppendInt(w.b, int64(at.Nr), 10)
	w.b = append(w.b, ',')
	w.b = AppendString(w.b, branch)
}

func (w *jsonWriter) Obj(name string, present bool, f func(Walker)) bool {
	if !present {
		return false
	}
	w.field(name)
	w.b = append(w.b, '{')
	f(w)
	w.b = append(w.b, '}')
	return true
}

func (w *jsonWriter) List(name string, n int, each func(Walker, int)) {
	if n == 0 && name != "" {
		return
	}
	w.field(name)
	w.b = append(w.b, '[')
	for i := range n {
		each(w, i)
	}
	w.b = append(w.b, ']')
}

// AppendString appends s as a JSON string: only what must be is escaped, and
// bytes that are no UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			i++
			start = i
			continue
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// describe names what a node is, for messages.
func describe(n *strictjson.Node) string {
	switch n.Kind {
	case strictjson.Null:
		return "null"
	case strictjson.Bool:
		return "a boolean"
	case strictjson.Number:
		return "the number " + n.Text
	case strictjson.String:
		return "a string"
	case strictjson.Array:
		return "an array"
	default:
		return "an object"
	}
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
