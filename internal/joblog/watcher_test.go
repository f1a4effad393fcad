//go:build linux

package joblog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stillHub returns a hub whose clock never ticks but by grow.
func stillHub(t *testing.T) *Hub {
	t.Helper()
	hub := newHub(t)
	hub.watcher.youth, hub.watcher.crowded = time.Hour, time.Hour
	return hub
}

// grow has all captures watched, as if some time had gone by.
func grow(hub *Hub) {
	hub.watcher.tick()
	hub.watcher.tick()
}

// isWatched tells whether a capture is, or has been, known to epoll.
func isWatched(c *Capture) bool {
	c.hub.watcher.mu.Lock()
	defer c.hub.watcher.mu.Unlock()
	return c.watch.key != 0
}

// follow returns a function that waits until so many bytes have been written to
// the log.
func follow(t *testing.T, hub *Hub, path string) func(bytes int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	f := hub.Follow(path, 0)
	t.Cleanup(func() {
		cancel()
		_ = f.Close()
	})
	seen := 0
	return func(bytes int) {
		t.Helper()
		for seen < bytes {
			frame, err := f.Next(ctx)
			if err != nil {
				t.Fatalf("after %d of %d bytes: %v", seen, bytes, err)
			}
			seen += len(frame.Data)
		}
	}
}

// A job that ends early costs the watcher nothing, with output or without.
func TestShortJobIsNotWatched(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	for _, text := range []string{"", "some output\n"} {
		c, path := create(t, Options{Hub: hub})
		write(t, c.Stdout(), text)
		hub.watcher.tick()
		if s := finish(t, c); s.Silent != (text == "") {
			t.Errorf("%+v", s)
		}
		grow(hub)
		if isWatched(c) || len(hub.watcher.watched) != 0 {
			t.Error("the capture was watched")
		}
		if text != "" && read(t, path).stdout != text {
			t.Error("output is lost")
		}
	}
	if hub.watcher.ticking {
		t.Error("it ticks for nothing")
	}
}

func TestOutputBeforeAndAfterWatching(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	c, path := create(t, Options{Hub: hub})
	wait := follow(t, hub, path)
	write(t, c.Stdout(), "before\n")
	grow(hub)
	wait(7)
	write(t, c.Stderr(), "after\n")
	wait(13)
	write(t, c.Stdout(), "end\n")
	c.CloseWriteEnds()
	s := finish(t, c)
	if s.StdoutBytes != 11 || s.StderrBytes != 6 || s.Open {
		t.Errorf("%+v", s)
	}
	if got := read(t, path); got.stdout != "before\nend\n" || got.stderr != "after\n" || !got.ended {
		t.Errorf("the log holds %+v", got)
	}
}

// The watcher's own clock has a pipe read, too.
func TestTick(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	c, path := create(t, Options{Hub: hub})
	wait := follow(t, hub, path)
	write(t, c.Stdout(), "x")
	wait(1)
	if !isWatched(c) {
		t.Error("who has read this?")
	}
}

// What a long job writes is kept in the order of each channel, whatever it
// writes in one go.
func TestLongJob(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	c, path := create(t, Options{Hub: hub})
	grow(hub)
	var want [2]strings.Builder
	var writers sync.WaitGroup
	for i, w := range []*os.File{c.Stdout(), c.Stderr()} {
		for n := range 400 {
			fmt.Fprintln(&want[i], n, strings.Repeat("x", n*n%5000))
		}
		writers.Go(func() {
			for rest := want[i].String(); rest != ""; {
				n := min(len(rest), 1+len(rest)%70_000)
				if _, err := w.WriteString(rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
		})
	}
	writers.Wait()
	finish(t, c)
	if got := read(t, path); got.stdout != want[0].String() || got.stderr != want[1].String() || !got.ended {
		t.Errorf("%d and %d bytes of %d and %d", len(got.stdout), len(got.stderr), want[0].Len(), want[1].Len())
	}
}

// Finish and a reader at work don't get in each other's way.
func TestFinishAmidReading(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.watcher.youth, hub.watcher.crowded = 0, 0 // tick all the time
	text := strings.Repeat("0123456789abcde\n", 4000)
	for i := range 300 {
		c, path := create(t, Options{Hub: hub})
		if i%2 == 0 {
			grow(hub)
		}
		write(t, c.Stdout(), text)
		write(t, c.Stderr(), text[:i])
		s, err := c.Finish(0)
		if err != nil || s.Open {
			t.Fatalf("%+v, %v", s, err)
		}
		if got := read(t, path); got.stdout != text || got.stderr != text[:i] || !got.ended {
			t.Fatalf("%d and %d bytes of %d and %d", len(got.stdout), len(got.stderr), len(text), i)
		}
	}
}

// A left-over process that ends within the grace is heard to its end.
func TestLeftOverEnds(t *testing.T) {
	t.Parallel()
	for _, watched := range []bool{false, true} {
		hub := stillHub(t)
		c, path := create(t, Options{Hub: hub})
		if watched {
			grow(hub)
		}
		wait := follow(t, hub, path)
		held, err := dup(c.Stderr())
		if err != nil {
			t.Fatal(err)
		}
		write(t, c.Stdout(), "in time\n")
		var left sync.WaitGroup
		left.Go(func() {
			wait(8)
			for range 100 {
				write(t, held, "late\n")
			}
			_ = held.Close()
		})
		s := finish(t, c)
		left.Wait()
		if s.Open || s.StdoutBytes != 8 || s.StderrBytes != 500 {
			t.Errorf("%+v", s)
		}
		if got := read(t, path); got.stderr != strings.Repeat("late\n", 100) {
			t.Errorf("the log holds %+v", got)
		}
		if len(hub.watcher.watched) != 0 {
			t.Error("pipes are still watched")
		}
	}
}

// One that writes for ever isn't waited for.
func TestLeftOverWritesOn(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, 20 * time.Millisecond} {
		hub := stillHub(t)
		c, _ := create(t, Options{Hub: hub, Limit: 1000})
		held, err := dup(c.Stdout())
		if err != nil {
			t.Fatal(err)
		}
		var left sync.WaitGroup
		left.Go(func() {
			defer held.Close()
			for b := make([]byte, 10_000); err == nil; {
				_, err = held.Write(b)
			}
		})
		if s, err := c.Finish(grace); err != nil || !s.Open {
			t.Errorf("%+v, %v", s, err)
		}
		left.Wait()
	}
}

// More loud jobs than there are readers leave a quiet one its turn.
func TestLoudJobs(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	var loud []*Capture
	var writers sync.WaitGroup
	for range maxReaders + 4 {
		c, _ := create(t, Options{Hub: hub, Limit: 1 << 20})
		w, err := dup(c.Stdout())
		if err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			defer w.Close()
			for b, err := make([]byte, bufferSize), error(nil); err == nil; {
				_, err = w.Write(b)
			}
		})
		loud = append(loud, c)
	}
	quiet, path := create(t, Options{Hub: hub})
	wait := follow(t, hub, path)
	grow(hub)
	for i := range 20 {
		write(t, quiet.Stdout(), "x")
		wait(i + 1)
	}
	for _, c := range loud {
		if s, err := c.Finish(0); err != nil || !s.Open {
			t.Errorf("%+v, %v", s, err)
		}
	}
	writers.Wait()
	if len(hub.files) != 0 {
		t.Errorf("%d files are open", len(hub.files))
	}
}

// stuck is a file whose writes wait, as on a busy disk.
type stuck struct {
	logFile
	begun   chan struct{}
	release chan struct{}
	once    sync.Once
}

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.release
	return s.logFile.Write(b)
}

func TestStuckWrite(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	busy := &stuck{begun: make(chan struct{}), release: make(chan struct{})}
	c, err := start(func(path string, create bool) (f logFile, err error) {
		busy.logFile, err = openFile(path, create)
		return busy, err
	}, filepath.Join(t.TempDir(), "task.log"), Options{Hub: hub})
	if err != nil {
		t.Fatal(err)
	}
	quiet, path := create(t, Options{Hub: hub})
	wait := follow(t, hub, path)
	write(t, c.Stdout(), "stuck\n")
	grow(hub)
	<-busy.begun
	write(t, quiet.Stdout(), "heard\n")
	wait(6)
	close(busy.release)
	finish(t, c)
}

// A file that is gone isn't made anew amid the output.
func TestFileGone(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	c, path := create(t, Options{Hub: hub})
	c.Mark("one")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, c.Stdout(), "two\n")
	if s, err := c.Finish(time.Minute); !is(err, "TaskLogUnwritable") || s.Cut != 4 || s.Silent {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

// descriptors counts those of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// However many jobs run, they need few goroutines, and two descriptors each. Not
// parallel: it counts what the process has.
func TestManyJobs(t *testing.T) {
	const jobs = 1000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 5*jobs+200 {
		t.Skipf("this needs %d descriptors, the limit is %d", 5*jobs+200, limit.Cur)
	}
	hub := stillHub(t)
	dir := t.TempDir()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	var captures []*Capture
	for i := range jobs {
		c, err := Create(filepath.Join(dir, fmt.Sprint(i)), Options{Hub: hub})
		if err != nil {
			t.Fatal(err)
		}
		captures = append(captures, c)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 1 {
		t.Errorf("%d goroutines for young jobs", n)
	}
	grow(hub)
	if n := runtime.NumGoroutine() - goroutines; n > 1 {
		t.Errorf("%d goroutines for silent jobs", n)
	}
	for i, c := range captures {
		wait := follow(t, hub, filepath.Join(dir, fmt.Sprint(i)))
		write(t, c.Stdout(), "a line\n")
		wait(7)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 1+maxReaders {
		t.Errorf("%d goroutines for jobs with output", n)
	}
	followers := jobs // each holds its file
	// Two read ends, and here two write ends; two epoll instances, as Go's may have
	// come, and its eventfd.
	if n := descriptors(t) - files - followers - 4*jobs; n > 3+maxReaders {
		t.Errorf("%d descriptors more than pipes", n)
	}
	for _, c := range captures {
		if s, err := c.Finish(time.Minute); err != nil || s.StdoutBytes != 7 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if n := descriptors(t) - files - followers; n > 3 {
		t.Errorf("%d descriptors are left", n)
	}
	if len(hub.watcher.watched) != 0 {
		t.Errorf("%d pipes are still watched", len(hub.watcher.watched))
	}
}

// Close ends the goroutines, whatever is under way. Finish works all the same.
func TestCloseWithOpenCaptures(t *testing.T) {
	t.Parallel()
	hub := stillHub(t)
	loud, _ := create(t, Options{Hub: hub, Limit: 1000})
	w, err := dup(loud.Stdout())
	if err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		defer w.Close()
		for b, err := make([]byte, bufferSize), error(nil); err == nil; {
			_, err = w.Write(b)
		}
	})
	watched, path := create(t, Options{Hub: hub})
	wait := follow(t, hub, path)
	grow(hub)
	write(t, watched.Stdout(), "before\n")
	wait(7)
	young, youngPath := create(t, Options{Hub: hub})
	var closers sync.WaitGroup
	for range 2 {
		closers.Go(func() { _ = hub.Close() })
	}
	closers.Wait()
	if hub.watcher.readers != 0 {
		t.Errorf("%d readers are left", hub.watcher.readers)
	}
	write(t, watched.Stdout(), "after\n")
	write(t, young.Stdout(), "young\n")
	held, err := dup(young.Stdout())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if s, err := watched.Finish(time.Hour); err != nil || s.StdoutBytes != 13 || s.Open {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := young.Finish(time.Hour); err != nil || !s.Open { // nobody is there who could wait
		t.Errorf("%+v, %v", s, err)
	}
	if got := read(t, path); got.stdout != "before\nafter\n" {
		t.Errorf("the log holds %+v", got)
	}
	if got := read(t, youngPath); got.stdout != "young\n" {
		t.Errorf("the log holds %+v", got)
	}
	if s, err := loud.Finish(0); err != nil || !s.Open {
		t.Errorf("%+v, %v", s, err)
	}
	writer.Wait()
	if _, err := Create(filepath.Join(t.TempDir(), "late"), Options{Hub: hub}); !is(err, "NoPipe") {
		t.Errorf("a capture after the end: %v", err)
	}
}
