package cockpit

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func openTestDatabase(t *testing.T) store.Store {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Options{File: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// allRuns reads what a database has of runs and hours, and looks that hours are
// the counts of the runs.
func allRuns(t *testing.T, db store.Store, controller string) (runs []store.Run, hours []store.Hour) {
	t.Helper()
	err := db.Read(context.Background(), func(r store.Reader) (err error) {
		if runs, _, err = r.FindRuns(store.HistoryQuery{HistoryFilter: store.HistoryFilter{Controller: controller}, Oldest: true, Limit: 10_000}); err != nil {
			return err
		}
		hours, err = r.Hours(controller, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	counted := map[int64]store.Hour{}
	for _, r := range runs {
		h := counted[r.End/msPerHour]
		h.Controller, h.Hour = controller, r.End/msPerHour
		switch r.Result {
		case store.Open:
			continue
		case store.Succeeded:
			h.Succeeded++
		case store.Failed:
			h.Failed++
		default:
			h.Cancelled++
		}
		counted[h.Hour] = h
	}
	for _, h := range hours {
		want := counted[h.Hour]
		want.Controller, want.Hour = controller, h.Hour
		if d := cmp.Diff(want, h); d != "" {
			t.Errorf("an hour isn't the count of its runs (-want +got):\n%s", d)
		}
		delete(counted, h.Hour)
	}
	if len(counted) > 0 {
		t.Errorf("hours without a count: %v", counted)
	}
	return runs, hours
}

// Runs and hours are the same, wherever the stream of events is cut (DESIGN.md, 11).
func TestRunsOfEvents(t *testing.T) {
	t.Parallel()
	const begin = int64(1_790_000_000_000_000) / (msPerHour * 1000) * (msPerHour * 1000)
	at := func(hour, n int64) int64 { return begin + hour*msPerHour*1000 + n*1000 }
	ms := func(hour, n int64) int64 { return at(hour, n) / 1000 }
	w := workflow.ID{Path: "f/W", VersionID: "1"}
	added := &order.Added{Workflow: w, By: order.Actor{Account: "ada", Method: "password"}}
	failed := &order.Outcome{Kind: order.Fails, Message: "disk " + strings.Repeat("ü", 600), Values: value.Map{"returnCode": value.NewInt(3), "secret": value.String("x")}}
	good := &order.Outcome{Kind: order.Succeeded}
	events := []engine.Stamped{
		{ID: at(0, 1), Key: "A", Event: added}, // fails, is resumed an hour later, fails again, is cancelled
		{ID: at(0, 2), Key: "B", Event: &order.Added{Workflow: w, ScheduledFor: 77}},
		{ID: at(0, 3), Key: "A", Event: &order.Started{}},
		{ID: at(0, 4), Key: "A", Event: &order.OutcomeAdded{Outcome: failed}},
		{ID: at(0, 5), Key: "A", Event: &order.FailedEvent{}},
		{ID: at(0, 6), Key: "B", Event: &order.CancelledEvent{}}, // before it has begun
		{ID: at(0, 7), Key: "B", Event: &order.Deleted{}},
		{ID: at(1, 1), Key: "A", Event: &order.ResumedEvent{}},
		{ID: at(1, 2), Key: "B", Event: added}, // the id again: it stays open
		{ID: at(1, 3), Key: "A", Event: &order.OutcomeAdded{Outcome: failed}},
		{ID: at(2, 1), Key: "A", Event: &order.StoppedEvent{}},
		{ID: at(3, 1), Key: "A", Event: &order.CancelledEvent{}},
		{ID: at(3, 2), Key: "A", Event: &order.Deleted{}},
		{ID: at(3, 3), Key: "C", Event: added}, // all is well after a failure was dealt with
		{ID: at(3, 4), Key: "B", Event: &order.Started{}},
		{ID: at(3, 5), Key: "C", Event: &order.Started{}},
		{ID: at(3, 6), Key: "C", Event: &order.OutcomeAdded{Outcome: failed}},
		{ID: at(3, 7), Key: "C", Event: &order.FailedEvent{}},
		{ID: at(3, 8), Key: "C", Event: &order.ResumedEvent{}},
		{ID: at(3, 9), Key: "C", Event: &order.OutcomeAdded{Outcome: good}},
		{ID: at(3, 10), Key: "C", Event: &order.FinishedEvent{}},
		{ID: at(3, 11), Key: "C", Event: &order.Deleted{}},
		{ID: at(4, 1), Key: "D", Event: added}, // it ends by a bad outcome, without having failed
		{ID: at(4, 2), Key: "D", Event: &order.Started{}},
		{ID: at(4, 3), Key: "D", Event: &order.FinishedEvent{Outcome: &order.Outcome{Kind: order.Fails, Message: "no luck"}}},
		{ID: at(4, 4), Key: "E", Event: added},
		{ID: at(4, 5), Key: "E", Event: &order.BrokenEvent{Problem: &order.Problem{Code: "X", Message: "broken"}}},
	}
	run := func(event int64, id string, end store.RunEnd) store.Run {
		return store.Run{RunKey: store.RunKey{Controller: "c", Event: event}, OrderID: id, Workflow: "f/W", Version: "1", Account: "ada", Method: "password", RunEnd: end}
	}
	a := run(at(0, 1), "A", store.RunEnd{
		State: "Cancelled", Result: store.Failed, End: ms(2, 1), Message: "disk " + strings.Repeat("ü", 497),
		Outcome: `{"TYPE":"Failed","message":"` + failed.Message + `","namedValues":{"returnCode":3}}`,
	})
	a.Start = ms(0, 3)
	b := run(at(0, 2), "B", store.RunEnd{State: "Cancelled", Result: store.Cancelled, End: ms(0, 6)})
	b.Account, b.Method, b.ScheduledFor = "", "", 77
	again := run(at(1, 2), "B", store.RunEnd{})
	again.Start = ms(3, 4)
	c := run(at(3, 3), "C", store.RunEnd{State: "Finished", Result: store.Succeeded, End: ms(3, 10), Outcome: `{"TYPE":"Succeeded"}`})
	c.Start = ms(3, 5)
	d := run(at(4, 1), "D", store.RunEnd{State: "Finished", Result: store.Failed, End: ms(4, 3), Outcome: `{"TYPE":"Failed","message":"no luck"}`, Message: "no luck"})
	d.Start = ms(4, 2)
	e := run(at(4, 4), "E", store.RunEnd{State: "Broken", Result: store.Failed, End: ms(4, 5), Message: "broken"})
	wantRuns := []store.Run{a, b, again, c, d, e}
	for _, size := range []int{1, 2, 3, 5, 8, 13, len(events)} {
		db := openTestDatabase(t)
		var position int64
		for at := 0; at < len(events); at += size {
			batch := events[at:min(len(events), at+size)]
			// Each time by another Cockpit, which has nothing in its cache.
			f := newHistory(historyParts{id: "c", db: db, services: db, clock: clock.Real{}, log: slog.New(slog.DiscardHandler), news: newNews(clock.Real{})}).follower
			if err := f.commit(context.Background(), position, batch); err != nil {
				t.Fatal(err)
			}
			position = batch[len(batch)-1].ID
		}
		runs, _ := allRuns(t, db, "c")
		if d := cmp.Diff(wantRuns, runs); d != "" {
			t.Fatalf("in batches of %d (-want +got):\n%s", size, d)
		}
	}
}

func TestStepResults(t *testing.T) {
	t.Parallel()
	long := &order.Outcome{Kind: order.Fails, Message: strings.Repeat("x", 2000)}
	for _, c := range []struct {
		name    string
		o       *order.Outcome
		want    store.Result
		message string
	}{
		{"none", nil, store.Disrupted, ""},
		{"succeeded", &order.Outcome{Kind: order.Succeeded, Message: "fine"}, store.Succeeded, ""},
		{"failed", long, store.Failed, strings.Repeat("x", 1000)},
		{"timed out", &order.Outcome{Kind: order.TimedOut, Inner: &order.Outcome{Kind: order.Fails, Message: "inner"}}, store.TimedOut, "inner"},
		{"killed", &order.Outcome{Kind: order.Killed, Inner: &order.Outcome{Kind: order.Succeeded}}, store.Killed, ""},
		{"lost", &order.Outcome{Kind: order.Disrupted, ProcessLost: true, Problem: &order.Problem{Message: "gone"}}, store.Lost, "gone"},
		{"disrupted", &order.Outcome{Kind: order.Disrupted, Problem: &order.Problem{Message: "no agent"}}, store.Disrupted, "no agent"},
	} {
		if got := stepResult(c.o); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if c.o != nil {
			if got := messageOf(c.o); got != c.message {
				t.Errorf("%s: message %q", c.name, got)
			}
		}
	}
}
