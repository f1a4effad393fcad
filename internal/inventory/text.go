package inventory

import (
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/strictjson"
)

// Text is one text of a document that is searched.
type Text struct {
	Field   string // the field that holds it: script, job, label, agentPath ...
	Job     string // the job that it belongs to; "": none
	Name    string // the name in a map: of a variable, a parameter
	Pointer string
	Text    string
}

// unsearched are fields whose texts say nothing about one object.
var unsearched = map[string]bool{"TYPE": true, "versionId": true, "path": true}

// Texts returns what is searched in a document, in its order. The path of the
// object is not among it: whoever has the object has that.
func Texts(n *strictjson.Node) []Text {
	var all []Text
	walk(n, func(s spot) {
		switch {
		case s.node == nil:
			all = append(all, Text{Field: s.field, Job: s.job, Name: s.name, Pointer: s.pointer, Text: s.name})
		case !unsearched[s.field]:
			all = append(all, Text{Field: s.field, Job: s.job, Name: s.name, Pointer: s.pointer, Text: s.node.Text})
		}
	})
	return all
}

// Title returns the title that a document states, or "".
func Title(n *strictjson.Node) string {
	if t, ok := n.Get("title"); ok && t.Kind == strictjson.String {
		return t.Text
	}
	return ""
}

// Tags returns the tags that a document states.
func Tags(n *strictjson.Node) []string {
	list, ok := n.Get("tags")
	if !ok || list.Kind != strictjson.Array {
		return nil
	}
	var tags []string
	for _, t := range list.Items {
		if t.Kind == strictjson.String {
			tags = append(tags, t.Text)
		}
	}
	return tags
}

// MaxSearched bounds what is searched of one document, in bytes.
const MaxSearched = 1 << 20

// Searched returns the folded texts of a document as one, for an index.
func Searched(n *strictjson.Node) string {
	var b strings.Builder
	for _, t := range Texts(n) {
		if b.Len()+len(t.Text) >= MaxSearched {
			break
		}
		b.WriteString(Fold(t.Text))
		b.WriteByte('\n')
	}
	return b.String()
}

// Fold returns a text as it is compared: capitals make no difference.
func Fold(s string) string { return strings.ToLower(s) }

// Hit is a place at which a text was found.
type Hit struct {
	Text
	Line    int    // of the text, from 1
	Excerpt string // of that line
	At      int    // where the hit begins in the excerpt, in characters
	Length  int    // of the hit, in characters
}

// Hits returns at most so many places of a document that hold a text, which is
// folded.
func Hits(n *strictjson.Node, folded string, limit int) []Hit {
	var hits []Hit
	size := 0
	for _, t := range Texts(n) {
		if size += len(t.Text); len(hits) >= limit || size >= MaxSearched {
			break
		}
		if hit, ok := Find(t.Text, folded); ok {
			hit.Text = t
			hits = append(hits, hit)
		}
	}
	return hits
}

// Find looks for a folded text in one text, line by line.
func Find(text, folded string) (Hit, bool) {
	if !strings.Contains(Fold(text), folded) {
		return Hit{}, false
	}
	line := 0
	for l := range strings.Lines(text) {
		line++
		l = strings.TrimRight(l, "\r\n")
		if i := strings.Index(Fold(l), folded); i >= 0 {
			return excerptOf(l, i, folded, line), true
		}
	}
	return Hit{}, false // it goes over the end of a line
}

// Of a line around a hit, so many characters are shown.
const (
	excerptBefore = 40
	excerptSize   = 160
)

// excerptOf cuts a line around a hit at byte i of the folded line.
func excerptOf(l string, i int, folded string, line int) Hit {
	at := utf8.RuneCountInString(Fold(l)[:i])
	runes := []rune(l)
	from := max(0, min(at-excerptBefore, len(runes)-excerptSize))
	to := min(len(runes), from+excerptSize)
	length := min(utf8.RuneCountInString(folded), to-at)
	return Hit{Line: line, Excerpt: string(runes[from:to]), At: at - from, Length: max(0, length)}
}
