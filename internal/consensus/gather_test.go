package consensus

import (
	"context"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// TestGather: commands that come seldom are decided at once; when they come
// often they are held, and then make one entry together.
func TestGather(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(time.Unix(1_800_000_000, 0))
	n, err := StartLocal(Options{FS: fsys.NewMem(), Dir: "/l", Machine: toy.New(), Clock: c, Gather: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	id := uint64(0)
	add := func() toy.Command {
		id++
		return toy.Command{Op: toy.Add, ID: id, Key: id}
	}
	for range gatherBurst {
		if _, err := n.Submit(context.Background(), add()); err != nil {
			t.Fatal(err)
		}
	}
	// The burst is used up: these wait for the clock, and go together.
	const late = 10
	answers := make(chan error, late)
	for range late {
		n.SubmitAsync(add(), func(_ any, err error) { answers <- err })
	}
	for got := 0; got < late; {
		select {
		case err := <-answers:
			if err != nil {
				t.Fatal(err)
			}
			got++
		default:
			c.Advance(time.Millisecond)
		}
	}
	entries, err := n.Entries(1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) <= gatherBurst || len(entries) >= gatherBurst+late {
		t.Errorf("%d commands in a burst and %d after it made %d entries", gatherBurst, late, len(entries))
	}
	// Who is held when the node ends gets an answer all the same.
	ended := make(chan error, 1)
	for range 2 * gatherBurst {
		n.SubmitAsync(add(), func(_ any, err error) {
			if err != nil {
				select {
				case ended <- err:
				default:
				}
			}
		})
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}
