package consensus

import (
	"context"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// TestGather: few commands are decided at once; many are held, and then make one
// entry together.
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
	const seldom = 2 * gatherBurst
	for range seldom {
		if _, err := n.Submit(context.Background(), add()); err != nil {
			t.Fatal(err)
		}
	}
	// More at once than the burst: those after it wait for the clock, and go together.
	const many = 10 * gatherBurst
	answers := make(chan error, many)
	for range many {
		n.SubmitAsync(add(), func(_ any, err error) { answers <- err })
	}
	for got := 0; got < many; {
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
	if len(entries) <= seldom || len(entries) > seldom+many/2 {
		t.Errorf("%d commands one by one and %d together made %d entries", seldom, many, len(entries))
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
