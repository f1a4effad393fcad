package proc

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a running job takes of the limits: a shell and a command in it; and in the
// Agent two pipes.
const (
	pidsPerJob  = 2
	filesPerJob = 2
	ownPIDs     = 300 // the rest of the system
	ownFiles    = 300 // listeners, connections, journals; at most 64 logs that are just written; pipes of jobs that are being started
)

// Limits tells how many processes of jobs the limits of this machine and of this
// process allow at once. It is an upper bound for a process limit: an order
// waits, it doesn't fail.
func Limits() LimitInfo {
	least := LimitInfo{Processes: math.MaxInt32, Reason: "nothing limits the number of processes"}
	consider := func(name string, value uint64, own, per int) {
		n := max((int(min(value, math.MaxInt32))-own)/per, 1)
		if n < least.Processes {
			least = LimitInfo{Processes: n, Reason: fmt.Sprintf("%s is %d, and a job takes %d of it", name, value, per)}
		}
	}
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		consider("the limit of open files (nofile)", r.Cur, ownFiles, filesPerJob)
	}
	if unix.Getrlimit(unix.RLIMIT_NPROC, &r) == nil && os.Geteuid() != 0 && r.Cur != unix.RLIM_INFINITY {
		consider("the limit of this user's processes (nproc)", r.Cur, 0, pidsPerJob)
	}
	for _, name := range []string{"pid_max", "threads-max"} {
		if v, ok := readNumber("/proc/sys/kernel/" + name); ok {
			consider("kernel."+name, v, ownPIDs, pidsPerJob)
		}
	}
	for _, file := range pidsMaxFiles() {
		if v, ok := readNumber(file); ok {
			consider(file, v, 0, pidsPerJob)
		}
	}
	return least
}

// readNumber reads a number; "max" is none.
func readNumber(file string) (uint64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 63)
	return v, err == nil
}

// pidsMaxFiles returns the pids.max files that hold for this process: of its own
// cgroup and those above, in version 2 and in version 1.
func pidsMaxFiles() []string {
	var files []string
	if own, err := ownCgroup(); err == nil {
		files = upwards(own)
	}
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return files
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && parts[1] == "pids" {
			files = append(files, upwards(filepath.Join("/sys/fs/cgroup/pids", parts[2]))...)
		}
	}
	return files
}

func upwards(dir string) []string {
	var files []string
	for ; strings.HasPrefix(dir, "/sys/fs/cgroup/"); dir = filepath.Dir(dir) {
		files = append(files, filepath.Join(dir, "pids.max"))
	}
	return files
}
