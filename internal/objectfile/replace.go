package objectfile

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Replace changes texts in a document as its author wrote it, JSON or YAML. Of
// each text only what differs is written anew; every other byte of the document
// stays: layout, comments, and the order of keys. The result is read again, and
// must be what the same changes make of the JSON form. The error is that of the
// reader, or Invalid, code CannotReplace, with the place.
func Replace(text []byte, isYAML bool, changes []inventory.Replacement) ([]byte, error) {
	if len(changes) == 0 {
		return text, nil
	}
	if !isYAML {
		return replaceJSON(text, changes)
	}
	document, converted, err := readYAML(text)
	if err != nil {
		return nil, err
	}
	want, err := replaceJSON(converted, changes)
	if err != nil {
		return nil, err
	}
	out, err := splice(text, changes, func(r inventory.Replacement) (edit, bool) { return yamlEdit(text, document.root, r) })
	if err != nil {
		return nil, err
	}
	if got, err := FromYAML(out); err != nil || string(got) != string(want) {
		return nil, cannotReplace(changes[0].Pointer)
	}
	return out, nil
}

func replaceJSON(text []byte, changes []inventory.Replacement) ([]byte, error) {
	root, err := strictjson.Parse(text, workflow.DocumentLimits())
	if err != nil {
		return nil, err
	}
	out, err := splice(text, changes, func(r inventory.Replacement) (edit, bool) { return jsonEdit(text, root, r) })
	if err != nil {
		return nil, err
	}
	again, err := strictjson.Parse(out, workflow.DocumentLimits())
	if err != nil {
		return nil, err
	}
	for _, r := range changes {
		if n := jsonAt(again, r.Pointer); n == nil || n.Text != r.New {
			return nil, cannotReplace(r.Pointer)
		}
	}
	return out, nil
}

func cannotReplace(pointer string) error {
	e := fault.New(fault.Invalid, "CannotReplace", "a text can't be changed without rewriting the document: change it by hand first")
	e.Problems = []fault.Problem{{Where: pointer, Message: "the text is written in a way that can't be changed in place"}}
	return e
}

// edit is a piece of a document that becomes another.
type edit struct {
	from, to int
	text     string
}

// splice makes edits, which come in the order of the document.
func splice(text []byte, changes []inventory.Replacement, find func(inventory.Replacement) (edit, bool)) ([]byte, error) {
	var out []byte
	at := 0
	for _, r := range changes {
		e, ok := find(r)
		if !ok || e.from < at {
			return nil, cannotReplace(r.Pointer)
		}
		out = append(append(out, text[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, text[at:]...), nil
}

// tokens splits a JSON pointer.
func tokens(pointer string) []string {
	all := strings.Split(pointer, "/")[1:]
	for i, t := range all {
		all[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(t)
	}
	return all
}

// jsonAt returns the node at a JSON pointer, or nil.
func jsonAt(n *strictjson.Node, pointer string) *strictjson.Node {
	if pointer == "" {
		return n
	}
	for _, t := range tokens(pointer) {
		switch n.Kind {
		case strictjson.Object:
			child, ok := n.Get(t)
			if !ok {
				return nil
			}
			n = child
		case strictjson.Array:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(n.Items) {
				return nil
			}
			n = n.Items[i]
		default:
			return nil
		}
	}
	return n
}

// differing returns how many bytes two texts have in common at the beginning and
// at the end, at limits of characters.
func differing(a, b string) (head, tail int) {
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	for head > 0 && (head < len(a) && !utf8.RuneStart(a[head]) || head < len(b) && !utf8.RuneStart(b[head])) {
		head--
	}
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for tail > 0 && !utf8.RuneStart(a[len(a)-tail]) {
		tail--
	}
	return head, tail
}

func jsonEdit(text []byte, root *strictjson.Node, r inventory.Replacement) (edit, bool) {
	n := jsonAt(root, r.Pointer)
	if n == nil || n.Kind != strictjson.String || n.Text != r.Old {
		return edit{}, false
	}
	head, tail := differing(r.Old, r.New)
	from := rawOffset(text, n.Offset+1, head)
	to := rawOffset(text, from, len(r.Old)-head-tail)
	quoted := value.AppendJSON(nil, value.String(r.New[head:len(r.New)-tail]))
	return edit{from, to, string(quoted[1 : len(quoted)-1])}, true
}

// rawOffset returns where so many decoded bytes of a JSON string have been
// written, from an offset within it on.
func rawOffset(text []byte, at, decoded int) int {
	for decoded > 0 {
		switch {
		case text[at] != '\\':
			at++
			decoded--
		case text[at+1] != 'u':
			at += 2
			decoded--
		default:
			char, _ := strconv.ParseUint(string(text[at+2:at+6]), 16, 32)
			size := utf8.RuneLen(rune(char))
			at += 6
			if size < 0 { // a surrogate, with its other half
				size = 4
				at += 6
			}
			decoded -= size
		}
	}
	return at
}

// yamlAt returns the node at a JSON pointer, or nil.
func yamlAt(n *yaml.Node, pointer string) *yaml.Node {
	if pointer == "" {
		return n
	}
	for _, t := range tokens(pointer) {
		var child *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == t {
					child = n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(t); err == nil && i >= 0 && i < len(n.Content) {
				child = n.Content[i]
			}
		default:
		}
		if child == nil {
			return nil
		}
		n = child
	}
	return n
}

// yamlEdit finds a text that is written in one line as it is, with or without
// quotes around it.
func yamlEdit(text []byte, root *yaml.Node, r inventory.Replacement) (edit, bool) {
	n := yamlAt(root, r.Pointer)
	if n == nil || n.Kind != yaml.ScalarNode || n.Value != r.Old {
		return edit{}, false
	}
	c := cursor{data: text, line: 1, col: 1}
	c.at(n.Line, n.Column)
	from := c.offset
	if from < len(text) && (text[from] == '"' || text[from] == '\'') {
		from++
	}
	if !strings.HasPrefix(string(text[from:min(len(text), from+len(r.Old))]), r.Old) {
		return edit{}, false
	}
	head, tail := differing(r.Old, r.New)
	return edit{from + head, from + len(r.Old) - tail, r.New[head : len(r.New)-tail]}, true
}
