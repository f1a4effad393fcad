package sqlite

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

const runFields = `event, controller, order_id, workflow, version, account, method, scheduled_ms, start_ms, end_ms, state, result, outcome, message`

func scanRun(r row) (run store.Run, err error) {
	return run, r.Scan(&run.Event, &run.Controller, &run.OrderID, &run.Workflow, &run.Version, &run.Account, &run.Method, &run.ScheduledFor, &run.Start,
		&run.End, &run.State, &run.Result, &run.Outcome, &run.Message)
}

// AddRun implements store.Writer.
func (t *tx) AddRun(r store.Run) error {
	_, err := t.exec("INSERT INTO runs ("+runFields+") VALUES ("+marks(14)+")", r.Event, r.Controller, r.OrderID, r.Workflow, r.Version, r.Account, r.Method,
		r.ScheduledFor, r.Start, r.End, r.State, int64(r.Result), r.Outcome, r.Message)
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(fault.Conflict, "DuplicateRun", err, "the run that event %d of %s began is there already", r.Event, r.Controller)
	}
	return err
}

// ChangeRun implements store.Writer.
func (t *tx) ChangeRun(key store.RunKey, c store.RunChange) error {
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
	_, err := t.exec("UPDATE runs SET "+strings.Join(texts, ", ")+" WHERE event = ? AND controller = ?", append(args, key.Event, key.Controller)...)
	return err
}

// AddHour implements store.Writer.
func (t *tx) AddHour(h store.Hour) error {
	_, err := t.exec(`INSERT INTO hours (controller, hour, succeeded, failed, cancelled) VALUES (?, ?, ?, ?, ?) ON CONFLICT (controller, hour) DO UPDATE SET
		succeeded = hours.succeeded + excluded.succeeded, failed = hours.failed + excluded.failed, cancelled = hours.cancelled + excluded.cancelled`,
		h.Controller, h.Hour, h.Succeeded, h.Failed, h.Cancelled)
	return err
}

// Hours implements store.Reader. What was taken off an hour that has been deleted
// stands below zero, and isn't shown.
func (t *tx) Hours(controller string, from int64) (all []store.Hour, err error) {
	err = t.each(`SELECT hour, sum(max(succeeded, 0)), sum(max(failed, 0)), sum(max(cancelled, 0)) FROM hours
		WHERE hour >= ? AND (? = '' OR controller = ?) GROUP BY hour ORDER BY hour`, func(r row) error {
		h := store.Hour{Controller: controller}
		err := r.Scan(&h.Hour, &h.Succeeded, &h.Failed, &h.Cancelled)
		all = append(all, h)
		return err
	}, from, controller, controller)
	return all, err
}
