package cockpit

import (
	"encoding/json"
	"math"
	"mime"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// decode reads a request's body. It knows each field of T by its exact name;
// others, missing and repeated ones are refused with their places.
func decode[T any](k *call) (v T, err error) {
	// Only what a page of another site can't send without asking first.
	if t, _, err := mime.ParseMediaType(k.r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return v, fault.New(fault.Invalid, "NotJson", "the body has to be of Content-Type application/json")
	}
	data, err := transport.ReadBody(k.r)
	if err != nil {
		return v, err
	}
	n, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: int(k.route.maxBody), MaxNodes: 1_000_000})
	if err != nil {
		return v, err
	}
	var problems []fault.Problem
	checkShape(n, reflect.TypeFor[T](), "$", &problems)
	if len(problems) > 0 {
		return v, &fault.Error{Kind: fault.Invalid, Code: "InvalidRequest", Message: "the request is not understood", Problems: problems}
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fault.Wrap(fault.Invalid, "InvalidRequest", err, "the request is not understood")
	}
	return v, k.explained(n)
}

// Bounds of what explains a change, beside its reason.
const (
	maxTicket    = 200       // bytes
	maxTimeSpent = 1_000_000 // minutes
)

// explained notes what a body that was found good says for the audit trail: the
// fields of Explanation, which many bodies have.
func (k *call) explained(n *strictjson.Node) error {
	if ticket, ok := n.Get("ticket"); ok {
		if k.ticket = ticket.Text; len(k.ticket) > maxTicket {
			return fault.New(fault.TooLarge, "TicketTooLong", "the ticket has more than %d bytes", maxTicket)
		}
	}
	if spent, ok := n.Get("timeSpent"); ok {
		minutes, err := spent.Int()
		if err != nil || minutes < 0 || minutes > maxTimeSpent {
			return fault.New(fault.Invalid, "InvalidRequest", "timeSpent has to be minutes, at most %d", maxTimeSpent)
		}
		k.timeSpent = minutes
	}
	return nil
}

const maxShapeProblems = 50

// checkShape compares JSON with the type it is to become: a generated one, whose
// optional fields are those with "omitempty".
func checkShape(n *strictjson.Node, t reflect.Type, where string, problems *[]fault.Problem) {
	if len(*problems) >= maxShapeProblems || t == reflect.TypeFor[json.RawMessage]() {
		return
	}
	report := func(where, message string) {
		*problems = append(*problems, fault.Problem{Where: where, Message: message})
	}
	want := func(k strictjson.Kind) bool {
		if n.Kind != k {
			report(where, "expected "+k.String()+", found "+n.Kind.String())
		}
		return n.Kind == k
	}
	switch t.Kind() {
	case reflect.Pointer:
		checkShape(n, t.Elem(), where, problems)
	case reflect.String:
		want(strictjson.String)
	case reflect.Bool:
		want(strictjson.Bool)
	case reflect.Int, reflect.Int64:
		if want(strictjson.Number) {
			if _, err := n.Int(); err != nil {
				report(where, "expected an integer")
			}
		}
	case reflect.Slice:
		if want(strictjson.Array) {
			for i, e := range n.Items {
				checkShape(e, t.Elem(), strictjson.IndexPath(where, i), problems)
			}
		}
	case reflect.Map:
		if want(strictjson.Object) {
			for i, key := range n.Keys {
				checkShape(n.Items[i], t.Elem(), strictjson.KeyPath(where, key), problems)
			}
		}
	case reflect.Struct:
		if want(strictjson.Object) {
			checkFields(n, t, where, problems, report)
		}
	default:
		report(where, "this can't be given")
	}
}

func checkFields(n *strictjson.Node, t reflect.Type, where string, problems *[]fault.Problem, report func(where, message string)) {
	known := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = field.Type
		if _, given := n.Get(name); !given && !strings.Contains(options, "omitempty") {
			report(strictjson.KeyPath(where, name), "the field is missing")
		}
	}
	for i, key := range n.Keys {
		ft, ok := known[key]
		if !ok {
			report(strictjson.KeyPath(where, key), "there is no such field here")
			continue
		}
		checkShape(n.Items[i], ft, strictjson.KeyPath(where, key), problems)
	}
}

// position reads a place in a workflow.
func position(raw json.RawMessage, where string) (p workflow.Position, err error) {
	n, err := strictjson.Parse(raw, strictjson.Limits{})
	if err == nil {
		p, err = workflow.ParsePosition(n)
	}
	if err != nil {
		f := fault.New(fault.Invalid, "InvalidRequest", "the request is not understood")
		f.Problems = []fault.Problem{{Where: where, Message: fault.Of(err).Public()}}
		return p, f
	}
	return p, nil
}

// optionalPosition reads a position that may be left out.
func optionalPosition(raw json.RawMessage, where string) (*workflow.Position, error) {
	if len(raw) == 0 {
		return nil, nil // left out
	}
	p, err := position(raw, where)
	return &p, err
}

// positions reads a list of positions.
func positions(raw []json.RawMessage, where string) ([]workflow.Position, error) {
	var all []workflow.Position
	for i, r := range raw {
		p, err := position(r, strictjson.IndexPath(where, i))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// query is a request's query, each parameter known and given once.
type query struct {
	values url.Values
	err    error
}

// query reads the parameters of the route; others are refused, as a mistyped
// filter would give too much.
func (k *call) query(known ...string) *query {
	values, err := url.ParseQuery(k.r.URL.RawQuery)
	if err != nil {
		return &query{err: fault.New(fault.Invalid, "InvalidQuery", "the query can't be read")}
	}
	for name, v := range values {
		ok := false
		for _, n := range known {
			ok = ok || n == name
		}
		if !ok {
			return &query{err: fault.New(fault.Invalid, "InvalidQuery", "there is no parameter %q here; there are: %s", clip(name), strings.Join(known, ", "))}
		}
		if len(v) > 1 {
			return &query{err: fault.New(fault.Invalid, "InvalidQuery", "the parameter %s is given twice", name)}
		}
	}
	return &query{values: values}
}

func clip(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) fail(name, want string) {
	if q.err == nil {
		q.err = fault.New(fault.Invalid, "InvalidQuery", "the parameter %s has to be %s", name, want)
	}
}

func (q *query) flag(name string) bool {
	switch q.values.Get(name) {
	case "", "false":
		return false
	case "true":
		return true
	}
	q.fail(name, "true or false")
	return false
}

// number reads an integer from least to most.
func (q *query) number(name string, absent, least, most int64) int64 {
	text := q.values.Get(name)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		want := "a number of at least " + strconv.FormatInt(least, 10)
		if most != math.MaxInt64 {
			want = "a number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10)
		}
		q.fail(name, want)
		return absent
	}
	return n
}

// Page sizes.
const (
	pageSize    = 1000
	maxPageSize = 10_000
)

func (q *query) limit() int { return int(q.number("limit", pageSize, 1, maxPageSize)) }
