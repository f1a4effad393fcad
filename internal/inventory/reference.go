package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// referenceFields are the fields whose text, or each text of whose list, is the
// path of another object.
var referenceFields = map[string]item.Kind{
	"agentPath":        item.KindAgentRef,
	"jobResourcePaths": item.KindJobResource,
}

// Reference is one place at which a document names another object.
type Reference struct {
	Key     item.Key
	Pointer string // JSON pointer of the value that names it
}

// References returns the places at which a document names others, in the order
// of the document. An expression that can't be read names nothing.
func References(n *strictjson.Node) []Reference {
	var all []Reference
	walk(n, func(s spot) {
		switch kind, ok := referenceFields[s.field]; {
		case s.node == nil:
		case s.expression:
			paths, _ := resourcesOf(s.node.Text)
			for _, path := range paths {
				all = append(all, Reference{item.Key{Kind: item.KindJobResource, Path: path}, s.pointer})
			}
		case ok && s.name == "":
			all = append(all, Reference{item.Key{Kind: kind, Path: s.node.Text}, s.pointer})
		}
	})
	return all
}

// Named returns the keys that references name, sorted and each once; those that
// can't be keys are left out.
func Named(all []Reference) []item.Key {
	keys := make([]item.Key, 0, len(all))
	for _, r := range all {
		if r.Key.Check() == nil {
			keys = append(keys, r.Key)
		}
	}
	slices.SortFunc(keys, item.Key.Compare)
	return slices.Compact(keys)
}

// resourcesOf returns the job resources that an expression or a function names.
func resourcesOf(text string) (paths []string, ok bool) {
	if e, err := expr.Parse(text); err == nil {
		return e.JobResources(), true
	}
	if f, err := expr.ParseFunction(text, 0, 2); err == nil {
		return f.Body().JobResources(), true
	}
	return nil, false
}

// Replacement is the change of one text of a document.
type Replacement struct {
	Pointer  string
	Old, New string
}

// Follow returns what has to change in a document so that it goes on naming
// objects whose keys change; moved tells the new key of one that does. The
// problems tell places that can't be followed.
func Follow(n *strictjson.Node, moved func(item.Key) (item.Key, bool)) (changes []Replacement, problems []fault.Problem) {
	walk(n, func(s spot) {
		if s.node == nil {
			return
		}
		kind, ok := referenceFields[s.field]
		switch {
		case s.expression:
			text, err := followExpression(s.node.Text, func(path string) (string, bool) {
				k, ok := moved(item.Key{Kind: item.KindJobResource, Path: path})
				return k.Path, ok
			})
			if err != nil {
				problems = append(problems, fault.Problem{Where: s.pointer, Message: err.Error()})
			} else if text != s.node.Text {
				changes = append(changes, Replacement{s.pointer, s.node.Text, text})
			}
		case ok && s.name == "":
			if k, ok := moved(item.Key{Kind: kind, Path: s.node.Text}); ok {
				changes = append(changes, Replacement{s.pointer, s.node.Text, k.Path})
			}
		}
	})
	return changes, problems
}

// Itself returns what has to change in the document of an object whose own path
// changes: nothing, when it doesn't state it.
func Itself(n *strictjson.Node, to string) []Replacement {
	if p, ok := n.Get("path"); ok && p.Kind == strictjson.String && p.Text != to {
		return []Replacement{{"/path", p.Text, to}}
	}
	return nil
}

// followExpression gives an expression the new paths of the job resources that
// it names. It changes paths outside of texts, and texts that are a function's
// first argument, then makes sure that just these are named: what is hidden
// deeper is an error.
func followExpression(text string, moved func(path string) (string, bool)) (string, error) {
	paths, _ := resourcesOf(text)
	want := map[string]bool{}
	concerned := map[string]string{}
	for _, path := range paths {
		if to, ok := moved(path); ok {
			concerned[path] = to
			path = to
		}
		want[path] = true
	}
	if len(concerned) == 0 {
		return text, nil
	}
	changed := replacePaths(text, concerned)
	if got, ok := resourcesOf(changed); !ok || !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		return "", fmt.Errorf("the expression names %s in a way that can't be adjusted; change it by hand first", strings.Join(slices.Sorted(maps.Keys(concerned)), ", "))
	}
	return changed, nil
}

// replacePaths goes through an expression once; texts in quotes stay, but for
// the first argument of the functions that read a job resource.
func replacePaths(text string, to map[string]string) string {
	const word = "JobResource:"
	var out strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case strings.HasPrefix(text[i:], word):
			out.WriteString(word)
			i += len(word)
			end := i + strings.IndexAny(text[i:]+" ", " \t\r\n:()[]{},+*=<>!&|?\"'$;")
			writePath(&out, text[i:end], to)
			i = end
		case c == '\'' || c == '"':
			end := closing(text, i)
			inner := text[i+1 : max(i+1, end-1)]
			if end <= len(text) && isResourceFunction(out.String()) {
				out.WriteByte(c)
				writePath(&out, inner, to)
				out.WriteByte(c)
			} else {
				out.WriteString(text[i:end])
			}
			i = end
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}

func writePath(out *strings.Builder, path string, to map[string]string) {
	if moved, ok := to[path]; ok {
		path = moved
	}
	out.WriteString(path)
}

// closing returns the offset behind the text that begins with a quote at i.
func closing(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == '\\' && quote == '"':
			j++
		case text[j] == quote:
			return j + 1
		}
	}
	return len(text)
}

// isResourceFunction tells whether what stands before a text makes it the path
// of a job resource.
func isResourceFunction(before string) bool {
	before = strings.TrimRight(before, " \t\r\n")
	before = strings.TrimRight(strings.TrimSuffix(before, "path="), " \t\r\n")
	before, ok := strings.CutSuffix(before, "(")
	before = strings.TrimRight(before, " \t\r\n")
	return ok && (strings.HasSuffix(before, "jobResourceVariable") || strings.HasSuffix(before, "jobResourceVariables"))
}
