package objectfile

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// line returns the line of the file where the value at a JSON path stands, or
// of the nearest value around it; 0 when the file can't be read.
func (o *Object) line(where string) int {
	if o.yaml != nil {
		return o.yaml.line(where)
	}
	n, err := strictjson.Parse(o.Bytes, workflow.DocumentLimits())
	if err != nil {
		return 0
	}
	line, _ := strictjson.LineCol(o.Bytes, descend(jsonTree{n}, where).n.Offset)
	return line
}

// tree is what JSON and YAML nodes have in common here.
type tree[T any] interface {
	// children calls yield with the path of each child, below path, until it
	// returns false.
	children(path string, yield func(childPath string, child T) bool)
}

// descend returns the node at a JSON path, or the last one on the way to it.
// Paths are compared as strictjson writes them, so that none needs parsing.
func descend[T tree[T]](node T, where string) T {
	path := "$"
	for found := true; found && path != where; {
		found = false
		node.children(path, func(childPath string, child T) bool {
			if rest, ok := strings.CutPrefix(where, childPath); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				node, path, found = child, childPath, true
				return false
			}
			return true
		})
	}
	return node
}

type jsonTree struct{ n *strictjson.Node }

func (t jsonTree) children(path string, yield func(string, jsonTree) bool) {
	for i, child := range t.n.Items {
		childPath := strictjson.IndexPath(path, i)
		if t.n.Kind == strictjson.Object {
			childPath = strictjson.KeyPath(path, t.n.Keys[i])
		}
		if !yield(childPath, jsonTree{child}) {
			return
		}
	}
}
