package proc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

// A start that meets the socket of a starter that has just gone, closed on this
// side already, waits for the next starter. The job didn't fail.
func TestStartMeetsClosedSocket(t *testing.T) {
	t.Parallel()
	c := &client{book: newBook(), log: func(slog.Level, string) {}, stopping: make(chan struct{}), changed: make(chan struct{})}
	defer c.book.close()
	sessionOf := func() *session {
		ours, theirs, err := socketPair()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		return &session{conn: ours}
	}
	s := Spec{Key: "K", Argv: []string{"/bin/true"}}
	e, mine, err := c.begin(s.Key)
	if err != nil || !mine {
		t.Fatal(mine, err)
	}
	gone := sessionOf()
	if err := gone.conn.Close(); err != nil {
		t.Fatal(err)
	}
	c.setSession(gone)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.send(ctx, e, &s); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it didn't wait for the next starter: %v", err)
	}
	c.setSession(sessionOf())
	if err := c.send(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
}

// What has come meanwhile is read together, and its number told.
func TestReadTogether(t *testing.T) {
	t.Parallel()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	send := func(n int) {
		for range n {
			if _, err := theirs.Write(encodeMessage(&message{kind: msgForget, key: "K"})); err != nil {
				t.Error(err)
			}
		}
	}
	send(3)
	s := &session{conn: ours}
	handled := 0
	var groups []int
	err = s.read(func(*message) { handled++ }, func(together int) {
		groups = append(groups, together)
		if len(groups) == 1 {
			send(2)
		} else if err := theirs.Close(); err != nil {
			t.Error(err)
		}
	})
	if !errors.Is(err, io.EOF) || handled != 5 || !slices.Equal(groups, []int{3, 2}) {
		t.Errorf("%d messages in groups of %v, then %v", handled, groups, err)
	}
}

// One start at a time is never held, however often. When several are under way
// and much comes, the reader waits, but not for longer than the client lives.
func TestHold(t *testing.T) {
	t.Parallel()
	c := &client{
		slots: make(chan struct{}, maxInFlight), stopping: make(chan struct{}),
		pacer: clock.NewPacer(clock.Real{}, clock.PacerOptions{Rate: 1, Burst: 1, Hold: time.Hour}),
	}
	c.slots <- struct{}{}
	for range 100 {
		c.hold(1000)
	}
	c.slots <- struct{}{}
	held := make(chan struct{})
	go func() {
		c.hold(1000)
		close(held)
	}()
	select {
	case <-held:
		t.Error("much at once isn't held")
	default:
	}
	close(c.stopping)
	<-held
}
