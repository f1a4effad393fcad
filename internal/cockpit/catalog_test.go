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
	b := newBench(t, options{noStart: true}) // nobody follows its events
	c := newCatalog(b.fake)
	lists := 0
	is := func(when, want string, wantLists int) {
		t.Helper()
		all, err := c.workflows(t.Context())
		b.check(err)
		var names []string
		for i := range all {
			if names = append(names, all[i].Path); all[i].Suspended {
				names[i] += "!"
			}
		}
		if got := strings.Join(names, " "); got != want || b.fake.lists-lists != wantLists {
			t.Errorf("%s: %s, want %s; asked for all %d times, want %d", when, got, want, b.fake.lists-lists, wantLists)
		}
		lists = b.fake.lists
	}
	changed := func(paths ...string) {
		all := map[string]bool{}
		for _, p := range paths {
			all[p] = true
		}
		c.change(all)
	}
	b.deploy(map[string]string{"b": empty, "a": empty, "c": empty})
	is("at first", "a b c", 1)
	is("again", "a b c", 0)
	b.deploy(map[string]string{"bb": empty, "a": empty})
	is("not told yet", "a b c", 0)
	changed("a", "bb")
	is("one more", "a b bb c", 0)
	b.call("POST", "/workflows/control", api.ControlWorkflowRequest{Path: "b", Suspend: new(true)}, nil)
	changed("b")
	is("suspended", "a b! bb c", 0)
	b.call("POST", "/deployments/revoke", api.RevokeRequest{Objects: []api.ObjectKey{{Kind: "Workflow", Path: "a"}}}, nil)
	changed("a", "never there")
	is("one less", "b! bb c", 0)
	many := map[string]string{}
	var paths []string
	for i := range fewAsked + 1 {
		path := fmt.Sprintf("many/%02d", i)
		many[path] = empty
		paths = append(paths, path)
	}
	b.deploy(many)
	changed(paths...)
	all := "b! bb c " + strings.Join(paths, " ")
	is("many more", all, 1)
	c.forget()
	is("forgotten", all, 1)

	// What couldn't be asked for is asked for the next time.
	for _, forgotten := range []bool{false, true} {
		changed("b")
		if forgotten {
			c.forget()
		}
		b.fake.setDown(fault.New(fault.Unavailable, "Away", "it is away"))
		if _, err := c.workflows(t.Context()); !fault.HasCode(err, "Away") {
			t.Errorf("got %v", err)
		}
		b.fake.setDown(nil)
		if !c.changed["b"] || c.known == forgotten {
			t.Errorf("changed %v, known %t", c.changed, c.known)
		}
	}
	is("after it was away", all, 1)
	if len(c.changed) > 0 {
		t.Errorf("not asked for: %v", c.changed)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.turn <- struct{}{}
	if _, err := c.workflows(ended); !fault.Is(err, fault.Timeout) {
		t.Errorf("waited for in vain: %v", err)
	}
}
