package hocon

import (
	"slices"
	"strings"
)

// join makes one node of the parts of a value, as far as that can be done
// before substitutions are resolved.
func (p *parser) join(parts []*node) (*node, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	var refs, objects, lists bool
	for _, part := range parts {
		refs = refs || part.kind == refNode
		objects = objects || part.kind == objectNode
		lists = lists || part.kind == arrayNode
	}
	if objects || lists {
		parts = slices.DeleteFunc(parts, func(n *node) bool { return n.blank })
	}
	for _, part := range parts {
		scalars := part.kind == scalarNode
		if objects && (scalars || part.kind == arrayNode) || lists && scalars {
			return nil, mixed(part.pos)
		}
	}
	switch {
	case objects:
		for _, part := range parts {
			part.mustMerge = true
		}
		return &node{kind: stackNode, pos: parts[0].pos, parts: parts}, nil
	case refs:
		return &node{kind: concatNode, pos: parts[0].pos, parts: parts}, nil
	case lists:
		n := &node{kind: arrayNode, pos: parts[0].pos}
		for _, part := range parts {
			n.parts = append(n.parts, part.parts...)
		}
		return n, nil
	}
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(part.value.text)
	}
	return scalar(String, text.String(), parts[0].pos), nil
}

// mixed returns the error of values that can't stand side by side.
func mixed(pos Pos) error {
	return invalid(pos, "a list, an object and a text can't be joined into one value; is a comma missing?")
}
