package rows

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

const runFields = `event, controller, order_id, workflow, version, account, method, scheduled_ms, start_ms, end_ms, state, result, outcome, message`

func scanRun(r Row) (run store.Run, err error) {
	return run, r.Scan(&run.Event, &run.Controller, &run.OrderID, &run.Workflow, &run.Version, &run.Account, &run.Method, &run.ScheduledFor, &run.Start,
		&run.End, &run.State, &run.Result, &run.Outcome, &run.Message)
}

// AddRun implements store.Writer.
func (t *Tx) AddRun(r store.Run) error {
	duplicate := func() error {
		return fault.New(fault.Conflict, "DuplicateRun", "the run that event %d of %s began is there already", r.Event, r.Controller)
	}
	return t.Later("INSERT INTO runs ("+runFields+") VALUES ("+marks(14)+") ON CONFLICT DO NOTHING", oneRow(duplicate), r.Event, r.Controller, r.OrderID, r.Workflow, r.Version,
		r.Account, r.Method, r.ScheduledFor, r.Start, r.End, r.State, int64(r.Result), r.Outcome, r.Message)
}

// ChangeRun implements store.Writer.
func (t *Tx) ChangeRun(key store.RunKey, c store.RunChange) error {
	var texts []string
	var args []any
	set := func(text string, values ...any) {
		texts = append(texts, text)
		args = append(args, values...)
	}
	if c.Start > 0 {
		set("start_ms = ?", c.Start)
	}
	switch {
	case c.End != nil:
		set("state = ?, result = ?, end_ms = ?, outcome = ?, message = ?", c.End.State, int64(c.End.Result), c.End.End, c.End.Outcome, c.End.Message)
	case c.State != "":
		set("state = ?", c.State)
	}
	if len(texts) == 0 {
		return nil
	}
	return t.Later("UPDATE runs SET "+strings.Join(texts, ", ")+" WHERE event = ? AND controller = ?", anyNumber, append(args, key.Event, key.Controller)...)
}

// AddHour implements store.Writer.
func (t *Tx) AddHour(h store.Hour) error {
	return t.Later(`INSERT INTO hours (controller, hour, succeeded, failed, cancelled) VALUES (?, ?, ?, ?, ?) ON CONFLICT (controller, hour) DO UPDATE SET
		succeeded = hours.succeeded + excluded.succeeded, failed = hours.failed + excluded.failed, cancelled = hours.cancelled + excluded.cancelled`, anyNumber,
		h.Controller, h.Hour, h.Succeeded, h.Failed, h.Cancelled)
}

// Hours implements store.Reader. What was taken off an hour that has been deleted
// stands below zero, and isn't shown.
func (t *Tx) Hours(controller string, from int64) (all []store.Hour, err error) {
	query, args := "SELECT hour, "+positive("succeeded")+", "+positive("failed")+", "+positive("cancelled")+" FROM hours WHERE hour >= ?", []any{from}
	if controller != "" {
		query, args = query+" AND controller = ?", append(args, controller)
	}
	err = t.Each(query+" GROUP BY hour ORDER BY hour", func(r Row) error {
		h := store.Hour{Controller: controller}
		err := r.Scan(&h.Hour, &h.Succeeded, &h.Failed, &h.Cancelled)
		all = append(all, h)
		return err
	}, args...)
	return all, err
}

// positive returns the sum of what a column has above zero.
func positive(column string) string {
	return "CAST(sum(CASE WHEN " + column + " > 0 THEN " + column + " ELSE 0 END) AS bigint)"
}
