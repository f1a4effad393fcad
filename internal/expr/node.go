package expr

import "github.com/signet-scheduler/signet/internal/value"

// node is a part of a parsed expression. Nodes are immutable after parsing.
type node interface {
	at() pos
	children() []node
}

// pos is a byte offset in the source text, for messages.
type pos int

func (p pos) at() pos { return p }

// constant is a literal: a String, a Number, a Boolean or Missing.
type constant struct {
	pos
	value value.Value
}

// nameRef is $name.
type nameRef struct {
	pos
	name string
}

// symbolRef is a bare word.
type symbolRef struct {
	pos
	name string
}

// listLit is [a, b].
type listLit struct {
	pos
	items []node
}

// objectLit is {name: a}. Names are unique and in the order written.
type objectLit struct {
	pos
	names []string
	items []node
}

// interpolation is "text $name text": its parts are converted to strings and
// joined. Literal text is a constant String.
type interpolation struct {
	pos
	parts []node
}

// unary is !x or -x.
type unary struct {
	pos
	op string
	x  node
}

// binary is an operation on two values.
type binary struct {
	pos     // of the operator
	op      string
	a, b    node
	pattern *pattern // of matches, when b is a constant
}

// orElse is a ? b; with a nil b, "a ?".
type orElse struct {
	pos
	a, b node
}

// conditional is if cond then yes else no.
type conditional struct {
	pos
	cond, yes, no node
}

// fieldRef is x.name.
type fieldRef struct {
	pos
	x    node
	name string
}

// element is x(index).
type element struct {
	pos
	x, index node
}

// argument is one of a call's arguments as written; name is empty when it is
// given by position.
type argument struct {
	name string
	node node
}

// call is f(…). For a known function, bound holds the arguments by position of
// its parameters (nil where an optional one is absent).
type call struct {
	pos
	name    string
	args    []argument
	known   *function // nil: an unknown function, which fails when evaluated
	bound   []node
	suffix  bool     // written as x.name
	pattern *pattern // of replaceAll and match, when the regex is a constant
	format  *format  // of now and scheduledOrEmpty, when the format is a constant
}

// lookup is argument(name, default=…) or, with variable set,
// variable(name, label=…, job=…, default=…).
type lookup struct {
	pos
	variable   bool
	name       node
	label, job string
	otherwise  node // nil: no default
}

// resourceRef is JobResource:path:name; without name, all its variables.
type resourceRef struct {
	pos
	path, name string
}

func (constant) children() []node        { return nil }
func (nameRef) children() []node         { return nil }
func (symbolRef) children() []node       { return nil }
func (resourceRef) children() []node     { return nil }
func (n listLit) children() []node       { return n.items }
func (n objectLit) children() []node     { return n.items }
func (n interpolation) children() []node { return n.parts }
func (n unary) children() []node         { return []node{n.x} }
func (n binary) children() []node        { return []node{n.a, n.b} }
func (n conditional) children() []node   { return []node{n.cond, n.yes, n.no} }
func (n fieldRef) children() []node      { return []node{n.x} }
func (n element) children() []node       { return []node{n.x, n.index} }

func (n orElse) children() []node {
	if n.b == nil {
		return []node{n.a}
	}
	return []node{n.a, n.b}
}

func (n call) children() []node {
	nodes := make([]node, len(n.args))
	for i, a := range n.args {
		nodes[i] = a.node
	}
	return nodes
}

func (n lookup) children() []node {
	if n.otherwise == nil {
		return []node{n.name}
	}
	return []node{n.name, n.otherwise}
}
