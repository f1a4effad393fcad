package consensus

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// timed remembers the times it is given.
type timed struct {
	*toy.Machine
	times []time.Time
}

func (m *timed) Decide(cmd any, now time.Time) any {
	m.times = append(m.times, now)
	return m.Machine.Decide(cmd, now)
}

// TestTimeNeverGoesBackwards: invariant 16.
func TestTimeNeverGoesBackwards(t *testing.T) {
	t.Parallel()
	began := time.Unix(1_800_000_000, 0)
	c := clock.NewFake(began)
	m := &timed{Machine: toy.New()}
	n, err := StartLocal(Options{FS: fsys.NewMem(), Dir: "/l", Machine: m, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	for i, now := range []time.Time{began, began.Add(-time.Hour), began.Add(time.Second)} {
		c.Set(now)
		if _, err := n.Submit(context.Background(), toy.Command{Op: toy.Add, ID: uint64(i) + 1, Key: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	want := []time.Time{began, began, began.Add(time.Second)}
	for i := range want {
		if !m.times[i].Equal(want[i]) {
			t.Errorf("command %d was decided at %v, want %v", i+1, m.times[i], want[i])
		}
	}
}

// TestGivenUpCommandIsNotDecided: a caller who went away before its turn.
func TestGivenUpCommandIsNotDecided(t *testing.T) {
	t.Parallel()
	m := toy.New()
	n, err := StartLocal(Options{FS: fsys.NewMem(), Dir: "/l", Machine: m, Clock: clock.NewFake(time.Unix(1, 0))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := n.Submit(ctx, toy.Command{Op: toy.Add, ID: 1, Key: 1}); err != nil && !fault.HasCode(err, "SubmitTimeout") {
		t.Errorf("a caller who gave up: %v", err)
	}
	if _, err := n.Submit(context.Background(), toy.Command{Op: toy.Add, ID: 2, Key: 2}); err != nil {
		t.Fatal(err)
	}
	if s := n.Status(); s.Applied != 1 {
		t.Errorf("%d entries, want 1", s.Applied)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// breaking is a protocol whose library panics.
type breaking struct {
	local
	err error
}

func (b *breaking) tick()         { panic("the library can't go on") }
func (b *breaking) failed() error { return b.err }

// TestStorageErrorStopsTheNode: the library panics when it can't read the log;
// that is an error with a reason. Any other panic stays one.
// Not parallel, as newWorld sets the source of random numbers.
func TestStorageErrorStopsTheNode(t *testing.T) {
	defer restore(rand.Reader)
	reason := errors.New("the disk can't be read")
	for _, failed := range []error{reason, nil} {
		w := newWorld(1, 1, true, bugs{})
		if err := w.members[0].start(); err != nil {
			t.Fatal(err)
		}
		c := w.members[0].run.core
		c.proto = &breaking{local: local{c: c}, err: failed}
		var panicked any
		func() {
			defer func() { panicked = recover() }()
			c.tick()
		}()
		if failed != nil && (panicked != nil || !errors.Is(c.err, reason)) {
			t.Errorf("with a failed storage: panic %v, stopped by %v", panicked, c.err)
		}
		if failed == nil && panicked == nil {
			t.Error("a panic of another cause was swallowed")
		}
	}
}
