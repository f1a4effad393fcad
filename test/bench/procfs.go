package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of times in /proc/PID/stat: 100 a second on Linux, on all
// architectures that Go knows.
const userHZ = 100

// cpu is what a process has used.
type cpu struct {
	self     time.Duration // its own threads, user and system
	children time.Duration // its children that have ended and were waited for, and theirs
}

func (c cpu) minus(o cpu) cpu { return cpu{c.self - o.self, c.children - o.children} }

// stat is what /proc/PID/stat tells.
type stat struct {
	parent int
	cpu    cpu
}

// parseStat reads the text of /proc/PID/stat. The name in parentheses may hold
// anything, so fields are counted from the last parenthesis.
func parseStat(text string) (stat, error) {
	i := strings.LastIndexByte(text, ')')
	if i < 0 {
		return stat{}, fmt.Errorf("%q is no line of /proc/PID/stat", text)
	}
	fields := strings.Fields(text[i+1:]) // from field 3, the state
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("%q is no line of /proc/PID/stat", text)
	}
	number := func(field int) int64 {
		n, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil {
			return 0 // the kernel writes numbers
		}
		return n
	}
	ticks := func(a, b int) time.Duration {
		return time.Duration(number(a)+number(b)) * time.Second / userHZ
	}
	return stat{parent: int(number(4)), cpu: cpu{self: ticks(14, 15), children: ticks(16, 17)}}, nil
}

func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// childOf returns the child of a process that was started with this verb.
func childOf(parent int, verb string) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		st, err := statOf(pid)
		if err != nil || st.parent != parent {
			continue // it has ended, or is somebody else's
		}
		cmdline, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if args := strings.Split(string(cmdline), "\x00"); err == nil && len(args) > 1 && args[1] == verb {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("process %d has no child %q", parent, verb)
}

// countChildren counts the processes that a process has started and not yet reaped.
func countChildren(parent int) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if st, err := statOf(pid); err == nil && st.parent == parent {
				n++
			}
		}
	}
	return n, nil
}

// rss returns the resident memory of a process in bytes, pages of the program's
// file included.
func rss(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	return parseRSS(string(text))
}

func parseRSS(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS: the process has ended")
}

// settled returns the memory of processes once it no longer falls or rises by
// more than 1 % within three seconds, after 20 seconds at the latest: a Go
// program gives memory back little by little.
func settled(ctx context.Context, pids ...int) ([]int64, error) {
	const window = 3
	var history []int64
	for second := 0; ; second++ {
		sizes := make([]int64, len(pids))
		total := int64(0)
		for i, pid := range pids {
			var err error
			if sizes[i], err = rss(pid); err != nil {
				return nil, err
			}
			total += sizes[i]
		}
		history = append(history, total)
		if n := len(history); second >= 20 || n > window && steady(history[n-window-1:]) {
			return sizes, nil
		}
		if !wait(ctx, time.Second) {
			return nil, ctx.Err()
		}
	}
}

// steady tells whether values are within 1 % of each other.
func steady(values []int64) bool {
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return high-low <= high/100
}
