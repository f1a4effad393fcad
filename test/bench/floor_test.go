package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	if m := median([]time.Duration{5, 1, 3}); m != 3 {
		t.Errorf("median = %d", m)
	}
	if m := median[float64](nil); m != 0 {
		t.Errorf("median of nothing = %g", m)
	}
}

func TestBareStarts(t *testing.T) {
	t.Parallel()
	b := &bench{o: options{dir: t.TempDir()}}
	s, err := b.bareStarts(t.Context(), 10, 2)
	if err != nil || s.perSecond <= 0 || s.child <= 0 {
		t.Errorf("bareStarts = %+v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.bareStarts(ctx, 10, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("bareStarts after the end: %v", err)
	}
}

func TestSyncTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if d, err := syncTime(t.Context(), dir); err != nil || d <= 0 {
		t.Errorf("syncTime = %s, %v", d, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
