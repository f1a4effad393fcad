package proc

import (
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// packets is the starter's end of the socket: plain blocking calls. send is safe
// for concurrent use, receive belongs to one goroutine.
type packets struct {
	fd   int
	buf  []byte
	oob  []byte
	mu   sync.Mutex
	gone bool // the Agent doesn't listen any more
}

// maxFiles is how many descriptors come with a packet at most.
const maxFiles = 3

func newPackets(fd int) *packets {
	return &packets{fd: fd, buf: make([]byte, maxPacket+1), oob: make([]byte, unix.CmsgSpace(4*maxFiles))}
}

func (p *packets) send(m *message) {
	b := encodeMessage(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.gone {
		_, err := unix.SendmsgN(p.fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		// The Agent has gone: receive meets that too.
		p.gone = err != nil
		return
	}
}

// receive returns the next message and its descriptors, which the caller closes.
// io.EOF means that the Agent has gone.
func (p *packets) receive() (*message, []int, error) {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(p.fd, p.buf, p.oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, nil, err
		}
		fds, ferr := parseFDs(p.oob[:oobn])
		switch {
		case n == 0 && oobn == 0:
			return nil, nil, io.EOF
		case ferr != nil:
			return nil, fds, ferr
		case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return nil, fds, fmt.Errorf("%w: it is too long", errBadMessage)
		}
		m, err := decodeMessage(p.buf[:n])
		return m, fds, err
	}
}

func parseFDs(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	controls, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var fds []int
	for i := range controls {
		got, err := unix.ParseUnixRights(&controls[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

func closeFDs(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// toMemory puts a long start into a memory file.
func toMemory(b []byte) (int, error) {
	fd, err := unix.MemfdCreate("signet-start", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	for rest := b; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			_ = unix.Close(fd)
			return -1, err
		}
		rest = rest[n:]
	}
	return fd, nil
}

// fromMemory reads what toMemory wrote.
func fromMemory(fd int) (*message, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size > maxStart {
		return nil, errBadMessage
	}
	b := make([]byte, st.Size)
	for off := 0; off < len(b); {
		n, err := unix.Pread(fd, b[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return nil, errBadMessage
		}
		off += n
	}
	m, err := decodeMessage(b)
	if err == nil && m.kind != msgStart {
		err = errBadMessage
	}
	return m, err
}
