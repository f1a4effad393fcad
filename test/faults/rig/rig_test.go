package rig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/test/faults/rig"
)

var binary rig.Binary

func TestMain(m *testing.M) {
	if dir := os.Getenv("RIG_TEST_ORPHAN"); dir != "" {
		os.Exit(orphan(dir))
	}
	os.Exit(rig.Main(m, &binary))
}

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("plays whole installations")
	}
}

func sleeper(agent string) map[string]string {
	return map[string]string{"SLEEP.workflow.json": fmt.Sprintf(
		`{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":%q,"processLimit":100,"executable":{"TYPE":"ShellScriptExecutable","script":"sleep 300"}}}]}`, agent)}
}

func TestPartsAreKilledHeldAndStartedAgain(t *testing.T) {
	skipShort(t)
	t.Parallel()
	r := rig.Start(t, rig.Options{Binary: &binary})
	ctx := t.Context()
	for _, part := range append(r.Parts(), rig.Starter("agent-1")) {
		var pid int
		if err := rig.Poll(ctx, rig.Patience, func() (err error) { pid, err = r.Kill(part); return err }); err != nil {
			t.Fatal(err)
		}
		if err := r.AwaitOther(ctx, part, pid); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Stop("controller-1"); err != nil {
		t.Fatal(err)
	}
	if err := r.Cont("controller-1"); err != nil {
		t.Fatal(err)
	}
	if leader := ""; rig.Poll(ctx, rig.Patience, func() (err error) { leader, err = r.Leader(ctx); return err }) != nil || leader != "controller-1" {
		t.Errorf("%q leads", leader)
	}
	if err := r.SignalPID(os.Getpid(), syscall.SIGCONT); err == nil {
		t.Error("a process that isn't the rig's got a signal")
	}
}

func TestJobsOutliveNothing(t *testing.T) {
	skipShort(t)
	t.Parallel()
	r := rig.Start(t, rig.Options{Binary: &binary})
	ctx := t.Context()
	r.Deploy(sleeper("agent-1"))
	if err := r.AddPersistently(ctx, "SLEEP", "S", 3); err != nil {
		t.Fatal(err)
	}
	jobs := func(want func(int) bool) {
		t.Helper()
		if err := rig.Poll(ctx, rig.Patience, func() error {
			if n := len(r.Jobs()); !want(n) {
				return fmt.Errorf("%d jobs run", n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	jobs(func(n int) bool { return n >= 3 })
	if err := r.KillDev(); err != nil {
		t.Fatal(err)
	}
	jobs(func(n int) bool { return n == 0 })
	if err := r.StartDev(); err != nil {
		t.Fatal(err)
	}
	jobs(func(n int) bool { return n >= 3 }) // lost, and repeated
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if left := r.Processes(); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// A test that is killed leaves nothing behind.
func TestNothingOutlivesTheTest(t *testing.T) {
	skipShort(t)
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := binary.Path(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(exe, "-test.run=TestOrphan")
	cmd.Env = append(os.Environ(), "RIG_TEST_ORPHAN="+dir, "SIGNET_BIN="+bin)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it ended with %v:\n%s", err, out)
	}
	if err := rig.Poll(t.Context(), rig.Patience, func() error { return namedBy(dir) }); err != nil {
		t.Error(err)
	}
}

// namedBy finds processes whose command names a folder.
func namedBy(dir string) error {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), dir) {
			return fmt.Errorf("%s: %q", f, text)
		}
	}
	return nil
}

// orphan plays an installation and is killed.
func orphan(dir string) int {
	testing.Init()
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "TestOrphan", F: func(t *testing.T) {
		r := rig.Start(t, rig.Options{Binary: &binary, Dir: filepath.Join(dir, "installation")})
		if err := namedBy(r.Dir); err == nil {
			t.Error("nothing runs")
			return
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		<-context.Background().Done()
	}}}, nil, nil)
	return 1
}
