package oracle

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/value"
)

// Row is a row of "signet history -o json".
type Row struct {
	OrderID    string          `json:"orderId"`
	Workflow   string          `json:"workflow"`
	Position   json.RawMessage `json:"position"`
	Label      string          `json:"label,omitempty"`
	Job        string          `json:"job"`
	Agent      string          `json:"agent"`
	Start      int64           `json:"start"`
	End        int64           `json:"end,omitempty"` // 0: it runs
	Outcome    json.RawMessage `json:"outcome,omitempty"`
	ReturnCode *int64          `json:"returnCode,omitempty"`
	Try        int64           `json:"try"`
}

// ReadRows reads what "signet history -o json" printed.
func ReadRows(data []byte) ([]Row, error) {
	var rows []Row
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	return rows, nil
}

// key finds the row of a step; two runs of one step begin at different times.
func (r *Row) key() string {
	return r.OrderID + "\x00" + string(compact(r.Position)) + "\x00" + strconv.FormatInt(r.Start, 10)
}

// History compares the rows of the Cockpit's history, the oldest first, with
// the stream up to the event that the Cockpit has confirmed; 0: all of it. It
// returns what it found.
func (s *Stream) History(rows []Row, until int64) []*Finding {
	n := len(s.found.all)
	byKey := map[string][]int{}
	for i := range rows {
		byKey[rows[i].key()] = append(byKey[rows[i].key()], i)
	}
	last := -1
	for _, st := range s.history {
		if until != 0 && st.id > until {
			break
		}
		want := st.row(until)
		list := byKey[want.key()]
		if len(list) == 0 {
			s.tellRow(HistoryMissing, st, text("the history has no row of the step at %s that started at %d", st.position, st.at))
			continue
		}
		byKey[want.key()] = list[1:]
		if list[0] < last {
			s.tellRow(HistoryDiffers, st, text("the row of the step at %s stands before one that began earlier", st.position))
		}
		last = max(last, list[0])
		if why := differs(&want, &rows[list[0]]); why != "" {
			s.tellRow(HistoryDiffers, st, text("the row of the step at %s: %s", st.position, why))
		}
	}
	for i := range rows {
		list := byKey[rows[i].key()]
		if len(list) > 0 && list[0] == i {
			byKey[rows[i].key()] = list[1:]
			s.wrong(&Finding{Invariant: 8, Rule: HistoryExtra, Order: rows[i].OrderID, Text: text("the history has a row that began at %d at %s, and the stream has no such start", rows[i].Start, rows[i].Position), Story: s.Story(rows[i].OrderID)})
		}
	}
	return s.found.all[min(n, len(s.found.all)):]
}

// Rows returns the rows that the history should have, the oldest first.
func (s *Stream) Rows() []Row {
	rows := make([]Row, len(s.history))
	for i, st := range s.history {
		rows[i] = st.row(0)
	}
	return rows
}

func (s *Stream) tellRow(r Rule, st *start, why string) {
	s.wrong(&Finding{Invariant: 8, Rule: r, Order: st.order, Agent: st.agent, Events: []int64{st.id}, Text: why, Story: s.Story(st.order)})
}

// row is what the history has to say of a start.
func (st *start) row(until int64) Row {
	r := Row{
		OrderID: st.order, Workflow: st.workflow.Path, Position: st.position.AppendJSON(nil), Label: st.label, Job: st.job, Agent: st.agent,
		Start: st.at, Try: max(1, st.try),
	}
	if st.ended == 0 || until != 0 && st.ended > until {
		return r
	}
	r.End = st.endedAt
	r.Outcome = codec.JSON(nil, st.outcome)
	if n, ok := st.outcome.Named()["returnCode"].(value.Number); ok {
		if rc, ok := n.Int64(); ok {
			r.ReturnCode = &rc
		}
	}
	return r
}

// differs tells where a row isn't what it should be.
func differs(want, got *Row) string {
	number := func(p *int64) string {
		if p == nil {
			return "none"
		}
		return strconv.FormatInt(*p, 10)
	}
	for _, f := range []struct{ name, want, got string }{
		{"workflow", want.Workflow, got.Workflow},
		{"label", want.Label, got.Label},
		{"job", want.Job, got.Job},
		{"agent", want.Agent, got.Agent},
		{"try", number(&want.Try), number(&got.Try)},
		{"end", number(&want.End), number(&got.End)},
		{"returnCode", number(want.ReturnCode), number(got.ReturnCode)},
		{"outcome", string(compact(want.Outcome)), string(compact(got.Outcome))},
	} {
		if f.want != f.got {
			return text("%s is %q, and the stream says %q", f.name, f.got, f.want)
		}
	}
	return ""
}

// compact is a JSON text in one form.
func compact(raw json.RawMessage) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil || v == nil {
		return nil
	}
	return b
}
