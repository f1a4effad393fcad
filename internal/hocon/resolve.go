package hocon

import (
	"slices"
	"strings"
)

// maxEvaluations bounds substitutions that lead to substitutions.
const maxEvaluations = 4096

// resolver evaluates nodes. DESIGN.md tells the model; the numbers in comments
// are its rules.
type resolver struct {
	roots  []*node // newest first
	lookup func(name string) (string, bool)
	budget *budget

	// active are the references and concatenations that are being evaluated or
	// followed, the innermost last; isActive counts them.
	active   []*node
	isActive map[*node]int
	cycle    bool // something was left out because it is active
	depth    int  // of the value that is made
	nested   int  // evaluations in each other
}

// resolve returns the whole tree.
func (r *resolver) resolve() (*Value, error) {
	return r.evalLayers(r.roots)
}

// evalLayers returns the value of layers, newest first; nil if they are
// undefined (rule 1).
func (r *resolver) evalLayers(nodes []*node) (*Value, error) {
	var objects []*node // newest first; they are to be merged
	var passed *node    // a required reference to the rest of nodes
	mustMerge := false
	for i, n := range nodes {
		switch n.kind {
		case objectNode:
			objects, passed = append(objects, n), nil
			continue
		case refNode:
			same, err := r.isRest(n, nodes[i+1:])
			if err != nil {
				return nil, err
			}
			if same { // it stands for what follows anyway (rule 5)
				mustMerge = mustMerge || n.mustMerge
				if !n.ref.optional {
					passed = n
				}
				continue
			}
		}
		v, err := r.evalActive(n)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		passed = nil
		if v.kind != Object {
			if n.mustMerge || mustMerge {
				return nil, mixed(n.pos)
			}
			if len(objects) > 0 {
				break
			}
			return v, nil
		}
		objects = append(objects, resolved(v))
	}
	if passed != nil {
		return nil, r.undefined(passed, true)
	}
	if len(objects) == 0 {
		return nil, nil
	}
	return r.mergeObjects(objects)
}

// mergeObjects makes one object of object layers, newest first.
func (r *resolver) mergeObjects(objects []*node) (*Value, error) {
	if len(objects) == 1 && objects[0].value != nil {
		return objects[0].value, nil
	}
	out := &Value{kind: Object, pos: objects[0].pos, fields: map[string]field{}}
	if r.depth++; r.depth > MaxDepth {
		return nil, tooLarge(out.pos, "objects and lists are nested more than %d deep", MaxDepth)
	}
	defer func() { r.depth-- }()
	type entry struct {
		nodes []*node
		pos   Pos
	}
	entries := map[string]*entry{}
	var keys []string
	add := func(key string, pos Pos, nodes ...*node) {
		e := entries[key]
		if e == nil {
			e = &entry{}
			entries[key] = e
			keys = append(keys, key)
		}
		e.nodes = append(e.nodes, nodes...) // oldest first, turned below
		e.pos = pos
	}
	for _, n := range slices.Backward(objects) {
		if n.value != nil {
			for _, key := range n.value.keys {
				f := n.value.fields[key]
				add(key, f.pos, resolved(f.value))
			}
			continue
		}
		for _, key := range n.object.keys {
			l := n.object.fields[key]
			add(key, l.pos, l.nodes...)
		}
	}
	for _, key := range keys {
		e := entries[key]
		if err := r.budget.spend(1+len(e.nodes)/32, e.pos); err != nil {
			return nil, err
		}
		slices.Reverse(e.nodes)
		v, err := r.evalLayers(e.nodes)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out.set(key, field{value: v, pos: e.pos})
		}
	}
	return out, nil
}

// evalActive evaluates n, which looks back meanwhile when it refers to itself
// (rule 3).
func (r *resolver) evalActive(n *node) (*Value, error) {
	if n.kind == refNode || n.kind == concatNode {
		if n.kind == refNode && r.isActive[n] > 0 {
			return nil, r.undefined(n, true)
		}
		defer r.activate(n)()
	}
	if r.nested++; r.nested > maxEvaluations {
		return nil, tooLarge(n.pos, "substitutions lead to substitutions more than %d times", maxEvaluations)
	}
	defer func() { r.nested-- }()
	if err := r.budget.spend(1, n.pos); err != nil {
		return nil, err
	}
	return r.eval(n)
}

// activate makes n active until the function it returns is called.
func (r *resolver) activate(n *node) (end func()) {
	r.active = append(r.active, n)
	r.isActive[n]++
	return func() {
		r.active = r.active[:len(r.active)-1]
		if r.isActive[n]--; r.isActive[n] == 0 {
			delete(r.isActive, n)
		}
	}
}

// eval evaluates a node that is no layer by itself; nil is undefined.
func (r *resolver) eval(n *node) (*Value, error) {
	switch n.kind {
	case scalarNode:
		return n.value, nil
	case objectNode:
		return r.evalLayers([]*node{n})
	case stackNode:
		newestFirst := slices.Clone(n.parts)
		slices.Reverse(newestFirst)
		return r.evalLayers(newestFirst)
	case arrayNode:
		return r.evalList(n)
	case refNode:
		return r.evalRef(n)
	default:
		return r.evalConcat(n)
	}
}

func (r *resolver) evalList(n *node) (*Value, error) {
	if r.depth++; r.depth > MaxDepth {
		return nil, tooLarge(n.pos, "objects and lists are nested more than %d deep", MaxDepth)
	}
	defer func() { r.depth-- }()
	out := &Value{kind: Array, pos: n.pos, items: make([]*Value, 0, len(n.parts))}
	for _, part := range n.parts {
		v, err := r.evalActive(part)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out.items = append(out.items, v)
		}
	}
	return out, nil
}

// evalRef returns what a reference stands for: the value at its path, or what
// the caller's Lookup knows.
func (r *resolver) evalRef(n *node) (*Value, error) {
	outer := r.cycle
	r.cycle = false
	defer func() { r.cycle = r.cycle || outer }()
	found, err := r.find(n)
	if err != nil {
		return nil, err
	}
	for _, nodes := range found {
		v, err := r.evalLayers(nodes)
		if err != nil || v != nil {
			return v, err
		}
	}
	if v := r.external(n); v != nil {
		return v, nil
	}
	if n.ref.optional {
		return nil, nil
	}
	return nil, r.undefined(n, r.cycle)
}

// external returns what the caller's Lookup has for a reference.
func (r *resolver) external(n *node) *Value {
	if r.lookup == nil {
		return nil
	}
	text, ok := r.lookup(strings.Join(n.ref.path[n.ref.prefix:], "."))
	if !ok {
		return nil
	}
	return &Value{kind: String, text: text, pos: n.pos}
}

// undefined returns the error of a reference to nothing; nil error for an
// optional one in a circle.
func (r *resolver) undefined(n *node, cycle bool) error {
	path := strings.Join(n.ref.path[n.ref.prefix:], ".")
	if !cycle {
		return invalid(n.pos, "nothing is defined that ${%s} could stand for", path)
	}
	r.cycle = true
	if n.ref.optional {
		return nil
	}
	return invalid(n.pos, "${%s} leads back to itself", path)
}

// evalConcat joins the values of its parts (rule 6).
func (r *resolver) evalConcat(n *node) (*Value, error) {
	var joined *Value
	joinedBlank := false
	for _, part := range n.parts {
		v, err := r.evalActive(part)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		switch {
		case joined == nil:
			joined, joinedBlank = v, part.blank
		case isContainer(joined) && part.blank:
		case joinedBlank && isContainer(v):
			joined, joinedBlank = v, false
		case joined.kind == Array && v.kind == Array:
			items := append(slices.Clip(joined.items), v.items...)
			if err := r.budget.spend(len(items)/32, n.pos); err != nil {
				return nil, err
			}
			joined = &Value{kind: Array, pos: joined.pos, items: items}
		case joined.kind == Object && v.kind == Object:
			if joined, err = r.mergeValues(v, joined); err != nil {
				return nil, err
			}
		case isContainer(joined) || isContainer(v):
			return nil, mixed(n.pos)
		default:
			text := joined.text + v.text
			if err := r.budget.spend(len(text)/64, n.pos); err != nil {
				return nil, err
			}
			joined, joinedBlank = &Value{kind: String, pos: joined.pos, text: text}, false
		}
	}
	return joined, nil
}

// mergeValues is Merge with its work counted.
func (r *resolver) mergeValues(over, under *Value) (*Value, error) {
	return r.mergeObjects([]*node{resolved(over), resolved(under)})
}

func isContainer(v *Value) bool { return v.kind == Array || v.kind == Object }
