package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// Binary is the program under test: that of SIGNET_BIN, or one that is built
// when it is first asked for. The zero value is ready; Remove it in TestMain.
type Binary struct {
	once sync.Once
	dir  string // of the one that was built
	path string
	err  error
}

// Path returns the program's path.
func (b *Binary) Path(ctx context.Context) (string, error) {
	b.once.Do(func() { b.path, b.err = b.find(ctx) })
	return b.path, b.err
}

func (b *Binary) find(ctx context.Context) (string, error) {
	if built := os.Getenv("SIGNET_BIN"); built != "" {
		path, err := filepath.Abs(built)
		if err != nil {
			return "", err
		}
		_, err = os.Stat(path)
		return path, err
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "signet-rig-"); err != nil {
		return "", err
	}
	path := filepath.Join(b.dir, "signet")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/signet-scheduler/signet/cmd/signet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
}

// ownName gives the program another name in a folder, by which its processes are
// told from those of other rigs: by a link where that is possible.
func ownName(program, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "signet")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if os.Link(program, path) == nil {
		return path, nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o700)
}

// Remove removes the program, if it was built here.
func (b *Binary) Remove() error {
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

// Main is TestMain for packages that use rigs: it runs the tests and removes
// what was built for them. It returns the exit code.
func Main(m *testing.M, b *Binary) int {
	code := m.Run()
	if err := b.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// nursery starts processes that are to die with this one. The kernel binds the
// death signal to the thread that forked, so one thread starts them all and
// lives until close.
type nursery struct {
	requests chan birth
	done     chan struct{}
}

type birth struct {
	cmd    *exec.Cmd
	result chan error
}

func newNursery() *nursery {
	n := &nursery{requests: make(chan birth), done: make(chan struct{})}
	go n.run()
	return n
}

func (n *nursery) run() {
	defer close(n.done)
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for r := range n.requests {
		r.result <- r.cmd.Start()
	}
}

// start starts a process in a group of its own: what a terminal sends to ours
// doesn't reach it.
func (n *nursery) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	r := birth{cmd: cmd, result: make(chan error, 1)}
	n.requests <- r
	return <-r.result
}

// close ends the thread, and with it all that it has started.
func (n *nursery) close() {
	close(n.requests)
	<-n.done
}
