package disk

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/signet-scheduler/signet/test/cluster"
)

// long tries everything instead of a sample.
var long = flag.Bool("long", false, "try every call and every byte, and many orders (make disk)")

// bin is the program.
var bin string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "starter" {
		cluster.Main(m) // the starter process of an Agent inside a test
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "signet-disk-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if bin, err = provide(filepath.Join(dir, "signet")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// provide returns the program that SIGNET_BIN names, or one built now.
func provide(path string) (string, error) {
	if built := os.Getenv("SIGNET_BIN"); built != "" {
		return filepath.Abs(built)
	}
	if testing.Short() {
		return "", nil
	}
	build := exec.Command("go", "build", "-o", path, "../../cmd/signet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
}

// needs skips the test where a program is missing, and fails it in CI.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missing(t, program+" is missing: install it (tools/prerequisites.sh)")
	}
}

// missing skips the test for a reason, which in CI is a failure.
func missing(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
