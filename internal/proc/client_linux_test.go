package proc

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
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
