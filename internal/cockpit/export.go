package cockpit

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
)

// exportPage is how many rows of an export are in memory at once. Each page is a
// view of its own: none is held as long as a slow reader takes.
const exportPage = 1000

// slowestExport is how long a reader of an export may take no bytes.
const slowestExport = time.Minute

// maxExports is how many exports may be under way at once.
const maxExports = 2

func (k *call) exportHistory() error {
	switch kind := k.r.URL.Query().Get("kind"); kind {
	case "steps":
		return exportRows(k, stepRows())
	case "runs":
		return exportRows(k, runRows())
	}
	return fault.New(fault.Invalid, "InvalidQuery", "the parameter kind has to be steps or runs")
}

func exportRows[T any](k *call, kind rowKind[T]) error {
	q := k.query(append(slices.Clone(kind.filters), "kind", "format", "oldest", "fields")...)
	if q.err != nil {
		return q.err
	}
	hq := store.HistoryQuery{HistoryFilter: k.historyFilter(q, kind.results), Oldest: q.flag("oldest"), Limit: exportPage, Budget: k.deps.LookBudget}
	if q.err != nil {
		return q.err
	}
	columns, err := pick(kind.columns, q.text("fields"))
	if err != nil {
		return err
	}
	return export(k, kind.name, q, columns, func() (rows []T, more bool, err error) {
		var reach store.Reach
		err = k.db.Read(k.r.Context(), func(r store.Reader) error {
			rows, reach, err = kind.find(r, hq)
			return err
		})
		hq.After = reach.Key
		return rows, reach.More, err
	})
}

// export sends all pages that next returns as a file.
func export[T any](k *call, name string, q *query, columns []column[T], next func() (rows []T, more bool, err error)) error {
	format := q.text("format")
	if format != "csv" && format != "json" {
		return unknownFormat(format)
	}
	select {
	case k.exports <- struct{}{}:
		defer func() { <-k.exports }()
	default:
		return fault.New(fault.Unavailable, "ExportsRun", "%d other exports are under way; try again when one has ended", maxExports)
	}
	rows, more, err := next() // what is wrong at once is an answer, not a broken file
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(transport.Patient(k.w, slowestExport), 64<<10)
	k.w.Header().Set("Content-Disposition", `attachment; filename="`+exportName(name, q.values)+`"`)
	var w rowWriter[T] = &jsonRows[T]{w: out, columns: columns}
	k.w.Header().Set("Content-Type", "application/json")
	if format == "csv" {
		w = &csvRows[T]{w: csv.NewWriter(out), columns: columns}
		k.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	}
	err = w.begin()
	for err == nil {
		for i := 0; i < len(rows) && err == nil; i++ {
			err = w.row(&rows[i])
		}
		if err != nil || !more {
			break
		}
		rows, more, err = next()
	}
	if err == nil {
		err = errors.Join(w.end(), out.Flush())
	}
	k.streamed(err)
	if err != nil {
		// A file that was cut must not look like one that has ended.
		k.abort()
	}
	return nil
}

// exportName returns a name that tells the filter, of characters that every file
// system takes.
func exportName(name string, values url.Values) string {
	words := []string{"signet", name}
	keys := make([]string, 0, len(values))
	for key := range values {
		if key != "kind" && key != "format" && key != "fields" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		v := values.Get(key)
		if ms, err := strconv.ParseInt(v, 10, 64); err == nil && (key == "from" || key == "to") {
			v = time.UnixMilli(ms).UTC().Format("20060102T150405Z")
		}
		words = append(words, key+"="+v)
	}
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("=,.+-", r) {
			return r
		}
		return '_'
	}, strings.Join(words, " "))
	const most = 150
	return plain[:min(len(plain), most)] + "." + values.Get("format")
}

// rowWriter writes rows in some format.
type rowWriter[T any] interface {
	begin() error
	row(row *T) error
	end() error
}

type jsonRows[T any] struct {
	w       *bufio.Writer
	columns []column[T]
	line    []byte
	n       int
}

func (j *jsonRows[T]) begin() error { return j.w.WriteByte('[') }

func (j *jsonRows[T]) row(row *T) (err error) {
	if j.line = append(j.line[:0], '\n'); j.n > 0 {
		j.line = append(j.line[:0], ',', '\n')
	}
	j.n++
	if j.line, err = appendRow(j.line, j.columns, row); err == nil {
		_, err = j.w.Write(j.line)
	}
	return err
}

func (j *jsonRows[T]) end() error {
	_, err := io.WriteString(j.w, "\n]\n")
	return err
}

type csvRows[T any] struct {
	w       *csv.Writer
	columns []column[T]
}

func (c *csvRows[T]) begin() error {
	c.w.UseCRLF = true
	names := make([]string, len(c.columns))
	for i := range c.columns {
		names[i] = c.columns[i].name
	}
	return c.w.Write(names)
}

func (c *csvRows[T]) row(row *T) error {
	cells := make([]string, len(c.columns))
	for i := range c.columns {
		cells[i] = cell(c.columns[i].get(row))
	}
	return c.w.Write(cells)
}

func (c *csvRows[T]) end() error {
	c.w.Flush()
	return c.w.Error()
}

// cell returns a value as it stands in a table.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return harmless(v)
	case json.RawMessage:
		return harmless(string(v))
	case instant:
		return time.UnixMilli(int64(v)).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return fmt.Sprint(v)
}

// harmless keeps a spreadsheet from taking a text for a formula: an apostrophe
// makes it a text, for what begins with a character that begins one.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
