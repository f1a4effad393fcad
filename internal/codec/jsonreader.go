package codec

import (
	"encoding/base64"
	"fmt"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// maxProblems bounds what one refused document reports.
const maxProblems = 100

type jsonShared struct{ problems []fault.Problem }

// jsonReader reads the members of n. It remembers which names were asked for,
// so that object can report the others.
type jsonReader struct {
	shared *jsonShared
	n      *strictjson.Node // the object, or the list element for name ""
	path   string
	known  map[string]bool
}

func (r *jsonReader) Reading() bool { return true }
func (r *jsonReader) JSON() bool    { return true }

func (r *jsonReader) Fail(err error) { r.problem(r.path, fault.Of(err).Public()) }

func (r *jsonReader) problem(where, message string) {
	if len(r.shared.problems) < maxProblems {
		r.shared.problems = append(r.shared.problems, fault.Problem{Where: where, Message: message})
	}
}

// object walks n as an object and reports members that nobody asked for.
func (r *jsonReader) object(f func(Walker)) {
	if r.n.Kind != strictjson.Object {
		r.problem(r.path, "an object is expected, not "+describe(r.n))
		return
	}
	r.known = make(map[string]bool, len(r.n.Keys))
	f(r)
	for _, k := range r.n.Keys {
		if !r.known[k] {
			r.problem(r.path+"."+k, "unknown field")
		}
	}
}

// member returns a member and notes that its name is known.
func (r *jsonReader) member(name string) (*strictjson.Node, bool) {
	if r.n.Kind != strictjson.Object {
		return nil, false
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	r.known[name] = true
	return r.n.Get(name)
}

// get returns the member, or the element itself for the empty name; nil when
// absent or of another kind.
func (r *jsonReader) get(name string, kind strictjson.Kind, want string) (*strictjson.Node, string) {
	n, path := r.n, r.path
	if name != "" {
		path += "." + name
		var ok bool
		if n, ok = r.member(name); !ok {
			return nil, path
		}
	}
	if n.Kind != kind {
		r.problem(path, want+" is expected, not "+describe(n))
		return nil, path
	}
	return n, path
}

func (r *jsonReader) Str(name string, p *string) {
	*p = ""
	if n, _ := r.get(name, strictjson.String, "a string"); n != nil {
		*p = n.Text
	}
}

func (r *jsonReader) Int(name string, p *int64) {
	*p = 0
	n, path := r.get(name, strictjson.Number, "a whole number")
	if n == nil {
		return
	}
	i, err := n.Int()
	if err != nil {
		r.problem(path, "a whole number below 2^53 is expected, not "+n.Text)
		return
	}
	*p = i
}

func (r *jsonReader) Bool(name string, p *bool) {
	*p = false
	if n, _ := r.get(name, strictjson.Bool, "true or false"); n != nil {
		*p = n.Bool
	}
}

func (r *jsonReader) Bytes(name string, p *[]byte) {
	*p = nil
	n, path := r.get(name, strictjson.String, "a base64 string")
	if n == nil {
		return
	}
	b, err := base64.StdEncoding.Strict().DecodeString(n.Text)
	if err != nil {
		r.problem(path, "not base64")
		return
	}
	*p = b
}

func (r *jsonReader) Value(name string, p *value.Value) {
	*p = nil
	if n, ok := r.member(name); ok {
		*p = r.value(n, r.path+"."+name)
	}
}

func (r *jsonReader) value(n *strictjson.Node, path string) value.Value {
	v, err := value.FromJSON(n)
	if err != nil {
		r.problem(path, fault.Of(err).Public())
		return value.Missing{}
	}
	return v
}

func (r *jsonReader) Map(name string, p *value.Map) {
	*p = nil
	n, path := r.get(name, strictjson.Object, "an object")
	if n == nil || len(n.Keys) == 0 {
		return
	}
	m := make(value.Map, len(n.Keys))
	for i, k := range n.Keys {
		m[k] = r.value(n.Items[i], path+"."+k)
	}
	*p = m
}

func (r *jsonReader) Pos(name string, p *workflow.Position) {
	*p = workflow.Position{}
	n, path := r.get(name, strictjson.Array, "a position")
	if n == nil {
		return
	}
	pos, err := workflow.ParsePosition(n)
	if err != nil {
		r.problem(path, fault.Of(err).Public())
		return
	}
	*p = pos
}

func (r *jsonReader) OptPos(name string, p **workflow.Position) {
	*p = nil
	if _, ok := r.member(name); ok {
		*p = new(workflow.Position)
		r.Pos(name, *p)
	}
}

func (r *jsonReader) OptBool(name string, p **bool) {
	*p = nil
	if _, ok := r.member(name); ok {
		*p = new(bool)
		r.Bool(name, *p)
	}
}

func (r *jsonReader) Block(name string, p *workflow.Block) {
	*p = ""
	n, path := r.get(name, strictjson.Array, "a block position")
	if n == nil {
		return
	}
	b, err := workflow.ParseBlock(n)
	if err != nil {
		r.problem(path, fault.Of(err).Public())
		return
	}
	*p = b
}

func (r *jsonReader) Obj(name string, _ bool, f func(Walker)) bool {
	n, path := r.get(name, strictjson.Object, "an object")
	if n == nil {
		return false
	}
	in := jsonReader{shared: r.shared, n: n, path: path}
	in.object(f)
	return true
}

func (r *jsonReader) List(name string, _ int, each func(Walker, int)) {
	n, path := r.get(name, strictjson.Array, "an array")
	if n == nil {
		return
	}
	for i, item := range n.Items {
		each(&jsonReader{shared: r.shared, n: item, path: index(path, i)}, i)
	}
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
