package proc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// session is one starter process and the socket to it.
type session struct {
	conn     *net.UnixConn
	cmd      *exec.Cmd
	exited   chan struct{} // closed when it is reaped
	groups   *cgroups      // its jobs' cgroups; nil for none
	instance string        // safe name
}

// helloTime is how long a new starter may take: it first kills what an earlier
// one has left.
const helloTime = 3 * patience

// dial starts a starter process and waits until it is ready.
func (c *client) dial() (*session, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(c.o.Argv[0], c.o.Argv[1:]...)
	// Its work is one thing after the other; but two of its goroutines always wait
	// in the kernel. Were there no more processors than these, Go's watcher would
	// take them away every 20 microseconds.
	cmd.Env = []string{"GOMAXPROCS=4"}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr // for the trace of a crash
	// Its own session: the terminal's Ctrl-C is for the Agent, which ends the
	// starter in good order.
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	err = cmd.Start()
	if cerr := theirs.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starter process: %w", err), ours.Close())
	}
	s := &session{conn: ours, cmd: cmd, exited: make(chan struct{}), instance: safeName(c.o.Instance)}
	go func() {
		defer close(s.exited)
		_ = cmd.Wait() // how it ended doesn't matter: it is gone
	}()
	if err := s.hello(c); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "starter"), os.NewFile(uintptr(fds[1]), "agent")
	conn, err := net.FileConn(ours) // a copy
	err = errors.Join(err, ours.Close())
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

func (s *session) hello(c *client) error {
	s.send(&message{kind: msgConfigure, version: wireVersion, text: c.o.Cgroup, more: c.o.Instance})
	if err := s.conn.SetReadDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	for {
		m, err := s.receive(make([]byte, maxPacket+1))
		switch {
		case err != nil:
			return fmt.Errorf("the starter process doesn't answer: %w", err)
		case m.kind != msgHello:
			c.handle(m)
			continue
		case m.text != "":
			return errors.New(m.text)
		}
		if m.base != "" {
			s.groups = &cgroups{base: m.base}
		}
		return s.conn.SetReadDeadline(time.Time{})
	}
}

// read hands every message to handle until the socket's end. When it has read
// all there is, it tells pause how many came together.
func (s *session) read(handle func(*message), pause func(together int)) error {
	buf := make([]byte, maxPacket+1)
	for {
		m, err := s.receive(buf)
		together := 0
		for err == nil {
			handle(m)
			together++
			m, err = s.next(buf)
		}
		if err != unix.EAGAIN {
			return err
		}
		pause(together)
	}
}

// receive waits for a message.
func (s *session) receive(buf []byte) (*message, error) {
	n, err := s.conn.Read(buf) // a packet
	if err != nil {
		return nil, err
	}
	return decodeMessage(buf[:n])
}

// next returns a message that is there already, or EAGAIN.
func (s *session) next(buf []byte) (*message, error) {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	n := 0
	var rerr error
	err = raw.Read(func(fd uintptr) bool {
		for {
			if n, rerr = unix.Read(int(fd), buf); rerr != unix.EINTR {
				return true
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case rerr != nil:
		return nil, rerr
	case n == 0:
		return nil, io.EOF
	}
	return decodeMessage(buf[:n])
}

// send sends a message. That the starter has gone is met by read.
func (s *session) send(m *message) {
	_, _ = s.conn.Write(encodeMessage(m)) // a packet
}

// sendStart sends a start with its descriptors, of which the packet holds copies.
func (s *session) sendStart(spec *Spec) error {
	return withFDs(spec, func(out, errFD int) error {
		m := &message{kind: msgStart, spec: *spec}
		var fds []int
		if out >= 0 {
			m.files |= 1
			fds = append(fds, out)
		}
		if errFD >= 0 {
			m.files |= 2
			fds = append(fds, errFD)
		}
		b := encodeMessage(m)
		if len(b) > maxPacket {
			memory, err := toMemory(b)
			if err != nil {
				return err
			}
			defer unix.Close(memory)
			fds = append(fds, memory)
			b = encodeMessage(&message{kind: msgStartFile, key: spec.Key, files: m.files})
		}
		var oob []byte
		if len(fds) > 0 {
			oob = unix.UnixRights(fds...)
		}
		_, _, err := s.conn.WriteMsgUnix(b, oob, nil)
		return err
	})
}

func (s *session) kill() { _ = s.cmd.Process.Kill() }

// end makes sure that the starter is gone.
func (s *session) end() {
	s.kill()
	<-s.exited
	_ = s.conn.Close()
}

// bury kills what a starter that has gone left running, and reaps what has thereby
// become our child.
func (s *session) bury(live []Running) error {
	trees := make([]*tree, 0, len(live))
	for _, r := range live {
		t := &tree{mark: markOfKey(s.instance, r.Key), seen: make(map[procID]struct{})}
		if r.PID != 0 {
			t.main = procID{r.PID, r.StartTicks}
		}
		trees = append(trees, t)
	}
	var err error
	if s.groups != nil {
		err = errors.Join(s.groups.destroyAll(patience), s.groups.remove())
	} else if len(trees) > 0 {
		var left []procID
		left, err = killTrees(os.Getpid(), trees, nil, false, patience)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("processes %v", left)
		}
	}
	s.reap(trees)
	return err
}

// reap takes the status of zombies that were processes of jobs. Others' children
// are left alone.
func (s *session) reap(trees []*tree) {
	all, err := scanProcesses()
	if err != nil {
		return // only zombies remain
	}
	for pid, st := range all {
		if st.ppid == os.Getpid() && st.zombie && s.wasOurs(st, trees) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // gone already is fine
		}
	}
}

func (s *session) wasOurs(st procStat, trees []*tree) bool {
	for _, t := range trees {
		if _, ok := t.seen[st.procID]; ok || t.main.pid == st.sid {
			return true
		}
	}
	if s.groups == nil {
		return false
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(st.pid), "cgroup"))
	return err == nil && strings.Contains(string(b), "/signet/"+filepath.Base(s.groups.base)+"/")
}
