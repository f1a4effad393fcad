package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
)

func ask(t *testing.T, db *DB, holder string, last time.Duration) store.Lease {
	t.Helper()
	l, err := db.Lease(t.Context(), store.LeaseRequest{Holder: holder, Reader: "reader of " + holder, For: last})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// One has the lease, until it gives it back or the time is over; then the term
// rises, and what the former one writes is refused.
func TestLease(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	one, two := open(t, url), open(t, url)
	defer one.Close()
	defer two.Close()
	same := func(what string, got, want store.Lease) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	check := func(db *DB, term int64, want string) {
		t.Helper()
		err := db.Write(t.Context(), func(w store.Writer) error { return w.CheckLease(term) })
		if want == "" && err != nil || want != "" && !fault.HasCode(err, want) {
			t.Errorf("term %d: %v, want %q", term, err, want)
		}
	}
	check(one, 1, "LeaseLost") // nobody ever had it
	first := store.Lease{Held: true, Term: 1, Reader: "reader of a"}
	same("the first", ask(t, one, "a", time.Hour), first)
	same("another", ask(t, two, "b", time.Hour), store.Lease{})
	same("the same again", ask(t, one, "a", time.Hour), first)
	check(one, 1, "")
	same("given back by one who hasn't it", ask(t, two, "b", 0), store.Lease{})
	same("another, still", ask(t, two, "b", time.Hour), store.Lease{})
	same("given back", ask(t, one, "a", 0), store.Lease{})
	// The reader's name stays: else the Controller would keep events for one who reads
	// no more.
	second := store.Lease{Held: true, Term: 2, Reader: "reader of a"}
	same("then another", ask(t, two, "b", 10*time.Millisecond), second)
	check(one, 1, "LeaseLost")
	check(two, 2, "")
	deadline := time.Now().Add(time.Minute)
	for !ask(t, one, "a", time.Hour).Held {
		if time.Now().After(deadline) {
			t.Fatal("the lease doesn't run out")
		}
	}
	same("taken back", ask(t, one, "a", time.Hour), store.Lease{Held: true, Term: 3, Reader: "reader of a"})
	check(two, 2, "LeaseLost")
}

// Of many who ask at once, one gets it.
func TestLeaseRace(t *testing.T) {
	t.Parallel()
	db := open(t, postgrestest.Database(t))
	defer db.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var holders []string
	for _, holder := range []string{"a", "b", "c", "d", "e", "f"} {
		wg.Go(func() {
			if l := ask(t, db, holder, time.Hour); l.Held {
				mu.Lock()
				defer mu.Unlock()
				holders = append(holders, holder)
			}
		})
	}
	wg.Wait()
	if len(holders) != 1 {
		t.Errorf("held by %q", holders)
	}
}

// What one commits, the other hears; not what is taken back, nor its own.
func TestNews(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	one, two := open(t, url), open(t, url)
	defer one.Close()
	defer two.Close()
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan store.News, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := two.Watch(ctx, func(n store.News) { heard <- n }); !fault.HasCode(err, "DatabaseTimeout") {
			t.Errorf("Watch: %v", err)
		}
	})
	defer wg.Wait()
	defer cancel()
	next := func(want store.News) {
		t.Helper()
		select {
		case got := <-heard:
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("news: %s", d)
			}
		case <-time.After(time.Minute):
			t.Fatal("no news")
		}
	}
	next(store.News{Everything: true})
	write := func(db *DB, f func(store.Writer) error) {
		t.Helper()
		if err := db.Write(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	key := store.StepKey{Controller: "c\x00", Event: 7}
	write(two, func(w store.Writer) error { return w.SetPosition("own", 0, 1) })
	_ = one.Write(t.Context(), func(w store.Writer) error {
		_ = w.SetPosition("c\x00", 0, 1)
		return fault.New(fault.Conflict, "X", "taken back")
	})
	write(one, func(w store.Writer) error { return w.SetPosition("c\x00", 0, 1<<53) })
	next(store.News{Controller: "c\x00", Position: 1 << 53})
	write(one, func(w store.Writer) error {
		return w.AddStep(store.Step{StepKey: key, OrderID: "O|é", Root: "O é\xff"})
	})
	write(one, func(w store.Writer) error { return w.SetLog(key, store.LogStatus{State: store.LogPending}) })
	write(one, func(w store.Writer) error { return w.SetLog(key, store.LogStatus{State: store.LogComplete}) })
	next(store.News{Controller: "c\x00", Root: "O é\xff"})
	hash := [32]byte{9}
	write(one, func(w store.Writer) error { return w.AddSession(store.Session{Hash: hash, Account: "a"}) })
	write(one, func(w store.Writer) error { _, err := w.DeleteSessionsOf("a", [32]byte{}); return err })
	next(store.News{Session: hash})
	write(one, func(w store.Writer) error { return w.DeleteSession([32]byte{8}) })
	next(store.News{Session: [32]byte{8}})
	for _, db := range []*DB{two, one} {
		if err := db.Announce(t.Context(), `{"name":"é"}`); err != nil {
			t.Fatal(err)
		}
	}
	next(store.News{Cockpit: `{"name":"é"}`})
	if err := one.Announce(t.Context(), strings.Repeat("x", 4000)); !fault.HasCode(err, "AnnouncementTooLarge") {
		t.Errorf("too long: %v", err)
	}
	write(two, func(w store.Writer) error { return w.Tell("own") })
	_ = one.Write(t.Context(), func(w store.Writer) error {
		_ = w.Tell("audit")
		return fault.New(fault.Conflict, "X", "taken back")
	})
	write(one, func(w store.Writer) error { return errors.Join(w.Tell("inventory"), w.Tell("inventory")) })
	next(store.News{Topic: "inventory"})
	for _, strange := range []string{"other later 1 2 3", "other topic", "other topic 6", "other topic 4120", "other topic " + strings.Repeat("61", 31)} {
		if _, err := one.pool.Exec(t.Context(), "SELECT pg_notify($1, $2)", channel, strange); err != nil {
			t.Fatal(err)
		}
		next(store.News{Everything: true})
	}
	if len(heard) > 0 {
		t.Errorf("more news: %+v", <-heard)
	}
}

// News that stop are an error: whoever waits asks again.
func TestNewsStop(t *testing.T) {
	t.Parallel()
	db := open(t, postgrestest.Database(t))
	defer db.Close()
	listening, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- db.Watch(t.Context(), func(store.News) { close(listening) }) }()
	<-listening
	if _, err := db.pool.Exec(t.Context(), "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !fault.HasCode(err, "DatabaseUnreachable") {
		t.Errorf("got %v", err)
	}
}
