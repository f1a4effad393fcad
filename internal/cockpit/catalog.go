package cockpit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
)

// fewAsked is of how many objects a Controller is asked one by one, where it might
// be asked for the list of all, which takes as long as some hundred of them.
const fewAsked = 50

// catalog keeps the list of deployed workflows, which are many and change seldom,
// up to date by what the Controller's events tell to have changed. Safe for
// concurrent use.
type catalog struct {
	controller Controller
	turn       chan struct{} // capacity 1: who asks the Controller; the others wait for what it gets

	mu      sync.Mutex
	known   bool
	all     []WorkflowInfo // by path; never changed
	changed map[string]bool
}

func newCatalog(c Controller) *catalog {
	return &catalog{controller: c, turn: make(chan struct{}, 1), changed: map[string]bool{}}
}

// change says that workflows may have changed.
func (c *catalog) change(paths map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.changed, paths)
}

// forget says that any may have.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = false
}

// workflows returns all deployed workflows, by path.
func (c *catalog) workflows(ctx context.Context) ([]WorkflowInfo, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Timeout, "NoAnswer", ctx.Err(), "the Controller's list of workflows was not waited for any longer")
	}
	c.mu.Lock()
	known, all, changed := c.known, c.all, c.changed
	// What changes from here on is asked for by the next one.
	c.known, c.changed = true, map[string]bool{}
	c.mu.Unlock()
	var err error
	switch {
	case known && len(changed) == 0:
		return all, nil
	case known && len(changed) <= fewAsked:
		all, err = c.renew(ctx, all, changed)
	default:
		all, err = c.controller.Workflows(ctx, "", 0)
		slices.SortFunc(all, byPath)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.known = c.known && known
		maps.Copy(c.changed, changed)
		return nil, err
	}
	c.all = all
	return all, nil
}

func byPath(a, b WorkflowInfo) int { return cmp.Compare(a.Path, b.Path) }

// renew returns a list in which some workflows are as they are now.
func (c *catalog) renew(ctx context.Context, all []WorkflowInfo, changed map[string]bool) ([]WorkflowInfo, error) {
	next := make([]WorkflowInfo, 0, len(all)+len(changed))
	for i := range all {
		if !changed[all[i].Path] {
			next = append(next, all[i])
		}
	}
	for path := range changed {
		w, err := c.controller.Workflow(ctx, path, "")
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		w.Document, w.Versions, w.Breakpoints = "", nil, nil // as in the list of all
		next = append(next, w)
	}
	slices.SortFunc(next, byPath)
	return next, nil
}
