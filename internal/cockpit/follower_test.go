package cockpit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// flaky delivers a Controller's events badly: streams break, begin too early, and
// confirmations get lost.
type flaky struct {
	Controller
	mu    sync.Mutex
	n     int
	early int64 // streams begin so many events' time before what was asked for
}

func (f *flaky) Events(ctx context.Context, after int64) (Events, error) {
	inner, err := f.Controller.Events(ctx, max(0, after-f.early))
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return &flakyEvents{Events: inner, left: 1 + f.n%3}, nil
}

type flakyEvents struct {
	Events
	left int
}

func (e *flakyEvents) Next() ([]engine.Stamped, error) {
	if e.left--; e.left < 0 {
		return nil, fault.New(fault.Unavailable, "CannotConnect", "broken")
	}
	return e.Events.Next()
}

func (f *flaky) Command(ctx context.Context, cmd engine.Command) (json.RawMessage, error) {
	if _, ok := cmd.Body.(*engine.ReleaseEvents); ok {
		f.mu.Lock()
		f.n++
		lost := f.n%2 == 0
		f.mu.Unlock()
		if lost {
			return nil, fault.New(fault.Unavailable, "CannotConnect", "lost")
		}
	}
	return f.Controller.Command(ctx, cmd)
}

// failingCommits fails some transactions after f has run, as a full disk does.
type failingCommits struct {
	store.Store
	mu sync.Mutex
	n  int
}

var errCommit = errors.New("no commit")

func (s *failingCommits) Write(ctx context.Context, f func(store.Writer) error) error {
	return s.Store.Write(ctx, func(w store.Writer) error {
		if err := f(w); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.n++; s.n%5 == 0 {
			return errCommit
		}
		return nil
	})
}

// Whatever breaks, the history has each step once, and the same as without.
func TestHistoryIsWrittenOnce(t *testing.T) { onBoth(t, options{}, testHistoryIsWrittenOnce) }

func testHistoryIsWrittenOnce(t *testing.T, b *bench) {
	branch := `{"id":"%s","workflow":{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"out %s"}}}]}}`
	fork := `{"instructions":[{"TYPE":"Fork","branches":[` + fmt.Sprintf(branch, "a", "x") + `,` + fmt.Sprintf(branch, "b", "y") + `]}]}`
	b.deploy(map[string]string{"W": job("rc 0"), "F": job("rc 1"), "P": fork})
	var ids []string
	for i := range 10 {
		for _, w := range []string{"W", "F", "P"} {
			ids = append(ids, b.add(api.AddOrdersRequest{Workflow: w, Id: fmt.Sprint(w, i)})...)
		}
	}
	b.await(ids...)
	// What failed is resumed, and fails again, or is cancelled.
	for _, id := range []string{"F1", "F2"} {
		b.call("POST", "/orders/resume", api.ResumeOrdersRequest{Ids: []string{id}, Position: json.RawMessage("[0]")}, nil)
	}
	b.call("POST", "/orders/cancel", api.CancelOrdersRequest{Ids: []string{"F3"}}, nil)
	b.await("F1", "F2", "F3")
	want, err := json.Marshal(b.history(""))
	b.check(err)

	db, err := sqlite.Open(context.Background(), sqlite.Options{File: filepath.Join(t.TempDir(), "x.db")})
	b.check(err)
	defer func() { _ = db.Close() }()
	pack, err := newPacker()
	b.check(err)
	for round := range 3 { // a Cockpit that is started again and again
		h := newHistory(historyParts{
			id: "controller", controller: &flaky{Controller: b.fake, early: int64(round) * 2000}, db: db, services: &failingCommits{Store: db},
			clock: clock.Real{}, log: slog.New(slog.DiscardHandler), pack: pack, confirmEvery: time.Millisecond,
			news: newNews(clock.Real{}),
		})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { h.follower.run(ctx, writing, "other-cockpit") })
		if round > 0 { // the first one is killed on its way
			deadline, stop := context.WithTimeout(ctx, time.Minute)
			if err := h.catchUp(deadline); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
			stop()
		} else {
			for event, moved := h.signals.at(); event == 0; event, moved = h.signals.at() {
				<-moved
			}
		}
		cancel()
		wg.Wait()
		// What was folded from events is what is read from the database.
		b.check(db.Read(context.Background(), func(r store.Reader) error {
			rows, err := openOrders(r, "controller")
			for i := range rows {
				kept, folded := rows[i], h.mirror.Row(rows[i].Order.ID)
				if folded == nil || string(codec.Binary(nil, folded.Order)) != string(codec.Binary(nil, kept.Order)) ||
					folded.Since != kept.Since || folded.Label != kept.Label || folded.Job != kept.Job {
					t.Errorf("round %d: the mirror has %+v, the database %+v", round, folded, kept)
				}
			}
			if n := h.mirror.Find(mirror.Query{Children: true, Limit: 1}, 0).Total; n != len(rows) {
				t.Errorf("round %d: the mirror has %d orders, the database %d", round, n, len(rows))
			}
			return err
		}))
	}
	var steps []store.Step
	b.check(db.Read(context.Background(), func(r store.Reader) (err error) {
		steps, err = r.Steps(store.StepQuery{Limit: 1000})
		return err
	}))
	rows := []api.HistoryRow{}
	for i := range steps {
		rows = append(rows, rowOf(&steps[i]))
	}
	got, err := json.Marshal(rows)
	b.check(err)
	if string(got) != string(want) || len(rows) != 42 {
		t.Errorf("%d rows:\n%s\nwant:\n%s", len(rows), got, want)
	}
	wantRuns, wantHours := allRuns(t, b.c.db, "controller")
	runs, hours := allRuns(t, db, "controller")
	if d := cmp.Diff(wantRuns, runs); d != "" || len(runs) != 30 {
		t.Errorf("%d runs (-want +got):\n%s", len(runs), d)
	}
	if d := cmp.Diff(wantHours, hours); d != "" {
		t.Errorf("hours (-want +got):\n%s", d)
	}
}

// Nothing is confirmed before it is written, and confirmations come to an end.
func TestConfirmations(t *testing.T) { onBoth(t, options{}, testConfirmations) }

func testConfirmations(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("rc 0")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	b.await("A")
	b.stop()
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
	var last int64
	for _, until := range b.fake.confirm {
		if until <= last {
			t.Errorf("confirmed %d after %d", until, last)
		}
		last = until
	}
	if n := len(b.fake.confirm); n == 0 || n > 60 {
		t.Errorf("%d confirmations", n)
	}
}

// A Cockpit that was away goes on where it was.
func TestRestart(t *testing.T) { onBoth(t, options{}, testRestart) }

func testRestart(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("out one\nhold")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	b.check(b.c.histories[0].catchUp(context.Background()))
	b.stop()
	b.fake.release("A", "two")
	b.start()
	defer b.stop()
	b.await("A") // with the token from before
	if w := b.do(request{method: "GET", path: orderPath("A", "/log"), token: b.token}); w.Body.String() != "one\ntwo\n" {
		t.Errorf("log: %q", w.Body)
	}
}

// Events that are no longer kept are told, and nothing is made up.
func TestTornStream(t *testing.T) { onBoth(t, options{}, testTornStream) }

func testTornStream(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("rc 0")})
	b.check(b.c.histories[0].catchUp(context.Background()))
	b.stop()
	b.fake.mu.Lock()
	_, err := b.fake.c.Submit(engine.Command{Body: &engine.AddOrders{Orders: []engine.FreshOrder{{ID: "A", WorkflowPath: "W"}}}}, b.fake.now())
	b.check(err)
	b.fake.pump()
	b.fake.torn = b.fake.c.LastEventID()
	b.fake.mu.Unlock()
	b.start()
	defer b.stop()
	for deadline := time.Now().Add(time.Minute); ; {
		var s api.ControllersStatus
		b.call("GET", "/controllers/status", nil, &s)
		if p := s.Controllers[0].History.Problem; p != nil && p.Code == "EventSeqTorn" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the gap is not told")
		}
		runtime.Gosched()
	}
	if rows := b.history(""); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
}

func newOrderEvents(n int, at *int64) []engine.Stamped {
	next := func(key string, e engine.Event) engine.Stamped {
		*at += 10
		return engine.Stamped{ID: *at, Key: key, Event: e}
	}
	var all []engine.Stamped
	w := workflow.ID{Path: "W", VersionID: "1"}
	for i := range n {
		id := fmt.Sprint("O", *at, "-", i)
		all = append(all,
			next(id, &order.Added{Workflow: w, Arguments: value.Map{"a": value.String("b")}}),
			next(id, &order.Attachable{Agent: "a"}), next(id, &order.AttachedEvent{Agent: "a"}), next(id, &order.Started{}),
			next(id, &order.ProcessingStarted{Agent: "a", Task: id, Job: "J", Label: "L", Try: 1}),
			next(id, &order.ProcessedEvent{Outcome: &order.Outcome{Kind: order.Succeeded, Values: value.Map{"returnCode": value.NewInt(0)}}}),
			next(id, &order.Moved{To: workflow.At(1)}), next(id, &order.Detachable{}), next(id, &order.DetachedEvent{}), next(id, &order.FinishedEvent{}))
	}
	return all
}

// BenchmarkFollower writes the history of orders of one job each.
func BenchmarkFollower(b *testing.B) {
	db, err := sqlite.Open(context.Background(), sqlite.Options{File: filepath.Join(b.TempDir(), "x.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	h := newHistory(historyParts{id: "c", db: db, services: db, clock: clock.Real{}, log: slog.New(slog.NewTextHandler(io.Discard, nil)), news: newNews(clock.Real{})})
	var at, position int64
	at = 1_790_000_000_000_000
	rows, events := 0, 0
	for b.Loop() {
		batch := newOrderEvents(400, &at)
		if err := h.follower.commit(context.Background(), position, batch); err != nil {
			b.Fatal(err)
		}
		position = batch[len(batch)-1].ID
		rows += 400
		events += len(batch)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
