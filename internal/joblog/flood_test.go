//go:build linux

package joblog

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A job that writes 1 GiB costs the Agent under 64 MiB.
func TestFloodMemory(t *testing.T) {
	t.Parallel()
	size := int64(1 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	cmd := exec.Command(os.Args[0], "flood", filepath.Join(t.TempDir(), "task.log"), fmt.Sprint(size))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	peak, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Skipf("this system doesn't tell a process's peak memory: %q", out)
	}
	t.Logf("%d MiB of output: peak memory %d KiB", size>>20, peak)
	if peak > 64<<10 {
		t.Errorf("peak memory is %d KiB", peak)
	}
}

// floodMain captures a process that writes size bytes, and prints its own peak
// memory.
func floodMain(path, size string) int {
	c, err := Create(path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd := exec.Command("head", "-c", size, "/dev/zero")
	cmd.Stdout, cmd.Stderr = c.Stdout(), c.Stderr()
	err = cmd.Start()
	c.CloseWriteEnds()
	if err == nil {
		err = cmd.Wait()
	}
	s, ferr := c.Finish(time.Minute)
	if err != nil || ferr != nil || fmt.Sprint(s.StdoutBytes) != size {
		fmt.Fprintln(os.Stderr, err, ferr, s)
		return 1
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, " kB")
	fmt.Println(strings.TrimSpace(line))
	return 0
}
