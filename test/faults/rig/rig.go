package rig

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
)

// Patience is how long a rig waits for what should happen soon, on a busy
// machine.
const Patience = 60 * time.Second

// readyLine begins the line by which `signet dev` says that all serve.
const readyLine = "Signet is ready: "

// marker is the variable by which every process of a rig is known: children
// inherit it, jobs too.
const marker = "SIGNET_RIG"

// Options say what is played.
type Options struct {
	Binary      *Binary  // required
	Controllers int      // 1 if 0
	Agents      int      // 1 if 0
	Dir         string   // of the installation; default: a temporary one
	Flags       []string // more flags of `signet dev`
	Env         []string // more environment, as NAME=value
	// Prepared is called between the first start and the one that counts, when
	// nothing runs: it may change the configuration of the parts.
	Prepared func(dir string) error
}

// Rig is an installation under test. Safe for concurrent use.
type Rig struct {
	Dir   string // of `signet dev`
	bin   string
	token string
	opts  Options
	t     testing.TB
	ctx   context.Context

	nursery *nursery
	log     *os.File // what `signet dev` and its parts say

	mu     sync.Mutex
	dev    *dev
	client *cli.Client
	closed bool
}

// dev is one run of `signet dev`.
type dev struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when it has said so
	ended chan struct{} // closed when it has ended, for the reason in err
	err   error
}

// Start plays an installation and returns when it is ready. It is ended with
// the test, which fails if something outlives it.
func Start(t testing.TB, o Options) *Rig {
	t.Helper()
	o.Controllers, o.Agents = max(1, o.Controllers), max(1, o.Agents)
	r := &Rig{Dir: o.Dir, token: rand.Text(), opts: o, t: t, ctx: t.Context(), nursery: newNursery()}
	if r.Dir == "" {
		r.Dir = filepath.Join(t.TempDir(), "installation")
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Rig) start() error {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	program, err := r.opts.Binary.Path(r.ctx)
	if err != nil {
		return err
	}
	if r.bin, err = ownName(program, r.Dir+".bin"); err != nil {
		return err
	}
	if r.log, err = os.OpenFile(r.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	if err := r.StartDev(); err != nil {
		return err
	}
	if r.opts.Prepared == nil {
		return nil
	}
	if err := r.StopDev(); err != nil {
		return err
	}
	if err := r.opts.Prepared(r.Dir); err != nil {
		return err
	}
	return r.StartDev()
}

// LogFile holds all that `signet dev` and its parts have said.
func (r *Rig) LogFile() string { return r.Dir + ".log" }

// Profile is the profile file of the installation.
func (r *Rig) Profile() string { return filepath.Join(r.Dir, "profile.json") }

// StartDev starts `signet dev` and waits until it is ready.
func (r *Rig) StartDev() error {
	args := []string{
		"dev", "--data", r.Dir, "--free-ports", "--no-sample",
		"--controllers", fmt.Sprint(r.opts.Controllers), "--agents", fmt.Sprint(r.opts.Agents),
	}
	d := &dev{cmd: exec.Command(r.bin, append(args, r.opts.Flags...)...), ready: make(chan struct{}), ended: make(chan struct{})}
	d.cmd.Stderr = r.log
	d.cmd.Env = r.environ()
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.nursery.start(d.cmd); err != nil {
		return fmt.Errorf("starting signet dev: %w", err)
	}
	r.mu.Lock()
	r.dev = d
	r.mu.Unlock()
	go func() { // ends with the process, whose end Close waits for
		lines, seen := bufio.NewScanner(out), false
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), readyLine) && !seen {
				seen = true
				close(d.ready)
			}
		}
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	return r.awaitDev(d)
}

func (r *Rig) environ() []string {
	return append(os.Environ(), append([]string{marker + "=" + r.token, "HOME=" + r.Dir}, r.opts.Env...)...)
}

func (r *Rig) awaitDev(d *dev) error {
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case <-d.ready:
	case <-d.ended:
		return fmt.Errorf("signet dev ended before it was ready: %w; it said:\n%s", d.err, r.Tail())
	case <-timer.C:
		return fmt.Errorf("signet dev isn't ready after %s; it said:\n%s", Patience, r.Tail())
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	profile, err := cli.ReadProfile(r.Profile())
	if err != nil {
		return err
	}
	client, err := cli.NewClient(profile)
	if err != nil {
		return err
	}
	client.Patience = 0 // callers look at each failure themselves
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.Close()
	}
	r.client = client
	return nil
}

// StopDev ends `signet dev` in order.
func (r *Rig) StopDev() error { return r.endDev(syscall.SIGTERM) }

// KillDev kills `signet dev`, and with it all parts. StartDev starts it again.
func (r *Rig) KillDev() error { return r.endDev(syscall.SIGKILL) }

func (r *Rig) endDev(s syscall.Signal) error {
	r.mu.Lock()
	d := r.dev
	r.dev = nil
	r.mu.Unlock()
	if d == nil {
		return nil
	}
	_ = d.cmd.Process.Signal(s) // it may have ended by itself
	timer := time.NewTimer(15 * time.Second)
	defer timer.Stop()
	select {
	case <-d.ended:
	case <-timer.C:
		_ = d.cmd.Process.Kill() // likewise
		<-d.ended
		return fmt.Errorf("signet dev didn't end within 15 s; it said:\n%s", r.Tail())
	}
	if s == syscall.SIGTERM && d.err != nil {
		return fmt.Errorf("signet dev ended with: %w; it said:\n%s", d.err, r.Tail())
	}
	return nil
}

// DevPID returns the process that is `signet dev`, 0 if there is none.
func (r *Rig) DevPID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dev == nil {
		return 0
	}
	return r.dev.cmd.Process.Pid
}

// Tail returns the last lines that `signet dev` and its parts have said.
func (r *Rig) Tail() string {
	text, err := os.ReadFile(r.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "")
}

// Parts returns the names of all parts: the Cockpit, the Controllers, the Agents.
func (r *Rig) Parts() []string {
	return slices.Concat([]string{"cockpit"}, r.Controllers(), r.Agents())
}

// Controllers returns the names of the Controllers.
func (r *Rig) Controllers() []string { return numbered("controller", r.opts.Controllers) }

// Agents returns the names of the Agents.
func (r *Rig) Agents() []string { return numbered("agent", r.opts.Agents) }

func numbered(word string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", word, i+1)
	}
	return names
}

// Close ends the installation and everything of it. It fails if something was
// left over, which it kills. Further calls do nothing.
func (r *Rig) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	if r.client != nil {
		r.client.Close()
	}
	r.mu.Unlock()
	if closed {
		return nil
	}
	r.release()
	err := r.StopDev()
	left := r.leftOver()
	r.nursery.close()
	if r.log != nil {
		err = errors.Join(err, r.log.Close())
	}
	return errors.Join(err, left)
}

// release lets go of parts that are held, so that they can end.
func (r *Rig) release() {
	for _, part := range r.Parts() {
		_ = r.Signal(part, syscall.SIGCONT) // it may be gone
	}
}

// leftOver kills what should have ended and tells what it was. A job's end
// takes a moment longer than that of its Agent.
func (r *Rig) leftOver() error {
	var left []string
	err := Poll(context.WithoutCancel(r.ctx), 5*time.Second, func() error {
		if left = r.Processes(); len(left) > 0 {
			return errors.New("processes are left over")
		}
		return nil
	})
	if err == nil {
		return nil
	}
	for _, pid := range r.pids() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
	}
	return fmt.Errorf("processes are left over:\n%s", strings.Join(left, "\n"))
}

// Poll repeats f until it is content or the time is over.
func Poll(ctx context.Context, limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still not after %s: %w", limit, err)
		case <-tick.C:
		}
	}
}
