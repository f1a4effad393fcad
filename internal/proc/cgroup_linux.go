package proc

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroups is the directory below which every job gets a cgroup of its own. Its
// methods are safe for concurrent use.
type cgroups struct {
	base string

	mu    sync.Mutex
	made  uint64   // for their names
	spare []string // of jobs that have ended, see spare_linux.go
}

// openCgroups makes the directory for an instance and proves that a process can be
// started in a cgroup below it and killed with it. where is as in
// Options.Cgroup, but not "off".
func openCgroups(where, instance string) (*cgroups, error) {
	if where == "" || where == "auto" {
		own, err := ownCgroup()
		if err != nil {
			return nil, err
		}
		where = own
	}
	c := &cgroups{base: filepath.Join(where, "signet", instance)}
	if err := os.MkdirAll(c.base, 0o755); err != nil {
		return nil, fmt.Errorf("no cgroup can be made: %w", err)
	}
	if err := c.probe(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// ownCgroup returns the directory of this process's cgroup in the version 2
// hierarchy, wherever that is mounted: alone or beside version 1.
func ownCgroup() (string, error) {
	own, err := ownCgroupPath()
	if err != nil {
		return "", err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		root, point := unescapeMount(fields[3]), unescapeMount(fields[4])
		below, ok := strings.CutPrefix(own, strings.TrimSuffix(root, "/"))
		if !ok || (below != "" && below[0] != '/') {
			continue
		}
		return filepath.Join(point, below), nil
	}
	return "", errors.New("no cgroup version 2 tree is mounted here")
}

func ownCgroupPath() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			if strings.HasPrefix(path, "/..") {
				return "", errors.New("the own cgroup lies outside of this cgroup namespace")
			}
			return path, nil
		}
	}
	return "", errors.New("this system has no cgroup version 2")
}

// unescapeMount undoes the octal escapes of /proc/self/mountinfo.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// safeName returns a file name for any string: readable, bounded, and different
// for different strings.
func safeName(s string) string {
	sum := sha256.Sum256([]byte(s))
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, s)
	if len(readable) > 40 {
		readable = readable[len(readable)-40:]
	}
	return readable + "." + hex.EncodeToString(sum[:8])
}

// make makes a new cgroup. A name whose cgroup is still there (its processes take
// long to die) is never taken again: the kernel may kill whatever starts in a
// cgroup that was killed before.
func (c *cgroups) make() (string, error) {
	for tries := 1; ; tries++ {
		dir := filepath.Join(c.base, fmt.Sprintf("job-%d-%d", os.Getpid(), c.number()))
		err := os.Mkdir(dir, 0o755)
		switch {
		case err == nil:
			return dir, nil
		case errors.Is(err, fs.ErrExist) && tries < 100:
		case errors.Is(err, fs.ErrNotExist) && tries < 100:
			// An earlier owner of this instance has removed it at its end.
			if err := os.MkdirAll(c.base, 0o755); err != nil {
				return "", err
			}
		default:
			return "", err
		}
	}
}

func (c *cgroups) number() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	return c.made
}

// killCgroup sends SIGKILL to all processes in a cgroup and below.
func killCgroup(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
}

// populated reports whether a cgroup, or one below it, has a live process.
func populated(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
	return err == nil && bytes.Contains(b, []byte("populated 1"))
}

// cgroupPIDs returns the processes in a cgroup and those below it.
func cgroupPIDs(dir string) []int {
	var pids []int
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // what has vanished has no processes
		}
		b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			if pid, err := strconv.Atoi(s.Text()); err == nil {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// removeEmpty removes a cgroup and the cgroups that its job has made in it.
func removeEmpty(dir string) error {
	err := unix.Rmdir(dir)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	entries, rerr := os.ReadDir(dir)
	if rerr != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeEmpty(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
		return err
	}
	return nil
}

// destroyCgroup kills what is in a cgroup until nothing is left, and removes it.
func destroyCgroup(dir string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := killCgroup(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			return nil
		}
		if !populated(dir) {
			if rerr := removeEmpty(dir); rerr == nil {
				return nil
			} else if err == nil {
				err = rerr
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v in cgroup %s can't be killed: %w", cgroupPIDs(dir), dir, errors.Join(err, os.ErrDeadlineExceeded))
		}
		<-time.After(wait)
	}
}

// destroyAll destroys every cgroup of the instance.
func (c *cgroups) destroyAll(patience time.Duration) error {
	entries, err := os.ReadDir(c.base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	deadline := time.Now().Add(patience)
	for _, e := range entries {
		if e.IsDir() {
			_ = killCgroup(filepath.Join(c.base, e.Name())) // all at once; what remains is met below
		}
	}
	for _, e := range entries {
		if e.IsDir() {
			errs = append(errs, destroyCgroup(filepath.Join(c.base, e.Name()), time.Until(deadline)))
		}
	}
	return errors.Join(errs...)
}

// remove removes the instance's directory, and the one above when that is
// empty. It is fine when they are still in use.
func (c *cgroups) remove() error {
	c.dropSpares()
	for _, dir := range []string{c.base, filepath.Dir(c.base)} {
		if err := unix.Rmdir(dir); err != nil && err != unix.EBUSY && err != unix.ENOTEMPTY && err != unix.ENOENT {
			return err
		}
	}
	return nil
}

// probe starts a process in a new cgroup, sees it live, kills the cgroup and sees
// it die. Every step fails somewhere: on read-only mounts, for users without
// rights, on kernels before 5.14, and below a cgroup that was killed before.
func (c *cgroups) probe() (err error) {
	dir, err := c.make()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, destroyCgroup(dir, 2*time.Second)) }()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	fd, err := openDir(dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// It waits for input that never comes.
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "read x"}, &syscall.ProcAttr{
		Files: []uintptr{uintptr(p[0])},
		Sys:   &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd, Setsid: true},
	})
	if errors.Is(err, syscall.ENOENT) {
		return killCgroup(dir) // no shell; but a process came as far as exec in its cgroup
	}
	if err != nil {
		return fmt.Errorf("no process can be started in a cgroup: %w", err)
	}
	var ws unix.WaitStatus
	if got, _ := unix.Wait4(pid, &ws, unix.WNOHANG, nil); got == pid {
		return errors.New("a process started in a new cgroup is killed at once")
	}
	if err := killCgroup(dir); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		err = fmt.Errorf("a cgroup can't be killed: %w", err)
		_, werr := wait4(pid, &ws, nil)
		return errors.Join(err, werr)
	}
	_, err = wait4(pid, &ws, nil)
	return err
}

// openDir opens a cgroup for clone3.
func openDir(dir string) (int, error) {
	return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// wait4 is unix.Wait4 that goes on after a signal.
func wait4(pid int, ws *unix.WaitStatus, ru *unix.Rusage) (int, error) {
	for {
		got, err := unix.Wait4(pid, ws, 0, ru)
		if err != unix.EINTR {
			return got, err
		}
	}
}
