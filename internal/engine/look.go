package engine

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// ID returns the Controller's id as its log has it; "" before the first start.
func (c *Controller) ID() string { return c.id.v }

// Retained returns the lowest event id that a registered reader still needs
// to read from; ok is false when no reader is registered.
func (c *Controller) Retained() (after int64, ok bool) {
	for _, name := range c.readers.keys() {
		if until := c.readers.m[name]; !ok || until < after {
			after, ok = until, true
		}
	}
	return after, ok
}

// Agents returns what is known of each Agent, sorted by path.
func (c *Controller) Agents() []AgentState {
	var all []AgentState
	for _, p := range c.agents.keys() {
		all = append(all, *c.agents.m[p])
	}
	return all
}

// Agent returns what is known of an Agent.
func (c *Controller) Agent(path string) (AgentState, bool) {
	a, ok := c.agents.get(path)
	if !ok {
		return AgentState{}, false
	}
	return *a, true
}

// AgentItem returns an Agent's document, verified.
func (c *Controller) AgentItem(path string) (*item.AgentRef, error) { return c.agentRef(path) }

// Items returns the deployed documents, sorted by kind, path and age.
func (c *Controller) Items() []*Item { return c.ItemsAfter(item.Key{}, 0) }

// ItemsAfter returns n documents behind those of a key in the same order, and all
// further versions of the last; n 0: all.
func (c *Controller) ItemsAfter(k item.Key, n int) []*Item {
	page := least(c.itemsThat(func(it *Item) bool { return it.Ref.Key().Compare(k) > 0 }), n, byKeyAndAge)
	if n == 0 || len(page) < n {
		return page
	}
	last := page[n-1].Ref.Key()
	first := slices.IndexFunc(page, func(it *Item) bool { return it.Ref.Key() == last })
	return append(page[:first], least(c.itemsThat(func(it *Item) bool { return it.Ref.Key() == last }), 0, byKeyAndAge)...)
}

// itemsThat goes through the deployed documents that are wanted, in no order. A
// release is none: it is the evidence of others.
func (c *Controller) itemsThat(wanted func(*Item) bool) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for _, it := range c.items.m {
			if !it.Ref.IsRelease() && wanted(it) && !yield(it) {
				return
			}
		}
	}
}

func byKeyAndAge(a, b *Item) int {
	return cmp.Or(a.Ref.Key().Compare(b.Ref.Key()), cmp.Compare(a.Added, b.Added))
}

// WorkflowsAfter returns the newest versions of at most n workflows behind a path,
// by path; n 0: all.
func (c *Controller) WorkflowsAfter(path string, n int) []*Item {
	behind := func(yield func(string) bool) {
		for p := range c.heads.m {
			if p > path && !yield(p) {
				return
			}
		}
	}
	var all []*Item
	for _, p := range least(behind, n, strings.Compare) {
		if it, ok := c.current(ItemRef{Kind: item.KindWorkflow, Path: p}); ok {
			all = append(all, it)
		}
	}
	return all
}

// VersionsOf returns the versions of a workflow, the oldest first.
func (c *Controller) VersionsOf(path string) []*Item {
	k := item.Key{Kind: item.KindWorkflow, Path: path}
	return least(c.itemsThat(func(it *Item) bool { return it.Ref.Key() == k }), 0, byKeyAndAge)
}

// IsHead tells whether the item is the newest version of its path.
func (c *Controller) IsHead(it *Item) bool {
	if !it.Ref.Kind.Versioned() {
		return !it.Removed
	}
	head, ok := c.heads.get(it.Ref.Path)
	return ok && head == it.Ref.VersionID
}

// Workflow returns a version of a workflow; "" is the newest.
func (c *Controller) Workflow(path, version string) (*workflow.Workflow, error) {
	if version == "" {
		head, ok := c.heads.get(path)
		if !ok {
			return nil, unknownWorkflow(path)
		}
		version = head
	}
	return c.workflow(workflow.ID{Path: path, VersionID: version})
}

func unknownWorkflow(path string) error {
	return fault.New(fault.NotFound, "UnknownKey", "there is no workflow %s", path).About("Workflow:" + path)
}

// Control returns how all versions of a workflow run, or nil.
func (c *Controller) Control(path string) *PathControl {
	p, _ := c.paths.get(path)
	return p
}

// Breakpoints returns the breakpoints of a version.
func (c *Controller) Breakpoints(id workflow.ID) []workflow.Position {
	if b, ok := c.breaks.get(id.String()); ok {
		return b.Breakpoints
	}
	return nil
}

// OrdersOf returns how many orders a version has.
func (c *Controller) OrdersOf(id workflow.ID) int { return len(c.byWorkflow[id]) }

// Attachments returns the documents at or on the way to an Agent.
func (c *Controller) Attachments(agent string) []ItemAttachment {
	var all []ItemAttachment
	for _, key := range c.attached.keys() { // a look of an operator: rare
		if at := c.attached.m[key]; at.Agent == agent {
			all = append(all, *at)
		}
	}
	return all
}

// Newest returns the document that is in service under a key.
func (c *Controller) Newest(k item.Key) (*Item, bool) {
	it, ok := c.current(ItemRef{Kind: k.Kind, Path: k.Path})
	return it, ok && !it.Removed
}

// Item returns a deployed document.
func (c *Controller) Item(ref ItemRef) (*Item, bool) { return c.items.get(ref.String()) }
