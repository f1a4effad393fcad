package codec

import (
	"encoding/binary"
	"math"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

type binReader struct {
	b     []byte
	err   error
	block workflow.Block // the last one that was checked
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
	m := make(value.Map, min(n, 64))
	for range n {
		var k string
		r.Str(name, &k)
		v := r.value(name)
		if r.err != nil {
			return
		}
		if _, twice := m[k]; twice {
			r.corrupt(name)
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

// Block reads the text of a block; nothing but what ParseBlockText accepts may
// come in, since positions are taken apart without further checks.
func (r *binReader) Block(name string, p *workflow.Block) {
	b := r.take(r.uvarint(name), name)
	*p = ""
	if len(b) == 0 {
		return
	}
	block := workflow.Block(b)
	if block != r.block {
		if _, err := workflow.ParseBlockText(string(block)); err != nil {
			r.corrupt(name)
			return
		}
		r.block = block
	}
	*p = block
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
	for i := range int(n) {
		each(r, i)
		if r.err != nil {
			return
		}
	}
}
