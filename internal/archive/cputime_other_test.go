//go:build !linux

package archive

import (
	"testing"
	"time"
)

func cpuTime(t *testing.T, f func()) time.Duration {
	t.Helper()
	start := time.Now()
	f()
	return time.Since(start)
}
