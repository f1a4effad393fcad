package consensus

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

// crowd hands the disk more than a full one has place for: promises, as
// elections make them.
func crowd(c *core) {
	h := c.j.HardState()
	for range 4 << 10 / 32 {
		c.hand(&write{hard: &journal.HardState{Term: h.Term, Vote: h.Vote, Commit: h.Commit}, sync: true})
	}
}

func spaceOptions(disk fsys.FS, c clock.Clock) Options {
	return Options{FS: disk, Dir: "/l", Machine: toy.New(), Clock: c, SegmentBytes: 4 << 10, MaxBatchBytes: 1 << 10, HungTicks: 30}
}

// TestWaitsForSpace: a member that must begin another log file on a full disk,
// its reserve being used up, refuses work for as long as that takes, and does
// not take the disk for a hanging one.
func TestWaitsForSpace(t *testing.T) {
	t.Parallel()
	disk, c := fsys.NewMem(), clock.NewFake(time.Unix(1_800_000_000, 0))
	s, err := OpenLocalStepper(spaceOptions(disk, c))
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		for n := 0; len(s.pending) != n; {
			n = len(s.pending)
			if err := s.WriteOne(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	add := func(id uint64) (err error) {
		s.SubmitAsync(toy.Command{Op: toy.Add, ID: id, Key: id}, func(_ any, e error) { err = e })
		write()
		return err
	}
	disk.Fill(math.MaxInt64)
	crowd(s.core)
	for range 100 {
		write()
		s.Tick()
		if s.Err() != nil {
			t.Fatalf("the member stopped: %v", s.Err())
		}
	}
	if s.Work().Unwritten == 0 {
		t.Fatal("all could be written: the test has too little")
	}
	if err := add(1); !fault.HasCode(err, "OutOfSpace") {
		t.Errorf("a command on a full disk: %v", err)
	}
	disk.Fill(0)
	for range 3 {
		write()
		s.Tick()
	}
	if err := add(2); err != nil {
		t.Errorf("a command after there is space: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWriterWaitsForSpace is the same with the goroutines, and closes a member
// that waits.
func TestWriterWaitsForSpace(t *testing.T) {
	t.Parallel()
	for _, space := range []bool{true, false} {
		disk, c := fsys.NewMem(), clock.NewFake(time.Unix(1_800_000_000, 0))
		o := spaceOptions(disk, c)
		o.HungTicks = math.MaxInt // nobody makes the clock wait for the writer
		started, err := StartLocal(o)
		if err != nil {
			t.Fatal(err)
		}
		n := started.(*node)
		id := uint64(0)
		// until submits commands, while time passes, until one ends so.
		until := func(code string) {
			for {
				id++
				_, err := n.Submit(context.Background(), toy.Command{Op: toy.Add, ID: id, Key: id})
				if code == "" && err == nil || code != "" && fault.HasCode(err, code) {
					return
				}
				if err != nil && !fault.HasCode(err, "OutOfSpace") {
					t.Fatal(err)
				}
				c.Advance(100 * time.Millisecond)
			}
		}
		until("")
		disk.Fill(math.MaxInt64)
		n.post(func() { n.core.guard(func() { crowd(n.core) }) })
		until("OutOfSpace")
		if space {
			disk.Fill(0)
			until("")
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		disk.Fill(0)
		o.Machine = toy.New()
		again, err := StartLocal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
