package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what a part takes from its machine.
type usage struct {
	fds, threads, processes, zombies, cgroups int
	rss                                       int64            // bytes, children included
	disk                                      map[string]int64 // bytes, by folder below the data directory
}

// After many orders each part has what it had before: nothing is left open,
// and what grows is what is kept on purpose. The short form is for what leaks
// with every order, the long one for the figures.
func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	n := 1500
	if *long {
		n = 50_000
	}
	in := install(t)
	in.startDev()
	in.deploy("w", "#!/bin/sh\necho a line of output\n")
	run := func(prefix string, n int) {
		t.Helper()
		for at := 0; at < n; at += 5000 {
			in.must("order", "add", "w", "--id", fmt.Sprintf("%s%d", prefix, at), "--count", strconv.Itoa(min(5000, n-at)))
			within(t, 10*time.Minute, "the orders end", func() error {
				if left := lines(in.must("order", "list", "-o", "table")); len(left) > 1 {
					return fmt.Errorf("%d are left", len(left)-1)
				}
				return nil
			})
		}
		in.caughtUp()
	}
	parts := []string{"controller-1", "agent-1", "cockpit"}
	measure := func() map[string]usage {
		all := map[string]usage{}
		for _, p := range parts {
			all[p] = in.usage(p)
		}
		return all
	}
	run("WARM", 500)
	before := measure()
	run("A", n)
	middle := measure()
	run("B", n)
	var after map[string]usage
	defer func() {
		for _, p := range parts {
			t.Logf("%s: before %+v", p, before[p])
			t.Logf("%s: after %d orders %+v", p, n, middle[p])
			t.Logf("%s: after %d orders %+v", p, 2*n, after[p])
			for dir, bytes := range after[p].disk {
				t.Logf("%s: %s takes %d bytes an order", p, dir, (bytes-before[p].disk[dir])/int64(2*n))
			}
		}
	}()
	// Connections and timers come and go. Threads stay once there were so many at
	// once: on a busy machine as many as an Agent starts jobs and writes logs at a
	// time, 32 and 16.
	const noise, threads = 12, 12 + 32 + 16
	eventually(t, "everything is as it was", func() error {
		after = measure()
		for _, p := range parts {
			b, a := before[p], after[p]
			if a.fds > b.fds+noise || a.threads > b.threads+threads || a.processes > b.processes || a.zombies > b.zombies || a.cgroups > b.cgroups {
				return fmt.Errorf("%s: before %+v, after %+v", p, b, a)
			}
		}
		return nil
	})
	for _, p := range parts {
		// What is kept for each order in memory: positions of the newest events.
		allowed := int64(48<<20) + int64(n)*512
		if grown := after[p].rss - middle[p].rss; grown > allowed {
			t.Errorf("%s has grown by %d bytes of memory in the second half", p, grown)
		}
	}
	for _, dir := range []string{"tasks", "work"} {
		if left, err := os.ReadDir(filepath.Join(in.data("agent-1"), dir)); err != nil || len(left) > 0 {
			t.Errorf("%d files are left in %s, %v", len(left), dir, err)
		}
	}
}

// caughtUp waits until the history and the logs of all that happened are written.
func (in *installation) caughtUp() {
	in.t.Helper()
	in.must("order", "add", "w", "--wait=10m")
}

// usage measures a part under `signet dev`.
func (in *installation) usage(name string) usage {
	in.t.Helper()
	u := usage{disk: map[string]int64{}}
	in.count(in.pid(name), &u)
	err := filepath.WalkDir(in.data(name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		below, rerr := filepath.Rel(in.data(name), path)
		if err != nil || rerr != nil {
			return errors.Join(err, rerr)
		}
		top, _, _ := strings.Cut(below, string(filepath.Separator))
		size := info.Size()
		if filepath.Ext(path) == ".seg" { // space is taken ahead
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			size = int64(len(bytes.TrimRight(b, "\x00")))
		}
		if below != filepath.Join("journal", "log", "spare") {
			u.disk[top] += size
		}
		return nil
	})
	if err != nil {
		in.t.Fatal(err)
	}
	return u
}

// count adds what a process and its children take.
func (in *installation) count(pid int, u *usage) {
	in.t.Helper()
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return // it has just ended
	}
	u.processes++
	if strings.Contains(string(status), "\nState:\tZ") {
		u.zombies++
	}
	u.rss += field(string(status), "VmRSS:") << 10
	u.threads += int(field(string(status), "Threads:"))
	u.fds += len(in.list(dir + "/fd"))
	u.cgroups += in.cgroups(dir)
	for _, task := range in.list(dir + "/task") {
		b, err := os.ReadFile(filepath.Join(dir, "task", task, "children"))
		if err != nil {
			continue // the thread has ended
		}
		for child := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(child); err == nil {
				in.count(n, u)
			}
		}
	}
}

// cgroups returns how many control groups are below a process's own.
func (in *installation) cgroups(dir string) int {
	b, err := os.ReadFile(dir + "/cgroup")
	if err != nil {
		return 0
	}
	n := 0
	for line := range strings.SplitSeq(string(b), "\n") {
		path, ok := strings.CutPrefix(line, "0::")
		if !ok || path == "/" {
			continue // others' groups are below the root
		}
		for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
			list, err := filepath.Glob(root + path + "/*/cgroup.procs")
			if err != nil {
				in.t.Fatal(err)
			}
			n += len(list)
		}
	}
	return n
}

func (in *installation) list(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the process has ended
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// field returns a number of a /proc/PID/status.
func field(status, name string) int64 {
	_, rest, _ := strings.Cut(status, "\n"+name)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
