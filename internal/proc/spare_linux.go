package proc

import (
	"bytes"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Making and removing a cgroup costs half as much as the fork of a job. So a
// cgroup that its job leaves as it was made goes to the next one. It has no
// limits that could be left behind: there are no controllers below our base,
// because we enable none.
const (
	// mostSpares is how many are kept: as many as end while others start.
	mostSpares = 16
	// spareTime is how long they stay when nothing runs.
	spareTime = time.Second
)

// take returns a cgroup for a job: a spare one, or a new one.
func (c *cgroups) take() (string, error) {
	c.mu.Lock()
	if n := len(c.spare); n > 0 {
		dir := c.spare[n-1]
		c.spare = c.spare[:n-1]
		c.mu.Unlock()
		return dir, nil
	}
	c.mu.Unlock()
	return c.make()
}

// give takes back a cgroup that isPristine and was never killed.
func (c *cgroups) give(dir string) {
	c.mu.Lock()
	full := len(c.spare) >= mostSpares
	if !full {
		c.spare = append(c.spare, dir)
	}
	c.mu.Unlock()
	if full {
		_ = unix.Rmdir(dir) // what doesn't go now goes with the instance
	}
}

// hasSpares tells whether there is something for dropSpares.
func (c *cgroups) hasSpares() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spare) > 0
}

// dropSpares removes the spare cgroups.
func (c *cgroups) dropSpares() {
	c.mu.Lock()
	spare := c.spare
	c.spare = nil
	c.mu.Unlock()
	for _, dir := range spare {
		_ = unix.Rmdir(dir) // as above
	}
}

// isPristine tells whether a cgroup has no process, and nothing that its job has
// changed: it isn't frozen or threaded, and nothing was made in it.
func isPristine(dir string) bool {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil || st.Nlink != 2 {
		return false
	}
	return says(dir, "cgroup.events", "populated 0", "frozen 0") && says(dir, "cgroup.type", "domain\n")
}

// says tells whether a file of a cgroup has all of these words.
func says(dir, file string, words ...string) bool {
	var buf [256]byte
	n, err := readSmall(filepath.Join(dir, file), buf[:])
	if err != nil {
		return false
	}
	for _, w := range words {
		if !bytes.Contains(buf[:n], []byte(w)) {
			return false
		}
	}
	return true
}
