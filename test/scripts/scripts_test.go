package scripts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// bin is the folder of the program, which the scripts call `signet`.
var bin string

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "signet-scripts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := provide(filepath.Join(dir, "signet")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users run the program, too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return postgrestest.Main(m)
}

// provide puts the program to a path: that of SIGNET_BIN, or one built now.
func provide(path string) error {
	if built := os.Getenv("SIGNET_BIN"); built != "" {
		absolute, err := filepath.Abs(built)
		if err != nil {
			return err
		}
		return os.Symlink(absolute, path)
	}
	build := exec.Command("go", "build", "-o", path, "../../cmd/signet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole installations")
	}
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(limit), // a command that hangs fails its script
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"dev":        devCommand,
			"part":       partCommand,
			"eventually": eventually,
			"json":       jsonCommand,
			"code":       codeCommand,
			"pids":       pidsCommand,
			"freeport":   freePort,
			"daemon":     daemonCommand,
			"example":    exampleCommand,
			"database":   databaseCommand(t),
		},
	})
}

func setup(e *testscript.Env) error {
	e.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("GNUPGHOME", filepath.Join(e.WorkDir, "gnupg"))
	e.Values[installationKey{}] = &installation{}
	e.Defer(func() { e.Values[installationKey{}].(*installation).end() })
	return nil
}

// lookPath finds a program, also where Debian puts servers.
func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

// condition tells whether a program is there, as [has:gpg], or PostgreSQL's server,
// as [postgres]. Where it isn't, the
// script is skipped here and fails in CI; not so for a program that nothing installs, as
// [may:keytool]. [root] tells whether the script can be several users.
func condition(cond string) (bool, error) {
	if cond == "postgres" {
		err := postgrestest.Installed()
		if err != nil && os.Getenv("CI") != "" {
			return false, err
		}
		return err == nil, nil
	}
	if cond == "root" {
		return os.Geteuid() == 0, nil
	}
	if name, ok := strings.CutPrefix(cond, "may:"); ok {
		_, err := lookPath(name)
		return err == nil, nil
	}
	name, ok := strings.CutPrefix(cond, "has:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	_, err := lookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		return false, fmt.Errorf("%s is missing", name)
	}
	return err == nil, nil
}

// limit is how long all scripts together may take.
const limit = 8 * time.Minute

// patience is how long a script waits for what should happen soon, on a busy
// machine.
const patience = 60 * time.Second

// poll repeats f until it is content or the time is over.
func poll(limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still not after %s: %w", limit, err)
		case <-tick.C:
		}
	}
}
