package objectfile

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signet-scheduler/signet/internal/inventory"
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
	found, _ := descendTo(pointedJSON{n}, where)
	line, _ := strictjson.LineCol(o.Bytes, found.n.Offset)
	return line
}

// descendTo returns the node at a JSON path, or the last one on the way to it, and
// its JSON pointer. Paths are compared as strictjson writes them, so that none
// needs parsing.
func descendTo[T pointed[T]](node T, where string) (found T, pointer string) {
	path := "$"
	for going := true; going && path != where; {
		going = false
		node.members(path, func(token, childPath string, child T) bool {
			if rest, ok := strings.CutPrefix(where, childPath); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				node, path, going = child, childPath, true
				pointer += "/" + inventory.EscapePointer(token)
				return false
			}
			return true
		})
	}
	return node, pointer
}

type pointedJSON struct{ n *strictjson.Node }

func (t pointedJSON) members(path string, yield func(token, childPath string, child pointedJSON) bool) {
	for i, child := range t.n.Items {
		token, childPath := strconv.Itoa(i), strictjson.IndexPath(path, i)
		if t.n.Kind == strictjson.Object {
			token, childPath = t.n.Keys[i], strictjson.KeyPath(path, t.n.Keys[i])
		}
		if !yield(token, childPath, pointedJSON{child}) {
			return
		}
	}
}

type pointedYAML struct{ n *yaml.Node }

func (t pointedYAML) members(path string, yield func(token, childPath string, child pointedYAML) bool) {
	switch t.n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(t.n.Content); i += 2 {
			if !yield(t.n.Content[i].Value, strictjson.KeyPath(path, t.n.Content[i].Value), pointedYAML{t.n.Content[i+1]}) {
				return
			}
		}
	case yaml.SequenceNode:
		for i, child := range t.n.Content {
			if !yield(strconv.Itoa(i), strictjson.IndexPath(path, i), pointedYAML{child}) {
				return
			}
		}
	default:
	}
}
