package hocon

// nodeKind is the type of an unresolved node.
type nodeKind uint8

const (
	scalarNode nodeKind = iota // value holds it; while resolving, it may be an object or list too
	objectNode                 // object
	arrayNode                  // parts are the elements
	refNode                    // ref
	concatNode                 // parts side by side, types known only when resolved
	stackNode                  // parts merged as objects, lowest first: "${a} {b: 1}"
)

// node is an unresolved value. It is not changed once parsing is over; its
// address is its identity while substitutions are resolved.
type node struct {
	kind   nodeKind
	pos    Pos
	value  *Value
	object *object
	parts  []*node
	ref    *reference

	blank bool // a scalar that is white space between the parts of a concatenation
	// mustMerge marks a reference or concatenation beside an object literal:
	// if it is there at all, it must be an object.
	mustMerge bool
}

// object is an unresolved object.
type object struct {
	keys   []string
	fields map[string]*layers
}

// layers is all that was assigned to one key, oldest first; later ones are
// over earlier ones.
type layers struct {
	nodes []*node
	pos   Pos // of the newest key
}

// reference is ${path} or ${?path}. The first prefix elements of path were
// added because the text was included below them: the path is looked up with
// and, if that is undefined, without them.
type reference struct {
	path     []string
	prefix   int
	optional bool
}

// resolved returns a node of a resolved value, as a layer among others.
func resolved(v *Value) *node { return &node{kind: scalarNode, pos: v.pos, value: v} }

// hides tells whether nothing below n can be seen, whatever substitutions
// resolve to.
func (n *node) hides() bool { return n.kind == scalarNode || n.kind == arrayNode }

// assign puts n over what key has.
func (o *object) assign(key string, n *node, pos Pos) {
	l := o.fields[key]
	if l == nil {
		l = &layers{}
		o.fields[key] = l
		o.keys = append(o.keys, key)
	}
	l.pos = pos
	if n.kind == scalarNode {
		// What is below can't be seen, not even by a substitution in n. An
		// array may hold one: it is left to the resolver to refuse a cycle.
		l.nodes = l.nodes[:0]
	}
	if n.kind == stackNode {
		l.nodes = append(l.nodes, n.parts...)
		return
	}
	l.nodes = append(l.nodes, n)
}
