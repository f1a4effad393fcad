package disk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen soon, on a busy
// machine.
const patience = 60 * time.Second

// installation is what `signet dev` has made in a folder. Its parts run under
// `signet dev`, or one by one under the test itself.
type installation struct {
	t   *testing.T
	dir string
	dev *process
}

// install makes an installation and leaves it stopped.
func install(t *testing.T, flags ...string) *installation {
	t.Helper()
	if testing.Short() {
		t.Skip("plays a whole installation")
	}
	in := &installation{t: t, dir: filepath.Join(t.TempDir(), "data")}
	in.startDev(flags...)
	in.stopDev()
	return in
}

// startDev runs `signet dev` until it is ready.
func (in *installation) startDev(flags ...string) {
	in.t.Helper()
	in.dev = spawn(in.t, bin, append([]string{"dev", "--data", in.dir, "--free-ports", "--no-sample"}, flags...)...)
	in.dev.await("Signet is ready: ")
}

// stopDev ends `signet dev` in order.
func (in *installation) stopDev() {
	in.t.Helper()
	if err := in.dev.stop(syscall.SIGTERM); err != nil {
		in.t.Fatalf("signet dev ended with %v:\n%s", err, in.dev.output())
	}
}

// config and data are the folders of a part.
func (in *installation) config(name string) string { return filepath.Join(in.dir, name, "config") }
func (in *installation) data(name string) string   { return filepath.Join(in.dir, name, "data") }

// serve runs one part, under a wrapping program if one is named.
func (in *installation) serve(name string, wrap ...string) *process {
	in.t.Helper()
	kind, _, _ := strings.Cut(name, "-")
	args := slices.Concat(wrap, []string{bin, "serve", kind, "--config", in.config(name), "--data", in.data(name)})
	return spawn(in.t, args[0], args[1:]...)
}

// result is how a run of the command line ended.
type result struct {
	code           int
	stdout, stderr string
}

// signet runs the command line against the installation.
func (in *installation) signet(args ...string) result {
	in.t.Helper()
	return in.signetFrom(os.DevNull, args...)
}

// signetFrom is signet with a file as its standard input.
func (in *installation) signetFrom(file string, args ...string) result {
	in.t.Helper()
	stdin, err := os.Open(file)
	if err != nil {
		in.t.Fatal(err)
	}
	defer stdin.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(os.Environ(), "SIGNET_PROFILE="+filepath.Join(in.dir, "profile.json"), "HOME="+in.dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err = cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
	case err != nil:
		in.t.Fatalf("signet %s: %s", args, err)
	}
	return r
}

// must is signet for what has to succeed.
func (in *installation) must(args ...string) string {
	in.t.Helper()
	r := in.signet(args...)
	if r.code != 0 {
		in.t.Fatalf("signet %s ended with %d:\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// deploy deploys a workflow of one script job.
func (in *installation) deploy(name, script string) {
	in.t.Helper()
	in.deployText(name, fmt.Sprintf(`{"instructions":[{"TYPE":"Execute.Named","jobName":"job"}],
		"jobs":{"job":{"agentPath":"agent-1","parallelism":1000,"executable":{"TYPE":"ShellScriptExecutable","script":%s}}}}`, quoted(in.t, script)))
}

// deployEffects deploys a workflow whose job appends the order's id to a file.
func (in *installation) deployEffects(name, effects, more string) {
	in.t.Helper()
	script := "#!/bin/sh\necho \"$ORDER\" >> " + effects + "\nseq 1 2000\n"
	in.deployText(name, fmt.Sprintf(`{%s"instructions":[{"TYPE":"Execute.Named","jobName":"job"}],
		"jobs":{"job":{"agentPath":"agent-1","parallelism":1000,"executable":{"TYPE":"ShellScriptExecutable","env":{"ORDER":"$js7OrderId"},"script":%s}}}}`, more, quoted(in.t, script)))
}

func (in *installation) deployText(name, text string) {
	in.t.Helper()
	file := filepath.Join(in.t.TempDir(), name+".workflow.json")
	writeFile(in.t, file, []byte(text))
	in.must("deploy", file)
}

func quoted(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// login logs in with the first administrator's password, into a profile of its
// own.
func (in *installation) login() result {
	in.t.Helper()
	_, url, _ := strings.Cut(in.dev.output(), "Signet is ready: ")
	url, _, _ = strings.Cut(url, "\n")
	return in.signetFrom(filepath.Join(in.dir, "admin-password"),
		"login", url, "--account", "admin", "--ca", filepath.Join(in.dir, "ca", "node", "root.pem"), "--profile", filepath.Join(in.t.TempDir(), "profile.json"))
}

// row is one run of a step.
type row struct {
	OrderID string `json:"orderId"`
	Outcome struct {
		Type string `json:"TYPE"`
	} `json:"outcome"`
	End int64 `json:"end"`
	Try int   `json:"try"`
}

// history returns the runs of all steps, by order.
func (in *installation) history() map[string][]row {
	in.t.Helper()
	rows, err := parseHistory(in.must("history", "-o", "json", "--limit", "100000"))
	if err != nil {
		in.t.Fatal(err)
	}
	return rows
}

func parseHistory(text string) (map[string][]row, error) {
	var rows []row
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	byOrder := map[string][]row{}
	for _, r := range rows {
		byOrder[r.OrderID] = append(byOrder[r.OrderID], r)
	}
	return byOrder, nil
}

// eventually repeats f until it is content.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	within(t, patience, what, f)
}

func within(t *testing.T, limit time.Duration, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not after %s: %s", what, limit, err)
		}
		<-tick.C
	}
}

// process is a program in the background; it is killed when the test ends.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // when ended is closed

	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // closed when there is more text
}

// spawn starts a program.
func spawn(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), ended: make(chan struct{}), news: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // a starter process may outlive its Agent by a moment
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // most likely it has ended
		<-p.ended
	})
	return p
}

// Write takes the program's output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.news)
	p.news = make(chan struct{})
	return p.text.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits until the program has printed a text.
func (p *process) await(text string) {
	p.t.Helper()
	if !p.prints(text) {
		p.t.Fatalf("%s hasn't printed %q (%v):\n%s", p.cmd.Args, text, p.err, p.output())
	}
}

// prints tells whether the program prints a text before it ends.
func (p *process) prints(text string) bool {
	p.t.Helper()
	limit := time.NewTimer(2 * patience)
	defer limit.Stop()
	for {
		p.mu.Lock()
		found, news := strings.Contains(p.text.String(), text), p.news
		p.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-news:
		case <-p.ended:
			return strings.Contains(p.output(), text)
		case <-limit.C:
			return false
		}
	}
}

// stop sends a signal and returns how the program ended.
func (p *process) stop(s syscall.Signal) error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	return p.wait()
}

// wait returns how the program ended.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		p.t.Fatalf("%s hasn't ended:\n%s", p.cmd.Args, p.output())
		return nil
	}
}

// code returns the exit code of a program that has ended.
func (p *process) code() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// pid returns the process of a part under `signet dev`; 0 when none is known.
func (in *installation) pid(name string) int {
	b, err := os.ReadFile(filepath.Join(in.dir, "run", name+".pid"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return n
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lines returns the non-empty lines of a text.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// expect fails unless the result has an exit code and says a text.
func (r result) expect(t *testing.T, code int, text string) {
	t.Helper()
	if r.code != code || !strings.Contains(r.stdout+r.stderr, text) {
		t.Fatalf("exit code %d, want %d, and a message with %q:\n%s", r.code, code, text, fmt.Sprint(r.stdout, r.stderr))
	}
}
