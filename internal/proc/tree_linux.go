package proc

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Without cgroups a job's tree is found by walking /proc. All its processes are
// descendants of a subreaper (the starter), so none gets lost; which job they
// belong to is told by parent, session, an earlier walk, or the marker variable. A
// process that has left its session, lost its parent and cleared its
// environment between two walks belongs to nobody: that is why cgroups are better.

// markVar is the environment variable that jobs get when there are no cgroups.
const markVar = "SIGNET_PROCESS"

// markOfKey returns what the marker of every start of a key begins with.
func markOfKey(instance string, key Key) string {
	return instance + "/" + safeName(string(key)) + "/"
}

// procID identifies a process: its number is used again, with another start time.
type procID struct {
	pid   int
	ticks uint64
}

// procStat is what a walk needs of /proc/PID/stat.
type procStat struct {
	procID
	ppid, sid int
	zombie    bool
}

// tree is the tree of one job.
type tree struct {
	main procID // ticks 0: it was over before they could be read
	mark string // what the value of markVar begins with
	seen map[procID]struct{}
}

// readStat reads /proc/PID/stat; false when there is no such process.
func readStat(pid int) (procStat, bool) {
	var buf [1024]byte // the kernel's own bound is less
	n, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return procStat{}, false
	}
	return parseStat(pid, buf[:n])
}

// readSmall reads the beginning of a file by the three calls that it takes. Each
// start of a job needs it, and package os makes six.
func readSmall(name string, into []byte) (int, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == unix.EINTR {
		fd, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return 0, err
	}
	n, err := unix.Read(fd, into)
	for err == unix.EINTR {
		n, err = unix.Read(fd, into)
	}
	return max(n, 0), errors.Join(err, unix.Close(fd))
}

func parseStat(pid int, b []byte) (procStat, bool) {
	// The name, in parentheses, may hold anything.
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return procStat{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 20 {
		return procStat{}, false
	}
	ppid, err1 := strconv.Atoi(f[1])
	sid, err2 := strconv.Atoi(f[3])
	ticks, err3 := strconv.ParseUint(f[19], 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return procStat{}, false
	}
	return procStat{procID{pid, ticks}, ppid, sid, f[0] == "Z" || f[0] == "X"}, true
}

// scanProcesses reads all processes that /proc shows.
func scanProcesses() (map[int]procStat, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := make(map[int]procStat, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if st, ok := readStat(pid); ok {
			all[pid] = st
		}
	}
	return all, nil
}

// forest finds the processes of several trees in one walk.
type forest struct {
	root  int // the subreaper
	all   map[int]procStat
	trees []*tree
	found map[int]*tree // memo, nil for a process of no tree
	below map[int]bool  // memo: is a descendant of root
}

// walk looks at all processes once and returns those of each tree, zombies not
// counted, and the live descendants of root that belong to none.
func walk(root int, trees []*tree) (map[*tree][]procID, []procID, error) {
	all, err := scanProcesses()
	if err != nil {
		return nil, nil, err
	}
	f := &forest{root: root, all: all, trees: trees, found: make(map[int]*tree), below: map[int]bool{root: true, 0: false, 1: root == 1}}
	members := make(map[*tree][]procID)
	var strays []procID
	for pid, st := range all {
		if pid == root {
			continue
		}
		t := f.treeOf(pid)
		if t != nil {
			t.seen[st.procID] = struct{}{}
		}
		switch {
		case st.zombie:
		case t != nil:
			members[t] = append(members[t], st.procID)
		case f.isBelow(pid):
			strays = append(strays, st.procID)
		}
	}
	return members, strays, nil
}

func (f *forest) isBelow(pid int) bool {
	if b, ok := f.below[pid]; ok {
		return b
	}
	f.below[pid] = false // a circle can't be, except by processes that change while we walk
	st, ok := f.all[pid]
	b := ok && f.isBelow(st.ppid)
	f.below[pid] = b
	return b
}

func (f *forest) treeOf(pid int) *tree {
	if t, ok := f.found[pid]; ok {
		return t
	}
	f.found[pid] = nil // as in isBelow
	st, ok := f.all[pid]
	if !ok || pid == f.root {
		return nil
	}
	t := f.claim(st)
	f.found[pid] = t
	return t
}

func (f *forest) claim(st procStat) *tree {
	for _, t := range f.trees {
		if _, ok := t.seen[st.procID]; ok || t.main == st.procID {
			return t
		}
	}
	if !f.isBelow(st.pid) {
		return nil
	}
	if t := f.bySession(st.sid); t != nil {
		return t
	}
	if t := f.treeOf(st.ppid); t != nil || st.zombie {
		return t
	}
	mark := markOf(st.pid)
	if mark == "" {
		return nil
	}
	for _, t := range f.trees {
		if strings.HasPrefix(mark, t.mark) {
			return t
		}
	}
	return nil
}

// bySession returns the tree whose main process leads, or has led, a session. The
// number of a leader is used again only when its session is empty: so a leader
// that lives decides, else the latest.
func (f *forest) bySession(sid int) *tree {
	leader, lives := f.all[sid]
	var latest *tree
	for _, t := range f.trees {
		if t.main.pid != sid || (lives && t.main != leader.procID) {
			continue
		}
		if latest == nil || t.main.ticks > latest.main.ticks {
			latest = t
		}
	}
	return latest
}

// markOf returns the value of markVar in a process's environment.
func markOf(pid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return ""
	}
	for v := range bytes.SplitSeq(b, []byte{0}) {
		if m, ok := bytes.CutPrefix(v, []byte(markVar+"=")); ok {
			return string(m)
		}
	}
	return ""
}

// signalProcess signals exactly that process, never another that got its number.
func signalProcess(id procID, sig unix.Signal) {
	fd, err := unix.PidfdOpen(id.pid, 0)
	if err != nil {
		return // it has gone
	}
	defer unix.Close(fd)
	if st, ok := readStat(id.pid); ok && st.ticks == id.ticks {
		_ = unix.PidfdSendSignal(fd, sig, nil, 0) // gone meanwhile, or not ours to signal: the next walk tells
	}
}

// killTrees kills all processes of the victims until two walks in a row find none,
// or patience ends; it returns those that are left. others are trees that
// live on. With strays it also kills what is below root and in no tree.
func killTrees(root int, victims, others []*tree, strays bool, patience time.Duration) ([]procID, error) {
	trees := slices.Concat(victims, others)
	deadline := time.Now().Add(patience)
	clean := 0
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		members, other, err := walk(root, trees)
		if err != nil {
			return nil, err
		}
		var targets []procID
		for _, t := range victims {
			targets = append(targets, members[t]...)
		}
		if strays {
			targets = append(targets, other...)
		}
		if len(targets) == 0 {
			if clean++; clean == 2 {
				return nil, nil
			}
			continue
		}
		clean = 0
		// Stopped first: a process that is stopped makes no new ones while the
		// others are being killed.
		for _, id := range targets {
			signalProcess(id, unix.SIGSTOP)
		}
		for _, id := range targets {
			signalProcess(id, unix.SIGKILL)
		}
		if time.Now().After(deadline) {
			return targets, nil
		}
		<-time.After(wait)
	}
}

// killMarked kills every process whose marker begins with prefix, wherever it
// hangs: what an earlier owner of the instance has left behind.
func killMarked(prefix string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		all, err := scanProcesses()
		if err != nil {
			return err
		}
		left := 0
		for pid, st := range all {
			if !st.zombie && pid != os.Getpid() && strings.HasPrefix(markOf(pid), prefix) {
				signalProcess(st.procID, unix.SIGKILL)
				left++
			}
		}
		if left == 0 || time.Now().After(deadline) {
			return nil
		}
		<-time.After(2 * time.Millisecond)
	}
}

// reapSeen reaps the processes that walks have seen, as reapOrphans does, but not
// the main ones: how they ended is for those who wait for them.
func reapSeen(trees []*tree) {
	var pids []int
	for _, t := range trees {
		for id := range t.seen {
			if id != t.main {
				pids = append(pids, id.pid)
			}
		}
	}
	reapOrphans(pids)
}

// reapOrphans reaps those processes that have ended as children of this one, which
// may be a subreaper.
func reapOrphans(pids []int) {
	for _, pid := range pids {
		if st, ok := readStat(pid); ok && st.zombie && st.ppid == os.Getpid() {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // another may have been faster
		}
	}
}
