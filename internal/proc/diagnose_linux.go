package proc

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// diagnose finds the true reason why an exec failed, by looking: the kernel says
// "no such file" for six different things.
func diagnose(s *Spec, program string, errno error) *StartError {
	file := inDir(s.Dir, program)
	var found *StartError
	switch {
	case errors.Is(errno, syscall.ENOENT), errors.Is(errno, syscall.ENOTDIR), errors.Is(errno, syscall.ELOOP), errors.Is(errno, syscall.ENAMETOOLONG):
		found = firstOf(missingDir(s), missingProgram(program, file), missingInterpreter(program, file, s.Dir))
	case errors.Is(errno, syscall.EACCES), errors.Is(errno, syscall.EPERM):
		found = firstOf(forbiddenDir(s), forbiddenProgram(program, file), forbiddenInterpreter(program, file, s.Dir))
	case errors.Is(errno, syscall.ENOEXEC), errors.Is(errno, syscall.EINVAL):
		found = wrongFormat(program, file)
	case errors.Is(errno, syscall.ETXTBSY):
		found = &StartError{ProgramBusy, fmt.Sprintf("%s is still open for writing by some process", program)}
	case errors.Is(errno, syscall.E2BIG):
		found = &StartError{TooLong, "arguments and environment are too long together for this system"}
	case errors.Is(errno, syscall.EAGAIN), errors.Is(errno, syscall.ENOMEM), errors.Is(errno, syscall.EMFILE), errors.Is(errno, syscall.ENFILE):
		found = &StartError{ResourcesExhausted, fmt.Sprintf("the system has no room for another process now: %v", errno)}
	}
	if found == nil {
		found = &StartError{StartFailed, fmt.Sprintf("%s can't be started: %v", program, errno)}
	}
	return found
}

func firstOf(found ...*StartError) *StartError {
	for _, e := range found {
		if e != nil {
			return e
		}
	}
	return nil
}

// inDir returns where a path leads for a process that runs in dir.
func inDir(dir, path string) string {
	if filepath.IsAbs(path) || dir == "" {
		return path
	}
	return filepath.Join(dir, path)
}

func missingDir(s *Spec) *StartError {
	if s.Dir == "" {
		return nil
	}
	fi, err := os.Stat(s.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &StartError{DirectoryMissing, fmt.Sprintf("the working directory %s doesn't exist", s.Dir)}
	case errors.Is(err, syscall.ENOTDIR), err == nil && !fi.IsDir():
		return &StartError{DirectoryMissing, fmt.Sprintf("the working directory %s isn't a directory", s.Dir)}
	}
	return nil
}

func missingProgram(program, file string) *StartError {
	_, err := os.Stat(file)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if fi, lerr := os.Lstat(file); lerr == nil && fi.Mode()&fs.ModeSymlink != 0 {
			return &StartError{ProgramMissing, fmt.Sprintf("%s is a symbolic link to a file that doesn't exist", program)}
		}
		return &StartError{ProgramMissing, fmt.Sprintf("%s doesn't exist", program)}
	case errors.Is(err, syscall.ENOTDIR):
		return &StartError{ProgramMissing, fmt.Sprintf("%s doesn't exist: a part of its path isn't a directory", program)}
	case errors.Is(err, syscall.ELOOP):
		return &StartError{ProgramMissing, fmt.Sprintf("%s can't be reached: its symbolic links form a circle", program)}
	case errors.Is(err, syscall.ENAMETOOLONG):
		return &StartError{ProgramMissing, fmt.Sprintf("%.100s... can't exist: its name has %d bytes", program, len(program))}
	}
	return nil
}

// shebang returns the interpreter that a script's first line names, and
// whether the line ends with CR LF.
func shebang(file string) (interpreter string, crlf bool) {
	line, _, _ := bytes.Cut(firstBytes(file), []byte("\n"))
	line, script := bytes.CutPrefix(line, []byte("#!"))
	if !script {
		return "", false
	}
	crlf = bytes.HasSuffix(line, []byte("\r"))
	fields := strings.Fields(string(line))
	if len(fields) == 0 {
		return "", crlf
	}
	return fields[0], crlf
}

// firstBytes returns what the kernel looks at, and nothing of what isn't a
// plain file: opening a FIFO would wait.
func firstBytes(file string) []byte {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil
	}
	b := make([]byte, 256)
	n, _ := io.ReadFull(f, b)
	return b[:n]
}

func missingInterpreter(program, file, dir string) *StartError {
	interpreter, crlf := shebang(file)
	if crlf {
		return &StartError{CarriageReturn, fmt.Sprintf("the first line of %s ends with CR LF, so that the system looks for an interpreter named %q. Save the file with Unix line ends", program, interpreter+"\r")}
	}
	if interpreter != "" {
		if _, err := os.Stat(inDir(dir, interpreter)); err != nil {
			return &StartError{InterpreterMissing, fmt.Sprintf("%s needs %s, named in its first line, which doesn't exist here", program, interpreter)}
		}
		if loader := elfLoader(inDir(dir, interpreter)); loader != "" {
			return &StartError{InterpreterMissing, fmt.Sprintf("%s needs %s, which needs the loader %s, which doesn't exist here", program, interpreter, loader)}
		}
		return nil
	}
	if loader := elfLoader(file); loader != "" {
		return &StartError{InterpreterMissing, fmt.Sprintf("%s needs the loader %s, which doesn't exist here: it was built for another C library", program, loader)}
	}
	return nil
}

// elfLoader returns the loader that a binary names and that doesn't exist.
func elfLoader(file string) string {
	if !bytes.HasPrefix(firstBytes(file), []byte(elf.ELFMAG)) {
		return ""
	}
	f, err := elf.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > unix.PathMax {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return ""
		}
		loader := strings.TrimRight(string(name), "\x00")
		if _, err := os.Stat(loader); errors.Is(err, fs.ErrNotExist) {
			return loader
		}
	}
	return ""
}

func forbiddenDir(s *Spec) *StartError {
	if s.Dir == "" || unix.Faccessat(unix.AT_FDCWD, s.Dir, unix.X_OK, unix.AT_EACCESS) == nil {
		return nil
	}
	return &StartError{DirectoryForbidden, fmt.Sprintf("the working directory %s can't be entered by user %d", s.Dir, os.Geteuid())}
}

func forbiddenProgram(program, file string) *StartError {
	fi, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &StartError{ProgramForbidden, fmt.Sprintf("%s can't be reached: a directory on its path can't be entered by user %d", program, os.Geteuid())}
	case err != nil:
		return nil //nolint:nilerr // not this reason
	case fi.IsDir():
		return &StartError{ProgramForbidden, fmt.Sprintf("%s is a directory", program)}
	case !fi.Mode().IsRegular():
		return &StartError{ProgramForbidden, fmt.Sprintf("%s isn't a file that can be executed (%v)", program, fi.Mode())}
	case fi.Mode()&0o111 == 0:
		return &StartError{ProgramForbidden, fmt.Sprintf("%s isn't executable (mode %v). Use chmod +x", program, fi.Mode().Perm())}
	case noexec(file):
		return &StartError{ProgramForbidden, fmt.Sprintf("%s lies in a file system that is mounted noexec", program)}
	case unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS) != nil:
		return &StartError{ProgramForbidden, fmt.Sprintf("%s can't be executed by user %d (mode %v)", program, os.Geteuid(), fi.Mode().Perm())}
	}
	return nil
}

func noexec(file string) bool {
	var st unix.Statfs_t
	return unix.Statfs(file, &st) == nil && st.Flags&unix.MS_NOEXEC != 0
}

func forbiddenInterpreter(program, file, dir string) *StartError {
	interpreter, _ := shebang(file)
	if interpreter == "" {
		return nil
	}
	if e := forbiddenProgram(interpreter, inDir(dir, interpreter)); e != nil {
		return &StartError{ProgramForbidden, fmt.Sprintf("the interpreter of %s: %s", program, e.Reason)}
	}
	return nil
}

func wrongFormat(program, file string) *StartError {
	b := firstBytes(file)
	switch {
	case len(b) == 0:
		return &StartError{ProgramFormat, fmt.Sprintf("%s is empty", program)}
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf#!")):
		return &StartError{ProgramFormat, fmt.Sprintf("%s begins with a byte order mark before \"#!\". Save it without one", program)}
	case bytes.HasPrefix(b, []byte(elf.ELFMAG)):
		return &StartError{ProgramFormat, fmt.Sprintf("%s is a program for another kind of machine, or damaged", program)}
	case !bytes.HasPrefix(b, []byte("#!")) && !bytes.Contains(b, []byte{0}):
		return &StartError{ProgramFormat, fmt.Sprintf("%s has no first line like \"#!/bin/sh\" that names its interpreter", program)}
	case bytes.HasPrefix(b, []byte("#!")):
		return &StartError{ProgramFormat, fmt.Sprintf("the first line of %s names no interpreter that the system can use", program)}
	}
	return &StartError{ProgramFormat, fmt.Sprintf("%s isn't a program that this system can execute", program)}
}
