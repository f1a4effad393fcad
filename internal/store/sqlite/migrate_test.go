package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/migration"
)

// migrated returns a database of an earlier form, filled as its programs did, and
// brought to today's.
func migrated(t *testing.T, form int, fill string) *DB {
	t.Helper()
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := sql.Open("sqlite", dsn(file, false))
	if err != nil {
		t.Fatal(err)
	}
	all, err := migration.Read(files, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrateTo(ctx, old, all[:form]); err != nil {
		t.Fatal(err)
	}
	if _, err := old.ExecContext(ctx, fill); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db := open(t, file)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// What was written before there were results, runs and hours gets them.
func TestHistoryOfFormOne(t *testing.T) {
	t.Parallel()
	db := migrated(t, 1, `
		INSERT INTO audit (time, account, method, address, action, controller, objects, reason, result) VALUES (5, 'ada', 'password', '', 'deploy', '', '[]', '', 'done');
		INSERT INTO orders (controller, id, root, run, workflow, version, state, ended, successful, gone, ended_at, step, body) VALUES
			('c', 'A', 'A', 1000000, 'f/W', '1', 'Finished', 1, 1, 1, 3600001, 0, x'00'), ('c', 'A|x', 'A', 1000000, 'f/W', '1', 'Finished', 1, 1, 1, 3600001, 0, x'00'),
			('c', 'B', 'B', 2000000, 'f/W', '1', 'Failed', 1, 0, 0, 3600002, 0, x'00'), ('c', 'C', 'C', 3000000, 'f/W', '1', 'Cancelled', 1, 0, 1, 7200000, 0, x'00'),
			('c', 'D', 'D', 4000000, 'f/W', '1', 'Processing', 0, 0, 0, 0, 4500000, x'00');
		INSERT INTO steps (controller, event, order_id, root, run, workflow, version, position, label, job, agent, task, start_ms, try, attempt, end_ms, outcome) VALUES
			('c', 1, 'A', 'A', 1000000, 'f/W', '1', '[0]', 'L', 'J', 'a', 't', 1100, 1, 1, 1200, '{"TYPE":"Succeeded","namedValues":{"returnCode":0,"message":"no failure"}}'),
			('c', 2, 'A', 'A', 1000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 1300, 1, 1, 1400, '{"TYPE":"Failed","message":"disk full","namedValues":{"returnCode":1}}'),
			('c', 3, 'A', 'A', 1000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 1500, 1, 1, 1600, '{"TYPE":"TimedOut","outcome":{"TYPE":"Failed","message":"inner"}}'),
			('c', 4, 'A', 'A', 1000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 1500, 1, 1, 1600, '{"TYPE":"Killed","outcome":{"TYPE":"Succeeded"}}'),
			('c', 5, 'A', 'A', 1000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 1500, 1, 1, 1600, '{"TYPE":"Disrupted","reason":{"TYPE":"ProcessLost","problem":{"code":"X","message":"gone"}}}'),
			('c', 6, 'A', 'A', 1000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 1500, 1, 1, 1600, '{"TYPE":"Disrupted","reason":{"TYPE":"Other","problem":{"code":"X","message":"no agent"}}}'),
			('c', 7, 'A', 'A', 1000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 1500, 1, 1, 1600, ''),
			('c', 4500000, 'D', 'D', 4000000, 'f/W', '1', '[1]', 'L', 'J', 'a', 't', 4500, 1, 1, 0, '');`)
	type result struct {
		Event   int64
		Result  store.Result
		Message string
	}
	var results []result
	var runs []store.Run
	var hours []store.Hour
	err := db.Read(context.Background(), func(r store.Reader) error {
		steps, _, err := r.FindSteps(store.HistoryQuery{Oldest: true, Limit: 99})
		if err != nil {
			return err
		}
		for _, s := range steps {
			results = append(results, result{s.Event, s.Result, s.Message})
		}
		if runs, _, err = r.FindRuns(store.HistoryQuery{Oldest: true, Limit: 99}); err != nil {
			return err
		}
		if hours, err = r.Hours("c", 0); err != nil {
			return err
		}
		audit, _, err := r.Audit(store.AuditQuery{Limit: 9})
		if d := cmp.Diff([]store.AuditEntry{{ID: 1, Time: 5, Account: "ada", Method: "password", Action: "deploy", Objects: []string{}, Result: "done"}}, audit); d != "" {
			t.Errorf("audit (-want +got):\n%s", d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantResults := []result{
		{1, store.Succeeded, ""},
		{2, store.Failed, "disk full"},
		{3, store.TimedOut, "inner"},
		{4, store.Killed, ""},
		{5, store.Lost, "gone"},
		{6, store.Disrupted, "no agent"},
		{7, store.Disrupted, ""},
		{4_500_000, store.Open, ""},
	}
	if d := cmp.Diff(wantResults, results); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	run := func(id string, event, start int64, end store.RunEnd) store.Run {
		return store.Run{RunKey: store.RunKey{Controller: "c", Event: event}, OrderID: id, Workflow: "f/W", Version: "1", Start: start, RunEnd: end}
	}
	wantRuns := []store.Run{
		run("A", 1_000_000, 1100, store.RunEnd{State: "Finished", Result: store.Succeeded, End: 3_600_001}),
		run("B", 2_000_000, 0, store.RunEnd{State: "Failed", Result: store.Failed, End: 3_600_002}),
		run("C", 3_000_000, 0, store.RunEnd{State: "Cancelled", Result: store.Cancelled, End: 7_200_000}),
		run("D", 4_000_000, 4500, store.RunEnd{}),
	}
	if d := cmp.Diff(wantRuns, runs); d != "" {
		t.Errorf("runs (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]store.Hour{{Controller: "c", Hour: 1, Succeeded: 1, Failed: 1}, {Controller: "c", Hour: 2, Cancelled: 1}}, hours); d != "" {
		t.Errorf("hours (-want +got):\n%s", d)
	}
}
