package proc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// starterFD is where StartStarter puts the starter's end of the socket.
const starterFD = 3

// jobSlack is by how much timers of jobs may be late, in nanoseconds: the
// kernel's own default, whatever the Agent runs with.
const jobSlack = 50_000

// StarterMain is the main function of the starter process: it forks, reaps and
// kills what the Agent at the other end of its socket says, and ends, with
// every job, when the Agent closes the socket or dies. It returns the exit
// code. The socket is descriptor 3, unless one is given.
func StarterMain(fds ...int) int {
	fd := starterFD
	if len(fds) > 0 {
		fd = fds[0]
	}
	s := &starter{socket: newPackets(fd)}
	if err := s.run(fd); err != nil {
		fmt.Fprintln(os.Stderr, "signet starter:", err)
		return 1
	}
	return 0
}

// starter is the starter process: one goroutine reads requests and forks, one
// reaps.
type starter struct {
	socket *packets
	host   *host
}

func (s *starter) run(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return fmt.Errorf("this verb is used by a running Agent only: descriptor %d isn't open", fd)
	}
	m, fds, err := s.socket.receive()
	closeFDs(fds)
	if err == io.EOF {
		return nil
	}
	if err != nil || m.kind != msgConfigure {
		return errors.Join(errBadMessage, err)
	}
	if err := s.configure(m); err != nil {
		s.socket.send(&message{kind: msgHello, version: wireVersion, text: err.Error()})
		return nil //nolint:nilerr // the Agent tells it
	}
	stop := make(chan struct{})
	go s.host.reapAll(stop) // ends with the process at the latest
	err = s.serve()
	s.host.closeAll()
	close(stop)
	return err
}

func (s *starter) configure(m *message) (err error) {
	if m.version != wireVersion {
		return fmt.Errorf("the program was replaced while the Agent ran (version %d, %d): restart the Agent", m.version, wireVersion)
	}
	// Orphans of jobs come to us: no process of a job is out of our reach.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	ended := func(e End, empty bool) {
		m := &message{kind: msgEnded, end: e}
		if empty {
			m.number = 1
		}
		s.socket.send(m)
	}
	s.host, err = newHost(Options{Cgroup: m.text, Instance: m.more}, true, ended, s.log)
	if err != nil {
		return err
	}
	hello := &message{kind: msgHello, version: wireVersion, more: s.host.weak}
	if s.host.groups != nil {
		hello.base = s.host.groups.base
	}
	s.socket.send(hello)
	return nil
}

func (s *starter) log(level slog.Level, text string) {
	s.socket.send(&message{kind: msgLog, number: uint64(int(level) + levelShift), text: text[:min(len(text), maxText)]})
}

// serve reads requests until the Agent closes the socket. It starts one process
// after the other: more at once gain nothing, since a fork holds a lock until
// the exec, and handing a start to another thread costs as much as a fork does.
//
// A thread serves some requests only, then the next takes over. Jobs that still
// run when it ends become children of the process's first thread. The kernel
// looks through the children of one thread after the other for one that has
// ended, the first thread's last: so it finds a job that ends soon among a few,
// and doesn't look at all that run long each time.
func (s *starter) serve() error {
	for {
		s.host.nextTurn()
		ended := make(chan error)
		go func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			ended <- s.serveSome()
		}()
		if err := <-ended; !errors.Is(err, errServed) {
			return err
		}
	}
}

// requestsPerThread is after how many requests another thread takes over. A
// thread costs as much as a job.
const requestsPerThread = 100

// Reasons to end a thread that aren't failures.
var (
	errServed  = errors.New("another thread takes over")
	errNoAgent = errors.New("the Agent has closed the socket, or has gone")
)

// serveSome serves in this thread, whose signal mask and timer slack the jobs
// inherit.
func (s *starter) serveSome() error {
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil); err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, jobSlack, 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	for range requestsPerThread {
		switch err := s.serveOne(); {
		case errors.Is(err, errNoAgent):
			return nil
		case err != nil:
			return err
		}
	}
	return errServed
}

// serveOne serves the next request.
func (s *starter) serveOne() error {
	m, fds, err := s.socket.receive()
	defer closeFDs(fds)
	switch {
	case err == io.EOF, errors.Is(err, unix.ECONNRESET):
		return errNoAgent
	case err != nil:
		return err
	}
	switch m.kind {
	case msgStart, msgStartFile:
		s.fork(m, fds)
	case msgKill:
		s.host.kill(m.key, Signal(m.number))
	case msgForget:
		s.host.forget(m.key)
	case msgClose:
		return errNoAgent
	default:
		return errBadMessage
	}
	return nil
}

// fork starts a process; the descriptors stay the caller's.
func (s *starter) fork(m *message, fds []int) {
	files := m.files
	if m.kind == msgStartFile {
		long, err := &message{}, errBadMessage
		if len(fds) > 0 {
			long, err = fromMemory(fds[len(fds)-1])
		}
		if err != nil {
			s.started(Running{Key: m.key}, &StartError{StartFailed, err.Error()})
			return
		}
		m = long
	}
	out, errFD := -1, -1
	if files&1 != 0 && len(fds) > 0 {
		out, fds = fds[0], fds[1:]
	}
	if files&2 != 0 && len(fds) > 0 {
		errFD = fds[0]
	}
	running, serr := s.host.start(&m.spec, out, errFD)
	if serr != nil {
		running = Running{Key: m.spec.Key}
	}
	s.started(running, serr)
}

func (s *starter) started(r Running, serr *StartError) {
	if serr != nil {
		serr.Reason = serr.Reason[:min(len(serr.Reason), maxText)]
	}
	s.socket.send(&message{kind: msgStarted, running: r, fail: serr})
}
