// Package storetest is the one suite of tests that every engine of the Cockpit's
// database passes. It must know nothing of any engine.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Engine opens databases of one kind.
type Engine struct {
	// Open opens the database of a test, which is empty at first; a second call
	// finds what was written, also while the first store is still open.
	Open func(t *testing.T) func() store.Store
}

// Run runs the suite.
func Run(t *testing.T, e Engine) {
	t.Parallel()
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"accounts", testAccounts},
		{"sessions", testSessions},
		{"audit", testAudit},
		{"position", testPosition},
		{"orders", testOrders},
		{"steps", testSteps},
		{"stepPages", testStepPages},
		{"logs", testLogs},
		{"retention", testRetention},
		{"objects", testObjects},
		{"objectRevisions", testObjectRevisions},
		{"versions", testVersions},
		{"search", testSearch},
		{"unindexed", testUnindexed},
		{"findSteps", testFindSteps},
		{"stepTimes", testStepTimes},
		{"runs", testRuns},
		{"hours", testHours},
		{"runRetention", testRunRetention},
		{"filters", testFilters},
		{"bulletins", testBulletins},
		{"enrolments", testEnrolments},
		{"deployments", testDeployments},
		{"facts", testFacts},
		{"account keys", testAccountKeys},
		{"passkeys", testPasskeys},
		{"pending releases", testPendingReleases},
		{"auditSearch", testAuditSearch},
		{"undone", testUndone},
		{"shared", testShared},
		{"views", testViews},
		{"texts", testTexts},
		{"two", testTwo},
		{"many", testMany},
		{"lease", testLease},
		{"reopen", testReopen},
		{"closed", testClosed},
		{"panic", testPanic},
		{"canceled", testCanceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			open := e.Open(t)
			b := &bench{T: t, open: open, db: open()}
			t.Cleanup(func() {
				if err := b.db.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.test(t, b)
		})
	}
}

// bench is one test's database.
type bench struct {
	*testing.T
	open func() store.Store
	db   store.Store
}

func (b *bench) write(f func(store.Writer) error) {
	b.Helper()
	if err := b.db.Write(context.Background(), f); err != nil {
		b.Fatalf("Write: %v", err)
	}
}

func (b *bench) read(f func(store.Reader) error) {
	b.Helper()
	if err := b.db.Read(context.Background(), f); err != nil {
		b.Fatalf("Read: %v", err)
	}
}

// refused checks that a write fails with a code.
func (b *bench) refused(code string, f func(store.Writer) error) {
	b.Helper()
	if err := b.db.Write(context.Background(), f); !fault.HasCode(err, code) {
		b.Fatalf("got %v, want code %s", err, code)
	}
}

func same[T any](b *bench, what string, got, want T) {
	b.Helper()
	if d := cmp.Diff(want, got); d != "" {
		b.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func testAccounts(_ *testing.T, b *bench) {
	admin := store.Account{Name: "Admin", Role: "administrator", PasswordHash: "h", CreatedAt: 7}
	b.write(func(w store.Writer) error { return w.AddAccount(admin) })
	b.refused("DuplicateAccount", func(w store.Writer) error { return w.AddAccount(admin) })
	b.refused("DuplicateAccount", func(w store.Writer) error { return w.AddAccount(store.Account{Name: "aDMIN"}) })
	b.write(func(w store.Writer) error { return w.AddAccount(store.Account{Name: "a", Role: "viewer"}) })
	b.read(func(r store.Reader) error {
		all, err := r.Accounts()
		same(b, "Accounts", all, []store.Account{admin, {Name: "a", Role: "viewer"}})
		if _, err := r.Account("admin"); !fault.HasCode(err, "UnknownAccount") {
			b.Errorf("a name in other capitals was found: %v", err)
		}
		return err
	})
	admin.Disabled, admin.PasswordHash = true, "h2"
	b.write(func(w store.Writer) error { return w.ChangeAccount(admin) })
	b.refused("UnknownAccount", func(w store.Writer) error { return w.ChangeAccount(store.Account{Name: "x"}) })
	b.read(func(r store.Reader) error {
		got, err := r.Account("Admin")
		same(b, "Account", got, admin)
		n, err2 := r.CountRole("administrator")
		same(b, "CountRole", n, 0)
		return errors.Join(err, err2)
	})
	b.write(func(w store.Writer) error { return w.DeleteAccount("Admin") })
	b.refused("UnknownAccount", func(w store.Writer) error { return w.DeleteAccount("Admin") })
}

func testSessions(_ *testing.T, b *bench) {
	h := func(n byte) [32]byte { return [32]byte{n} }
	b.write(func(w store.Writer) error {
		for n := byte(1); n <= 4; n++ {
			account := "a"
			if n == 4 {
				account = "b"
			}
			s := store.Session{Hash: h(n), Account: account, Method: "password", Certificate: "c", CreatedAt: 1, LastUsed: 10 * int64(n), ExpiresAt: 100}
			if err := w.AddSession(s); err != nil {
				return err
			}
		}
		return errors.Join(w.TouchSession(h(1), 50), w.TouchSession(h(1), 40), w.TouchSession(h(9), 40))
	})
	b.read(func(r store.Reader) error {
		s, err := r.Session(h(1))
		same(b, "Session", s, store.Session{Hash: h(1), Account: "a", Method: "password", Certificate: "c", CreatedAt: 1, LastUsed: 50, ExpiresAt: 100})
		if _, err := r.Session(h(9)); !fault.HasCode(err, "UnknownSession") {
			b.Errorf("unknown session: %v", err)
		}
		return err
	})
	b.write(func(w store.Writer) error {
		gone, err := w.DeleteSessionsOf("a", h(2))
		if len(gone) != 2 {
			b.Errorf("ended %d sessions, want 2", len(gone))
		}
		return errors.Join(err, w.DeleteSession(h(9)), w.DeleteExpiredSessions(99, 30))
	})
	b.read(func(r store.Reader) error {
		if _, err := r.Session(h(2)); err == nil {
			b.Error("a session idle for too long is still there")
		}
		_, err := r.Session(h(4))
		return err
	})
	b.write(func(w store.Writer) error { return w.DeleteExpiredSessions(100, 0) })
	b.read(func(r store.Reader) error {
		if _, err := r.Session(h(4)); err == nil {
			b.Error("an expired session is still there")
		}
		return nil
	})
}

func testAudit(_ *testing.T, b *bench) {
	var ids []int64
	b.write(func(w store.Writer) error {
		for i := range 5 {
			id, err := w.AddAudit(store.AuditEntry{
				Time: int64(i), Account: "a", Method: "m", Address: "1.2.3.4", Action: "addOrders", Controller: "c",
				Objects: []string{"Order:x\"\u2028"}, Reason: "because", Ticket: "T-1", TimeSpent: 7, Result: "begun",
			})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return w.SetAuditResult(ids[1], "done")
	})
	b.read(func(r store.Reader) error {
		page, reached, err := r.Audit(store.AuditQuery{Limit: 3})
		if len(page) != 3 || page[0].ID != ids[4] || page[2].ID != ids[2] || reached != ids[2] {
			b.Fatalf("first page: %v", page)
		}
		next, reached, err2 := r.Audit(store.AuditQuery{Before: page[2].ID, Limit: 3})
		same(b, "the end", reached, int64(0))
		want := []store.AuditEntry{
			{ID: ids[1], Time: 1, Account: "a", Method: "m", Address: "1.2.3.4", Action: "addOrders", Controller: "c", Objects: []string{"Order:x\"\u2028"}, Reason: "because", Ticket: "T-1", TimeSpent: 7, Result: "done"},
			{ID: ids[0], Time: 0, Account: "a", Method: "m", Address: "1.2.3.4", Action: "addOrders", Controller: "c", Objects: []string{"Order:x\"\u2028"}, Reason: "because", Ticket: "T-1", TimeSpent: 7, Result: "begun"},
		}
		same(b, "second page", next, want)
		return errors.Join(err, err2)
	})
}

func testPosition(_ *testing.T, b *bench) {
	b.read(func(r store.Reader) error {
		p, err := r.Position("c")
		same(b, "position at first", p, int64(0))
		return err
	})
	b.write(func(w store.Writer) error { return w.SetPosition("c", 0, 7) })
	b.write(func(w store.Writer) error { return w.SetPosition("d", 0, 3) })
	b.refused("PositionMoved", func(w store.Writer) error { return w.SetPosition("c", 0, 9) })
	b.refused("PositionMoved", func(w store.Writer) error { return w.SetPosition("c", 8, 9) })
	b.write(func(w store.Writer) error { return w.SetPosition("c", 7, 9) })
	b.read(func(r store.Reader) error {
		p, err := r.Position("c")
		same(b, "position", p, int64(9))
		return err
	})
}

func testOrders(_ *testing.T, b *bench) {
	o := store.Order{
		Controller: "c", ID: "O|x", Root: "O", Run: 5, Workflow: "W", Version: "1", State: "Failed",
		Ended: true, EndedAt: 4, Step: 6, Body: []byte{0, 1, 255},
	}
	b.write(func(w store.Writer) error { return w.PutOrder(o) })
	// What is read is one's own writing.
	b.write(func(w store.Writer) error {
		got, err := w.Order("c", "O|x")
		same(b, "Order in the transaction", got, o)
		return err
	})
	o.State, o.Ended, o.Successful, o.Gone = "Finished", true, true, true
	b.write(func(w store.Writer) error { return w.PutOrder(o) })
	b.write(func(w store.Writer) error {
		for i := range 250 {
			if err := w.PutOrder(store.Order{Controller: "d", ID: fmt.Sprint(i), Body: []byte{1}}); err != nil {
				return err
			}
		}
		return nil
	})
	b.read(func(r store.Reader) error {
		got, err := r.Order("c", "O|x")
		same(b, "Order", got, o)
		if _, err := r.Order("d", "O|x"); !fault.HasCode(err, "UnknownOrder") {
			b.Errorf("an order of another Controller: %v", err)
		}
		ids := []string{"none"}
		for i := range 250 {
			ids = append(ids, fmt.Sprint(i))
		}
		all, err2 := r.Orders("d", ids)
		same(b, "Orders", len(all), 250)
		none, err3 := r.Orders("d", nil)
		same(b, "no Orders", len(none), 0)
		return errors.Join(err, err2, err3)
	})
}

// step returns a step with something in every field.
func step(controller string, event int64, id, root string) store.Step {
	rc := event - 1000
	return store.Step{
		StepKey: store.StepKey{Controller: controller, Event: event}, OrderID: id, Root: root, Run: 1, Workflow: "W", Version: "1",
		Position: "[0]", Label: "l", Job: "j", Agent: "a", Task: "t", Start: event / 1000, Try: 1, Attempt: 2,
		StepEnd: store.StepEnd{End: event/1000 + 1, Outcome: "{}", Result: store.Succeeded, Message: "m", ReturnCode: &rc, EndedHere: 3},
		Log:     store.LogStatus{State: store.LogComplete, Created: 1, Bytes: 2, Chunks: 3, RetryAt: 4, Problem: "p"},
	}
}

func testSteps(_ *testing.T, b *bench) {
	s := step("c", 1000, "O", "O")
	s.StepEnd, s.Log = store.StepEnd{}, store.LogStatus{}
	b.write(func(w store.Writer) error { return w.AddStep(s) })
	b.refused("DuplicateStep", func(w store.Writer) error { return w.AddStep(s) })
	b.write(func(w store.Writer) error { return w.AddStep(step("d", 1000, "O", "O")) })
	rc := int64(-3)
	end := store.StepEnd{End: 9, Outcome: `{"TYPE":"Failed"}`, Result: store.Failed, Message: "no", ReturnCode: &rc, EndedHere: 11}
	log := store.LogStatus{State: store.LogPending, Created: 5, RetryAt: 6}
	b.write(func(w store.Writer) error {
		return errors.Join(w.EndStep(s.StepKey, end, log.State), w.SetLog(s.StepKey, log))
	})
	other := store.StepKey{Controller: "x", Event: 1000}
	b.refused("UnknownStep", func(w store.Writer) error { return w.EndStep(other, end, store.LogPending) })
	b.refused("UnknownStep", func(w store.Writer) error { return w.SetLog(other, log) })
	s.StepEnd, s.Log = end, log
	b.read(func(r store.Reader) error {
		got, err := r.Step(s.StepKey)
		same(b, "Step", got, s)
		if _, err := r.Step(other); !fault.HasCode(err, "UnknownStep") {
			b.Errorf("unknown step: %v", err)
		}
		return err
	})
}

func testStepPages(_ *testing.T, b *bench) {
	b.write(func(w store.Writer) error {
		var errs []error
		for i, id := range []string{"O", "O|a", "O|a|b", "Oa", "O}", "P", "O"} {
			s := step("c", int64(1000+i), id, id[:1])
			if id == "Oa" || id == "O}" {
				s.Root = id
			}
			if i == 6 {
				s.Run, s.Workflow = 2, "V"
			}
			errs = append(errs, w.AddStep(s))
		}
		return errors.Join(append(errs, w.AddStep(step("d", 1001, "O", "O")))...)
	})
	events := func(q store.StepQuery) (got []int64) {
		b.read(func(r store.Reader) error {
			all, err := r.Steps(q)
			for _, s := range all {
				got = append(got, s.Event)
			}
			return err
		})
		return got
	}
	key := func(c string, e int64) store.StepKey { return store.StepKey{Controller: c, Event: e} }
	for _, c := range []struct {
		name string
		q    store.StepQuery
		want []int64
	}{
		{"all", store.StepQuery{Limit: 100}, []int64{1000, 1001, 1001, 1002, 1003, 1004, 1005, 1006}},
		{"newest", store.StepQuery{Limit: 3, Newest: true}, []int64{1006, 1005, 1004}},
		{"after", store.StepQuery{Limit: 2, After: key("c", 1001)}, []int64{1001, 1002}},
		{"before", store.StepQuery{Limit: 2, Newest: true, After: key("d", 1001)}, []int64{1001, 1000}},
		{"order", store.StepQuery{Controller: "c", Root: "O", Order: "O", Limit: 9}, []int64{1000, 1001, 1002, 1006}},
		{"child", store.StepQuery{Controller: "c", Root: "O", Order: "O|a", Limit: 9}, []int64{1001, 1002}},
		{"run", store.StepQuery{Controller: "c", Root: "O", Order: "O", Run: 2, Limit: 9}, []int64{1006}},
		{"workflow", store.StepQuery{Workflow: "V", Limit: 9}, []int64{1006}},
		{"nothing", store.StepQuery{Workflow: "U", Limit: 9}, nil},
	} {
		same(b, c.name, events(c.q), c.want)
	}
}

func testLogs(_ *testing.T, b *bench) {
	pending := func(event, retry, here int64) store.Step {
		s := step("c", event, "O", "O")
		s.Log = store.LogStatus{State: store.LogPending, RetryAt: retry}
		s.EndedHere = here
		return s
	}
	key := store.StepKey{Controller: "c", Event: 1}
	b.write(func(w store.Writer) error {
		return errors.Join(w.PutOrder(store.Order{Controller: "c", ID: "O", Root: "O", Run: 1, State: "Finished", Ended: true, Successful: true, Body: []byte{}}),
			w.PutOrder(store.Order{Controller: "c", ID: "P", Root: "O", Run: 1, State: "Ready", Body: []byte{}}))
	})
	b.write(func(w store.Writer) error {
		return errors.Join(w.AddStep(pending(1, 30, 100)), w.AddStep(pending(2, 10, 200)), w.AddStep(pending(3, 50, 300)),
			w.AddStep(step("c", 4, "O", "O")), w.AddLogChunk(key, 0, []byte("a")), w.AddLogChunk(key, 1, []byte{0, 200}))
	})
	b.read(func(r store.Reader) error {
		due, err := r.PendingLogs("c", 40, 9)
		if len(due) != 2 || due[0].Event != 2 || due[1].Event != 1 {
			b.Errorf("pending: %v", due)
		}
		one, err2 := r.PendingLogs("c", 40, 1)
		same(b, "limited", len(one), 1)
		none, err3 := r.PendingLogs("d", 40, 1)
		same(b, "of another Controller", len(none), 0)
		ends, err4 := r.Ends("c", []string{"O", "never", "P"}, 100)
		same(b, "ends", ends, []store.OrderEnd{{ID: "O", State: "Finished", Ended: true, Successful: true, Awaited: 2}, {ID: "P", State: "Ready"}})
		data, err5 := r.LogChunk(key, 1)
		same(b, "chunk", data, []byte{0, 200})
		if _, err := r.LogChunk(key, 2); !fault.HasCode(err, "UnknownLogChunk") {
			b.Errorf("unknown chunk: %v", err)
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
	if err := b.db.Write(context.Background(), func(w store.Writer) error { return w.AddLogChunk(key, 1, nil) }); !fault.Is(err, fault.Conflict) {
		b.Errorf("a piece was overwritten: %v", err)
	}
}

func testRetention(_ *testing.T, b *bench) {
	put := func(w store.Writer, id string, run, endedAt int64, gone bool, event int64) error {
		s := step("c", event, id, id)
		s.Run = run
		return errors.Join(
			w.PutOrder(store.Order{Controller: "c", ID: id, Root: id, Run: run, Ended: true, Gone: gone, EndedAt: endedAt, Body: []byte{1}}),
			w.AddStep(s), w.AddLogChunk(s.StepKey, 0, []byte("x")))
	}
	b.write(func(w store.Writer) error {
		return errors.Join(
			put(w, "old", 1, 10, true, 9_000),
			put(w, "kept", 1, 10, false, 9_001),
			put(w, "young", 1, 90, true, 9_002),
			put(w, "again", 1, 10, true, 9_003),
			put(w, "again", 2, 90, true, 88_000),
		)
	})
	var total int
	for {
		n := 0
		b.write(func(w store.Writer) (err error) {
			n, err = w.DeleteHistory(50, 1)
			return err
		})
		if n == 0 {
			break
		}
		if total += n; total > 3 {
			b.Fatal("more was deleted than is old")
		}
	}
	same(b, "deleted rows", total, 3) // two steps and the order "old"
	b.read(func(r store.Reader) error {
		all, err := r.Steps(store.StepQuery{Limit: 9})
		var left []string
		for _, s := range all {
			left = append(left, fmt.Sprint(s.OrderID, s.Run))
		}
		same(b, "steps left", left, []string{"kept1", "young1", "again2"})
		if _, err := r.Order("c", "old"); err == nil {
			b.Error("the old order is still there")
		}
		if _, err := r.LogChunk(store.StepKey{Controller: "c", Event: 9_000}, 0); err == nil {
			b.Error("the old log is still there")
		}
		_, err2 := r.Order("c", "again")
		return errors.Join(err, err2)
	})
}

var errOwn = errors.New("own error")

func testUndone(_ *testing.T, b *bench) {
	err := b.db.Write(context.Background(), func(w store.Writer) error {
		return errors.Join(w.SetPosition("c", 0, 5), w.AddStep(step("c", 1, "O", "O")), errOwn)
	})
	if !errors.Is(err, errOwn) {
		b.Fatalf("got %v", err)
	}
	b.read(func(r store.Reader) error {
		p, err := r.Position("c")
		same(b, "position", p, int64(0))
		steps, err2 := r.Steps(store.StepQuery{Limit: 9})
		same(b, "steps", len(steps), 0)
		return errors.Join(err, err2)
	})
}

// Many writers share commits; what some of them undo doesn't touch the others.
func testShared(_ *testing.T, b *bench) {
	const writers = 100
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	for i := range writers {
		wg.Go(func() {
			err := b.db.Write(context.Background(), func(w store.Writer) error {
				if err := w.AddStep(step("c", int64(i+1), "O", "O")); err != nil {
					return err
				}
				if i%10 == 3 {
					return errOwn
				}
				return nil
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				if failed++; !errors.Is(err, errOwn) {
					b.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	same(b, "failed writers", failed, writers/10)
	b.read(func(r store.Reader) error {
		all, err := r.Steps(store.StepQuery{Limit: 1000})
		same(b, "steps", len(all), writers-writers/10)
		return err
	})
}

// A view doesn't change while others write.
func testViews(_ *testing.T, b *bench) {
	b.read(func(r store.Reader) error {
		before, err := r.Position("c")
		b.write(func(w store.Writer) error { return w.SetPosition("c", 0, 5) })
		after, err2 := r.Position("c")
		same(b, "position in an older view", []int64{before, after}, []int64{0, 0})
		return errors.Join(err, err2)
	})
	b.read(func(r store.Reader) error {
		p, err := r.Position("c")
		same(b, "position", p, int64(5))
		return err
	})
}

// Who is alone has the lease, and no news.
func testLease(t *testing.T, b *bench) {
	l, err := b.db.Lease(t.Context(), store.LeaseRequest{Holder: "h", Reader: "r", For: time.Hour})
	if err != nil || !l.Held || l.Term != 1 || l.Reader != "r" {
		t.Errorf("got %+v, %v", l, err)
	}
	b.write(func(w store.Writer) error { return w.CheckLease(l.Term) })
	b.write(func(w store.Writer) error { return w.Tell("audit") }) // nobody needs to hear it
	if l, err := b.db.Lease(t.Context(), store.LeaseRequest{Holder: "h"}); err != nil || l.Held {
		t.Errorf("given back: %+v, %v", l, err)
	}
	if err := b.db.Announce(t.Context(), "{}"); err != nil {
		t.Errorf("Announce: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.db.Watch(ctx, func(store.News) {}) }()
	cancel()
	if err := <-ended; err == nil {
		t.Error("Watch ends without an error")
	}
}

func testReopen(t *testing.T, b *bench) {
	b.write(func(w store.Writer) error { return w.SetPosition("c", 0, 5) })
	copied := t.TempDir() + "/backup.db"
	if err := b.db.Backup(context.Background(), copied); err != nil {
		t.Fatalf("Backup: %v", err)
	}
	if err := b.db.Backup(context.Background(), copied); err == nil {
		t.Error("a backup overwrites another")
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.db = b.open()
	b.read(func(r store.Reader) error {
		p, err := r.Position("c")
		same(b, "position", p, int64(5))
		return err
	})
}

func testClosed(t *testing.T, b *bench) {
	if err := errors.Join(b.db.Close(), b.db.Close()); err != nil {
		t.Fatal(err)
	}
	b.refused("DatabaseClosed", func(store.Writer) error { return nil })
	if err := b.db.Read(context.Background(), func(store.Reader) error { return nil }); !fault.HasCode(err, "DatabaseClosed") {
		t.Errorf("Read: %v", err)
	}
}

func testPanic(_ *testing.T, b *bench) {
	b.refused("InternalError", func(w store.Writer) error {
		_ = w.SetPosition("c", 0, 1)
		panic("mine")
	})
	b.write(func(w store.Writer) error { return w.SetPosition("c", 0, 5) })
}

func testCanceled(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.db.Write(ctx, func(w store.Writer) error { return w.SetPosition("c", 0, 1) }); err == nil {
		t.Error("a write whose caller is gone was carried out")
	}
	if err := b.db.Read(ctx, func(r store.Reader) error { _, err := r.Position("c"); return err }); err == nil {
		t.Error("a read whose caller is gone was carried out")
	}
	b.write(func(w store.Writer) error { return w.SetPosition("c", 0, 5) })
}
