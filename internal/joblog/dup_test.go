//go:build linux

package joblog

import (
	"os"
	"syscall"
)

// dup returns another descriptor of a file, as a child would have it.
func dup(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var derr error
	if err := raw.Control(func(from uintptr) { fd, derr = syscall.Dup(int(from)) }); err != nil {
		return nil, err
	}
	if derr != nil {
		return nil, derr
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name()), nil
}
