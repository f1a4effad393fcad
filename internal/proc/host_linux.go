package proc

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long we wait for killed processes to be gone. A process that
// hangs in the kernel may take longer; what is left then is said.
const patience = 10 * time.Second

// host forks, reaps and kills the processes of jobs in this process. It is the
// whole of the in-process owner and of the starter. Safe for concurrent use,
// except that start is called by one goroutine at a time.
type host struct {
	onEnd func(e End, empty bool) // empty: nothing is left to kill or to forget
	log   func(level slog.Level, message string)

	groups   *cgroups // nil: none, trees are found by walks
	weak     string   // why groups is nil
	instance string   // safe name
	marks    uint64   // starts so far, see nextMark
	bootID   string
	null     int  // /dev/null, for reading and writing
	all      bool // we reap every child; else each by its pidfd

	mu      sync.Mutex
	jobs    map[Key]*job
	byPID   map[int]*job    // whose main process isn't reaped
	ending  int             // jobs that are reaped, and whose end isn't told yet
	turn    int             // which thread forks now
	young   int             // jobs of this turn that aren't reaped
	forking bool            // a start is under way
	early   map[int]*waited // ended before its start was done
	closing bool
	changed chan struct{} // closed and replaced when a job or clean-up has ended
	cleanup int           // clean-ups under way

	forked chan struct{} // has room for one: there is a new child

	sweepMu sync.Mutex
	sweeps  []*job        // trees to be killed by walks
	sweeper bool          // is running
	urgent  chan struct{} // has room for one: don't wait for more trees
}

// job is a process that was started. Fields are under host.mu.
type job struct {
	Running
	tree     *tree // nil with cgroups
	killedBy string
	done     bool // its main process is reaped
	spoilt   bool // its cgroup was killed
	turn     int  // as in host
}

// waited is what wait4 said.
type waited struct {
	status unix.WaitStatus
	usage  unix.Rusage
}

// newHost prepares this process for forking jobs, and kills what an earlier
// owner of the instance has left. all makes it reap every child of this
// process.
func newHost(o Options, all bool, onEnd func(End, bool), log func(slog.Level, string)) (*host, error) {
	h := &host{
		onEnd:   onEnd,
		log:     log,
		all:     all,
		jobs:    make(map[Key]*job),
		byPID:   make(map[int]*job),
		early:   make(map[int]*waited),
		changed: make(chan struct{}),
		forked:  make(chan struct{}, 1),
		urgent:  make(chan struct{}, 1),
	}
	// What our parent left open would go to every job.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, fmt.Errorf("inherited descriptors can't be closed: %w", err)
	}
	undoIgnoredSignals()
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, err
	}
	h.bootID = strings.TrimSpace(string(id))
	if h.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("/dev/null: %w", err)
	}
	h.instance = safeName(o.Instance)
	if o.Instance == "" {
		h.instance = safeName(fmt.Sprint("process ", os.Getpid(), " ", time.Now().UnixNano()))
	}
	if err := h.prepareTrees(o); err != nil {
		return nil, errors.Join(err, unix.Close(h.null))
	}
	return h, nil
}

// prepareTrees decides how trees are found, and clears what is left of the
// instance.
func (h *host) prepareTrees(o Options) error {
	if o.Instance != "" {
		if err := killMarked(h.instance+"/", patience); err != nil {
			return err
		}
	}
	var err error
	if o.Cgroup == "off" {
		h.weak = "switched off"
	} else if h.groups, err = openCgroups(o.Cgroup, h.instance); err != nil {
		if o.Cgroup != "" && o.Cgroup != "auto" {
			return fmt.Errorf("cgroup %s can't be used for jobs: %w", o.Cgroup, err)
		}
		h.weak = err.Error()
	}
	if h.groups != nil {
		return h.groups.destroyAll(patience)
	}
	h.log(slog.LevelWarn, "Jobs run without cgroups: a process that hides from its job may survive its kill. Reason: "+h.weak)
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// undoIgnoredSignals handles every signal that this process was told to ignore,
// because jobs inherit what is ignored, but not what is handled.
func undoIgnoredSignals() {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	_, rest, _ := strings.Cut(string(b), "SigIgn:")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return
	}
	sink := make(chan os.Signal, 1) // nobody reads it: what doesn't fit is dropped
	for n := 1; n < 32; n++ {
		if mask&(1<<(n-1)) != 0 {
			signal.Notify(sink, syscall.Signal(n))
		}
	}
}

// start starts a process; out and err are its descriptors, -1 for /dev/null.
func (h *host) start(s *Spec, out, errFD int) (Running, *StartError) {
	program, serr := lookPath(s)
	if serr != nil {
		return Running{}, serr
	}
	j := &job{Running: Running{Key: s.Key, BootID: h.bootID}}
	attr, closeGroup, serr := h.attributes(s, j, out, errFD)
	if serr != nil {
		return Running{}, serr
	}
	defer closeGroup()
	h.mu.Lock()
	h.forking = true
	h.mu.Unlock()
	j.Started = time.Now()
	pidfd := -1
	if !h.all {
		attr.Sys.PidFD = &pidfd
	}
	pid, err := fork(s, program, attr)
	if err != nil {
		h.mu.Lock()
		h.forkDone()
		h.mu.Unlock()
		if j.tree == nil {
			h.release(j)
		}
		return Running{}, diagnose(s, program, err)
	}
	j.PID = pid
	if j.tree != nil {
		if st, ok := readStat(pid); ok {
			j.StartTicks = st.ticks
		}
	}
	r := j.Running
	h.register(j, pidfd)
	return r, nil
}

// attributes prepares what the child gets, including a cgroup of its own.
func (h *host) attributes(s *Spec, j *job, out, errFD int) (*syscall.ProcAttr, func(), *StartError) {
	if out < 0 {
		out = h.null
	}
	if errFD < 0 {
		errFD = h.null
	}
	attr := &syscall.ProcAttr{
		Dir:   s.Dir,
		Env:   s.Env,
		Files: []uintptr{uintptr(h.null), uintptr(out), uintptr(errFD)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if h.groups == nil {
		j.tree = &tree{mark: h.nextMark(s.Key), seen: make(map[procID]struct{})}
		attr.Env = slices.Concat(s.Env, []string{markVar + "=" + j.tree.mark})
		return attr, func() {}, nil
	}
	dir, err := h.groups.take()
	if err != nil {
		return nil, nil, &StartError{ResourcesExhausted, fmt.Sprintf("no cgroup can be made for the job: %v", err)}
	}
	fd, err := openDir(dir)
	if err != nil {
		_ = unix.Rmdir(dir)
		return nil, nil, &StartError{ResourcesExhausted, fmt.Sprintf("the job's cgroup can't be opened: %v", err)}
	}
	j.Cgroup = dir
	attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
	return attr, func() { _ = unix.Close(fd) }, nil
}

// nextMark returns a marker that no other start has, not even one of the same key.
func (h *host) nextMark(key Key) string {
	h.marks++
	return markOfKey(h.instance, key) + strconv.FormatUint(h.marks, 10) + "/"
}

// Busy means that another process has just written the program, and that a fork
// of it still holds the descriptor: over in a moment.
const (
	busyTries = 3
	busyPause = 5 * time.Millisecond
)

// fork forks and executes. A text without "#!" goes to the shell if s says so.
func fork(s *Spec, program string, attr *syscall.ProcAttr) (int, error) {
	argv := s.Argv
	for try := 0; ; try++ {
		pid, err := syscall.ForkExec(program, argv, attr)
		switch {
		case err == syscall.ETXTBSY && try < busyTries:
			<-time.After(busyPause)
		case err == syscall.ENOEXEC && s.Shell && program != "/bin/sh" && isText(inDir(s.Dir, program)):
			argv = append([]string{"/bin/sh", program}, s.Argv[1:]...)
			program = "/bin/sh"
		default:
			return pid, err
		}
	}
}

// isText reports whether a file may be a script for the shell.
func isText(file string) bool {
	b := firstBytes(file)
	return len(b) > 0 && !strings.Contains(string(b), "\x00")
}

// register records a process that was just started; it may have ended already.
func (h *host) register(j *job, pidfd int) {
	h.mu.Lock()
	if j.tree != nil {
		j.tree.main = procID{j.PID, j.StartTicks}
	}
	h.jobs[j.Key] = j
	w := h.early[j.PID]
	if w == nil {
		h.byPID[j.PID] = j
		j.turn = h.turn
		h.young++
	} else {
		j.done = true
		h.ending++
	}
	h.forkDone()
	if h.closing {
		h.killLocked(j, KilledByClose)
	}
	h.mu.Unlock()
	switch {
	case w != nil:
		h.finish(j, w)
	case h.all:
		select {
		case h.forked <- struct{}{}:
		default:
		}
	default:
		go h.watch(j, pidfd)
	}
}

func (h *host) forkDone() {
	h.forking = false
	clear(h.early)
	h.notify()
}

// notify tells closeAll that something has changed. h.mu is held.
func (h *host) notify() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// finish reports the end of a process that was reaped; its reaper has counted it
// as ending.
func (h *host) finish(j *job, w *waited) {
	end := End{
		Key:     j.Key,
		Started: j.Started,
		Ended:   time.Now(),
		CPU:     time.Duration(w.usage.Utime.Nano() + w.usage.Stime.Nano()),
		MaxRSS:  w.usage.Maxrss << 10,
	}
	if w.status.Signaled() {
		end.Signal = int(w.status.Signal())
	} else {
		end.ExitCode = w.status.ExitStatus()
	}
	// Spares are dropped by the goroutine that reaps for all jobs.
	pristine := h.all && j.tree == nil && isPristine(j.Cgroup)
	left, empty := 0, true
	if !pristine {
		left, empty = h.leftOver(j)
	}
	end.LeftOver = left
	h.mu.Lock()
	end.KilledBy = j.killedBy
	if empty {
		// Nothing of it is left: there is nothing to do at Forget.
		delete(h.jobs, j.Key)
	}
	spoilt := j.spoilt // final: from now on nobody finds the job to kill it
	h.mu.Unlock()
	switch {
	case !pristine:
	case spoilt:
		_ = unix.Rmdir(j.Cgroup) // what doesn't go now goes with the instance
	default:
		h.groups.give(j.Cgroup)
	}
	h.onEnd(end, empty)
	h.mu.Lock()
	h.ending--
	h.notify()
	h.mu.Unlock()
}

// leftOver counts the processes that outlive the main one. With cgroups it
// removes the job's if there are none; without, it looks at the session only,
// because a walk per job would be too dear.
func (h *host) leftOver(j *job) (n int, empty bool) {
	if j.tree == nil {
		if unix.Rmdir(j.Cgroup) == nil {
			return 0, true
		}
		return len(cgroupPIDs(j.Cgroup)), false
	}
	if unix.Kill(-j.PID, 0) == unix.ESRCH {
		return 0, false
	}
	all, err := scanProcesses()
	if err != nil {
		return 0, false
	}
	for _, st := range all {
		if st.sid == j.PID && st.pid != j.PID && !st.zombie {
			n++
		}
	}
	return n, false
}

// kill signals a job. An unknown key has ended and left nothing.
func (h *host) kill(key Key, how Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.jobs[key]
	switch {
	case j == nil:
	case how == KillAll:
		h.killLocked(j, KilledByKill)
	case !j.done:
		// Not reaped, so the number is still its own.
		if unix.Kill(j.PID, unix.SIGTERM) == nil && j.killedBy == "" {
			j.killedBy = KilledByTerm
		}
	}
}

// killLocked kills a job's tree. h.mu is held.
func (h *host) killLocked(j *job, by string) {
	if !j.done {
		if j.killedBy != KilledByClose {
			j.killedBy = by
		}
		// Also when it has a cgroup: as root it may have left it.
		_ = unix.Kill(j.PID, unix.SIGKILL)
	}
	if j.tree != nil {
		h.sweep(j, true)
		return
	}
	j.spoilt = true
	if err := killCgroup(j.Cgroup); err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENODEV) {
		h.log(slog.LevelError, fmt.Sprintf("The processes of job %s can't be killed: %v", j.Key, err))
	}
}

// forget ends what a job has left and drops it.
func (h *host) forget(key Key) {
	h.mu.Lock()
	j := h.jobs[key]
	if j == nil || !j.done {
		h.mu.Unlock()
		return
	}
	delete(h.jobs, key)
	h.mu.Unlock()
	h.release(j)
}

// release kills what is left of a job that isn't in the table, and removes its
// cgroup.
func (h *host) release(j *job) {
	if j.tree != nil {
		h.sweep(j, false)
		return
	}
	if removeEmpty(j.Cgroup) == nil {
		return
	}
	h.begin()
	go func() {
		defer h.end()
		pids := cgroupPIDs(j.Cgroup)
		if err := destroyCgroup(j.Cgroup, patience); err != nil {
			h.log(slog.LevelError, fmt.Sprintf("Job %s: %v", j.Key, err))
		}
		if !h.all {
			reapOrphans(pids)
		}
	}()
}
