package objectfile

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Diagnosis is one thing wrong with a text, where its author sees it.
type Diagnosis struct {
	Pointer string // JSON pointer; "" for the whole document
	Line    int    // from 1; 0: not known
	Column  int    // in characters, from 1
	Message string // one sentence
	Hint    string // what to do about it; ""

	// Within the text at that place, when it is an expression; 0: not known.
	TextLine, TextColumn int
}

// expressionProblem is what package expr says: where, what, and the source with
// a mark below.
var expressionProblem = regexp.MustCompile(`^(\d+):(\d+): ([^\n]*)\n`)

// Draft is an object's text while it is worked on.
type Draft struct {
	Key  item.Key
	Text string
	YAML bool
}

// Reading is what can be told about a draft.
type Reading struct {
	Document []byte           // its JSON form; nil when the text can't be read
	Root     *strictjson.Node // of Document
	Problems []Diagnosis      // empty: it can be deployed, as far as the document alone tells
}

// Read tells all that is wrong with a draft, and what can be read of it. What an
// author may leave out is taken for given.
func (d Draft) Read() Reading {
	var r Reading
	text := []byte(d.Text)
	var tree *yamlDocument
	document := text
	if d.YAML {
		var err error
		if tree, document, err = readYAML(text); err != nil {
			r.add(text, nil, nil, err)
			return r
		}
	}
	root, err := strictjson.Parse(document, workflow.DocumentLimits())
	if err != nil {
		r.add(text, nil, nil, err)
		return r
	}
	r.Document, r.Root = document, root
	o := Object{Key: d.Key, Bytes: document}
	if _, err := o.parse(); err != nil {
		r.add(text, root, tree, err)
	}
	return r
}

// add takes over the problems of an error with their places in the text.
func (r *Reading) add(text []byte, root *strictjson.Node, tree *yamlDocument, err error) {
	e := fault.Of(err)
	problems := e.Problems
	if len(problems) == 0 {
		problems = []fault.Problem{{Where: "$", Message: e.About("").Public()}}
	}
	for _, p := range problems {
		d := Diagnosis{Message: p.Message}
		if m := expressionProblem.FindStringSubmatch(p.Message); m != nil {
			d.TextLine, _ = strconv.Atoi(m[1]) // digits, by the expression
			d.TextColumn, _ = strconv.Atoi(m[2])
			d.Message = m[3]
		}
		if sentence, hint, ok := strings.Cut(d.Message, "; "); ok {
			d.Message, d.Hint = sentence, hint
		}
		d.place(text, root, tree, p.Where)
		r.Problems = append(r.Problems, d)
	}
}

// place finds a place of the form "line:column path" or "path".
func (d *Diagnosis) place(text []byte, root *strictjson.Node, tree *yamlDocument, where string) {
	path := where
	if where != "" && where[0] >= '0' && where[0] <= '9' {
		var at string
		at, path, _ = strings.Cut(where, " ")
		line, column, _ := strings.Cut(at, ":")
		d.Line, _ = strconv.Atoi(line)     // it is of our own making
		d.Column, _ = strconv.Atoi(column) // likewise
	}
	switch {
	case tree != nil:
		n, pointer := descendTo(pointedYAML{tree.root}, path)
		d.Pointer, d.Line, d.Column = pointer, n.n.Line, n.n.Column
	case root != nil:
		n, pointer := descendTo(pointedJSON{root}, path)
		d.Pointer = pointer
		d.Line, d.Column = strictjson.LineCol(text, n.n.Offset)
	}
}

// pointed is a tree whose children are known by token and by JSON path.
type pointed[T any] interface {
	members(path string, yield func(token, childPath string, child T) bool)
}
