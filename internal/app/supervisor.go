package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

// supervisor keeps processes running: one that ends is started again. Its
// processes are killed when it dies, whatever it dies of.
type supervisor struct {
	clock    clock.Clock
	runDir   string        // of NAME.pid
	grace    time.Duration // from SIGTERM to SIGKILL
	lines    *lineWriter
	starts   chan startRequest
	children sync.WaitGroup
	starter  sync.WaitGroup
}

// child is a process to keep.
type child struct {
	name    string
	command func() *exec.Cmd // a new one for each start; its output is the supervisor's matter
	logFile string
}

type startRequest struct {
	cmd    *exec.Cmd
	result chan error
}

// newSupervisor returns a supervisor. End the contexts of all children, then
// call wait.
func newSupervisor(runDir string, grace time.Duration, stderr io.Writer) (*supervisor, error) {
	if err := os.MkdirAll(runDir, 0o700); err != nil {
		return nil, err
	}
	s := &supervisor{clock: clock.Real{}, runDir: runDir, grace: grace, lines: &lineWriter{w: stderr}, starts: make(chan startRequest)}
	s.starter.Go(s.startAll)
	return s, nil
}

// startAll starts processes from one system thread that lives as long as they
// do: the death signal of a child is bound to the thread that made it.
func (s *supervisor) startAll() {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for r := range s.starts {
		r.result <- r.cmd.Start()
	}
}

// keep runs a child until ctx ends.
func (s *supervisor) keep(ctx context.Context, c child) {
	s.children.Go(func() {
		var deaths []time.Time
		for ctx.Err() == nil {
			err := s.runOnce(ctx, c)
			if ctx.Err() != nil {
				return
			}
			now := s.clock.Now()
			deaths = append(lately(deaths, now), now)
			pause := restartPause(len(deaths))
			s.lines.say("signet", fmt.Sprintf("%s has ended (%s); it starts again in %s", c.name, err, pause))
			t := s.clock.NewTimer(pause)
			select {
			case <-ctx.Done():
			case <-t.C():
			}
			t.Stop()
		}
	})
}

// wait returns when all children have ended, which they do when their contexts
// have.
func (s *supervisor) wait() {
	s.children.Wait()
	close(s.starts)
	s.starter.Wait()
}

// lately returns the times within the last minute.
func lately(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) > time.Minute {
		times = times[1:]
	}
	return times
}

// restartPause is how long to wait after so many deaths within a minute: next
// to nothing for the first ten, then more and more, up to 5 s.
func restartPause(deaths int) time.Duration {
	const soon, longest = 20 * time.Millisecond, 5 * time.Second
	if deaths <= 10 {
		return soon
	}
	return min(longest, 250*time.Millisecond<<min(deaths-11, 10))
}

// runOnce starts a child and waits for its end; the error tells how it ended.
func (s *supervisor) runOnce(ctx context.Context, c child) error {
	cmd := c.command()
	output, err := s.capture(cmd, c)
	if err != nil {
		return err
	}
	defer output.Wait()
	request := startRequest{cmd: cmd, result: make(chan error, 1)}
	s.starts <- request
	err = <-request.result
	closeFiles(cmd) // the child has its own
	if err != nil {
		return err
	}
	if err := s.writePID(c.name, cmd.Process.Pid); err != nil {
		s.lines.say("signet", err.Error())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = s.stop(cmd, ended)
	}
	if err == nil {
		return errEnded
	}
	return err
}

type endedError struct{}

func (endedError) Error() string { return "exit status 0" }

// errEnded is the end of a process that has no error of its own.
var errEnded error = endedError{}

// stop ends a child: it is asked to, and killed when it doesn't in time.
func (s *supervisor) stop(cmd *exec.Cmd, ended <-chan error) error {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
	t := s.clock.NewTimer(s.grace)
	defer t.Stop()
	select {
	case err := <-ended:
		return err
	case <-t.C():
		_ = cmd.Process.Kill() // likewise
		return <-ended
	}
}

// capture makes a pipe of a child's output: its lines go to standard error and
// to the child's own file.
func (s *supervisor) capture(cmd *exec.Cmd, c child) (*sync.WaitGroup, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	var reader sync.WaitGroup
	reader.Go(func() {
		defer r.Close()
		s.lines.copy(c.name, r, c.logFile)
	})
	return &reader, nil
}

func closeFiles(cmd *exec.Cmd) {
	if f, ok := cmd.Stderr.(*os.File); ok {
		f.Close()
	}
}

// writePID replaces the file that tells a child's process number, in one step.
func (s *supervisor) writePID(name string, pid int) error {
	path := filepath.Join(s.runDir, name+".pid")
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// dieWithParent are the attributes of a child: killed when the supervisor's
// thread dies, and in a process group of its own, so that Ctrl-C in a terminal
// reaches the supervisor only, which ends the children in order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
