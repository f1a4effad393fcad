package scripts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type installationKey struct{}

// installation is what a script has running: one `signet dev`, and parts that it
// has started by itself.
type installation struct {
	dir   string
	dev   *process
	parts map[string]*process
}

// process is a program in the background.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	err   error         // then
	ready chan struct{} // closed when the line was seen that says so
	mu    sync.Mutex
	lines []string // the newest of its output
}

// start runs a program and watches its output for a line.
func start(cmd *exec.Cmd, readyLine string) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{}), ready: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(r, readyLine)
	go func() {
		p.err = cmd.Wait()
		w.Close()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) read(r io.Reader, readyLine string) {
	seen := false
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		if len(p.lines) > 400 {
			p.lines = slices.Clone(p.lines[200:])
		}
		p.mu.Unlock()
		if !seen && strings.Contains(lines.Text(), readyLine) {
			seen = true
			close(p.ready)
		}
	}
	_, _ = io.Copy(io.Discard, r) // after an overlong line
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await returns when the process is ready.
func (p *process) await() error {
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return fmt.Errorf("it has ended (%v):\n%s", p.err, p.output())
	case <-time.After(2 * patience):
		return fmt.Errorf("it isn't ready after %s:\n%s", 2*patience, p.output())
	}
}

// stop sends a signal and returns how the process ended.
func (p *process) stop(s syscall.Signal, limit time.Duration) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(limit):
		_ = p.cmd.Process.Kill() // the script has failed anyway
		<-p.ended
		return fmt.Errorf("it took longer than %s to end:\n%s", limit, p.output())
	}
}

func (i *installation) end() {
	for _, p := range i.parts {
		if a := p.cmd.SysProcAttr; a != nil && a.Setpgid {
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		}
		_ = p.stop(syscall.SIGKILL, patience)
	}
	if i.dev != nil {
		_ = i.dev.stop(syscall.SIGKILL, patience)
	}
}

func theInstallation(ts *testscript.TestScript) *installation {
	return ts.Value(installationKey{}).(*installation)
}

// devCommand is `dev start DIR [FLAG]...`, `dev begin DIR [FLAG]...`, `dev stop`,
// `dev kill` and `dev log`. After the start SIGNET_PROFILE, DATA and URL are set;
// begin doesn't wait until all is ready.
func devCommand(ts *testscript.TestScript, neg bool, args []string) {
	i := theInstallation(ts)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: dev start DIR [FLAG]... | dev begin DIR [FLAG]... | dev stop | dev kill | dev log")
	}
	switch args[0] {
	case "start", "begin":
		i.dir = ts.MkAbs(args[1])
		cmd := exec.Command(filepath.Join(bin, "signet"), append([]string{"dev", "--data", i.dir, "--free-ports"}, args[2:]...)...)
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = append(os.Environ(), "HOME="+ts.MkAbs("."))
		p, err := start(cmd, "Signet is ready: https://localhost:")
		ts.Check(err)
		i.dev = p
		ts.Setenv("DATA", i.dir)
		ts.Setenv("SIGNET_PROFILE", filepath.Join(i.dir, "profile.json"))
		if args[0] == "begin" {
			return
		}
		if err := p.await(); err != nil {
			ts.Fatalf("signet dev: %s", err)
		}
		_, url, _ := strings.Cut(p.output(), "Signet is ready: ")
		url, _, _ = strings.Cut(url, "\n")
		ts.Setenv("URL", url)
	case "stop":
		if err := i.dev.stop(syscall.SIGTERM, 10*time.Second); err != nil {
			ts.Fatalf("signet dev: %s", err)
		}
		i.dev = nil
	case "kill":
		_ = i.dev.stop(syscall.SIGKILL, patience) // it ends by the signal
		i.dev = nil
	case "log":
		ts.Logf("%s", i.dev.output())
	default:
		ts.Fatalf("dev %s is unknown", args[0])
	}
}

// partCommand is `part kill NAME` (SIGKILL, then wait for the next process),
// `part hold NAME` and `part release NAME` (SIGSTOP, SIGCONT), and
// `part serve NAME KIND ARG...`, `part serve-as NAME UID KIND ARG...`, `part log NAME REGEXP...` (which waits until
// the log has a match for each), `part stop NAME` for parts of the script's own.
func partCommand(ts *testscript.TestScript, neg bool, args []string) {
	i := theInstallation(ts)
	if neg || len(args) < 2 {
		ts.Fatalf("usage: part kill|hold|release|serve|log|stop NAME ...")
	}
	name := args[1]
	switch args[0] {
	case "kill":
		before := i.pid(ts, name)
		ts.Check(syscall.Kill(before, syscall.SIGKILL))
		ts.Check(poll(patience, func() error {
			if i.pid(ts, name) == before {
				return fmt.Errorf("%s has not been started again", name)
			}
			return nil
		}))
	case "hold":
		ts.Check(syscall.Kill(i.pid(ts, name), syscall.SIGSTOP))
	case "release":
		ts.Check(syscall.Kill(i.pid(ts, name), syscall.SIGCONT))
	case "serve":
		i.run(ts, name, "msg=serving", exec.Command(filepath.Join(bin, "signet"), append([]string{"serve"}, args[2:]...)...))
	case "serve-as":
		cmd := exec.Command(filepath.Join(bin, "signet"), append([]string{"serve"}, args[3:]...)...)
		cmd.SysProcAttr = asUser(ts, args[2])
		i.run(ts, name, "msg=serving", cmd)
	case "log":
		i.log(ts, name, args[2:])
	case "stop":
		if err := i.parts[name].stop(syscall.SIGTERM, 12*time.Second); err != nil {
			ts.Fatalf("%s: %s", name, err)
		}
		delete(i.parts, name)
	default:
		ts.Fatalf("part %s is unknown", args[0])
	}
}

// log waits until a part's log has a match for each of the expressions.
func (i *installation) log(ts *testscript.TestScript, name string, expressions []string) {
	for _, e := range expressions {
		wanted, err := regexp.Compile(e)
		ts.Check(err)
		ts.Check(poll(patience, func() error {
			if text := i.parts[name].output(); !wanted.MatchString(text) {
				return fmt.Errorf("no match for %s in the log of %s:\n%s", wanted, name, text)
			}
			return nil
		}))
	}
}

// daemonCommand is `daemon NAME UID LINE PROGRAM ARG...`: a program in the background
// as another user, or for - the same, which is ready when its output has LINE. `part
// stop NAME` ends it.
func daemonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: daemon NAME UID LINE PROGRAM ARG...")
	}
	program, err := lookPath(args[3])
	ts.Check(err)
	cmd := exec.Command(program, args[4:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if args[1] != "-" {
		cmd.SysProcAttr = asUser(ts, args[1])
	}
	cmd.SysProcAttr.Setpgid = true         // it may have processes of its own, which must not outlive it
	cmd.WaitDelay = 100 * time.Millisecond // nor hold on to its output
	theInstallation(ts).run(ts, args[0], args[2], cmd)
}

func asUser(ts *testscript.TestScript, uid string) *syscall.SysProcAttr {
	n, err := strconv.ParseUint(uid, 10, 32)
	ts.Check(err)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(n), Gid: uint32(n)}}
}

// run starts a process and waits until it is ready.
func (i *installation) run(ts *testscript.TestScript, name, readyLine string, cmd *exec.Cmd) {
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = os.Environ()
	for _, name := range []string{"RUN_JS_HTTP_PORT", "RUN_JS_HTTPS_PORT"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	p, err := start(cmd, readyLine)
	ts.Check(err)
	if i.parts == nil {
		i.parts = map[string]*process{}
	}
	i.parts[name] = p
	if err := p.await(); err != nil {
		ts.Fatalf("%s: %s", name, err)
	}
}

// pid reads the process number of a part.
func (i *installation) pid(ts *testscript.TestScript, name string) int {
	data, err := os.ReadFile(filepath.Join(i.dir, "run", name+".pid"))
	ts.Check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	ts.Check(err)
	return pid
}
