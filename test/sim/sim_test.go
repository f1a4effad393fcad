package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// The same seed gives the same world, whatever ran before. Not parallel: the
// source of random numbers is the process's.
func TestWorldsRepeat(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		a := Run(Config{Seed: seed, Duration: 3 * time.Second})
		b := Run(Config{Seed: seed, Duration: 3 * time.Second})
		if a.Err != nil || b.Err != nil {
			t.Errorf("seed %d: %v, %v", seed, a.Err, b.Err)
		}
		if a.Trace != b.Trace || a.Events != b.Events || a.Simulated != b.Simulated {
			t.Errorf("seed %d: two runs differ", seed)
		}
		told := 0
		c := Run(Config{Seed: seed, Duration: 3 * time.Second, Tell: func(string) { told++ }})
		if c.Trace != a.Trace || told == 0 {
			t.Errorf("seed %d: telling its story changes it", seed)
		}
	}
}

// Between them the workflows use every instruction of the language: a new one
// must be used in documents.go, too.
func TestInstructions(t *testing.T) {
	w := &world{cfg: Config{Agents: 3}}
	used := map[string]bool{}
	var visit func(s *workflow.Sequence)
	visit = func(s *workflow.Sequence) {
		if s == nil {
			return
		}
		for _, ins := range s.Instructions {
			used[ins.Type()] = true
			for _, b := range workflow.Branches(ins) {
				visit(b.Block)
			}
		}
	}
	for _, d := range w.documents() {
		for version := range 3 {
			it, err := item.Parse([]byte(d.text(version)))
			if err != nil {
				t.Fatalf("%s: %v", d.path, err)
			}
			if wf, ok := it.(item.Workflow); ok {
				visit(wf.Workflow.Block)
			}
		}
	}
	for _, name := range workflow.InstructionTypes() {
		if !used[name] {
			t.Errorf("no workflow of the simulation has the instruction %s", name)
		}
	}
}

// What is expected to be reached names every kind of fault and request that there is.
func TestExpected(t *testing.T) {
	expected := Expected()
	for _, kind := range append(Faults(), Loads()...) {
		if !slices.Contains(expected, kind) {
			t.Errorf("%s isn't expected", kind)
		}
	}
	for _, what := range expected {
		if strings.TrimSpace(what) != what {
			t.Errorf("%q", what)
		}
	}
	if missing := Missing(map[string]int{}); len(missing) != len(expected) {
		t.Error("something counts as reached in nothing")
	}
}
