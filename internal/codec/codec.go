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
	"math"

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

// ReadBinary reads f from all of src. Every error is of the kind Corrupt.
func ReadBinary(src []byte, f Fielder) error {
	r := binReader{b: src}
	f.Walk(&r)
	if r.err != nil && !fault.Is(r.err, fault.Corrupt) {
		return fault.New(fault.Corrupt, "BadRecord", "%s", fault.Of(r.err).Public())
	}
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
	if w.Reading() { // what is written may be shared
		*p = T(s)
	}
}

// Number visits any integer type.
func Number[T ~int | ~int8 | ~int16 | ~int32 | ~uint8 | ~uint16 | ~uint32](w Walker, name string, p *T) {
	n := int64(*p)
	w.Int(name, &n)
	if w.Reading() && int64(T(n)) != n {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "%s: %d is out of range", name, n))
		return
	}
	if w.Reading() {
		*p = T(n)
	}
}

// Uint64 visits an unsigned number below 2^63.
func Uint64(w Walker, name string, p *uint64) {
	n := int64(*p & math.MaxInt64)
	w.Int(name, &n)
	if n < 0 {
		w.Fail(fault.New(fault.Invalid, "InvalidJson", "%s must not be negative", name))
		n = 0
	}
	if w.Reading() {
		*p = uint64(n)
	}
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
	switch present := w.Obj(name, *p != nil, v.Walk); {
	case !w.Reading():
	case present:
		*p = v
	default:
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
			if !w.Obj("", true, P(&v).Walk) {
				w.Fail(fault.New(fault.Invalid, "InvalidJson", "%s: an element is missing", name))
				return
			}
			*p = append(*p, v)
			return
		}
		w.Obj("", true, P(&(*p)[i]).Walk)
	})
}
