package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/migration"
)

var (
	stepsFlag  = flag.Int64("steps", 100_000, "how many steps the history of BenchmarkHistory has")
	budgetFlag = flag.Int("budget", 20_000, "at how many rows one search of BenchmarkHistory looks")
	fileFlag   = flag.String("file", "", "where it is kept, and found again with the same number; \"\": made for this run")
)

// The made-up history: an order has two steps; a hundred folders of twenty workflows
// of five jobs, two hundred Agents. The newest event is at historyEnd.
const (
	historyEnd = int64(1_790_000_000_000_000) // microseconds
	stepEvery  = int64(250_000)               // between two steps: 10 million are a month
)

// madeStep returns step n of so many; the last is the newest.
func madeStep(n, of int64) (store.Step, store.Run) {
	r := rand.New(rand.NewPCG(uint64(n/2), 7))
	event := historyEnd - (of-n)*stepEvery
	workflow := fmt.Sprintf("folder-%d/workflow-%d", r.IntN(100), r.IntN(20))
	job := fmt.Sprintf("job-%d", (r.Int64N(4)+n)%5)
	id := fmt.Sprintf("#2026-09-21#%012x", n/2)
	added := historyEnd - (of-n/2*2)*stepEvery - 100_000
	start, took := event/1000, 200+r.Int64N(60_000)
	rc := int64(0)
	end := store.StepEnd{End: start + took, Outcome: `{"TYPE":"Succeeded","namedValues":{"returnCode":0}}`, Result: store.Succeeded, ReturnCode: &rc, EndedHere: start + took}
	state, result, message := "Finished", store.Succeeded, ""
	switch chance := r.IntN(1000); {
	case n >= of-200: // the newest run
		end, state, result = store.StepEnd{}, "", store.Open
	case n%2 == 1 && chance < 10:
		rc = int64(1 + chance%4)
		end.Outcome, end.Result, end.Message = fmt.Sprintf(`{"TYPE":"Failed","message":"disk full on /data/%d","namedValues":{"returnCode":%d}}`, chance, rc), store.Failed, fmt.Sprintf("disk full on /data/%d", chance)
		state, result, message = "Failed", store.Failed, end.Message
	}
	s := store.Step{
		StepKey: store.StepKey{Controller: "controller", Event: event}, OrderID: id, Root: id, Run: added, Workflow: workflow, Version: "17", Position: "[0]",
		Label: job, Job: job, Agent: fmt.Sprintf("agent-%d", r.IntN(200)), Task: fmt.Sprint(event), Start: start, Try: 1, Attempt: 1, StepEnd: end,
		Log: store.LogStatus{State: store.LogComplete, Created: start, Bytes: 120, Chunks: 1},
	}
	run := store.Run{
		RunKey: store.StepKey{Controller: "controller", Event: added}, OrderID: id, Workflow: workflow, Version: "17", Account: "admin", Method: "password",
		Start: added / 1000, RunEnd: store.RunEnd{State: state, Result: result, End: end.End, Outcome: end.Outcome, Message: message},
	}
	return s, run
}

// madeHistory opens a database with so many steps, and fills it where they are
// missing.
func madeHistory(b *testing.B, of int64) *DB {
	b.Helper()
	file := *fileFlag
	if file == "" {
		file = filepath.Join(b.TempDir(), "history.db")
	}
	db := open(b, file)
	newest, _ := madeStep(of-1, of)
	if err := db.Read(context.Background(), func(r store.Reader) error { _, err := r.Step(newest.StepKey); return err }); err == nil {
		return db
	}
	// Made faster than it comes about: a power cut doesn't matter here.
	for _, pragma := range []string{"synchronous = OFF", "cache_size = -1000000", "wal_autocheckpoint = 100000"} {
		if _, err := db.writer.conn.ExecContext(context.Background(), "PRAGMA "+pragma); err != nil {
			b.Fatal(err)
		}
	}
	begun := time.Now()
	for n := alreadyMade(b, db, of); n < of; {
		err := db.Write(context.Background(), func(w store.Writer) error {
			for until := min(of, n+4000); n < until; n++ {
				s, run := madeStep(n, of)
				if err := w.AddStep(s); err != nil {
					return err
				}
				if n%2 == 1 {
					if err := w.AddRun(run); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d steps and %d runs were written in %s", of, of/2, time.Since(begun).Round(time.Second))
	return db
}

// alreadyMade returns how many steps there are, when it was stopped before its end.
func alreadyMade(b *testing.B, db *DB, of int64) (n int64) {
	b.Helper()
	err := db.Read(context.Background(), func(r store.Reader) error {
		newest, _, err := r.FindSteps(store.HistoryQuery{Limit: 1})
		if len(newest) > 0 {
			n = of - (historyEnd-newest[0].Event)/stepEvery + 1
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// historyQueries are what the pages ask.
func historyQueries() map[string]func(r store.Reader, n *rand.Rand) error {
	budget := *budgetFlag
	hour := int64(3_600_000)
	find := func(f func(n *rand.Rand) store.HistoryFilter) func(store.Reader, *rand.Rand) error {
		return func(r store.Reader, n *rand.Rand) error {
			_, _, err := r.FindSteps(store.HistoryQuery{HistoryFilter: f(n), Limit: 100, Budget: budget})
			return err
		}
	}
	runs := func(f func(n *rand.Rand) store.HistoryFilter) func(store.Reader, *rand.Rand) error {
		return func(r store.Reader, n *rand.Rand) error {
			_, _, err := r.FindRuns(store.HistoryQuery{HistoryFilter: f(n), Limit: 100, Budget: budget})
			return err
		}
	}
	workflow := func(n *rand.Rand) string {
		return fmt.Sprintf("folder-%d/workflow-%d", n.IntN(100), n.IntN(20))
	}
	failed := []store.Result{store.Failed, store.TimedOut, store.Killed, store.Lost, store.Disrupted}
	return map[string]func(store.Reader, *rand.Rand) error{
		"newest": find(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{} }),
		"span": find(func(n *rand.Rand) store.HistoryFilter {
			to := historyEnd/1000 - n.Int64N(20*24)*hour
			return store.HistoryFilter{From: to - hour, To: to}
		}),
		"failed": find(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{Results: failed} }),
		"failedInFolder": find(func(n *rand.Rand) store.HistoryFilter {
			return store.HistoryFilter{Results: failed, Folder: fmt.Sprintf("folder-%d", n.IntN(100))}
		}),
		"workflow": find(func(n *rand.Rand) store.HistoryFilter { return store.HistoryFilter{Workflow: workflow(n)} }),
		"job": find(func(n *rand.Rand) store.HistoryFilter {
			return store.HistoryFilter{Workflow: workflow(n), Job: "job-3", Label: "job-3"}
		}),
		"agent": find(func(n *rand.Rand) store.HistoryFilter {
			return store.HistoryFilter{Agent: fmt.Sprintf("agent-%d", n.IntN(200))}
		}),
		"returnCode": find(func(*rand.Rand) store.HistoryFilter { rc := int64(4); return store.HistoryFilter{ReturnCode: &rc} }),
		"textCommon": find(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{Text: "JOB-2"} }),
		"textNowhere": find(func(*rand.Rand) store.HistoryFilter {
			return store.HistoryFilter{Text: "no such text", From: historyEnd/1000 - 24*hour}
		}),
		"textInFailed": find(func(*rand.Rand) store.HistoryFilter {
			return store.HistoryFilter{Text: "DISK FULL on /data/7", Results: failed}
		}),
		"running":    find(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{Results: []store.Result{store.Open}} }),
		"runsNewest": runs(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{} }),
		"runsFailed": runs(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{Results: failed} }),
		"runsOfWorkflow": runs(func(n *rand.Rand) store.HistoryFilter {
			return store.HistoryFilter{Workflow: workflow(n)}
		}),
		"runsTextNowhere": runs(func(*rand.Rand) store.HistoryFilter { return store.HistoryFilter{Text: "no such text"} }),
		"count": func(r store.Reader, _ *rand.Rand) error {
			_, _, err := r.CountSteps(store.HistoryQuery{HistoryFilter: store.HistoryFilter{From: historyEnd/1000 - 24*hour}, Limit: 10_000, Budget: budget})
			return err
		},
		"countFailed": func(r store.Reader, _ *rand.Rand) error {
			_, _, err := r.CountSteps(store.HistoryQuery{HistoryFilter: store.HistoryFilter{Results: failed}, Limit: 10_000, Budget: budget})
			return err
		},
		"countText": func(r store.Reader, _ *rand.Rand) error {
			_, _, err := r.CountSteps(store.HistoryQuery{HistoryFilter: store.HistoryFilter{Text: "no such text"}, Limit: 10_000, Budget: budget})
			return err
		},
		"usual": func(r store.Reader, n *rand.Rand) error {
			_, err := store.UsualOf(r, store.JobQuery{Workflow: workflow(n), Job: "job-3", Label: "job-3", Succeeded: true, Limit: 100, Budget: 2000})
			return err
		},
		"throughput": func(r store.Reader, _ *rand.Rand) error {
			_, err := r.Hours("controller", historyEnd/1000/hour-24)
			return err
		},
	}
}

// BenchmarkHistory asks what the pages ask of a long history. Ten million steps:
//
//	go test -run '^$' -bench History -timeout 2h ./internal/store/sqlite -args -steps=10000000 -file=/tmp/history.db
func BenchmarkHistory(b *testing.B) {
	db := madeHistory(b, *stepsFlag)
	defer func() { _ = db.Close() }()
	queries := historyQueries()
	names := make([]string, 0, len(queries))
	for name := range queries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range append([]string{"floor"}, names...) {
		ask, ok := queries[name]
		if !ok {
			ask = func(r store.Reader, _ *rand.Rand) error { _, err := r.Position("controller"); return err }
		}
		b.Run(name, func(b *testing.B) {
			n := rand.New(rand.NewPCG(1, 2))
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if err := db.Read(context.Background(), func(r store.Reader) error { return ask(r, n) }); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}

// BenchmarkMigration brings a history of the first form to today's.
func BenchmarkMigration(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		file := filepath.Join(b.TempDir(), "old.db")
		fillFormOne(b, file, *stepsFlag)
		b.StartTimer()
		if err := open(b, file).Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(*stepsFlag)*1e6, "s/million-steps")
}

// fillFormOne makes a database as the first form of programs did.
func fillFormOne(b *testing.B, file string, steps int64) {
	b.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", dsn(file, false))
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	all, err := migration.Read(files, "migrations")
	if err != nil {
		b.Fatal(err)
	}
	if err := migrateTo(ctx, db, all[:1]); err != nil {
		b.Fatal(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	const step = `INSERT INTO steps (controller, event, order_id, root, run, workflow, version, position, label, job, agent, task, start_ms, try, attempt, end_ms, outcome)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	const order = `INSERT INTO orders (controller, id, root, run, workflow, version, state, ended, successful, gone, ended_at, step, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, 1, ?, 0, x'00')`
	for n := range steps {
		s, r := madeStep(n, steps)
		_, err := tx.ExecContext(ctx, step, s.Controller, s.Event, s.OrderID, s.Root, s.Run, s.Workflow, s.Version, s.Position, s.Label, s.Job, s.Agent, s.Task, s.Start, s.Try, s.Attempt, s.End, s.Outcome)
		if err == nil && n%2 == 1 {
			_, err = tx.ExecContext(ctx, order, r.Controller, r.OrderID, r.OrderID, r.Event, r.Workflow, r.Version, r.State, r.Result == store.Succeeded, r.End)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
