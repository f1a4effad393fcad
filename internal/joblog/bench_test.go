//go:build linux

package joblog

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inFlight is how many jobs run beside each other in the benchmarks.
const inFlight = 16

// BenchmarkSilentJob is what the output of a short job costs that writes
// nothing. The floor makes the same pipes and reads them once. What counts is
// CPU time, of all threads: who wakes up for it is paid for, too.
func BenchmarkSilentJob(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		var jobs [inFlight][2][2]int
		measure(b, func(i int) {
			for k := range 2 {
				p := &jobs[i%inFlight][k]
				if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
					b.Fatal(err)
				}
				if _, err := unix.FcntlInt(uintptr(p[0]), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
					b.Fatal(err)
				}
			}
		}, func(i int) {
			var buf [1]byte
			for _, p := range jobs[i%inFlight] {
				_ = unix.Close(p[1])
			}
			for _, p := range jobs[i%inFlight] {
				if n, err := unix.Read(p[0], buf[:]); n != 0 || err != nil {
					b.Fatal(n, err)
				}
				_ = unix.Close(p[0])
			}
		})
	})
	b.Run("capture", func(b *testing.B) {
		hub := NewHub()
		defer hub.Close()
		path := filepath.Join(b.TempDir(), "task.log")
		var jobs [inFlight]*Capture
		measure(b, func(i int) {
			c, err := Create(path, Options{Hub: hub})
			if err != nil {
				b.Fatal(err)
			}
			jobs[i%inFlight] = c
		}, func(i int) {
			c := jobs[i%inFlight]
			c.CloseWriteEnds()
			if s, err := c.Finish(time.Second); err != nil || !s.Silent {
				b.Fatalf("%+v, %v", s, err)
			}
		})
	})
}

// measure begins b.N jobs and ends them, inFlight of them at once.
func measure(b *testing.B, begin, end func(i int)) {
	b.Helper()
	b.ReportAllocs()
	before := selfCPU(b)
	for i := range b.N {
		if i >= inFlight {
			end(i - inFlight)
		}
		begin(i)
	}
	for i := max(0, b.N-inFlight); i < b.N; i++ {
		end(i)
	}
	b.ReportMetric(float64(selfCPU(b)-before)/float64(b.N), "cpu-ns/op")
}

func selfCPU(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
