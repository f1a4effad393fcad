package cockpit

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// catalog keeps the list of deployed workflows, which are many and change seldom,
// until the Controller's events tell that it has changed. Safe for concurrent use.
type catalog struct {
	controller Controller

	mu      sync.Mutex
	fresh   bool
	all     []WorkflowInfo // by path; never changed
	version int            // of what the events have told
}

// changed says that the list is out of date.
func (c *catalog) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = false
	c.version++
}

// workflows returns all deployed workflows, by path.
func (c *catalog) workflows(ctx context.Context) ([]WorkflowInfo, error) {
	c.mu.Lock()
	if c.fresh {
		defer c.mu.Unlock()
		return c.all, nil
	}
	version := c.version
	c.mu.Unlock()
	all, err := c.controller.Workflows(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b WorkflowInfo) int { return cmp.Compare(a.Path, b.Path) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == version {
		c.all, c.fresh = all, true
	}
	return all, nil
}
