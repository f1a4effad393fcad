package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// starter is what the helper of an Agent that starts jobs is called: it is
// "starter of agent-1".
const starter = "starter of "

// Starter returns the name by which PID and Signal know the helper of an Agent
// that starts jobs.
func Starter(agent string) string { return starter + agent }

// PID returns the process that plays a part now, or has played it last.
func (r *Rig) PID(part string) (int, error) {
	if agent, ok := strings.CutPrefix(part, starter); ok {
		return r.starterOf(agent)
	}
	text, err := os.ReadFile(filepath.Join(r.Dir, "run", part+".pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// starterOf finds the Agent's child that starts jobs.
func (r *Rig) starterOf(agent string) (int, error) {
	parent, err := r.PID(agent)
	if err != nil {
		return 0, err
	}
	for _, pid := range allProcesses() {
		st, err := readStat(pid)
		if err == nil && st.parent == parent && !st.dead && bytes.Contains(readFile(pid, "cmdline"), []byte("\x00starter\x00")) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("%s has no starter", agent)
}

// Signal sends a signal to a part. A process that has ended is an error, one
// that isn't ours too.
func (r *Rig) Signal(part string, s syscall.Signal) error {
	pid, err := r.PID(part)
	if err != nil {
		return err
	}
	return r.SignalPID(pid, s)
}

// SignalPID sends a signal to a process of this rig.
func (r *Rig) SignalPID(pid int, s syscall.Signal) error {
	if !r.owns(pid) {
		return fmt.Errorf("process %d has ended or isn't ours", pid)
	}
	return syscall.Kill(pid, s)
}

// Serve runs a part beside those of the installation, whose output goes to a
// file, until it ends or the test's process does. The caller ends it and waits.
func (r *Rig) Serve(output *os.File, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(r.bin, append([]string{"serve"}, args...)...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = r.environ()
	return cmd, r.nursery.start(cmd)
}

// Kill kills a part and returns the process that it was.
func (r *Rig) Kill(part string) (pid int, err error) {
	if pid, err = r.PID(part); err != nil {
		return 0, err
	}
	return pid, r.SignalPID(pid, syscall.SIGKILL)
}

// Stop holds a part: it does nothing until Cont.
func (r *Rig) Stop(part string) error { return r.Signal(part, syscall.SIGSTOP) }

// Cont lets a part go on.
func (r *Rig) Cont(part string) error { return r.Signal(part, syscall.SIGCONT) }

// AwaitOther waits until a part is played by another process than pid.
func (r *Rig) AwaitOther(ctx context.Context, part string, pid int) error {
	return Poll(ctx, Patience, func() error {
		now, err := r.PID(part)
		if err != nil {
			return err
		}
		if now == pid || !r.owns(now) {
			return fmt.Errorf("%s has not been started again", part)
		}
		return nil
	})
}

// owns tells whether a process belongs to this rig and runs.
func (r *Rig) owns(pid int) bool {
	if pid <= 1 {
		return false
	}
	st, err := readStat(pid)
	if err != nil || st.dead {
		return false
	}
	exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return err == nil && exe == r.bin || r.marked(pid)
}

// marked tells whether a process has our variable. Starters have none.
func (r *Rig) marked(pid int) bool {
	return bytes.Contains(readFile(pid, "environ"), []byte(marker+"="+r.token+"\x00"))
}

// pids returns all processes of this rig that run, jobs included.
func (r *Rig) pids() []int {
	var mine []int
	for _, pid := range allProcesses() {
		if r.owns(pid) {
			mine = append(mine, pid)
		}
	}
	return mine
}

// Processes tells what runs of this rig: a line with number and command for
// each.
func (r *Rig) Processes() []string {
	var lines []string
	for _, pid := range r.pids() {
		command := strings.ReplaceAll(string(readFile(pid, "cmdline")), "\x00", " ")
		lines = append(lines, fmt.Sprintf("%d %s", pid, command))
	}
	return lines
}

// Jobs tells which processes of jobs run, as Processes does.
func (r *Rig) Jobs() []string {
	var lines []string
	for _, pid := range r.pids() {
		if bytes.Contains(readFile(pid, "environ"), []byte("\x00SIGNET_RETURN_VALUES=")) {
			lines = append(lines, fmt.Sprintf("%d %s", pid, strings.ReplaceAll(string(readFile(pid, "cmdline")), "\x00", " ")))
		}
	}
	return lines
}

func allProcesses() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// readFile returns a file of a process, nothing when it has gone.
func readFile(pid int, name string) []byte {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil {
		return nil
	}
	return data
}

type stat struct {
	parent int
	dead   bool // a zombie: it has ended
}

// readStat reads what the kernel tells about a process. The command stands in
// parentheses and may contain anything.
func readStat(pid int) (stat, error) {
	text := string(readFile(pid, "stat"))
	_, rest, ok := cutLast(text, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 2 {
		return stat{}, fs.ErrNotExist
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, errors.Join(fs.ErrInvalid, err)
	}
	return stat{parent: parent, dead: fields[0] == "Z" || fields[0] == "X"}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
