//go:build linux

package proc_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signet-scheduler/signet/internal/proc"
)

// What is measured: starts of "sh -c true", four at once, and all CPU time of it,
// here, in the starter and in the jobs. BenchmarkFloor is plain os/exec; publish
// the others as their distance from it, measured in turn on a quiet machine.
const atOnce = 4

func selfCPU(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// processCPU adds up the CPU time of a process's threads.
func processCPU(pid int) time.Duration {
	var sum time.Duration
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		ns, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(ns, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

func BenchmarkFloor(b *testing.B) {
	var jobs atomic.Int64
	before := selfCPU(b)
	b.SetParallelism(atOnce / 2)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			cmd := exec.Command("/bin/sh", "-c", "true")
			if err := cmd.Run(); err != nil {
				b.Error(err)
			}
			jobs.Add(int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()))
		}
	})
	report(b, selfCPU(b)-before+time.Duration(jobs.Load()))
}

func report(b *testing.B, cpu time.Duration) {
	b.Helper()
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "starts/s")
}

func BenchmarkOwners(b *testing.B) {
	for _, f := range forms {
		for _, running := range []int{0, 2000} {
			b.Run(fmt.Sprintf("%s/running=%d", f.name, running), func(b *testing.B) { benchmarkOwner(b, f.cgroup, f.open, running) })
		}
	}
}

func benchmarkOwner(b *testing.B, cgroup string, open func(proc.Options) (proc.Owner, error), running int) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	o, err := open(proc.Options{Argv: []string{exe, "starter"}, Cgroup: cgroup})
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	starter := starterOf(os.Getpid())
	ends := make(chan proc.End, 1024)
	go func() {
		defer close(ends)
		for e := range o.Ends() {
			ends <- e
		}
	}()
	for i := range running {
		if _, err := o.Start(context.Background(), proc.Spec{Key: proc.Key(fmt.Sprint("sleep", i)), Argv: []string{"/bin/sleep", "1000"}}); err != nil {
			b.Fatal(err)
		}
	}
	var jobs atomic.Int64
	b.ResetTimer()
	before := selfCPU(b) + processCPU(starter)
	b.SetParallelism(atOnce / 2)
	done := make(chan struct{})
	total := b.N
	go func() {
		defer close(done)
		for range total {
			e := <-ends
			jobs.Add(int64(e.CPU))
			if err := o.Forget(e.Key); err != nil {
				b.Error(err)
			}
		}
	}()
	var key atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s := proc.Spec{Key: proc.Key(fmt.Sprint(key.Add(1))), Argv: []string{"/bin/sh", "-c", "true"}}
			if _, err := o.Start(context.Background(), s); err != nil {
				b.Error(err)
			}
		}
	})
	<-done
	report(b, selfCPU(b)+processCPU(starter)-before+time.Duration(jobs.Load()))
	if starter != 0 {
		b.ReportMetric(float64(len(mustGlob(fmt.Sprintf("/proc/%d/task/*", starter)))), "starter-threads")
	}
}

func mustGlob(pattern string) []string {
	found, err := filepath.Glob(pattern)
	if err != nil {
		panic(err) // the pattern is constant
	}
	return found
}
