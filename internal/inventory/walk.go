package inventory

import (
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/strictjson"
)

// role tells what the keys of an object mean.
type role int

const (
	fields      role = iota // names of fields
	jobs                    // names of jobs, each with its fields
	expressions             // names chosen by the author, each with an expression
	parameters              // names chosen by the author, each with the fields of a parameter
	constants               // values: nothing in them means anything here
)

// roles are the fields whose objects have names of the author's choice as keys.
var roles = map[string]role{
	"jobs": jobs, "env": expressions, "defaultArguments": expressions, "arguments": expressions, "result": expressions, "variables": expressions,
	"parameters": parameters, "namedValues": constants, "type": constants, "enum": constants,
}

// expressionFields are the fields that hold an expression.
var expressionFields = map[string]bool{
	"predicate": true, "duration": true, "children": true, "childToId": true, "childToArguments": true, "default": true, "final": true,
}

// spot is a value of a document and where it stands.
type spot struct {
	pointer    string // RFC 6901
	field      string // the field that it is the value of, or an element of
	name       string // the author's name that it belongs to, in a map
	job        string // the name of the job around it
	expression bool
	node       *strictjson.Node
}

// walk calls visit with every text of a document and, as a spot without node,
// with every name that an author chose, in the order of the document.
func walk(root *strictjson.Node, visit func(spot)) {
	if root != nil && root.Kind == strictjson.Object {
		walkValue(spot{node: root}, fields, visit)
	}
}

func walkValue(s spot, r role, visit func(spot)) {
	n := s.node
	switch n.Kind {
	case strictjson.String:
		visit(s)
	case strictjson.Array:
		for i, child := range n.Items {
			c := s
			c.pointer += "/" + strconv.Itoa(i)
			c.node = child
			walkValue(c, r, visit)
		}
	case strictjson.Object:
		for i, key := range n.Keys {
			walkMember(s, r, key, n.Items[i], visit)
		}
	case strictjson.Null, strictjson.Bool, strictjson.Number:
	}
}

func walkMember(s spot, r role, key string, child *strictjson.Node, visit func(spot)) {
	c := s
	c.pointer += "/" + EscapePointer(key)
	c.node = child
	switch r {
	case fields:
		c.field, c.name = key, ""
		c.expression = expressionFields[key] || key == "message" && typeOf(s.node) == "Fail"
		walkValue(c, roles[key], visit)
	case jobs:
		c.field, c.job = "job", key
		visit(spot{pointer: c.pointer, field: "job", job: key, name: key})
		walkValue(c, fields, visit)
	case expressions:
		c.name, c.expression = key, true
		visit(spot{pointer: c.pointer, field: c.field, job: c.job, name: key})
		walkValue(c, constants, visit)
	case parameters:
		c.field, c.name = "parameters", key
		visit(spot{pointer: c.pointer, field: c.field, name: key})
		walkValue(c, fields, visit)
	case constants:
		walkValue(c, constants, visit)
	}
}

func typeOf(n *strictjson.Node) string {
	if t, ok := n.Get("TYPE"); ok && t.Kind == strictjson.String {
		return t.Text
	}
	return ""
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// EscapePointer writes a key as a token of a JSON pointer.
func EscapePointer(key string) string { return pointerEscapes.Replace(key) }
