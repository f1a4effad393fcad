package cockpit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
)

// A cursor is where a page ended, in a form that invites nobody to make one.
func writeCursor(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func readCursor(s string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || !utf8.Valid(b) {
		return "", badCursor()
	}
	return string(b), nil
}

func badCursor() error {
	return fault.New(fault.Invalid, "InvalidCursor", "the cursor isn't one that this call has given")
}

func (k *call) listHistory() error {
	q := k.query("controller", "order", "workflow", "newest", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.HistoryRow](q)
	if err != nil {
		return err
	}
	sq := store.StepQuery{Order: q.text("order"), Workflow: q.text("workflow"), Newest: q.flag("newest"), Limit: q.limit() + 1}
	if q.err != nil {
		return q.err
	}
	if id := q.text("controller"); id != "" {
		h, err := k.history(id)
		if err != nil {
			return err
		}
		sq.Controller = h.id
	} else if len(k.histories) == 1 {
		sq.Controller = k.histories[0].id
	}
	if sq.Order != "" {
		sq.Root = string(order.ID(sq.Order).Root())
	}
	if sq.After, err = readStepCursor(q.text("cursor")); err != nil {
		return err
	}
	var steps []store.Step
	err = k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		steps, err = r.Steps(sq)
		return err
	})
	if err != nil {
		return err
	}
	out := api.History{Rows: []api.HistoryRow{}}
	if len(steps) == sq.Limit {
		steps = steps[:sq.Limit-1]
		last := steps[len(steps)-1]
		out.Cursor = writeStepCursor(last.StepKey)
	}
	for i := range steps {
		out.Rows = append(out.Rows, rowOf(&steps[i]))
	}
	return k.answerFields(out, "rows", fields)
}

func readStepCursor(s string) (key store.StepKey, err error) {
	if s == "" {
		return key, nil
	}
	text, err := readCursor(s)
	if err != nil {
		return key, err
	}
	event, controller, ok := strings.Cut(text, " ")
	if key.Event, err = strconv.ParseInt(event, 10, 64); err != nil || !ok {
		return key, badCursor()
	}
	key.Controller = controller
	return key, nil
}

func rowOf(s *store.Step) api.HistoryRow {
	row := api.HistoryRow{
		OrderId: s.OrderID, Workflow: s.Workflow, Position: json.RawMessage(s.Position), Label: s.Label, Job: s.Job, Agent: s.Agent,
		Start: s.Start, End: s.End, ReturnCode: s.ReturnCode, Try: s.Try,
	}
	if s.Outcome != "" {
		row.Outcome = json.RawMessage(s.Outcome)
	}
	return row
}

// maxEventLine is the longest line that is passed on: an event may carry a
// document.
const maxEventLine = 64 << 20

func (k *call) listEvents() error {
	q := k.query("controller", "after", "follow")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	after, follow := q.number("after", 0, 0, math.MaxInt64), q.flag("follow")
	if q.err != nil {
		return q.err
	}
	body, err := h.controller.EventLines(k.r.Context(), after, follow)
	if err != nil {
		return err
	}
	in := transport.NewStreamReader(body, maxEventLine)
	defer func() { _ = in.Close() }()
	out := transport.NewStreamWriter(k.w, k.r, transport.StreamOptions{MaxLine: maxEventLine})
	for err == nil {
		var line []byte
		if line, err = in.Next(); err == nil {
			err = out.Write(line)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	closeErr := out.Close()
	k.streamed(errors.Join(err, closeErr))
	if err != nil && k.r.Context().Err() == nil {
		// A stream that was cut must not look like one that has ended.
		k.abort()
	}
	return nil
}
