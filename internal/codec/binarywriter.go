package codec

import (
	"encoding/binary"

	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

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
