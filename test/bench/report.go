package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// row is a line of the table.
type row struct {
	figure string
	value  string
	floor  string // of this machine, measured in this run; empty: there is none
	ratio  string
	target string // empty: the figure is there for comparison only
	ok     verdict
	note   string
}

// verdict tells whether a figure reaches what is to be reached.
type verdict int

const (
	open    verdict = iota // nothing to reach, or not measured
	reached                // as promised
	missed
)

// String is what the table says.
func (v verdict) String() string {
	switch v {
	case reached:
		return "yes"
	case missed:
		return "NO"
	default:
		return ""
	}
}

// verdictOf turns a comparison into a verdict.
func verdictOf(holds bool) verdict {
	if holds {
		return reached
	}
	return missed
}

// report gathers the rows of a run.
type report struct {
	rows     []row
	failures []string
}

func (r *report) add(rows ...row) { r.rows = append(r.rows, rows...) }

// failed notes that figures are missing, and why.
func (r *report) failed(name string, err error) {
	r.add(row{figure: name, value: "failed", note: err.Error()})
	r.failures = append(r.failures, name)
}

// failure is the error of a run that couldn't measure all figures. A figure
// that misses its target isn't one.
func (r *report) failure() error {
	if len(r.failures) == 0 {
		return nil
	}
	return errors.New("not measured: " + strings.Join(r.failures, ", "))
}

// String returns the table: aligned for a terminal, and valid Markdown.
func (r *report) String() string {
	lines := [][]string{{"figure", "value", "floor", "ratio", "to reach", "reached"}}
	for _, w := range r.rows {
		lines = append(lines, []string{w.figure, w.value, w.floor, w.ratio, w.target, w.ok.String()})
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	for _, w := range r.rows {
		if w.note != "" {
			fmt.Fprintf(&b, "\n- %s: %s", w.figure, w.note)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// number prints three significant digits, and whole numbers in full, with
// commas.
func number(v float64) string {
	if v < 0 {
		return "-" + number(-v)
	}
	if v < 99.95 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
