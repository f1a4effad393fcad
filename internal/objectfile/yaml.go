package objectfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// maxNodes bounds the values of a YAML document, keys included.
const maxNodes = 2 * strictjson.DefaultMaxNodes

// maxYAMLProblems is how many problems of one document are reported.
const maxYAMLProblems = 100

// FromYAML converts a YAML document to JSON, without white space and with the
// keys in the order written. It takes YAML for JSON with another surface:
// mappings with string keys, sequences, and scalars of the core schema. What
// has another meaning in another version of YAML or to another reader is
// refused: anchors, aliases, tags, merge keys, directives, several documents,
// duplicate keys, numbers that aren't decimal or begin with 0, .inf and .nan.
// Numbers keep their digits. The error is Invalid, code InvalidYaml, or
// TooLarge, code DocumentTooLarge; places are "line:column path".
func FromYAML(data []byte) ([]byte, error) {
	_, document, err := readYAML(data)
	return document, err
}

// yamlDocument keeps the tree of a document, for the lines of its values.
type yamlDocument struct{ root *yaml.Node }

func (d *yamlDocument) line(where string) int {
	found, _ := descendTo(pointedYAML{d.root}, where)
	return found.n.Line
}

func readYAML(data []byte) (*yamlDocument, []byte, error) {
	if len(data) > MaxDocument {
		return nil, nil, fault.New(fault.TooLarge, "DocumentTooLarge", "the YAML document has %d bytes, at most %d are allowed", len(data), MaxDocument)
	}
	if p := checkText(data); p != nil {
		return nil, nil, invalidYAML([]fault.Problem{*p})
	}
	root, err := decodeYAML(data)
	if err != nil {
		return nil, nil, err
	}
	c := &yamlConverter{source: cursor{data: data, line: 1, col: 1}}
	c.value(root, "$", 0)
	if len(c.problems) > 0 {
		return nil, nil, invalidYAML(c.problems)
	}
	return &yamlDocument{root}, c.out, nil
}

func invalidYAML(problems []fault.Problem) error {
	e := fault.New(fault.Invalid, "InvalidYaml", "the YAML document can't be used")
	e.Problems = problems
	return e
}

// checkText refuses what readers of YAML decode or count differently.
func checkText(data []byte) *fault.Problem {
	at := func(offset int, message string) *fault.Problem {
		line, col := strictjson.LineCol(data, offset)
		return &fault.Problem{Where: fmt.Sprintf("%d:%d", line, col), Message: message}
	}
	if bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")) {
		return at(0, "a byte order mark is not allowed; save the file as UTF-8 without BOM")
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return at(i, "the file is not UTF-8")
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return at(i, "a carriage return without line feed is not allowed")
		case r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\uFEFF':
			return at(i, fmt.Sprintf("the character %U is a line break or nothing to some readers; write it as an escape in double quotes", r))
		}
		i += size
	}
	return nil
}

// decodeYAML returns the one value of the document.
func decodeYAML(data []byte) (root *yaml.Node, err error) {
	// The parser is not ours, and the text may come from anybody: a panic in
	// it is taken for a text that can't be read.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, invalidYAML([]fault.Problem{{Where: "1:1", Message: fmt.Sprintf("the text can't be read as YAML (%v)", r)}})
		}
	}()
	if i := firstContent(data); i < len(data) && data[i] == '%' {
		line, _ := strictjson.LineCol(data, i)
		return nil, invalidYAML([]fault.Problem{{Where: fmt.Sprintf("%d:1", line), Message: "directives are not allowed"}})
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, invalidYAML([]fault.Problem{{Where: "1:1", Message: "the document is empty"}})
	} else if err != nil {
		return nil, invalidYAML([]fault.Problem{syntaxProblem(err)})
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, invalidYAML([]fault.Problem{{Where: "1:1", Message: "the document is empty"}})
	}
	if err := decoder.Decode(&next); err == nil {
		return nil, invalidYAML([]fault.Problem{{Where: fmt.Sprintf("%d:1", next.Line), Message: "a second document in the same file is not allowed"}})
	} else if !errors.Is(err, io.EOF) {
		return nil, invalidYAML([]fault.Problem{syntaxProblem(err)})
	}
	return document.Content[0], nil
}

// firstContent returns the offset of the first line that is neither blank nor
// a comment.
func firstContent(data []byte) int {
	offset := 0
	for line := range bytes.Lines(data) {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			return offset
		}
		offset += len(line)
	}
	return offset
}

var yamlErrorLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

func syntaxProblem(err error) fault.Problem {
	text := err.Error()
	if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
		return fault.Problem{Where: m[1] + ":1", Message: "not YAML: " + m[2]}
	}
	return fault.Problem{Where: "1:1", Message: "not YAML: " + strings.TrimPrefix(text, "yaml: ")}
}

// yamlConverter appends the JSON of a tree to out.
type yamlConverter struct {
	source   cursor
	out      []byte
	nodes    int
	problems []fault.Problem
}

func (c *yamlConverter) report(n *yaml.Node, path, format string, args ...any) {
	if len(c.problems) < maxYAMLProblems {
		c.problems = append(c.problems, fault.Problem{
			Where:   fmt.Sprintf("%d:%d %s", n.Line, n.Column, path),
			Message: fmt.Sprintf(format, args...),
		})
	}
}

func (c *yamlConverter) value(n *yaml.Node, path string, depth int) {
	if c.nodes++; c.nodes > maxNodes {
		if c.nodes == maxNodes+1 {
			c.report(n, path, "the document has more than %d values", maxNodes)
		}
		return
	}
	if depth > workflow.MaxDepth {
		c.report(n, path, "nested deeper than %d", workflow.MaxDepth)
		return
	}
	if !c.plainNode(n, path) {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		c.mapping(n, path, depth)
	case yaml.SequenceNode:
		c.out = append(c.out, '[')
		for i, child := range n.Content {
			if i > 0 {
				c.out = append(c.out, ',')
			}
			c.value(child, strictjson.IndexPath(path, i), depth+1)
		}
		c.out = append(c.out, ']')
	case yaml.ScalarNode:
		c.scalar(n, path)
	}
}

// plainNode refuses what YAML has beyond JSON.
func (c *yamlConverter) plainNode(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		c.report(n, path, "aliases are not allowed; repeat the value")
	case n.Anchor != "":
		c.report(n, path, "anchors are not allowed")
	case n.Style&yaml.TaggedStyle != 0 || c.source.at(n.Line, n.Column) == '!':
		c.report(n, path, "tags are not allowed")
	default:
		return true
	}
	return false
}

func (c *yamlConverter) mapping(n *yaml.Node, path string, depth int) {
	c.out = append(c.out, '{')
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.nodes++
		keyPath := path
		switch {
		case !c.plainNode(key, path):
		case key.Kind != yaml.ScalarNode:
			c.report(key, path, "a key must be a string")
		case key.Style == 0 && key.Value == "<<":
			c.report(key, path, "merge keys are not allowed")
		case !isString(key):
			c.report(key, path, "the key %s is not a string; put it in quotes", excerpt(key.Value))
		case seen[key.Value]:
			c.report(key, path, "the key %s occurs twice", excerpt(key.Value))
		default:
			keyPath = strictjson.KeyPath(path, key.Value)
		}
		seen[key.Value] = true
		c.out = append(value.AppendJSON(c.out, value.String(key.Value)), ':')
		c.value(n.Content[i+1], keyPath, depth+1)
	}
	c.out = append(c.out, '}')
}

// The plain scalars that aren't strings, by the core schema. What some reader
// takes for a number and another doesn't is refused.
var (
	coreNumber = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	nearNumber = regexp.MustCompile(`^[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*_[0-9_.eE+-]*|[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$`)
	leadZero   = regexp.MustCompile(`^[-+]?0[0-9]`)
)

func isString(n *yaml.Node) bool {
	if n.Style != 0 {
		return true
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE":
		return false
	}
	return !coreNumber.MatchString(n.Value) && !nearNumber.MatchString(n.Value)
}

func (c *yamlConverter) scalar(n *yaml.Node, path string) {
	if isString(n) {
		c.out = value.AppendJSON(c.out, value.String(n.Value))
		return
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		c.out = append(c.out, "null"...)
	case "true", "True", "TRUE":
		c.out = append(c.out, "true"...)
	case "false", "False", "FALSE":
		c.out = append(c.out, "false"...)
	default:
		if !coreNumber.MatchString(n.Value) || leadZero.MatchString(n.Value) {
			c.report(n, path, "%s is read differently by different readers of YAML: write a decimal number without leading zero, or put it in quotes", excerpt(n.Value))
			return
		}
		c.out = append(c.out, jsonNumber(n.Value)...)
	}
}

// jsonNumber writes a number of the core schema as JSON, with the same digits.
func jsonNumber(s string) string {
	sign := ""
	if s[0] == '-' || s[0] == '+' {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
	}
	mantissa = strings.TrimSuffix(mantissa, ".")
	if mantissa[0] == '.' {
		mantissa = "0" + mantissa
	}
	return sign + mantissa + exponent
}

func excerpt(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}

// cursor finds characters of the text by line and column. Nodes are visited
// in the order of the text, so that it mostly moves forward.
type cursor struct {
	data      []byte
	offset    int
	line, col int
}

// at returns the byte at a line and a column, both from 1; 0 beyond the text.
func (c *cursor) at(line, col int) byte {
	if line < c.line || line == c.line && col < c.col {
		c.offset, c.line, c.col = 0, 1, 1
	}
	for c.offset < len(c.data) && (c.line < line || c.line == line && c.col < col) {
		r, size := utf8.DecodeRune(c.data[c.offset:])
		c.offset += size
		if c.col++; r == '\n' {
			c.line, c.col = c.line+1, 1
		}
	}
	if c.offset < len(c.data) && c.line == line {
		return c.data[c.offset]
	}
	return 0
}
