package cockpit

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

// The Controller is asked for the list of all workflows once; then for those that
// have changed.
func TestCatalogAsksForWhatHasChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	h := b.c.histories[0]
	list := func() (names []string) {
		t.Helper()
		b.check(h.catchUp(t.Context()))
		all, err := h.catalog.workflows(t.Context())
		b.check(err)
		for i := range all {
			name := all[i].Path
			if all[i].Suspended {
				name += "!"
			}
			names = append(names, name)
		}
		return names
	}
	is := func(when, want string) {
		t.Helper()
		if got := strings.Join(list(), " "); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	lists := func() int {
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		return b.fake.lists
	}
	b.deploy(map[string]string{"b": empty, "a": empty, "c": empty})
	is("deployed", "a b c")
	before := lists()
	is("again", "a b c")
	b.deploy(map[string]string{"bb": empty, "a": empty})
	is("one more", "a b bb c")
	b.call("POST", "/workflows/control", api.ControlWorkflowRequest{Path: "b", Suspend: new(true)}, nil)
	is("suspended", "a b! bb c")
	b.call("POST", "/deployments/revoke", api.RevokeRequest{Objects: []api.ObjectKey{{Kind: "Workflow", Path: "a"}}}, nil)
	is("one less", "b! bb c")
	if n := lists(); n != before {
		t.Errorf("all workflows were asked for %d times more", n-before)
	}
	many := map[string]string{}
	for i := range fewAsked + 1 {
		many[fmt.Sprint("many/", i)] = empty
	}
	b.deploy(many)
	if got := list(); len(got) != 3+len(many) || lists() != before+1 {
		t.Errorf("%d workflows, asked for all %d times more", len(got), lists()-before)
	}
	h.catalog.forget()
	if list(); lists() != before+2 {
		t.Error("what was forgotten isn't asked for")
	}

	// What couldn't be asked for is asked for the next time.
	h.catalog.change(map[string]bool{"b": true})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	h.catalog.turn <- struct{}{}
	if _, err := h.catalog.workflows(ended); !fault.Is(err, fault.Timeout) {
		t.Errorf("waited for in vain: %v", err)
	}
	<-h.catalog.turn
	b.fake.setDown(fault.New(fault.Unavailable, "Away", "it is away"))
	if _, err := h.catalog.workflows(t.Context()); !fault.HasCode(err, "Away") {
		t.Errorf("got %v", err)
	}
	b.fake.setDown(nil)
	if !h.catalog.changed["b"] {
		t.Error("what couldn't be asked for is forgotten")
	}
	if list(); len(h.catalog.changed) > 0 || lists() != before+2 {
		t.Errorf("not asked for: %v", h.catalog.changed)
	}
}
