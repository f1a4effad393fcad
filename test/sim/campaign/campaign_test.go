package campaign

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/sim"
)

// TestMain lets this binary be a shard of its own campaign.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args[1:], "-child") {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// seeds returns how many worlds a test run has: SIGNET_SIM_SEEDS says it.
func seeds(t *testing.T) string {
	t.Helper()
	if racing {
		t.Skip("each world is one goroutine: there is nothing to race, and it would take ten times as long")
	}
	if n := os.Getenv("SIGNET_SIM_SEEDS"); n != "" {
		return n
	}
	return "50"
}

// TestSimulation runs whole clusters with everything going wrong
// (docs/architecture/simulation.md).
func TestSimulation(t *testing.T) {
	var out, errs bytes.Buffer
	if Main([]string{"-seeds", seeds(t), "-first", "1"}, &out, &errs) != 0 {
		t.Errorf("%s%s", errs.String(), out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	t.Log(lines[len(lines)-1])
}

// TestBugsAreFound gives the simulation mistakes on purpose: each must be found
// within a number of seeds, or its silence means nothing. The kinds of faults in
// the focus are those that bring the mistake to light.
func TestBugsAreFound(t *testing.T) {
	_ = seeds(t)
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	focus := map[sim.Bug]string{
		sim.NoSync: "fault power", sim.NoDirSync: "fault power", sim.NoFence: "fault late,fault transfer,fault isolate", sim.NoNumbers: "fault double,fault late",
		sim.ReplyEarly: "fault isolate,fault power", sim.ConfirmEarly: "fault power,fault snapshot", sim.CutDamaged: "fault rot", sim.TrustAll: "fault distrust",
		sim.NoUndo: "fault isolate,fault transfer", sim.ForgetLost: "fault kill", sim.HistoryTwice: "fault kill",
	}
	for _, bug := range sim.Bugs() {
		t.Run(string(bug), func(t *testing.T) {
			for first := 1; first <= 2000; first += 40 {
				var out, errs bytes.Buffer
				args := []string{"-seeds", "40", "-first", strconv.Itoa(first), "-bug", string(bug), "-focus", focus[bug], "-shrink", "0"}
				switch Main(args, &out, &errs) {
				case 1:
					found, _, _ := strings.Cut(errs.String(), "\n")
					if !strings.HasPrefix(found, "seed") {
						t.Fatalf("%s%s", errs.String(), out.String())
					}
					t.Logf("found: %.200s", found)
					return
				case 2:
					t.Fatal(errs.String())
				}
			}
			t.Error("not found in 2,000 worlds")
		})
	}
}

// TestStoryIsRepeatable shrinks a world with a mistake, and runs the command that
// is told.
func TestStoryIsRepeatable(t *testing.T) {
	_ = seeds(t)
	var out, errs bytes.Buffer
	if Main([]string{"-seeds", "2", "-first", "1", "-bug", string(sim.LimitIgnored), "-shrink", "1"}, &out, &errs) != 1 {
		t.Fatalf("the mistake isn't found: %s", out.String())
	}
	_, repeat, ok := strings.Cut(out.String(), "repeat: go run -tags invariants ./test/sim/simulate ")
	if !ok {
		t.Fatalf("no command is told: %s", out.String())
	}
	line, _, _ := strings.Cut(repeat, "\n")
	var again bytes.Buffer
	args, err := exec.Command("sh", "-c", "printf '%s\\n' "+line).Output()
	if err != nil {
		t.Fatal(err)
	}
	if Main(strings.Split(strings.TrimSuffix(string(args), "\n"), "\n"), &again, &errs) != 1 || !strings.Contains(again.String(), "OverLimit") {
		t.Errorf("%s doesn't fail again", line)
	}
}
