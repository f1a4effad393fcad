package rows

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Position implements store.Reader.
func (t *Tx) Position(controller string) (event int64, err error) {
	err = t.One("SELECT event FROM positions WHERE controller = ?", nil, func(r Row) error { return r.Scan(&event) }, controller)
	return event, err
}

// SetPosition implements store.Writer.
func (t *Tx) SetPosition(controller string, from, to int64) error {
	if _, err := t.Exec("INSERT INTO positions (controller, event) VALUES (?, 0) ON CONFLICT (controller) DO NOTHING", controller); err != nil {
		return err
	}
	n, err := t.Exec("UPDATE positions SET event = ? WHERE controller = ? AND event = ?", to, controller, from)
	if err == nil && n == 0 {
		return PositionMoved(controller, from)
	}
	return err
}

// PositionMoved is the fault about a position that another has moved.
func PositionMoved(controller string, from int64) error {
	return fault.New(fault.Conflict, "PositionMoved", "the history of %s isn't at event %d any more: does another Cockpit use this database?", controller, from)
}

const orderFields = "controller, id, root, run, workflow, version, state, ended, successful, gone, ended_at, since, step, label, job, body"

func scanOrder(r Row) (o store.Order, err error) {
	return o, r.Scan(&o.Controller, &o.ID, &o.Root, &o.Run, &o.Workflow, &o.Version, &o.State, &o.Ended, &o.Successful, &o.Gone, &o.EndedAt, &o.Since, &o.Step, &o.Label, &o.Job, &o.Body)
}

// Order implements store.Reader.
func (t *Tx) Order(controller, id string) (o store.Order, err error) {
	err = t.One("SELECT "+orderFields+" FROM orders WHERE controller = ? AND id = ?", store.UnknownOrder(id), func(r Row) (err error) {
		o, err = scanOrder(r)
		return err
	}, controller, id)
	return o, err
}

// OpenOrders implements store.Reader.
func (t *Tx) OpenOrders(controller, after string, limit int) (all []store.Order, err error) {
	err = t.Each("SELECT "+orderFields+" FROM orders WHERE controller = ? AND id > ? AND gone = 0 ORDER BY id LIMIT ?", func(r Row) error {
		o, err := scanOrder(r)
		all = append(all, o)
		return err
	}, controller, after, limit)
	return all, err
}

// maxList is how many values one query lists: few different texts stay prepared.
const maxList = 100

// Orders implements store.Reader.
func (t *Tx) Orders(controller string, ids []string) (all []store.Order, err error) {
	err = t.listed("SELECT "+orderFields+" FROM orders WHERE controller = ? AND id IN ", ids, func(r Row) error {
		o, err := scanOrder(r)
		all = append(all, o)
		return err
	}, controller)
	return all, err
}

// Ends implements store.Reader.
func (t *Tx) Ends(controller string, ids []string, since int64) (all []store.OrderEnd, err error) {
	const query = `SELECT id, state, ended, successful, CASE WHEN ended = 1 THEN (
			SELECT count(*) FROM steps AS s WHERE s.controller = o.controller AND s.root = o.root AND s.run = o.run AND s.log_state = 1 AND s.ended_here > ?)
		ELSE 0 END FROM orders AS o WHERE controller = ? AND id IN `
	err = t.listed(query, ids, func(r Row) error {
		var e store.OrderEnd
		err := r.Scan(&e.ID, &e.State, &e.Ended, &e.Successful, &e.Awaited)
		all = append(all, e)
		return err
	}, since, controller)
	return all, err
}

// listed reads what a query gives for each of many values, which follow its
// other arguments.
func (t *Tx) listed(query string, values []string, scan func(Row) error, args ...any) error {
	for len(values) > 0 {
		n := 1
		if len(values) >= maxList {
			n = maxList
		} else if len(values) >= 10 {
			n = 10
		}
		all := slices.Clone(args)
		for _, v := range values[:n] {
			all = append(all, v)
		}
		values = values[n:]
		if err := t.Each(query+"("+marks(n)+")", scan, all...); err != nil {
			return err
		}
	}
	return nil
}

// PutOrder implements store.Writer.
func (t *Tx) PutOrder(o store.Order) error {
	// Not OR REPLACE, which deletes the row and makes another.
	return t.Later("INSERT INTO orders ("+orderFields+") VALUES ("+marks(16)+`) ON CONFLICT (controller, id) DO UPDATE SET
		root = excluded.root, run = excluded.run, workflow = excluded.workflow, version = excluded.version, state = excluded.state, ended = excluded.ended,
		successful = excluded.successful, gone = excluded.gone, ended_at = excluded.ended_at, since = excluded.since, step = excluded.step, label = excluded.label, job = excluded.job, body = excluded.body`, anyNumber,
		o.Controller, o.ID, o.Root, o.Run, o.Workflow, o.Version, o.State, o.Ended, o.Successful, o.Gone, o.EndedAt, o.Since, o.Step, o.Label, o.Job, o.Body)
}

const stepFields = `controller, event, order_id, root, run, workflow, version, position, label, job, agent, task, start_ms, try, attempt,
	end_ms, outcome, result, message, return_code, ended_here, log_state, log_created, log_bytes, log_chunks, log_retry, log_problem`

func scanStep(r Row) (s store.Step, err error) {
	return s, r.Scan(&s.Controller, &s.Event, &s.OrderID, &s.Root, &s.Run, &s.Workflow, &s.Version, &s.Position, &s.Label, &s.Job, &s.Agent, &s.Task, &s.Start, &s.Try, &s.Attempt,
		&s.End, &s.Outcome, &s.Result, &s.Message, &s.ReturnCode, &s.EndedHere, &s.Log.State, &s.Log.Created, &s.Log.Bytes, &s.Log.Chunks, &s.Log.RetryAt, &s.Log.Problem)
}

func unknownStep(key store.StepKey) error {
	return fault.New(fault.NotFound, "UnknownStep", "no step was started by event %d of %s", key.Event, key.Controller)
}

// Step implements store.Reader.
func (t *Tx) Step(key store.StepKey) (s store.Step, err error) {
	err = t.One("SELECT "+stepFields+" FROM steps WHERE event = ? AND controller = ?", unknownStep(key), func(r Row) (err error) {
		s, err = scanStep(r)
		return err
	}, key.Event, key.Controller)
	return s, err
}

// Steps implements store.Reader.
func (t *Tx) Steps(q store.StepQuery) ([]store.Step, error) {
	var where []string
	var args []any
	add := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if q.Controller != "" {
		add("controller = ?", q.Controller)
	}
	if q.Root != "" {
		add("root = ?", q.Root)
	}
	if q.Run != 0 {
		add("run = ?", q.Run)
	}
	if q.Order != "" {
		add("(order_id = ? OR order_id > ? AND order_id < ?)", family(q.Order)...)
	}
	if q.Workflow != "" {
		add("workflow = ?", q.Workflow)
	}
	order, after := "ASC", ">"
	if q.Newest {
		order, after = "DESC", "<"
	}
	if q.After != (store.StepKey{}) {
		add("(event, controller) "+after+" (?, ?)", q.After.Event, q.After.Controller)
	}
	query := "SELECT " + stepFields + " FROM steps"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY event " + order + ", controller " + order + " LIMIT ?"
	return t.steps(query, append(args, q.Limit)...)
}

func (t *Tx) steps(query string, args ...any) (all []store.Step, err error) {
	err = t.Each(query, func(r Row) error {
		s, err := scanStep(r)
		all = append(all, s)
		return err
	}, args...)
	return all, err
}

// AddStep implements store.Writer.
func (t *Tx) AddStep(s store.Step) error {
	duplicate := func() error {
		return fault.New(fault.Conflict, "DuplicateStep", "the step of event %d of %s is there already", s.Event, s.Controller)
	}
	return t.Later("INSERT INTO steps ("+stepFields+") VALUES ("+marks(27)+") ON CONFLICT DO NOTHING", oneRow(duplicate),
		s.Controller, s.Event, s.OrderID, s.Root, s.Run, s.Workflow, s.Version, s.Position, s.Label, s.Job, s.Agent, s.Task, s.Start, s.Try, s.Attempt,
		s.End, s.Outcome, int64(s.Result), s.Message, s.ReturnCode, s.EndedHere, s.Log.State, s.Log.Created, s.Log.Bytes, s.Log.Chunks, s.Log.RetryAt, s.Log.Problem)
}

// EndStep implements store.Writer.
func (t *Tx) EndStep(key store.StepKey, e store.StepEnd, log store.LogState) error {
	return t.Later("UPDATE steps SET end_ms = ?, outcome = ?, result = ?, message = ?, return_code = ?, ended_here = ?, log_state = ? WHERE event = ? AND controller = ?",
		oneRow(func() error { return unknownStep(key) }), e.End, e.Outcome, int64(e.Result), e.Message, e.ReturnCode, e.EndedHere, log, key.Event, key.Controller)
}

// SetLog implements store.Writer.
func (t *Tx) SetLog(key store.StepKey, l store.LogStatus) error {
	return t.Later("UPDATE steps SET log_state = ?, log_created = ?, log_bytes = ?, log_chunks = ?, log_retry = ?, log_problem = ? WHERE event = ? AND controller = ?",
		oneRow(func() error { return unknownStep(key) }), l.State, l.Created, l.Bytes, l.Chunks, l.RetryAt, l.Problem, key.Event, key.Controller)
}

// PendingLogs implements store.Reader.
func (t *Tx) PendingLogs(controller string, now int64, limit int) ([]store.Step, error) {
	return t.steps("SELECT "+stepFields+" FROM steps WHERE controller = ? AND log_state = 1 AND log_retry <= ? ORDER BY log_retry, event LIMIT ?", controller, now, limit)
}

// LogChunk implements store.Reader.
func (t *Tx) LogChunk(key store.StepKey, nr int) (data []byte, err error) {
	missing := fault.New(fault.NotFound, "UnknownLogChunk", "there is no piece %d of that log", nr)
	err = t.One("SELECT data FROM log_chunks WHERE event = ? AND controller = ? AND nr = ?", missing, func(r Row) error { return r.Scan(&data) }, key.Event, key.Controller, nr)
	return data, err
}

// AddLogChunk implements store.Writer.
func (t *Tx) AddLogChunk(key store.StepKey, nr int, data []byte) error {
	duplicate := func() error {
		return fault.New(fault.Conflict, "DuplicateLogChunk", "piece %d of the log of step %d of %s is there already", nr, key.Event, key.Controller)
	}
	return t.Later("INSERT INTO log_chunks (event, controller, nr, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", oneRow(duplicate), key.Event, key.Controller, nr, data)
}

// DeleteHistory implements store.Writer.
func (t *Tx) DeleteHistory(before int64, limit int) (int, error) {
	type key struct {
		event      int64
		controller string
	}
	var old []key
	// The oldest steps first: event ids are microseconds. A step goes unless the
	// order that it belongs to is still of interest; an order whose id has been
	// used again is not.
	const query = `SELECT event, controller FROM steps AS s WHERE event < ? AND end_ms < ? AND NOT EXISTS (
			SELECT 1 FROM orders AS o WHERE o.controller = s.controller AND o.id = s.root AND o.run = s.run AND NOT (o.gone = 1 AND o.ended_at < ?))
		ORDER BY event LIMIT ?`
	err := t.Each(query, func(r Row) error {
		var k key
		err := r.Scan(&k.event, &k.controller)
		old = append(old, k)
		return err
	}, before*1000, before, before, limit)
	if err != nil {
		return 0, err
	}
	for _, k := range old {
		if err := t.Later("DELETE FROM log_chunks WHERE event = ? AND controller = ?", anyNumber, k.event, k.controller); err != nil {
			return 0, err
		}
		if err := t.Later("DELETE FROM steps WHERE event = ? AND controller = ?", anyNumber, k.event, k.controller); err != nil {
			return 0, err
		}
	}
	const runs = `DELETE FROM runs WHERE (event, controller) IN (
		SELECT event, controller FROM runs AS r WHERE event < ? AND end_ms > 0 AND end_ms < ? AND NOT EXISTS (
			SELECT 1 FROM orders AS o WHERE o.controller = r.controller AND o.id = r.order_id AND o.run = r.event AND NOT (o.gone = 1 AND o.ended_at < ?))
		ORDER BY event LIMIT ?)`
	gone, err := t.Exec(runs, before*1000, before, before, limit-len(old))
	if err != nil {
		return 0, err
	}
	n := len(old) + int(gone)
	const orders = `DELETE FROM orders WHERE (controller, id) IN (
		SELECT controller, id FROM orders AS o WHERE gone = 1 AND ended_at < ? AND NOT EXISTS (
			SELECT 1 FROM steps AS s WHERE s.controller = o.controller AND s.root = o.root AND s.run = o.run) LIMIT ?)`
	if gone, err = t.Exec(orders, before, limit-n); err != nil {
		return 0, err
	}
	_, err = t.Exec("DELETE FROM hours WHERE hour < ?", before/msPerHour)
	return n + int(gone), err
}

const msPerHour = 3_600_000
