package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
)

// While somebody has an Agent's turn nobody else gets it, others' turns are
// free, and whoever waits gets it next or gives up with its context.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var x turns
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if !x.take(ended, "a") || !x.take(t.Context(), "b") {
			t.Fatal("a free turn wasn't given")
		}
		if x.take(ended, "a") {
			t.Error("a turn was given twice")
		}
		late, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if x.take(late, "a") {
			t.Error("a turn was given twice")
		}
		got := make(chan bool)
		go func() { got <- x.take(t.Context(), "a") }()
		synctest.Wait()
		x.give("a")
		if !<-got {
			t.Error("who waited didn't get it")
		}
		x.give("a")
		x.give("b")
	})
}

// What a backup has left that was cut off is removed by the next start.
func TestLeftoversOfBackupsGo(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	if err := disk.MkdirAll("/data/backup"); err != nil {
		t.Fatal(err)
	}
	if err := fsys.WriteFileAtomic(disk, "/data/backup/agent-0", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := openBackups(disk, "/data"); err != nil {
		t.Fatal(err)
	}
	if list, err := disk.List("/data"); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}
