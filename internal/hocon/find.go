package hocon

import "slices"

// find returns the layers that a reference points to, newest first, without
// evaluating them: those at its path and, for one in an included text, those
// at its path without the include's prefix (rule 4).
func (r *resolver) find(n *node) ([][]*node, error) {
	var found [][]*node
	for _, path := range candidates(n.ref) {
		nodes, err := r.findPath(path, n.pos)
		if err != nil {
			return nil, err
		}
		if len(nodes) > 0 {
			found = append(found, nodes)
		}
	}
	return found, nil
}

func candidates(ref *reference) [][]string {
	if ref.prefix == 0 {
		return [][]string{ref.path}
	}
	return [][]string{ref.path, ref.path[ref.prefix:]}
}

// findPath goes down from the root.
func (r *resolver) findPath(path []string, pos Pos) ([]*node, error) {
	nodes := r.roots
	for _, key := range path {
		below, _, err := r.below(nodes, key, pos)
		if err != nil {
			return nil, err
		}
		if nodes, err = r.lookBack(below, pos); err != nil || len(nodes) == 0 {
			return nil, err
		}
	}
	return nodes, nil
}

// lookBack leaves out what is being evaluated, and all over it (rule 3).
func (r *resolver) lookBack(nodes []*node, pos Pos) ([]*node, error) {
	for i, n := range slices.Backward(nodes) {
		if r.isActive[n] == 0 {
			continue
		}
		r.cycle = true
		rest := nodes[i+1:]
		if len(rest) > 0 && !r.isInnermost(n) {
			return nil, invalid(pos, "this substitution leads back to itself over another key")
		}
		return rest, nil
	}
	return nodes, nil
}

// isInnermost tells whether n is the reference that is followed just now, or
// the concatenation with it.
func (r *resolver) isInnermost(n *node) bool {
	last := len(r.active) - 1
	return r.active[last] == n || last > 0 && r.active[last-1] == n && n.kind == concatNode
}

// below returns the layers of key in nodes, both newest first. hidden tells
// that nothing below these nodes can be seen.
func (r *resolver) below(nodes []*node, key string, pos Pos) (out []*node, hidden bool, err error) {
	if err := r.budget.spend(1+len(nodes)/32, pos); err != nil {
		return nil, false, err
	}
	for _, n := range nodes {
		hidden := false
		switch {
		case n.kind == objectNode:
			if l := n.object.fields[key]; l != nil {
				if err := r.budget.spend(len(l.nodes)/32, pos); err != nil {
					return nil, false, err
				}
				for _, layer := range slices.Backward(l.nodes) {
					out = append(out, layer)
				}
			}
		case n.kind == refNode:
			var inner []*node
			inner, hidden, err = r.belowRef(n, key)
			out = append(out, inner...)
		case n.hides():
			hidden = n.value == nil || n.value.kind != Object
			out = appendField(out, n.value, key)
		default:
			var v *Value
			if v, err = r.evalActive(n); err == nil && v != nil {
				hidden = v.kind != Object
				out = appendField(out, v, key)
			}
		}
		if err != nil {
			return nil, false, err
		}
		if hidden || len(out) > 0 && out[len(out)-1].kind == scalarNode && out[len(out)-1].value.kind != Object {
			return out, true, nil
		}
	}
	return out, false, nil
}

// belowRef is below of what a reference stands for. The reference is active
// only while it is followed, not while what was found is evaluated.
func (r *resolver) belowRef(n *node, key string) (out []*node, hidden bool, err error) {
	defer r.activate(n)()
	if r.nested++; r.nested > maxEvaluations {
		return nil, false, tooLarge(n.pos, "substitutions lead to substitutions more than %d times", maxEvaluations)
	}
	defer func() { r.nested-- }()
	outer := r.cycle
	r.cycle = false
	defer func() { r.cycle = r.cycle || outer }()
	found, err := r.find(n)
	if err != nil {
		return nil, false, err
	}
	if len(found) > 0 {
		return r.below(found[0], key, n.pos)
	}
	if n.ref.optional {
		return nil, false, nil
	}
	if r.external(n) != nil {
		return nil, true, nil
	}
	return nil, false, r.undefined(n, r.cycle)
}

// appendField appends the value of key in v, if v is an object that has it.
func appendField(out []*node, v *Value, key string) []*node {
	if f, ok := v.Get(key); ok {
		return append(out, resolved(f))
	}
	return out
}

// isRest tells whether a reference points to just the layers below itself, as
// in  a = ${a} {...}  (rule 5).
func (r *resolver) isRest(n *node, rest []*node) (bool, error) {
	if r.isActive[n] > 0 || len(rest) == 0 {
		return false, nil
	}
	defer r.activate(n)()
	cycle := r.cycle
	defer func() { r.cycle = cycle }()
	found, err := r.find(n)
	if err != nil || len(found) != 1 {
		return false, err
	}
	return slices.Equal(found[0], rest), nil
}
