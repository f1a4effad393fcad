//go:build linux

package proc_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signet-scheduler/signet/internal/proc"
	"github.com/signet-scheduler/signet/internal/proc/proctest"
)

// agentMain is a process that owns one job by a starter and waits to be killed. Its
// arguments are cgroup, instance, and the job's command line.
func agentMain(args []string) int {
	exe, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	o, err := proc.StartStarter(proc.Options{Argv: starterArgv(exe), Cgroup: args[0], Instance: args[1]})
	if err != nil {
		return fail(err)
	}
	r, err := o.Start(context.Background(), proc.Spec{
		Key: "job", Argv: args[2:], Env: []string{"PATH=/usr/bin:/bin"}, Dir: filepath.Dir(args[2]),
	})
	if err != nil {
		return fail(err)
	}
	fmt.Println(starterOf(os.Getpid()), r.PID, r.Cgroup)
	select {} // until killed
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// starterOf returns the starter among a process's children, or 0.
func starterOf(parent int) int {
	pids := startersOf(parent)
	if len(pids) == 0 {
		return 0
	}
	return slices.Max(pids)
}

// startersOf returns the children of a process that are starters.
func startersOf(parent int) []int {
	var found []int
	for _, pid := range proctest.Survivors("starter") {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && f[1] == strconv.Itoa(parent) && strings.HasSuffix(string(line), "\x00starter\x00") {
			found = append(found, pid)
		}
	}
	return found
}

// agent is a running agentMain.
type agent struct {
	cmd     *exec.Cmd
	starter int
	cgroup  string
}

// startAgent starts an Agent with a tree of processes in dir, which is ready.
func startAgent(t *testing.T, cgroup, instance, dir string) *agent {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "leaves"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "tree")
	if err := os.WriteFile(script, []byte(proctest.TreeScript), 0o700); err != nil {
		t.Fatal(err)
	}
	a := &agent{cmd: exec.Command(os.Args[0], "agent", cgroup, instance, script)}
	if cgroup != "off" {
		a.cmd.Args = append(a.cmd.Args, "bare")
	}
	a.cmd.Stderr = os.Stderr
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(line)
	if a.starter, err = strconv.Atoi(fields[0]); err != nil || a.starter <= 1 {
		t.Fatalf("the agent says %q: %v", line, err)
	}
	if len(fields) > 2 {
		a.cgroup = fields[2]
	}
	proctest.Eventually(t, "the tree is up", func() bool {
		_, err := os.Stat(filepath.Join(dir, "ready"))
		return err == nil
	})
	return a
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func eachForm(t *testing.T, run func(t *testing.T, cgroup string)) {
	t.Parallel()
	for _, cgroup := range []string{"auto", "off"} {
		t.Run(cgroup, func(t *testing.T) {
			t.Parallel()
			if cgroup != "off" {
				requireCgroups(t)
			}
			run(t, cgroup)
		})
	}
}

// Invariant 7: the Agent's death, even by SIGKILL, ends every job.
func TestAgentKilled(t *testing.T) {
	eachForm(t, func(t *testing.T, cgroup string) {
		dir := t.TempDir()
		a := startAgent(t, cgroup, dir, dir)
		kill(t, a.cmd.Process.Pid)
		proctest.Eventually(t, "the jobs are gone", func() bool { return len(proctest.Survivors(dir)) == 0 })
		proctest.Eventually(t, "the starter is gone", func() bool {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", a.starter))
			return len(line) == 0 // a zombie, when this process is a subreaper
		})
		if a.cgroup != "" {
			if _, err := os.Stat(filepath.Dir(a.cgroup)); !os.IsNotExist(err) {
				t.Errorf("the instance's cgroup is left: %v", err)
			}
		}
	})
}

// Invariant 8: what both Agent and starter left behind, the next Agent kills.
func TestBothKilled(t *testing.T) {
	eachForm(t, func(t *testing.T, cgroup string) {
		dir := t.TempDir()
		a := startAgent(t, cgroup, dir, dir)
		// Stopped first, so that it can't replace or clean up.
		if err := syscall.Kill(a.cmd.Process.Pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		kill(t, a.starter)
		kill(t, a.cmd.Process.Pid)
		if len(proctest.Survivors(filepath.Join(dir, "tree"))) == 0 {
			t.Fatal("nobody was left to clean up, and yet the jobs are gone")
		}
		o := options(t, cgroup)
		o.Instance = dir
		next, err := proc.StartStarter(o)
		if err != nil {
			t.Fatal(err)
		}
		b := proctest.NewBench(t, next)
		if left := proctest.Survivors(filepath.Join(dir, "tree")); len(left) > 0 {
			t.Errorf("after the start of the next owner these live: %v", left)
		}
		if e, _ := b.Run(b.Sh("exit 3")); e.ExitCode != 3 {
			t.Errorf("a job of the next owner ended as %+v", e)
		}
	})
}

// Invariant 6: the starter's death ends its jobs as unknown, and another starter
// takes its place. It runs alone, because it kills by finding starters of this
// process.
func TestStarterKilled(t *testing.T) {
	for _, cgroup := range []string{"auto", "off"} {
		t.Run(cgroup, func(t *testing.T) {
			before := zombies() // of other tests: this process may be a subreaper
			b := proctest.NewBench(t, open(t, cgroup, proc.StartStarter))
			first := b.Sh("exit 0")
			withCgroup := b.Start(first).Cgroup != ""
			b.End(first.Key)
			tree := b.Sh("")
			tree.Argv = []string{b.Script("tree", proctest.TreeScript)}
			if withCgroup {
				tree.Argv = append(tree.Argv, "bare")
			}
			b.Script("leaves", "")
			r := b.Start(tree)
			b.File("ready")
			for range 2 {
				old := starterOf(os.Getpid())
				kill(t, old)
				// A start meanwhile waits for the next starter.
				if e, _ := b.Run(b.Sh("exit 4")); e.ExitCode != 4 && !e.Unknown {
					t.Errorf("a start meanwhile ended as %+v", e)
				}
				proctest.Eventually(t, "another starter is there", func() bool {
					now := starterOf(os.Getpid())
					return now != 0 && now != old
				})
			}
			e := b.End(tree.Key)
			if !e.Unknown || e.KilledBy != proc.KilledByStarterLost || e.StartError != nil || b.Sent(tree.Key) != 1 {
				t.Errorf("the tree ended as %+v, %d times", e, b.Sent(tree.Key))
			}
			b.NoneLeft()
			if r.Cgroup != "" {
				if _, err := os.Stat(r.Cgroup); !os.IsNotExist(err) {
					t.Errorf("its cgroup is left: %v", err)
				}
			}
			if e, ok := b.Owner.Ended(first.Key); !ok || e.Unknown {
				t.Errorf("an end from before is now %+v, %v", e, ok)
			}
			if e, _ := b.Run(b.Sh("exit 5")); e.ExitCode != 5 {
				t.Errorf("a job of the new starter ended as %+v", e)
			}
			proctest.Eventually(t, "no zombie is left", func() bool {
				return !slices.ContainsFunc(zombies(), func(z string) bool { return !slices.Contains(before, z) })
			})
		})
	}
}

// zombies returns, by pid and start time, the children of this process that have
// ended and aren't reaped.
func zombies() []string {
	var found []string
	tasks, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if fields[0] == "Z" && fields[1] == strconv.Itoa(os.Getpid()) {
			found = append(found, filepath.Dir(f)+" "+fields[19])
		}
	}
	return found
}

// Invariant 5: jobs start with no signal ignored or blocked, whatever the Agent's
// parent did. Runs alone: it changes this process.
func TestInheritedSignals(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			if f.cgroup == "auto" {
				requireCgroups(t)
			}
			signals := []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGTSTP}
			signal.Ignore(signals...)
			defer signal.Reset(signals...)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if strings.HasPrefix(f.name, "Starter") {
				// Only the starter has a thread of its own for forking.
				blocked := &unix.Sigset_t{Val: [16]uint64{1 << (syscall.SIGUSR2 - 1)}}
				var before unix.Sigset_t
				if err := unix.PthreadSigmask(unix.SIG_BLOCK, blocked, &before); err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err != nil {
						t.Error(err)
					}
				}()
			}
			b := proctest.NewBench(t, open(t, f.cgroup, f.open))
			_, out := b.Run(b.Sh("grep -e ^SigBlk -e ^SigIgn /proc/self/status"))
			if want := "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"; proctest.WithoutLibrarySignals(out) != want {
				t.Errorf("the job saw\n%swant\n%s", out, want)
			}
		})
	}
}

// Invariant 3: waiting for jobs takes no threads.
func TestThreads(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			b := proctest.NewBench(t, open(t, f.cgroup, f.open))
			owner := os.Getpid()
			if strings.HasPrefix(f.name, "Starter") {
				owner = starterOf(owner)
			}
			first := threads(t, owner)
			for range 100 {
				s := b.Sh("")
				s.Argv = []string{"/bin/sleep", "1000"}
				b.Start(s)
			}
			if n := threads(t, owner); n > first+10 {
				t.Errorf("100 sleeping jobs: %d threads, before %d", n, first)
			}
		})
	}
}

func threads(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
