// Package proctest is the suite of tests that every proc.Owner passes, and what
// tests of processes need: a reader of ends, and a search for survivors.
//
// Tests call it; it must not be imported by anything else.
package proctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/proc"
)

// Patience is how long a test waits for something that must happen.
const Patience = 30 * time.Second

// Open opens the owner under test. It is closed by the suite.
type Open func(t *testing.T) proc.Owner

// Suite runs all tests of an owner.
func Suite(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *Bench)
	}{
		{"Ends", testEnds},
		{"Surroundings", testSurroundings},
		{"OutputToNothing", testOutputToNothing},
		{"StartErrors", testStartErrors},
		{"TooLong", testTooLong},
		{"BigEnvironment", testBigEnvironment},
		{"PathLookup", testPathLookup},
		{"Shell", testShell},
		{"SameKey", testSameKey},
		{"BadKeys", testBadKeys},
		{"UnknownKeys", testUnknownKeys},
		{"CancelledStart", testCancelledStart},
		{"Term", testTerm},
		{"KillAllTree", testKillAllTree},
		{"KillAllRunner", testKillAllRunner},
		{"LeftOver", testLeftOver},
		{"ManyAtOnce", testManyAtOnce},
		{"List", testList},
		{"ManyQuickJobs", testManyQuickJobs},
		{"Close", testClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, NewBench(t, open(t)))
		})
	}
}

// Bench is an owner in a test, with the ends it has sent.
type Bench struct {
	T     *testing.T
	Owner proc.Owner
	Dir   string // a directory whose name no other process's command line has

	mu   sync.Mutex
	ends map[proc.Key][]proc.End
	more chan struct{} // closed and replaced at every end
	done chan struct{}
	n    int
}

// NewBench returns a bench for an owner and closes both at the end of the test.
// Processes that survive that fail the test.
func NewBench(t *testing.T, o proc.Owner) *Bench {
	t.Helper()
	b := &Bench{
		T: t, Owner: o, Dir: t.TempDir(),
		ends: make(map[proc.Key][]proc.End), more: make(chan struct{}), done: make(chan struct{}),
	}
	go b.collect()
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		<-b.done
		b.NoneLeft()
	})
	return b
}

func (b *Bench) collect() {
	defer close(b.done)
	for e := range b.Owner.Ends() {
		b.mu.Lock()
		b.ends[e.Key] = append(b.ends[e.Key], e)
		close(b.more)
		b.more = make(chan struct{})
		b.mu.Unlock()
	}
}

// Key returns a new key.
func (b *Bench) Key() proc.Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	return proc.Key(fmt.Sprintf("%s/%d", b.T.Name(), b.n))
}

// Script writes an executable file and returns its path.
func (b *Bench) Script(name, text string) string {
	b.T.Helper()
	path := filepath.Join(b.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		b.T.Fatal(err)
	}
	return path
}

// Sh returns a spec of a shell command with a usual environment. $0 is a path in
// Dir, so that NoneLeft finds it and what it starts with "$0" in its arguments.
func (b *Bench) Sh(command string) proc.Spec {
	return proc.Spec{
		Key:  b.Key(),
		Argv: []string{"/bin/sh", "-c", command, filepath.Join(b.Dir, "job")},
		Env:  []string{"PATH=/usr/bin:/bin"},
		Dir:  b.Dir,
	}
}

// Start starts a process that must start.
func (b *Bench) Start(s proc.Spec) proc.Running {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	r, err := b.Owner.Start(ctx, s)
	if err != nil {
		b.T.Fatalf("Start(%s): %v", s.Key, err)
	}
	return r
}

// End waits for the end of a process.
func (b *Bench) End(key proc.Key) proc.End {
	b.T.Helper()
	timeout := time.After(Patience)
	for {
		b.mu.Lock()
		ends, more := b.ends[key], b.more
		b.mu.Unlock()
		if len(ends) > 0 {
			return ends[0]
		}
		select {
		case <-more:
		case <-timeout:
			b.T.Fatalf("no end of %s came", key)
		}
	}
}

// Sent returns how many ends of a key were sent.
func (b *Bench) Sent(key proc.Key) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ends[key])
}

// Run starts a process, gives it a file for both outputs, and returns its end and
// what it wrote.
func (b *Bench) Run(s proc.Spec) (proc.End, string) {
	b.T.Helper()
	out, err := os.CreateTemp(b.Dir, "out")
	if err != nil {
		b.T.Fatal(err)
	}
	s.Stdout, s.Stderr = out, out
	b.Start(s)
	if err := out.Close(); err != nil {
		b.T.Fatal(err)
	}
	end := b.End(s.Key)
	text, err := os.ReadFile(out.Name())
	if err != nil {
		b.T.Fatal(err)
	}
	return end, string(text)
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(Patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("this didn't happen: %s", what)
		}
	}
}

// File waits until a file exists and has a text.
func (b *Bench) File(name string) string {
	b.T.Helper()
	var text []byte
	Eventually(b.T, "file "+name, func() bool {
		text, _ = os.ReadFile(filepath.Join(b.Dir, name))
		return len(text) > 0
	})
	return string(text)
}

// NoneLeft waits until no process has Dir in its command line.
func (b *Bench) NoneLeft() {
	b.T.Helper()
	Eventually(b.T, "all processes of the test are gone", func() bool { return len(Survivors(b.Dir)) == 0 })
}

// Survivors returns the live processes with a text in their command line.
func Survivors(text string) []int {
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join(d, "cmdline")) // empty for a zombie
		if err == nil && strings.Contains(string(line), text) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// StartError returns the start error in err, or fails the test.
func StartError(t *testing.T, err error) *proc.StartError {
	t.Helper()
	var serr *proc.StartError
	if !errors.As(err, &serr) {
		t.Fatalf("error %v (%T) is no start error", err, err)
	}
	return serr
}
