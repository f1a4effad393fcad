package oracle_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// record runs a world to its end and returns what the oracle was told, and how
// it was asked in the end.
func record(t *testing.T, seed uint64) []step {
	t.Helper()
	w := newWorld(t, seed)
	w.run(60)
	w.heal()
	for _, f := range w.end() {
		t.Fatalf("seed %d: %v", seed, f)
	}
	return w.told
}

// judge tells an oracle what was recorded. With whole set, the Agents' streams
// are told, too.
func judge(told []step, whole bool) []*oracle.Finding {
	s := oracle.NewStream(oracle.Options{})
	for i := range told {
		var err error
		switch {
		case told[i].who == "":
			err = s.Event(&told[i].event)
		case whole:
			err = s.AgentEvent(told[i].who, &told[i].event)
		}
		if err != nil {
			return s.Findings()
		}
	}
	return s.End(oracle.End{})
}

// renumber gives the Controller's events rising ids again, so that a mutation
// isn't found by its ids.
func renumber(told []step) []step {
	last := map[string]int64{}
	for i := range told {
		st := &told[i]
		if at := st.event.Time(); st.event.Timestamp == 0 {
			st.event.Timestamp = at
		}
		st.event.ID = max(st.event.ID, last[st.who]+1)
		last[st.who] = st.event.ID
	}
	return told
}

// A mutation changes the recording at one of the Controller's events; false: it
// changes nothing there.
type mutation func(told []step, i int) ([]step, bool)

func drop(told []step, i int) ([]step, bool) { return slices.Delete(told, i, i+1), true }

func double(told []step, i int) ([]step, bool) {
	return renumber(slices.Insert(told, i, told[i])), true
}

// swap exchanges an event with the Controller's next one.
func swap(told []step, i int) ([]step, bool) {
	for j := i + 1; j < len(told); j++ {
		if told[j].who != "" {
			continue
		}
		if told[i].event.Key == "" || told[j].event.Key != told[i].event.Key || told[i].event.Event.Type() == told[j].event.Event.Type() {
			return told, false // the order of different orders' events often means nothing
		}
		told[i].event, told[j].event = told[j].event, told[i].event
		told[i].event.ID, told[j].event.ID = told[j].event.ID, told[i].event.ID
		return told, true
	}
	return told, false
}

// TestMutationsAreNoticed drops, doubles and swaps single events of correct
// streams, and counts what the oracle notices.
func TestMutationsAreNoticed(t *testing.T) {
	t.Parallel()
	worlds, each := 20, 40
	if testing.Short() {
		worlds = 6
	}
	mutations := []struct {
		name   string
		change mutation
		floor  int // percent that must be noticed from the Controller's stream alone, and with the Agents' streams
		whole  int
	}{
		{"drop", drop, 88, 88},
		{"double", double, 97, 97},
		{"swap", swap, 95, 95},
	}
	type count struct{ orders, noticed, whole int }
	counts := make([]count, len(mutations))
	missed := map[string]int{}
	for seed := range worlds {
		told := record(t, uint64(1000+seed))
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		for range each {
			i := r.IntN(len(told))
			for told[i].who != "" || !strings.HasPrefix(told[i].event.Event.Type(), "Order") {
				i = r.IntN(len(told))
			}
			for m := range mutations {
				changed, ok := mutations[m].change(slices.Clone(told), i)
				if !ok {
					continue
				}
				counts[m].orders++
				if len(judge(changed, false)) > 0 {
					counts[m].noticed++
				}
				if len(judge(changed, true)) > 0 {
					counts[m].whole++
				} else {
					missed[mutations[m].name+" "+told[i].event.Event.Type()]++
				}
			}
		}
	}
	for m := range mutations {
		c := counts[m]
		alone, whole := 100*c.noticed/c.orders, 100*c.whole/c.orders
		t.Logf("%s: %d order events; noticed %d%% from the Controller's stream alone, %d%% with the Agents' streams", mutations[m].name, c.orders, alone, whole)
		if alone < mutations[m].floor || whole < mutations[m].whole {
			t.Errorf("%s: want %d%% and %d%%", mutations[m].name, mutations[m].floor, mutations[m].whole)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(missed)) {
		t.Logf("missed: %s: %d", what, missed[what])
	}
}
