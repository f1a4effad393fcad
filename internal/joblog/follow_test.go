//go:build linux

package joblog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Followers that come before, during and after the log all see all of it.
func TestFollow(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	path := filepath.Join(t.TempDir(), "task.log")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var got sync.Map
	var wg sync.WaitGroup
	follow := func(name string) {
		f := hub.Follow(path, 0)
		wg.Go(func() {
			defer f.Close()
			var text strings.Builder
			for {
				frame, err := f.Next(ctx)
				if err != nil {
					if err != ErrEnded {
						t.Errorf("%s: %v", name, err)
					}
					break
				}
				text.Write(frame.Data)
				f.Ready()
			}
			got.Store(name, text.String())
		})
	}
	follow("before")
	c, err := Create(path, Options{Hub: hub})
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 200 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		write(t, c.Stdout(), line)
		if i == 100 {
			follow("during")
		}
	}
	finish(t, c)
	follow("after")
	wg.Wait()
	for _, name := range []string{"before", "during", "after"} {
		if text, _ := got.Load(name); text != want.String() {
			t.Errorf("the follower from %s has seen %d of %d bytes", name, len(text.(string)), want.Len())
		}
	}
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if len(hub.topics) != 0 {
		t.Errorf("%d topics are left", len(hub.topics))
	}
}

func TestFollowCancelled(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	f := hub.Follow(filepath.Join(t.TempDir(), "none"), 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v", err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A write reaches its follower at once: by notice, not by polling.
func TestFollowLatency(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	c, path := create(t, Options{Hub: hub})
	f := hub.Follow(path, 0)
	defer f.Close()
	var took []time.Duration
	for range 200 {
		begin := time.Now()
		write(t, c.Stdout(), "x")
		if _, err := f.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	t.Logf("p50 %v, p99 %v", took[100], took[198])
	if took[100] > 100*time.Millisecond { // generous: the machine may be busy
		t.Errorf("half of all lines take longer than %v", took[100])
	}
}
