package app

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestGatherTimers: a process that asks for it begins again, once, and its
// threads wake late. TestChildrenDieWithTheSupervisor shows that it stays bound
// to who started it.
func TestGatherTimers(t *testing.T) {
	t.Parallel()
	if slack() != usualSlack {
		t.Skipf("somebody has chosen a timer slack of %d ns for this process", slack())
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again, asBefore := fmt.Sprintf("begun\nbegun\n%d\n", partSlack), fmt.Sprintf("begun\n%d\n", usualSlack)
	for range 20 {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), "SIGNET_TEST_CHILD=late")
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil && string(out) == again:
			return
		case err != nil || string(out) != asBefore: // now and then main begins in another thread
			t.Fatalf("%v: got %q, want %q", err, out, again)
		}
	}
	t.Error("it never began again")
}
