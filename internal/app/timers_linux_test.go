package app

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestGatherTimers: a process that asks for it goes on with the same process
// number and arguments, and its threads wake late; it asks the kernel once.
func TestGatherTimers(t *testing.T) {
	const name = "SIGNET_TEST_TIMERS"
	if os.Getenv(name) != "" {
		gatherTimers() // the first time it doesn't return: the test begins again
		if got := slack(); got != partSlack {
			t.Fatalf("timers may be %d ns late, want %d", got, partSlack)
		}
		return
	}
	t.Parallel()
	if slack() != usualSlack {
		t.Skipf("somebody has chosen a timer slack of %d ns for this process", slack())
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestGatherTimers$", "-test.v")
	cmd.Env = append(os.Environ(), name+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS: TestGatherTimers") != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Count(string(out), "=== RUN") != 2 {
		t.Errorf("the program wasn't executed again exactly once:\n%s", out)
	}
}
