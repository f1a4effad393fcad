//go:build linux

package proc_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/signet-scheduler/signet/internal/proc"
	"github.com/signet-scheduler/signet/internal/proc/proctest"
)

// TestMain lets the test program be the starter, and a small Agent.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "starter":
			os.Exit(proc.StarterMain())
		case "agent":
			os.Exit(agentMain(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// testLog writes to the test's log, which goes quiet when the test is over.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

// starterArgv is the command line of the starter. Under the race detector a program
// takes a second to exit, which these tests can't wait for some hundred times.
func starterArgv(exe string) []string {
	return []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", exe, "starter"}
}

func options(t *testing.T, cgroup string) proc.Options {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return proc.Options{
		Argv:     starterArgv(exe),
		Cgroup:   cgroup,
		Instance: t.TempDir(),
		Log:      slog.New(slog.NewTextHandler(testLog{t}, nil)),
	}
}

// forms are the owners and the ways to find a tree.
var forms = []struct {
	name, cgroup string
	open         func(proc.Options) (proc.Owner, error)
}{
	{"InProcess/Cgroup", "auto", proc.NewInProcess},
	{"InProcess/Walk", "off", proc.NewInProcess},
	{"Starter/Cgroup", "auto", proc.StartStarter},
	{"Starter/Walk", "off", proc.StartStarter},
}

// open opens an owner; with cgroups only where they can be used.
func open(t *testing.T, cgroup string, f func(proc.Options) (proc.Owner, error)) proc.Owner {
	t.Helper()
	if cgroup != "off" {
		requireCgroups(t)
	}
	o, err := f(options(t, cgroup))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOwners(t *testing.T) {
	t.Parallel()
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			proctest.Suite(t, func(t *testing.T) proc.Owner { return open(t, f.cgroup, f.open) })
		})
	}
}

// requireCgroups skips a test where this user can't use cgroups.
func requireCgroups(t *testing.T) {
	t.Helper()
	if why := proc.CgroupsUnusable(t.TempDir()); why != nil {
		t.Skip("no cgroup v2 for jobs here: ", why)
	}
}

// A cgroup is used again by the next job, unless it was killed: Linux kills what
// is started in one that was.
func TestCgroupUsedAgain(t *testing.T) {
	t.Parallel()
	b := proctest.NewBench(t, open(t, "auto", proc.StartStarter))
	run := func(argv ...string) string {
		t.Helper()
		s := b.Sh("")
		s.Argv = argv
		r := b.Start(s)
		if end := b.End(s.Key); end.ExitCode != 0 || end.StartError != nil || end.Signal != 0 {
			t.Fatalf("%v ended as %+v", argv, end)
		}
		return r.Cgroup
	}
	first := run("/bin/true")
	if again := run("/bin/true"); again != first {
		t.Errorf("the second job ran in %s, the first in %s", again, first)
	}
	s := b.Sh("exec sleep 1000")
	killed := b.Start(s).Cgroup
	if err := b.Owner.Kill(s.Key, proc.KillAll); err != nil {
		t.Fatal(err)
	}
	b.End(s.Key)
	next := run("/bin/true")
	if next == killed {
		t.Errorf("a cgroup that was killed is used again: %s", next)
	}
	spoilt := run("/bin/mkdir", next+"/inner")
	if spoilt != next {
		t.Errorf("the job ran in %s, the one before in %s", spoilt, next)
	}
	if again := run("/bin/true"); again == spoilt {
		t.Errorf("a cgroup with another one in it is used again: %s", again)
	}
}
