package proc

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The kernel's limits of what an exec gets (MAX_ARG_STRLEN, bprm_set_stack_limits).
const (
	stringPages   = 32
	stackShare    = 4
	minAllStrings = 128 << 10
	maxAllStrings = 6 << 20
)

// checkSpec finds what the kernel would refuse with a mere E2BIG or EINVAL, and
// names the string.
func checkSpec(s *Spec) *StartError {
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return &StartError{BadString, "there is no program to start"}
	}
	maxString := stringPages*os.Getpagesize() - 1
	total, longest := 0, -1
	var longestName func() string
	look := func(name func() string, value string) *StartError {
		if i := strings.IndexByte(value, 0); i >= 0 {
			return &StartError{BadString, fmt.Sprintf("%s has a NUL byte at %d", name(), i)}
		}
		if len(value) > maxString {
			return &StartError{TooLong, fmt.Sprintf("%s has %d bytes; one string may have %d. Put the value into a file", name(), len(value), maxString)}
		}
		if len(value) > longest {
			longest, longestName = len(value), name
		}
		total += len(value) + 1 + 8 // the string, its NUL, and its pointer
		return nil
	}
	for i, a := range s.Argv {
		if err := look(func() string { return fmt.Sprint("argument ", i) }, a); err != nil {
			return err
		}
	}
	for _, v := range s.Env {
		name := func() string {
			name, _, _ := strings.Cut(v, "=")
			return fmt.Sprintf("environment variable %.100q", name)
		}
		if err := look(name, v); err != nil {
			return err
		}
	}
	if strings.IndexByte(s.Dir, 0) >= 0 {
		return &StartError{BadString, "the name of the working directory has a NUL byte"}
	}
	// The kernel also puts the program's name there, twice for a script.
	if limit := allStrings(); total+2*len(s.Argv[0])+64 > limit {
		return &StartError{TooLong, fmt.Sprintf("arguments and environment have %d bytes together; %d are possible. The longest is %s with %d bytes", total, limit, longestName(), longest)}
	}
	return nil
}

// allStrings returns how many bytes arguments and environment may have together.
func allStrings() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &r); err != nil {
		return minAllStrings
	}
	return int(max(min(r.Cur/stackShare, maxAllStrings), minAllStrings))
}

// lookPath finds the program as execvp(3) does, in the PATH of the job's own
// environment.
func lookPath(s *Spec) (string, *StartError) {
	name := s.Argv[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	path, given := "", false
	for _, v := range s.Env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path, given = p, true
		}
	}
	if !given {
		return "", &StartError{ProgramMissing, fmt.Sprintf("%q is not found: the job's environment has no PATH. Name the program with its directory", name)}
	}
	var found *StartError
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		candidate := dir + "/" + name
		fi, err := os.Stat(inDir(s.Dir, candidate))
		switch {
		case err != nil || fi.IsDir():
		case fi.Mode()&0o111 != 0:
			return candidate, nil
		default:
			found = &StartError{ProgramForbidden, fmt.Sprintf("%s isn't executable (mode %v)", candidate, fi.Mode().Perm())}
		}
	}
	if found != nil {
		return "", found
	}
	return "", &StartError{ProgramMissing, fmt.Sprintf("%q is not found in PATH=%.1000s", name, path)}
}
