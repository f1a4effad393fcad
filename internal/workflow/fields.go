package workflow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

// MaxProblems is how many problems of one document are reported.
const MaxProblems = 200

// Problems collects everything wrong with a document. The zero value is empty.
type Problems struct {
	list []fault.Problem
	more int
}

// Add records a problem at a JSON path. Beyond MaxProblems it only counts.
func (p *Problems) Add(where, format string, args ...any) {
	if p.full() {
		p.more++
		return
	}
	p.list = append(p.list, fault.Problem{Where: where, Message: fmt.Sprintf(format, args...)})
}

// full tells whether further problems are only counted, so that nobody works
// on their texts.
func (p *Problems) full() bool { return len(p.list) >= MaxProblems }

// Err returns nil when there is no problem, else a *fault.Error of kind
// Invalid with that code and every problem.
func (p *Problems) Err(code, message string) error {
	if len(p.list) == 0 {
		return nil
	}
	e := fault.New(fault.Invalid, code, "%s", message)
	e.Problems = p.list
	if p.more > 0 {
		e.Problems = append(e.Problems, fault.Problem{Message: fmt.Sprintf("and %d more problems", p.more)})
	}
	return e
}

// Fields reads the fields of one JSON object, strictly: each field that is
// asked for becomes known, and Done reports the others. Every problem goes to
// the Problems, with its JSON path; a method that reports one returns the zero
// value of what was asked for. Readers of items use it too.
type Fields struct {
	problems *Problems
	node     *strictjson.Node // nil: it was no object, and nothing more is to be said
	path     string
	known    []string
}

// ReadFields begins to read the object n at a JSON path; anything else than an
// object is reported.
func ReadFields(n *strictjson.Node, path string, problems *Problems) *Fields {
	f := &Fields{problems: problems, node: n, path: path}
	if n.Kind != strictjson.Object {
		problems.Add(path, "expected an object, but this is %s", n.Kind)
		f.node = nil
	}
	return f
}

// At returns the JSON path of a field.
func (f *Fields) At(name string) string { return strictjson.KeyPath(f.path, name) }

// Problem records a problem at a field, or at the object when name is empty.
func (f *Fields) Problem(name, format string, args ...any) {
	where := f.path
	if name != "" {
		where = f.At(name)
	}
	f.problems.Add(where, format, args...)
}

// Get returns the node of a field and the name under which it was found: name
// itself or one of its old names. Two of them at once are reported.
func (f *Fields) Get(name string, aliases ...string) (n *strictjson.Node, found string) {
	f.known = append(append(f.known, name), aliases...)
	if n, ok := f.node.Get(name); ok {
		found = name
		for _, alias := range aliases {
			if _, ok := f.node.Get(alias); ok {
				f.Problem(alias, "%q is an old name of %q; only one of them may be given", alias, name)
			}
		}
		return n, found
	}
	for i, alias := range aliases {
		if n, ok := f.node.Get(alias); ok {
			for _, other := range aliases[i+1:] {
				if _, ok := f.node.Get(other); ok {
					f.Problem(other, "%q and %q mean the same; only one of them may be given", other, alias)
				}
			}
			return n, alias
		}
	}
	return nil, name
}

// get is Get for a node of one kind; ok tells whether there is one.
func (f *Fields) get(kind strictjson.Kind, name string, aliases ...string) (n *strictjson.Node, found string, ok bool) {
	n, found = f.Get(name, aliases...)
	if n == nil {
		return nil, found, false
	}
	if n.Kind != kind {
		f.Problem(found, "expected %s, but this is %s%s", kind, n.Kind, nullHint(n))
		return nil, found, false
	}
	return n, found, true
}

func nullHint(n *strictjson.Node) string {
	if n.Kind == strictjson.Null {
		return "; leave the field out"
	}
	return ""
}

// Has tells whether a field is given, whatever its kind, and makes it known.
func (f *Fields) Has(name string) bool {
	n, _ := f.Get(name)
	return n != nil
}

// Need reports the field as missing unless it is given under one of the names.
func (f *Fields) Need(name string, aliases ...string) {
	if f.node == nil {
		return
	}
	if _, ok := f.node.Get(name); ok {
		return
	}
	for _, alias := range aliases {
		if _, ok := f.node.Get(alias); ok {
			return
		}
	}
	f.Problem("", "the field %q is missing", name)
}

// Text returns an optional string field, and whether it is given. It must not
// contain the character NUL.
func (f *Fields) Text(name string, aliases ...string) (string, bool) {
	n, found, ok := f.get(strictjson.String, name, aliases...)
	if !ok {
		return "", false
	}
	if strings.ContainsRune(n.Text, 0) {
		f.Problem(found, "the character NUL is not allowed")
		return "", false
	}
	return n.Text, true
}

// Checked returns a string field that check has nothing against.
func (f *Fields) Checked(name string, check func(string) error) (string, bool) {
	s, ok := f.Text(name)
	if !ok {
		return "", false
	}
	if err := check(s); err != nil {
		f.Problem(name, "%s", message(err))
		return "", false
	}
	return s, true
}

// Bool returns an optional boolean field; absent is false.
func (f *Fields) Bool(name string) bool {
	n, _, ok := f.get(strictjson.Bool, name)
	return ok && n.Bool
}

// Int returns an optional integer field within bounds, or absent.
func (f *Fields) Int(least, most, absent int, name string, aliases ...string) int {
	n, found, ok := f.get(strictjson.Number, name, aliases...)
	if !ok {
		return absent
	}
	i, err := n.Int()
	if err != nil {
		f.Problem(found, "%s", message(err))
		return absent
	}
	if i < int64(least) || i > int64(most) {
		f.Problem(found, "%d is out of range, expected %d to %d", i, least, most)
		return absent
	}
	return int(i)
}

// Duration returns an optional field with seconds, and whether it is given.
func (f *Fields) Duration(name string) (time.Duration, bool) {
	n, _, ok := f.get(strictjson.Number, name)
	if !ok {
		return 0, false
	}
	d, err := parseSeconds(n.Text)
	if err != nil {
		f.Problem(name, "%s", message(err))
		return 0, false
	}
	return d, true
}

// Expr returns an optional expression that has sense at the place.
func (f *Fields) Expr(name string, place Place) *expr.Expr {
	n, _ := f.Get(name)
	if n == nil {
		return nil
	}
	if n.Kind != strictjson.String {
		f.Problem(name, "expected an expression in a string, but this is %s%s", n.Kind, nullHint(n))
		return nil
	}
	return parseExpr(n.Text, f.At(name), place, f.problems)
}

// Exprs returns an optional map from name to expression, sorted by name.
func (f *Fields) Exprs(name string, place Place, check func(string) error) []NamedExpr {
	n, _, ok := f.get(strictjson.Object, name)
	if !ok {
		return nil
	}
	named := make([]NamedExpr, 0, len(n.Keys))
	for i, key := range n.Keys {
		where := strictjson.KeyPath(f.At(name), key)
		if err := check(key); err != nil {
			f.problems.Add(where, "%s", message(err))
		}
		if item := n.Items[i]; item.Kind != strictjson.String {
			f.problems.Add(where, "expected an expression in a string, but this is %s", item.Kind)
		} else if e := parseExpr(item.Text, where, place, f.problems); e != nil {
			named = append(named, NamedExpr{Name: key, Expr: e})
		}
	}
	slices.SortFunc(named, func(a, b NamedExpr) int { return strings.Compare(a.Name, b.Name) })
	return named
}

// Values returns an optional map from name to constant value.
func (f *Fields) Values(name string) value.Map {
	n, _, ok := f.get(strictjson.Object, name)
	if !ok || len(n.Keys) == 0 {
		return nil
	}
	m := make(value.Map, len(n.Keys))
	for i, key := range n.Keys {
		where := strictjson.KeyPath(f.At(name), key)
		if err := CheckVariable(key); err != nil {
			f.problems.Add(where, "%s", message(err))
		}
		if v, ok := readValue(n.Items[i], where, f.problems); ok {
			m[key] = v
		}
	}
	return m
}

// Array returns the elements of an optional array field, and whether it is
// given.
func (f *Fields) Array(name string) ([]*strictjson.Node, bool) {
	n, _, ok := f.get(strictjson.Array, name)
	if !ok {
		return nil, false
	}
	return n.Items, true
}

// array is Array with a bound on the number of elements.
func (f *Fields) array(name string, most int) ([]*strictjson.Node, bool) {
	items, ok := f.Array(name)
	if len(items) > most {
		f.Problem(name, "%d elements, at most %d are allowed", len(items), most)
		return nil, false
	}
	return items, ok
}

// Object begins to read an object field; nil when there is none.
func (f *Fields) Object(name string) *Fields {
	n, _, ok := f.get(strictjson.Object, name)
	if !ok {
		return nil
	}
	return &Fields{problems: f.problems, node: n, path: f.At(name)}
}

// Paths returns an optional array of different strings that check has nothing
// against, in the order written.
func (f *Fields) Paths(name string, check func(string) error) []string {
	items, _ := f.array(name, maxPaths)
	var paths []string
	seen := map[string]bool{}
	for i, item := range items {
		where := strictjson.IndexPath(f.At(name), i)
		if item.Kind != strictjson.String {
			f.problems.Add(where, "expected a string, but this is %s", item.Kind)
		} else if err := check(item.Text); err != nil {
			f.problems.Add(where, "%s", message(err))
		} else if seen[item.Text] {
			f.problems.Add(where, "%s occurs twice", quoted(item.Text))
		} else {
			seen[item.Text] = true
			paths = append(paths, item.Text)
		}
	}
	return paths
}

// maxPaths bounds a list of paths.
const maxPaths = 1000

// Refuse reports a field that is known but must not be given here, and why.
func (f *Fields) Refuse(name, format string, args ...any) {
	if f.Has(name) {
		f.Problem(name, format, args...)
	}
}

// Done reports every field that wasn't asked for, with the nearest known name.
func (f *Fields) Done() {
	if f.node == nil {
		return
	}
	for _, key := range f.node.Keys {
		if slices.Contains(f.known, key) {
			continue
		}
		if f.problems.full() {
			f.problems.more++
			continue
		}
		f.Problem(key, "unknown field %s%s", quoted(key), didYouMean(key, f.known))
	}
}

// readValue returns the value of a node; problems are recorded.
func readValue(n *strictjson.Node, where string, problems *Problems) (value.Value, bool) {
	v, err := value.FromJSON(n)
	if err == nil {
		return v, true
	}
	e := fault.Of(err)
	for _, p := range e.Problems {
		problems.Add(where+strings.TrimPrefix(p.Where, "$"), "%s", p.Message)
	}
	if len(e.Problems) == 0 {
		problems.Add(where, "%s", message(err))
	}
	return nil, false
}

// CheckVariable tells what is wrong with the name of an order's variable: it
// has 1 to MaxName bytes and no control character. The error is Invalid, code
// InvalidName.
func CheckVariable(name string) error { return checkText("name of a variable", name) }

// message returns what users see of an error, in one line as far as possible.
func message(err error) string { return fault.Of(err).Public() }

// maxSeconds is 100 years.
const maxSeconds = 100 * 365.25 * 24 * 3600

// parseSeconds reads a JSON number as seconds, exactly to the nanosecond.
func parseSeconds(text string) (time.Duration, error) {
	invalid := func(why string) (time.Duration, error) {
		return 0, fault.New(fault.Invalid, "InvalidDuration", "%s is not a duration in seconds: %s", quoted(text), why)
	}
	seconds, err := value.ParseNumber(text)
	if err != nil {
		return invalid(message(err))
	}
	if seconds.Cmp(value.NewInt(maxSeconds)) > 0 || seconds.Cmp(value.NewInt(-maxSeconds)) < 0 {
		return invalid("it must not exceed 100 years (3155760000)")
	}
	nanos, err := seconds.Mul(value.NewInt(int64(time.Second)))
	if err != nil {
		return invalid(message(err))
	}
	ns, ok := nanos.Int64()
	if !ok {
		return invalid("at most 9 decimal places are allowed")
	}
	return time.Duration(ns), nil
}
