package objectfile

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// ToYAML converts a JSON document to YAML for authoring: keys in the order
// written, numbers with their digits, texts of several lines as blocks. FromYAML
// of the result gives the same values; that is made sure of. The error is that
// of strictjson.Parse, or Internal.
func ToYAML(document []byte) ([]byte, error) {
	n, err := strictjson.Parse(document, workflow.DocumentLimits())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(yamlNode(n)); err != nil {
		return nil, fault.Wrap(fault.Internal, "EncodingFailed", err, "the document can't be written as YAML")
	}
	if err := e.Close(); err != nil {
		return nil, fault.Wrap(fault.Internal, "EncodingFailed", err, "the document can't be written as YAML")
	}
	back, err := FromYAML(b.Bytes())
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "CannotConvert", err, "the document holds a text that YAML can't say in one way only")
	}
	again, err := strictjson.Parse(back, workflow.DocumentLimits())
	if err != nil || !sameValues(n, again) {
		return nil, fault.Wrap(fault.Invalid, "CannotConvert", err, "the document holds a text that YAML can't say in one way only")
	}
	return b.Bytes(), nil
}

func yamlNode(n *strictjson.Node) *yaml.Node {
	switch n.Kind {
	case strictjson.Object:
		m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for i, key := range n.Keys {
			m.Content = append(m.Content, yamlText(key), yamlNode(n.Items[i]))
		}
		return m
	case strictjson.Array:
		s := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, child := range n.Items {
			s.Content = append(s.Content, yamlNode(child))
		}
		return s
	case strictjson.String:
		return yamlText(n.Text)
	case strictjson.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
	case strictjson.Bool:
		if n.Bool {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"}
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "false"}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

// yamlText writes a text so that it is a text to every reader.
func yamlText(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case strings.ContainsAny(s, "\n") && !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\n") && !strings.Contains(s, "\t") && strings.TrimSpace(s) != "":
		n.Style = yaml.LiteralStyle
	case !plainWord(s):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// plainWord tells whether a text may stand without quotes: a word that is nothing
// else to any reader.
func plainWord(s string) bool {
	if s == "" || !isString(&yaml.Node{Value: s}) {
		return false
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && !strings.ContainsRune("-./$", rune(c))) {
			return false
		}
	}
	return true
}

// sameValues tells whether two documents say the same, keys in the same order.
func sameValues(a, b *strictjson.Node) bool {
	if a.Kind != b.Kind || a.Text != b.Text || a.Bool != b.Bool || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Items {
		if a.Kind == strictjson.Object && a.Keys[i] != b.Keys[i] || !sameValues(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

// ToJSON converts a YAML document to JSON for authoring: indented, keys in the
// order written. lossy tells whether the document has comments, which JSON has no
// place for. The error is that of FromYAML.
func ToJSON(text []byte) (document []byte, lossy bool, err error) {
	tree, compact, err := readYAML(text)
	if err != nil {
		return nil, false, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, false, fault.Wrap(fault.Internal, "EncodingFailed", err, "the document can't be written as JSON")
	}
	b.WriteByte('\n')
	return b.Bytes(), hasComments(tree.root), nil
}

func hasComments(n *yaml.Node) bool {
	return n.HeadComment != "" || n.LineComment != "" || n.FootComment != "" || slices.ContainsFunc(n.Content, hasComments)
}
