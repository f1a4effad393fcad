package app

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain plays a child of the supervisor when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(2) // a test has started an installation: each part would run all tests
	}
	switch os.Getenv("SIGNET_TEST_CHILD") {
	case "patient": // ends in order; begins again first, as parts do
		gatherTimers()
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "hello")
		<-c
		fmt.Fprint(os.Stderr, "bye")
	case "stubborn": // ends by SIGKILL only
		signal.Ignore(syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "hello")
		select {}
	case "short":
		fmt.Fprintln(os.Stderr, "hello")
		os.Exit(3)
	case "late": // tells how late its timers may be
		fmt.Println("begun")
		gatherTimers()
		fmt.Println(slack())
	case "boss": // a supervisor that waits to be killed
		s, err := newSupervisor(os.Args[1], time.Second, os.Stderr)
		if err != nil {
			panic(err)
		}
		s.keep(context.Background(), testChild("patient", os.Args[1]))
		select {}
	default:
		os.Exit(m.Run())
	}
}

func testChild(kind, dir string) child {
	return child{name: kind, logFile: filepath.Join(dir, kind+".log"), command: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SIGNET_TEST_CHILD="+kind)
		cmd.SysProcAttr = dieWithParent()
		return cmd
	}}
}

// output collects what a supervisor writes, and signals each line.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{}
}

func newOutput() *output { return &output{news: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) count(line string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Count(o.text.String(), line)
}

func (o *output) await(t *testing.T, line string, n int) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for o.count(line) < n {
		select {
		case <-o.news:
		case <-deadline.C:
			t.Fatalf("no %q in %s", line, o.text.String())
		}
	}
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestKilledChildRunsAgain(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), newOutput()
	s, err := newSupervisor(dir, 20*time.Second, out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.keep(ctx, testChild("patient", dir))
	last := 0
	for i := 1; i <= 3; i++ {
		out.await(t, "patient      | hello\n", i)
		pid := readPID(t, dir+"/patient.pid")
		if pid == last {
			t.Errorf("the file still tells process %d", pid)
		}
		last = pid
		if i < 3 {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	s.wait()
	if out.count("patient      | bye\n") != 1 {
		t.Errorf("it didn't end in order: %s", out.text.String())
	}
	if err := syscall.Kill(last, 0); err == nil {
		t.Error("it still runs")
	}
	log, err := os.ReadFile(dir + "/patient.log")
	if err != nil || string(log) != "hello\nhello\nhello\nbye\n" {
		t.Errorf("its log is %q, %v", log, err)
	}
}

func TestStubbornChildIsKilled(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), newOutput()
	s, err := newSupervisor(dir, 100*time.Millisecond, out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.keep(ctx, testChild("stubborn", dir))
	out.await(t, "hello", 1)
	cancel()
	s.wait()
}

func TestChildThatEndsAtOnceRunsAgain(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), newOutput()
	s, err := newSupervisor(dir, time.Second, out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.keep(ctx, testChild("short", dir))
	out.await(t, "short has ended (exit status 3)", 5)
	cancel()
	s.wait()
}

// When the supervisor is killed, its children die with it.
func TestChildrenDieWithTheSupervisor(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), newOutput()
	boss := exec.Command(os.Args[0], dir)
	boss.Env = append(os.Environ(), "SIGNET_TEST_CHILD=boss")
	boss.Stderr = out
	if err := boss.Start(); err != nil {
		t.Fatal(err)
	}
	out.await(t, "hello", 1)
	pid := readPID(t, dir+"/patient.pid")
	if err := boss.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = boss.Wait() // killed; the pipe of its output is closed when its child is gone, too
	deadline := time.Now().Add(20 * time.Second)
	for lives(t, pid) {
		if time.Now().After(deadline) {
			t.Fatal("the child has outlived its supervisor")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// lives tells whether a process is there and no zombie.
func lives(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestRestartPause(t *testing.T) {
	t.Parallel()
	for deaths := 1; deaths <= 10; deaths++ {
		if p := restartPause(deaths); p > 100*time.Millisecond {
			t.Errorf("%d deaths: %s", deaths, p)
		}
	}
	last := restartPause(10)
	for deaths := 11; deaths < 2000; deaths++ {
		p := restartPause(deaths)
		if p < last || p > 5*time.Second {
			t.Errorf("%d deaths: %s after %s", deaths, p, last)
		}
		last = p
	}
	if last != 5*time.Second {
		t.Errorf("the longest pause is %s", last)
	}
	now := time.Unix(1000, 0)
	if n := len(lately([]time.Time{now.Add(-2 * time.Minute), now.Add(-61 * time.Second), now.Add(-time.Minute), now}, now)); n != 2 {
		t.Errorf("%d times within the last minute", n)
	}
}

func TestLogFileBeginsAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	l := &logFile{path: path}
	defer l.close()
	big := bytes.Repeat([]byte("x"), 4<<20)
	for range 6 {
		if err := l.write(big); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{path, path + ".1"} {
		if info, err := os.Stat(p); err != nil || info.Size() > maxLog+5<<20 {
			t.Errorf("%s: %v %v", p, info, err)
		}
	}
}

func TestLongLinesAreCutNotLost(t *testing.T) {
	t.Parallel()
	out := newOutput()
	l := &lineWriter{w: out}
	text := strings.Repeat("x", maxLine+10) + "\nend"
	path := filepath.Join(t.TempDir(), "log")
	l.copy("part", strings.NewReader(text), path)
	log, err := os.ReadFile(path)
	if err != nil || strings.ReplaceAll(string(log), "\n", "") != strings.ReplaceAll(text, "\n", "") || out.count("part         | ") != 3 {
		t.Errorf("%d bytes, %v", len(log), err)
	}
}
