package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printJSON writes v as indented JSON. Raw JSON keeps its numbers' digits.
func (s *session) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err := s.io.Out.Write(b.Bytes())
	return err
}

// table writes rows below a heading, in columns.
type table struct {
	w *tabwriter.Writer
}

func (s *session) table(heading ...string) *table {
	t := &table{w: tabwriter.NewWriter(s.io.Out, 0, 4, 2, ' ', 0)}
	t.line(heading)
	return t
}

func (t *table) row(cells ...string) {
	shown := make([]string, len(cells))
	for i, c := range cells {
		shown[i] = printable(c)
	}
	t.line(shown)
}

func (t *table) line(cells []string) {
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
}

func (t *table) flush() error { return t.w.Flush() }

// printable makes one line of text without control characters: what comes from
// elsewhere must not command the terminal.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return '\uFFFD'
		}
		return r
	}, text)
}

// jsonList writes a JSON array element by element, so that a long list needs
// no memory.
type jsonList struct {
	w io.Writer
	n int
}

func (l *jsonList) add(v any) error {
	lead := ",\n  "
	if l.n == 0 {
		lead = "[\n  "
	}
	l.n++
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err := fmt.Fprintf(l.w, "%s%s", lead, bytes.TrimRight(b.Bytes(), "\n"))
	return err
}

func (l *jsonList) end() error {
	text := "\n]\n"
	if l.n == 0 {
		text = "[]\n"
	}
	_, err := io.WriteString(l.w, text)
	return err
}

// compact writes raw JSON in one line for a table.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// clockText writes milliseconds since 1970 in the user's time zone.
func clockText(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}
