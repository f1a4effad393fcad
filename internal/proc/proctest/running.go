package proctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/proc"
)

func testEnds(t *testing.T, b *Bench) {
	for _, c := range []struct {
		command      string
		code, signal int
	}{
		{"exit 0", 0, 0},
		{"exit 1", 1, 0},
		{"exit 255", 255, 0},
		{"kill -KILL $$", 0, int(syscall.SIGKILL)},
		{"kill -TERM $$", 0, int(syscall.SIGTERM)},
	} {
		s := b.Sh(c.command)
		r := b.Start(s)
		if r.Key != s.Key || r.PID <= 1 || r.BootID == "" || r.Started.IsZero() {
			t.Errorf("%s: started as %+v", c.command, r)
		}
		e := b.End(s.Key)
		if e.ExitCode != c.code || e.Signal != c.signal || e.StartError != nil || e.Unknown || e.KilledBy != "" || e.LeftOver != 0 {
			t.Errorf("%s: ended as %+v, want code %d, signal %d", c.command, e, c.code, c.signal)
		}
		if e.Ended.Before(e.Started) || e.MaxRSS < 1<<10 || e.MaxRSS > 1<<30 {
			t.Errorf("%s: times or memory are wrong: %+v", c.command, e)
		}
		if got, ok := b.Owner.Ended(s.Key); !ok || got.ExitCode != e.ExitCode {
			t.Errorf("%s: Ended says %+v, %v", c.command, got, ok)
		}
	}
	e, _ := b.Run(b.Sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"))
	if e.CPU <= 0 {
		t.Errorf("a busy process used CPU time %v", e.CPU)
	}
}

// testSurroundings checks everything that a process sees.
func testSurroundings(t *testing.T, b *Bench) {
	s := b.Sh(`echo "dir $(pwd -P)"; env | grep -v -e ^PWD= -e ^OLDPWD= -e ^SHLVL= -e ^_= -e ^SIGNET_PROCESS= | sort | sed 's/^/env /'
		cat; echo "stdin at its end"; for f in /proc/$$/fd/*; do [ -e $f ] && echo "fd ${f##*/}"; done
		while read -r k v; do case $k in SigBlk:|SigIgn:) echo "$k $v";; esac; done </proc/$$/status
		read -r _ _ _ ppid pgrp sid tty rest </proc/$$/stat; echo "leader $((pgrp == $$ && sid == $$)) tty $tty"
		echo "arguments $*" >&2`)
	s.Argv = append(s.Argv, "x y", "", "ü")
	s.Env = []string{"PATH=/usr/bin:/bin", "A=1", "B=two words", "EMPTY="}
	e, out := b.Run(s)
	dir, err := filepath.EvalSymlinks(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "dir " + dir + "\nenv A=1\nenv B=two words\nenv EMPTY=\nenv PATH=/usr/bin:/bin\nstdin at its end\nfd 0\nfd 1\nfd 2\n" +
		"SigBlk: 0000000000000000\nSigIgn: 0000000000000000\nleader 1 tty 0\narguments x y  ü\n"
	if e.ExitCode != 0 || WithoutLibrarySignals(out) != want {
		t.Errorf("exit %d, the process saw\n%s\nwant\n%s", e.ExitCode, out, want)
	}
}

func testOutputToNothing(t *testing.T, b *Bench) {
	s := b.Sh("echo a; echo b >&2; [ /proc/$$/fd/1 -ef /dev/null ] && [ /proc/$$/fd/2 -ef /dev/null ]")
	b.Start(s)
	if e := b.End(s.Key); e.ExitCode != 0 {
		t.Errorf("ended as %+v", e)
	}
	// A pipe of Go's is non-blocking; the process must not notice.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s = b.Sh("while read -r k v; do [ $k = flags: ] && echo $v >&2; done </proc/$$/fdinfo/1; exit 0")
	out, err := os.Create(filepath.Join(b.Dir, "flags"))
	if err != nil {
		t.Fatal(err)
	}
	s.Stdout, s.Stderr = w, out
	b.Start(s)
	b.End(s.Key)
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(b.File("flags"))
	flags, err := strconv.ParseUint(text, 8, 32)
	if err != nil || flags&syscall.O_NONBLOCK != 0 {
		t.Errorf("the process's stdout has flags %s, %v", text, err)
	}
}

func testSameKey(t *testing.T, b *Bench) {
	s := b.Sh("echo run >>runs; exec sleep 1000")
	var wg sync.WaitGroup
	pids := make([]int, 8)
	for i := range pids {
		wg.Go(func() {
			r, err := b.Owner.Start(context.Background(), s)
			if err != nil {
				t.Error(err)
			}
			pids[i] = r.PID
		})
	}
	wg.Wait()
	if slices.Min(pids) != slices.Max(pids) {
		t.Errorf("starts with the same key gave processes %v", pids)
	}
	b.File("runs")
	if err := b.Owner.Kill(s.Key, proc.KillAll); err != nil {
		t.Fatal(err)
	}
	b.End(s.Key)
	if r := b.Start(s); r.PID != pids[0] {
		t.Errorf("after its end the key answers %+v, want process %d", r, pids[0])
	}
	if runs := b.File("runs"); runs != "run\n" {
		t.Errorf("it ran more than once: %q", runs)
	}
	if n := b.Sent(s.Key); n != 1 {
		t.Errorf("%d ends were sent", n)
	}
	if err := b.Owner.Forget(s.Key); err != nil {
		t.Fatal(err)
	}
	again := b.Sh("exit 4")
	again.Key = s.Key
	b.Start(again)
	Eventually(t, "a forgotten key works again", func() bool {
		e, ok := b.Owner.Ended(s.Key)
		return ok && e.ExitCode == 4
	})
}

func testBadKeys(t *testing.T, b *Bench) {
	for _, key := range []proc.Key{"", "a\nb", "ü", proc.Key(strings.Repeat("k", proc.MaxKey+1))} {
		s := b.Sh("exit 0")
		s.Key = key
		_, err := b.Owner.Start(context.Background(), s)
		if code(err) != "InvalidProcessKey" {
			t.Errorf("key %q: error %v", key, err)
		}
	}
	s := b.Sh("exit 3")
	s.Key = proc.Key(strings.Repeat("/ ", proc.MaxKey/2))
	b.Start(s)
	if e := b.End(s.Key); e.ExitCode != 3 {
		t.Errorf("the longest key ended as %+v", e)
	}
}

func code(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return ""
}

func testUnknownKeys(t *testing.T, b *Bench) {
	if err := b.Owner.Kill("nobody", proc.Term); code(err) != "UnknownProcess" {
		t.Errorf("Kill: %v", err)
	}
	if err := b.Owner.Forget("nobody"); err != nil {
		t.Errorf("Forget: %v", err)
	}
	if e, ok := b.Owner.Ended("nobody"); ok {
		t.Errorf("Ended: %+v", e)
	}
	s := b.Sh("exec sleep 1000")
	b.Start(s)
	if err := b.Owner.Forget(s.Key); code(err) != "ProcessRuns" {
		t.Errorf("Forget of a running process: %v", err)
	}
	if err := b.Owner.Kill(s.Key, 77); code(err) != "InvalidSignal" {
		t.Errorf("Kill with a strange signal: %v", err)
	}
	if e, ok := b.Owner.Ended(s.Key); ok {
		t.Errorf("Ended of a running process: %+v", e)
	}
}

func testCancelledStart(t *testing.T, b *Bench) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := b.Sh("echo started >started")
	// The context is looked at before the start, so this may also start it; what
	// counts is that answer and deed agree.
	_, err := b.Owner.Start(ctx, s)
	if err == nil {
		b.End(s.Key)
		return
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Start: %v", err)
	}
	running, ends, err := b.Owner.List(context.Background())
	if err != nil || len(running)+len(ends) != 0 {
		t.Errorf("a start that didn't happen is listed: %v %v %v", running, ends, err)
	}
	b.Start(s)
	b.End(s.Key)
}

// testManyAtOnce: all ends come, once, in whatever order, while many start at once.
func testManyAtOnce(t *testing.T, b *Bench) {
	const n = 40
	var wg sync.WaitGroup
	specs := make([]proc.Spec, n)
	for i := range specs {
		specs[i] = b.Sh(fmt.Sprintf("exit %d", i))
		wg.Go(func() {
			if _, err := b.Owner.Start(context.Background(), specs[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, s := range specs {
		if e := b.End(s.Key); e.ExitCode != i {
			t.Errorf("process %d ended as %+v", i, e)
		}
		if n := b.Sent(s.Key); n != 1 {
			t.Errorf("%d ends of process %d", n, i)
		}
	}
}

func testList(t *testing.T, b *Bench) {
	var keys []proc.Key
	for range 3 {
		s := b.Sh("exec sleep 1000")
		b.Start(s)
		keys = append(keys, s.Key)
	}
	gone := b.Sh("exit 9")
	b.Start(gone)
	b.End(gone.Key)
	running, ends, err := b.Owner.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []proc.Key
	for _, r := range running {
		got = append(got, r.Key)
	}
	if !slices.Equal(got, keys) || len(ends) != 1 || ends[0].ExitCode != 9 {
		t.Errorf("List: %v and %+v, want %v", got, ends, keys)
	}
	if err := b.Owner.Forget(gone.Key); err != nil {
		t.Fatal(err)
	}
	if _, ends, _ = b.Owner.List(context.Background()); len(ends) != 0 {
		t.Errorf("List after Forget: %+v", ends)
	}
}

func testManyQuickJobs(t *testing.T, b *Bench) {
	n := 250 // for each form of owner
	if testing.Short() {
		n = 50
	}
	first := b.Sh("exit 0")
	r := b.Start(first)
	b.End(first.Key)
	before := openFiles(t)
	limit := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i := range n {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			s := b.Sh("")
			s.Argv = []string{"/bin/true"}
			if i%10 == 0 {
				s.Argv = []string{"/no/such/program"}
			}
			_, err := b.Owner.Start(context.Background(), s)
			if (err != nil) != (i%10 == 0) {
				t.Errorf("start %d: %v", i, err)
			}
			b.End(s.Key)
			if err := b.Owner.Forget(s.Key); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	running, ends, err := b.Owner.List(context.Background())
	if err != nil || len(running) != 0 || len(ends) != 1 {
		t.Errorf("left in the list: %v %v %v", running, ends, err)
	}
	if r.Cgroup != "" {
		Eventually(t, "all cgroups of jobs are removed", func() bool {
			dirs, err := os.ReadDir(filepath.Dir(r.Cgroup))
			return err == nil && !slices.ContainsFunc(dirs, func(d os.DirEntry) bool { return d.IsDir() })
		})
	}
	// Other tests run beside this one; a leak would be one descriptor per job.
	Eventually(t, "descriptors are closed", func() bool { return openFiles(t) < before+n/2 })
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
