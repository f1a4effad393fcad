//go:build linux

package proc

import (
	"context"
	"testing"
	"testing/synctest"
)

// An end that comes before the start is decided waits for it.
func TestBookEndBeforeStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		defer b.close()
		e, mine, err := b.begin("k")
		if err != nil || !mine {
			t.Fatal(mine, err)
		}
		b.ended(End{Key: "k", ExitCode: 7})
		synctest.Wait()
		select {
		case end := <-b.out:
			t.Errorf("an end came too early: %+v", end)
		default:
		}
		if _, ok := b.end("k"); ok {
			t.Error("Ended answers too early")
		}
		if _, err := b.forget("k"); err == nil {
			t.Error("an undecided start was forgotten")
		}
		b.started(Running{Key: "k", PID: 5})
		if end := <-b.out; end.ExitCode != 7 {
			t.Errorf("end %+v", end)
		}
		if r, err := b.await(context.Background(), e); r.PID != 5 || err != nil {
			t.Errorf("start: %+v, %v", r, err)
		}
		b.ended(End{Key: "k", Unknown: true})
		if end, ok := b.end("k"); !ok || end.ExitCode != 7 || end.Unknown {
			t.Errorf("a second end counts: %+v", end)
		}
		if had, err := b.forget("k"); !had || err != nil {
			t.Errorf("forget: %v, %v", had, err)
		}
	})
}

// A starter that is lost ends what it knew: what it has told stands.
func TestBookLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		defer b.close()
		for _, k := range []Key{"waiting", "sent", "told", "runs"} {
			e, _, err := b.begin(k)
			if err != nil {
				t.Fatal(err)
			}
			if k != "waiting" {
				b.sending(e)
			}
		}
		b.ended(End{Key: "told", ExitCode: 3})
		b.started(Running{Key: "runs", PID: 9})
		live := b.live()
		if len(live) != 3 {
			t.Fatalf("live: %+v", live)
		}
		for _, r := range live {
			b.ended(End{Key: r.Key, Unknown: true})
		}
		for range 3 {
			<-b.out
		}
		for key, want := range map[Key]End{"sent": {Unknown: true}, "told": {ExitCode: 3}, "runs": {Unknown: true}} {
			got, ok := b.end(key)
			if !ok || got.Unknown != want.Unknown || got.ExitCode != want.ExitCode {
				t.Errorf("%s ended as %+v, %v", key, got, ok)
			}
		}
		if _, ok := b.end("waiting"); ok {
			t.Error("a start that wasn't sent has ended")
		}
	})
}

func TestBookUnreadEndsStopNothing(t *testing.T) {
	t.Parallel()
	b := newBook()
	for i := range 10_000 {
		k := Key([]byte{'k', byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676)})
		if _, _, err := b.begin(k); err != nil {
			t.Fatal(err)
		}
		b.started(Running{Key: k})
		b.ended(End{Key: k})
	}
	if _, ends := b.list(); len(ends) != 10_000 {
		t.Errorf("%d ends", len(ends))
	}
	b.close()
	if e, ok := <-b.out; ok {
		t.Errorf("after close an end came: %+v", e)
	}
}
