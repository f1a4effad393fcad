package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// ready is the beginning of the line that `signet dev` prints when all serve.
const ready = "Signet is ready: "

// startPatience is how long it may take until that line comes.
const startPatience = 30 * time.Second

// stopPatience is how long `signet dev` may take to end.
const stopPatience = 15 * time.Second

// installation is a running `signet dev` with one Cockpit, Controller and Agent.
type installation struct {
	dir           string
	cmd           *exec.Cmd
	done          chan struct{} // closed when cmd has ended, with its error in result
	result        error
	output        *os.File
	api           *cli.Client
	controllerURL string
}

// startInstallation starts `signet dev` on a folder and returns when it is
// ready, with the time that took. After an error an installation that isn't nil
// has to be stopped all the same.
func startInstallation(ctx context.Context, bin, dir string) (*installation, time.Duration, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, err
	}
	output, err := os.OpenFile(dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	i := &installation{dir: dir, output: output, done: make(chan struct{})}
	i.cmd = exec.Command(bin, "dev", "--data", dir, "--cockpit", "127.0.0.1:0", "--free-ports", "--no-sample")
	i.cmd.Stderr = output
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C reaches us only: we end it in order
	out, err := i.cmd.StdoutPipe()
	if err != nil {
		return nil, 0, errors.Join(err, output.Close())
	}
	began := time.Now()
	if err := i.cmd.Start(); err != nil {
		return nil, 0, errors.Join(err, output.Close())
	}
	limit, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	lines := make(chan string, 1)
	go func() { // ends with the process, whose end stop waits for
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			if strings.HasPrefix(scanner.Text(), ready) {
				lines <- scanner.Text()
				break
			}
		}
		for scanner.Scan() { // so that it never waits for us
			continue
		}
		i.result = i.cmd.Wait()
		close(i.done)
	}()
	select {
	case <-lines:
	case <-i.done:
		return i, 0, fmt.Errorf("signet dev ended before it was ready: %w; it said:\n%s", i.result, tail(dir+".log"))
	case <-limit.Done():
		return i, 0, fmt.Errorf("signet dev isn't ready: %w; it said:\n%s", limit.Err(), tail(dir+".log"))
	}
	took := time.Since(began)
	profile, err := cli.ReadProfile(i.profile())
	if err != nil {
		return i, took, err
	}
	if i.api, err = cli.NewClient(profile); err != nil {
		return i, took, err
	}
	return i, took, i.findController(ctx)
}

// profile is the file by which the command line finds the Cockpit.
func (i *installation) profile() string { return filepath.Join(i.dir, "profile.json") }

// tail returns the last lines of a file.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// stop ends everything: in order, or by force when that takes too long.
func (i *installation) stop() error {
	if i.api != nil {
		i.api.Close()
	}
	defer i.output.Close()
	_ = i.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-i.done:
		if i.result != nil {
			return fmt.Errorf("signet dev ended with: %w; it said:\n%s", i.result, tail(i.dir+".log"))
		}
		return nil
	case <-timer.C:
		for _, pid := range i.pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = i.cmd.Process.Kill()
		<-i.done
		return fmt.Errorf("signet dev didn't end within %s and was killed; it said:\n%s", stopPatience, tail(i.dir+".log"))
	}
}

// parts are the names of the processes that are looked at.
var parts = [...]string{"cockpit", "controller-1", "agent-1"}

// starter is what we call the Agent's helper that starts jobs.
const starter = "starter"

// pidOf returns the process that plays a part now.
func (i *installation) pidOf(part string) (int, error) {
	if part == starter {
		agent, err := i.pidOf("agent-1")
		if err != nil {
			return 0, err
		}
		return childOf(agent, "starter")
	}
	text, err := os.ReadFile(filepath.Join(i.dir, "run", part+".pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// processLimit returns how many jobs the Agent runs at once, as it says itself
// when it starts.
func (i *installation) processLimit() (int, error) {
	text, err := os.ReadFile(i.dir + ".log")
	if err != nil {
		return 0, err
	}
	found := processLimits.FindAllSubmatch(text, -1)
	if len(found) == 0 {
		return 0, errors.New("the Agent hasn't said how many jobs it runs at once")
	}
	return strconv.Atoi(string(found[len(found)-1][1]))
}

var processLimits = regexp.MustCompile(`msg="process limit" processes=(\d+)`)

// pids returns the processes of all parts that run.
func (i *installation) pids() []int {
	var all []int
	for _, part := range parts {
		if pid, err := i.pidOf(part); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// usage returns the CPU that each of our processes has used so far; "dev" is
// the supervisor.
func (i *installation) usage() (map[string]cpu, error) {
	all := map[string]cpu{}
	for _, name := range append([]string{starter}, parts[:]...) {
		pid, err := i.pidOf(name)
		if err != nil {
			return nil, err
		}
		st, err := statOf(pid)
		if err != nil {
			return nil, err
		}
		all[name] = st.cpu
	}
	st, err := statOf(i.cmd.Process.Pid)
	all["dev"] = st.cpu
	return all, err
}

// memory returns the resident memory of parts once it has settled.
func (i *installation) memory(ctx context.Context, names ...string) ([]int64, error) {
	pids := make([]int, len(names))
	for n, name := range names {
		var err error
		if pids[n], err = i.pidOf(name); err != nil {
			return nil, err
		}
	}
	return settled(ctx, pids...)
}

// peer returns a client that speaks to the Controller as the Cockpit does.
func (i *installation) peer() (*transport.Client, error) {
	private := filepath.Join(i.dir, "cockpit", "config", "private")
	creds, err := transport.LoadCredentials(transport.Files{
		Cert: filepath.Join(private, "https-cert.pem"), Key: filepath.Join(private, "https-key.pem"), Trust: []string{filepath.Join(private, "https-trust.pem")},
	})
	if err != nil {
		return nil, err
	}
	return transport.NewClient(transport.ClientOptions{Credentials: creds, Expect: func(id pki.Identity) bool { return id.Role == pki.RoleController }})
}
