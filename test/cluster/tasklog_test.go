package cluster_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/test/cluster"
)

// A task's log is followed through the Controller: what is written arrives
// while the job runs, and the stream ends with the job.
func TestFollowLog(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	dir := t.TempDir()
	deploy(t, c, script("F", "1", fmt.Sprintf("echo begin; for i in 1 2 3; do while [ ! -e %s/$i ]; do sleep 0.01; done; echo line-$i; done", dir)))
	add(t, c, "F", "F")
	c.Eventually("it runs", func() bool { return c.State("F") == "Processing" })
	agentPath, task := c.TaskOf("F")
	body := c.OpenLog(t.Context(), agentPath, task, "follow=true")
	defer body.Close()
	var got []byte
	until := func(what string) {
		buf := make([]byte, 4096)
		for !bytes.Contains(got, []byte(what)) {
			n, err := body.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				t.Fatalf("waiting for %s: %v", what, err)
			}
		}
	}
	until("begin")
	for _, i := range []string{"1", "2", "3"} {
		began := time.Now()
		if err := os.WriteFile(filepath.Join(dir, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		until("line-" + i)
		if took := time.Since(began); took > stuck {
			t.Errorf("line %s arrived after %s", i, took)
		}
	}
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	c.Eventually("it finishes", func() bool { return c.State("F") == "Finished" })
	whole := c.OpenLog(t.Context(), agentPath, task, "")
	defer whole.Close()
	all, err := io.ReadAll(whole)
	if err != nil || !bytes.Equal(all, append(got, rest...)) {
		t.Errorf("what was followed (%d bytes) isn't the log (%d bytes), %v", len(got)+len(rest), len(all), err)
	}
}

// family returns this process and its children: the starters of Agents.
func family(t *testing.T) []string {
	t.Helper()
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"/proc/self/status"}
	for _, path := range statuses {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			files = append(files, path)
		}
	}
	return files
}

var resident = regexp.MustCompile(`(?m)^VmRSS:\s*(\d+) kB$`)

// residentMiB is the memory that processes take, by their status files.
func residentMiB(files []string) int {
	sum := 0
	for _, path := range files {
		if b, err := os.ReadFile(path); err == nil {
			if m := resident.FindSubmatch(b); m != nil {
				kib, _ := strconv.Atoi(string(m[1]))
				sum += kib
			}
		}
	}
	return sum >> 10
}

// A job that writes without end fills neither memory nor disk; the log says where
// it was cut. Not parallel: it measures the process's memory.
func TestMuchOutput(t *testing.T) {
	size := 1 << 30
	if testing.Short() || raceEnabled {
		size = 200 << 20
	}
	c := cluster.New(t, 1, 1, cluster.AgentKey("", "signet.job.output-limit", "4MiB"))
	deploy(t, c, script("Y", "1", fmt.Sprintf("yes 0123456789012345678901234567890123456789 | head -c %d; echo; echo the end", size)))
	processes := family(t)
	debug.FreeOSMemory() // what tests before have left
	base := residentMiB(processes)
	add(t, c, "Y", "Y")
	most := 0
	c.Eventually("it finishes", func() bool {
		most = max(most, residentMiB(processes)-base)
		return c.State("Y") == "Finished"
	})
	if limit := 64; most > limit && !raceEnabled {
		t.Errorf("memory grew by %d MiB", most)
	}
	files, err := filepath.Glob(filepath.Join(c.Agents[0].Data, "logs", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 5<<20 || info.Size() < 4<<20 {
		t.Errorf("the log has %d bytes", info.Size())
	}
	if log := c.Log("Y"); !strings.Contains(log, "the end") || !regexp.MustCompile(`(?m)^.*mark.*\d+.*bytes|\[.*bytes.*\]`).MatchString(log) {
		t.Errorf("the log doesn't tell that it was cut, or lacks the end: ...%s", log[max(0, len(log)-300):])
	}
}
