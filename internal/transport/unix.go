package transport

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/time/rate"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// ListenUnix listens on a Unix socket to processes of one user, and closes any
// other connection before a byte of it is read. The socket's own mode lets
// everybody connect: what counts is who it is, which the kernel tells. The user
// can't be this process's own, for then its jobs could connect. The directory must
// belong to root or this process's user, and no other may write to it.
func ListenUnix(path string, uid int, log *slog.Logger) (net.Listener, error) {
	if uid == os.Geteuid() {
		return nil, fault.New(fault.Invalid, "ProxyUser", "the proxy must not run as this process's own user: jobs run as that, and could connect as the proxy")
	}
	if err := checkSocketDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "CannotListen", err, "%s can't be listened on", path)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		_ = l.Close()
		return nil, fault.Wrap(fault.Unavailable, "CannotListen", err, "the mode of %s can't be set", path)
	}
	return &ofUser{Listener: l, uid: uid, log: slog.New(&limitedHandler{Handler: log.Handler(), limiter: rate.NewLimiter(logRate, logBurst)})}, nil
}

func checkSocketDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fault.Wrap(fault.Unavailable, "CannotListen", err, "the socket's directory %s can't be looked at: it has to exist", dir)
	}
	owner, ok := ownerOf(info)
	switch {
	case !info.IsDir():
		return fault.New(fault.Invalid, "CannotListen", "%s is no directory", dir)
	case ok && owner != 0 && owner != os.Geteuid():
		return fault.New(fault.Untrusted, "SocketDirectory", "the socket's directory %s belongs to user %d; it has to be root's or this process's own", dir, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fault.New(fault.Untrusted, "SocketDirectory", "the socket's directory %s can be written to by its group or others, who could put a socket of theirs there", dir)
	}
	return nil
}

// removeStale removes the socket that an earlier life has left.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil //nolint:nilerr // there is none; if it can't be seen, listening fails
	}
	if info.Mode().Type() != os.ModeSocket {
		return fault.New(fault.Invalid, "CannotListen", "%s is there and is no socket", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return fault.New(fault.Unavailable, "CannotListen", "somebody listens on %s already", path)
	}
	if err := (fsys.Real{}).Remove(path); err != nil {
		return fault.Wrap(fault.Unavailable, "CannotListen", err, "the socket %s of an earlier life can't be removed", path)
	}
	return nil
}

// ofUser is a listener for processes of one user.
type ofUser struct {
	net.Listener
	uid int
	log *slog.Logger
}

// Accept waits for the next connection of that user.
func (l *ofUser) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUser(c)
		if err == nil && uid == l.uid {
			return c, nil
		}
		if err == nil {
			err = fmt.Errorf("it is of user %d, not of user %d", uid, l.uid)
		}
		l.log.Warn("a connection was refused", "socket", l.Addr().String(), "error", err)
		_ = c.Close()
	}
}
