package engine

import (
	"maps"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// updateItems deploys and removes documents, all or nothing: every reference
// must be satisfied afterwards.
func (c *Controller) updateItems(b *UpdateItems) error {
	if problems := c.missing(b); len(problems) > 0 {
		return &fault.Error{Kind: fault.NotFound, Code: "UnknownKey", Message: "nothing was changed: not every object that is to go is deployed", Problems: problems}
	}
	if problems := c.checkUpdate(b); len(problems) > 0 {
		return &fault.Error{Kind: fault.Invalid, Code: "InvalidItems", Message: "the objects can't be deployed", Problems: problems}
	}
	if err := c.checkRelease(b); err != nil {
		return err
	}
	if b.Release != nil {
		c.addRelease(b.Release)
	}
	version := ""
	var replaced []workflow.ID
	for i := range b.Add {
		n := &b.Add[i]
		old, had := c.current(n.Ref)
		if had && old.Document == n.Document && old.Ref.VersionID == n.Ref.VersionID && !old.Removed && old.Quarantine == nil {
			continue // the very same: nothing to do
		}
		if n.Ref.Kind.Versioned() && version != n.Ref.VersionID {
			version = n.Ref.VersionID
			c.emit("", &VersionAdded{VersionID: version})
		}
		c.emit("", &ItemAdded{Item: n.Ref, Document: n.Document, Signer: n.Signer, Changed: had, Uses: uses(n)})
		c.parsed.put(n.Ref.String(), n.Item) // the shell has just verified it
		if had && n.Ref.Kind.Versioned() {
			replaced = append(replaced, workflowID(old.Ref))
		}
		if it, ok := c.items.get(n.Ref.String()); ok {
			c.reattach(it.Ref)
			c.unhold(it.Ref)
		}
	}
	for _, k := range b.Remove {
		replaced = append(replaced, c.removeItem(k)...)
	}
	for _, id := range replaced {
		c.collect(id)
	}
	return c.machine.fault
}

// uses returns the keys of the documents that a document names, and of the
// release that it came with.
func uses(n *NewItem) []string {
	var keys []string
	for _, k := range item.References(n.Item) {
		keys = append(keys, ItemRef{Kind: k.Kind, Path: k.Path}.String())
	}
	if ref, ok := releaseOf(n.Document); ok {
		keys = append(keys, ref.String())
	}
	return keys
}

// current returns the item that a new one takes the place of: for workflows
// the newest version.
func (c *Controller) current(ref ItemRef) (*Item, bool) {
	if ref.Kind.Versioned() {
		head, ok := c.heads.get(ref.Path)
		if !ok {
			return nil, false
		}
		ref.VersionID = head
	}
	return c.items.get(ref.String())
}

// missing returns the objects that are to be removed and aren't there.
func (c *Controller) missing(b *UpdateItems) []fault.Problem {
	var problems []fault.Problem
	for _, k := range b.Remove {
		if !c.exists(k) && len(problems) < 200 {
			problems = append(problems, fault.Problem{Where: k.String(), Message: "there is no such object"})
		}
	}
	return problems
}

// checkUpdate returns everything that is wrong with an update.
func (c *Controller) checkUpdate(b *UpdateItems) []fault.Problem {
	var problems []fault.Problem
	report := func(where, message string) {
		if len(problems) < 200 {
			problems = append(problems, fault.Problem{Where: where, Message: message})
		}
	}
	added, removed := map[item.Key]bool{}, map[item.Key]bool{}
	for i := range b.Add {
		n := &b.Add[i]
		k := n.Ref.Key()
		if added[k] {
			report(k.String(), "the object is given twice")
		}
		added[k] = true
		if it, ok := c.items.get(n.Ref.String()); ok && n.Ref.Kind.Versioned() && it.Document.Text != n.Document.Text {
			report(k.String(), "the version "+n.Ref.VersionID+" exists already with another text; a version can't be changed")
		}
	}
	for _, k := range b.Remove {
		if added[k] {
			report(k.String(), "the object is given and removed at once")
		}
		removed[k] = true
	}
	for i := range b.Add {
		for _, ref := range item.References(b.Add[i].Item) {
			if !added[ref] && (removed[ref] || !c.exists(ref)) {
				report(b.Add[i].Ref.Key().String(), "it refers to "+ref.String()+", which is not deployed")
			}
		}
	}
	return append(problems, c.stillReferenced(removed, added)...)
}

// exists tells whether a current object of that key is deployed.
func (c *Controller) exists(k item.Key) bool {
	if k.Kind.Versioned() {
		_, ok := c.heads.get(k.Path)
		return ok
	}
	it, ok := c.items.get(ItemRef{Kind: k.Kind, Path: k.Path}.String())
	return ok && !it.Removed
}

// stillReferenced finds what stays and names objects that go: current objects,
// and versions of workflows that still have orders.
func (c *Controller) stillReferenced(removed, added map[item.Key]bool) []fault.Problem {
	var problems []fault.Problem
	for _, k := range slices.SortedFunc(maps.Keys(removed), item.Key.Compare) {
		ref := ItemRef{Kind: k.Kind, Path: k.Path}
		for _, user := range sortedKeys(c.usedBy[ref.String()]) {
			it := c.items.m[user]
			by := it.Ref.Key()
			stays := c.IsHead(it) && !it.Removed && !removed[by] && !added[by]
			switch {
			case stays:
				problems = append(problems, fault.Problem{Where: k.String(), Message: "it is still used by " + by.String()})
			case it.Ref.Kind.Versioned() && len(c.byWorkflow[workflowID(it.Ref)]) > 0:
				problems = append(problems, fault.Problem{Where: k.String(), Message: "it is still used by orders of the version " + it.Ref.VersionID + " of " + by.String()})
			}
			if len(problems) >= 200 {
				return problems
			}
		}
	}
	return problems
}

// removeItem takes an object out of service and returns workflow versions that
// may be forgotten now.
func (c *Controller) removeItem(k item.Key) []workflow.ID {
	if k.Kind.Versioned() {
		head, _ := c.heads.get(k.Path)
		id := workflow.ID{Path: k.Path, VersionID: head}
		c.emit("", &ItemRemoved{Item: workflowRef(id)})
		return []workflow.ID{id}
	}
	ref := ItemRef{Kind: k.Kind, Path: k.Path}
	it, _ := c.items.get(ref.String())
	c.emit("", &ItemDeletionMarked{Item: it.Ref})
	c.collectItem(it.Ref)
	return nil
}

// collect lets go of a workflow version that no order uses and that isn't the
// newest: first at the Agents, then here.
func (c *Controller) collect(id workflow.ID) {
	ref := workflowRef(id)
	if _, ok := c.items.get(ref.String()); !ok {
		return
	}
	if head, ok := c.heads.get(id.Path); ok && head == id.VersionID {
		return
	}
	if len(c.byWorkflow[id]) > 0 {
		return
	}
	c.collectItem(ref)
}

// collectItem detaches a document from its Agents, and deletes it once none
// has it. With the document of an Agent, everything goes that the Agent has.
func (c *Controller) collectItem(ref ItemRef) {
	left := c.detachItem(ref)
	switch ref.Kind {
	case item.KindWorkflow:
		c.detachItem(workflowControlRef(workflowID(ref)))
	case item.KindAgentRef:
		for _, key := range sortedKeys(c.atAgent[ref.Path]) {
			c.detachKey(key)
			left = true
		}
	}
	if left {
		return
	}
	c.emit("", &ItemDeleted{Item: ref})
	if _, controlled := c.paths.get(ref.Path); controlled && ref.Kind == item.KindWorkflow && len(c.versions[ref.Path]) == 0 {
		c.detachItem(ItemRef{Kind: kindPathControl, Path: ref.Path})
		c.emit("", &PathControlled{Control: PathControl{Path: ref.Path}})
	}
}

func workflowControlRef(id workflow.ID) ItemRef {
	return ItemRef{Kind: kindWorkflowControl, Path: id.Path, VersionID: id.VersionID}
}

// collectRemoved lets go of what isn't wanted any more, when an Agent has let
// go of it.
func (c *Controller) collectRemoved(agent string, ref ItemRef) {
	switch it, ok := c.items.get(ref.String()); {
	case !ok:
	case ref.Kind == item.KindWorkflow:
		c.collect(workflowID(ref))
	case it.Removed:
		c.collectItem(it.Ref)
	}
	if it, ok := c.items.get(ItemRef{Kind: item.KindAgentRef, Path: agent}.String()); ok && it.Removed && len(c.atAgent[agent]) == 0 {
		c.collectItem(it.Ref)
	}
}
