package codec

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

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
	for i, n := range p.Names() { // a name may be empty
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(AppendString(w.b, n), ':')
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
