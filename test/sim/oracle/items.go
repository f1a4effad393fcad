package oracle

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// The controls of workflows go to Agents as documents of these kinds.
const (
	pathControl     item.Kind = "WorkflowPathControl"
	workflowControl item.Kind = "WorkflowControl"
)

// items is what the Controller's stream tells of documents.
type items struct {
	heads    map[string]string        // newest version of each workflow path
	known    map[engine.ItemRef]int64 // revision; of versioned ones 0
	held     map[engine.ItemRef]bool  // in quarantine at the Controller
	at       map[atAgent]*attachment  // on the way to an Agent, or there
	version  string                   // of the newest VersionAdded
	breaks   map[workflow.ID][]workflow.Position
	controls map[int64]bool // revision of a workflow's control: whether it suspends
}

// atAgent names a document at an Agent; its revision is 0.
type atAgent struct {
	agent string
	item  engine.ItemRef
}

// attachment is how far a document is.
type attachment struct {
	state    attachState
	revision int64
	problem  bool // refused, or in quarantine there
	again    bool // it was deployed again meanwhile
	had      bool // the Agent has it, perhaps in an older revision
}

type attachState uint8

const (
	isAttachable attachState = iota
	isAttached
	isDetachable
)

func newItems() items {
	return items{
		heads: map[string]string{}, known: map[engine.ItemRef]int64{}, held: map[engine.ItemRef]bool{}, at: map[atAgent]*attachment{},
		breaks: map[workflow.ID][]workflow.Position{}, controls: map[int64]bool{},
	}
}

// bare is a document's name without its revision.
func bare(r engine.ItemRef) engine.ItemRef {
	r.Revision = 0
	return r
}

func workflowRef(id workflow.ID) engine.ItemRef {
	return engine.ItemRef{Kind: item.KindWorkflow, Path: id.Path, VersionID: id.VersionID}
}

// itemEvent takes an event of a document at the Controller; false: it isn't one.
func (s *Stream) itemEvent(e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *engine.VersionAdded:
		s.byCommand(e, "UpdateItems", "")
		s.items.version = ev.VersionID
	case *engine.ItemAdded:
		s.itemAdded(e, ev)
	case *engine.ItemRemoved:
		s.byCommand(e, "UpdateItems", "")
		if s.items.heads[ev.Item.Path] == ev.Item.VersionID {
			delete(s.items.heads, ev.Item.Path)
		} else {
			s.wrongItem(e, ev.Item, "", "it isn't the newest version")
		}
	case *engine.ItemDeletionMarked:
		if ev.Item.Kind != kindRelease { // which goes with the last that it vouches for
			s.byCommand(e, "UpdateItems", "")
		}
		s.mustBeKnown(e, ev.Item)
	case *engine.ItemDeleted:
		s.mustBeKnown(e, ev.Item)
		delete(s.items.known, bare(ev.Item))
		delete(s.items.held, bare(ev.Item))
		if ev.Item.Kind.Versioned() {
			s.forget(e, workflow.ID{Path: ev.Item.Path, VersionID: ev.Item.VersionID})
		}
	case *engine.ItemQuarantined:
		s.quarantined(e, ev.Item, ev.Agent, true)
	case *engine.ItemReleased:
		s.quarantined(e, ev.Item, ev.Agent, false)
	case *engine.PathControlled:
		if !ev.Control.IsEmpty() {
			s.byCommand(e, "ControlWorkflowPath", "")
		}
		s.items.controls[e.ID] = ev.Control.Suspended
	case *engine.WorkflowControlled:
		s.byCommand(e, "ControlWorkflow", "")
		s.items.breaks[ev.Control.Workflow] = ev.Control.Breakpoints
	default:
		return s.attachmentEvent(e)
	}
	return true
}

// forget lets a version go, which no order may have.
func (s *Stream) forget(e *engine.Stamped, id workflow.ID) {
	delete(s.items.breaks, id)
	if doc := s.documents[id]; doc != nil && doc.orders > 0 {
		s.wrongItem(e, workflowRef(id), "", text("%d orders still have it", doc.orders))
	}
	delete(s.documents, id)
}

func (s *Stream) itemAdded(e *engine.Stamped, ev *engine.ItemAdded) {
	s.byCommand(e, "UpdateItems", "")
	ref := bare(ev.Item)
	s.log.release.take(s.log, e, ref, ev.Document, false)
	for key, at := range s.items.at {
		at.again = at.again || key.item == ref
	}
	if !ref.Kind.Versioned() {
		if _, had := s.items.known[ref]; had != ev.Changed && !s.late {
			s.wrongItem(e, ref, "", "whether it was there before isn't what the event says")
		}
		s.items.known[ref] = e.ID
		delete(s.items.held, ref)
		return
	}
	if ref.VersionID != s.items.version && !s.late {
		s.wrongItem(e, ref, "", "its version wasn't announced: the last one was "+s.items.version)
	}
	s.items.known[ref] = 0
	delete(s.items.held, ref)
	s.items.heads[ref.Path] = ref.VersionID
	s.document(workflow.ID{Path: ref.Path, VersionID: ref.VersionID}, ev.Document, ev.Signer)
}

// attachmentEvent takes what tells how far a document is on its way.
func (s *Stream) attachmentEvent(e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *engine.ItemAttachable:
		key := atAgent{ev.Agent, bare(ev.Item)}
		if at := s.items.at[key]; at != nil && at.state != isDetachable && at.revision == ev.Item.Revision && !at.problem && !at.again {
			s.wrongItem(e, ev.Item, ev.Agent, "the Agent has it already, or gets it")
		}
		had := s.items.at[key] != nil && s.items.at[key].had
		s.items.at[key] = &attachment{state: isAttachable, revision: ev.Item.Revision, had: had}
	case *engine.ItemAttached:
		if at := s.onTheWay(e, ev.Item, ev.Agent); at != nil {
			at.state, at.problem, at.had = isAttached, false, true
		}
	case *engine.ItemRefused:
		if at := s.onTheWay(e, ev.Item, ev.Agent); at != nil {
			at.state, at.problem = isAttached, true
		}
	case *engine.ItemDetachable:
		if at := s.items.at[atAgent{ev.Agent, bare(ev.Item)}]; at != nil && at.state != isDetachable {
			at.state = isDetachable
		} else if !s.late {
			s.wrongItem(e, ev.Item, ev.Agent, "the Agent doesn't have it, or gives it back already")
		}
	case *engine.ItemDetached:
		key := atAgent{ev.Agent, bare(ev.Item)}
		if at := s.items.at[key]; (at == nil || at.state != isDetachable) && !s.late {
			s.wrongItem(e, ev.Item, ev.Agent, "the Agent wasn't to give it back")
		}
		delete(s.items.at, key)
	default:
		return false
	}
	return true
}

// onTheWay returns the attachment that an Agent tells of.
func (s *Stream) onTheWay(e *engine.Stamped, ref engine.ItemRef, agent string) *attachment {
	at := s.items.at[atAgent{agent, bare(ref)}]
	if (at == nil || at.state == isDetachable || at.revision != ref.Revision) && !s.late {
		s.wrongItem(e, ref, agent, "the Agent wasn't to get this revision")
	}
	return at
}

// quarantined takes what Controller and Agents say of a document's signer.
func (s *Stream) quarantined(e *engine.Stamped, ref engine.ItemRef, agent string, held bool) {
	if agent != "" {
		if at := s.onTheWay(e, ref, agent); at != nil {
			at.problem = held
		}
		return
	}
	s.mustBeKnown(e, ref)
	if s.items.held[bare(ref)] == held && !s.late {
		s.wrongItem(e, ref, "", "this is known already")
	}
	s.items.held[bare(ref)] = held
}

func (s *Stream) mustBeKnown(e *engine.Stamped, ref engine.ItemRef) {
	if _, ok := s.items.known[bare(ref)]; !ok && !s.late {
		s.wrongItem(e, ref, "", "there is no such document")
	}
}

func (s *Stream) wrongItem(e *engine.Stamped, ref engine.ItemRef, agent, why string) {
	s.wrong(&Finding{Invariant: 2, Rule: WrongItem, Agent: agent, Events: []int64{e.ID}, Text: text("%s of %s: %s", e.Event.Type(), ref, why)})
}

// mayAdd makes sure that a new order is of the newest version, which is trusted.
func (s *Stream) mayAdd(l *life, e *engine.Stamped) {
	s.byCommand(e, "AddOrders", l.id)
	if s.late {
		return
	}
	if head, ok := s.items.heads[l.workflow.Path]; !ok || head != l.workflow.VersionID {
		s.log.wrong(4, HeldBack, l, e, "the newest version of %s is %q", l.workflow.Path, head)
	}
	if s.items.held[workflowRef(l.workflow)] {
		s.log.wrong(4, HeldBack, l, e, "the workflow %s is in quarantine", l.workflow)
	}
}

// mayAttach makes sure that an order goes to an Agent only when that may run it.
func (s *Stream) mayAttach(l *life, e *engine.Stamped, agent string) {
	if s.late {
		return
	}
	if s.items.held[workflowRef(l.workflow)] {
		s.log.wrong(4, HeldBack, l, e, "the workflow %s is in quarantine", l.workflow)
	}
	for _, ref := range []engine.ItemRef{workflowRef(l.workflow), {Kind: item.KindAgentRef, Path: agent}} {
		if _, ok := s.items.known[ref]; !ok {
			s.log.wrong(4, HeldBack, l, e, "there is no document %s", ref)
		} else if at := s.items.at[atAgent{agent, ref}]; at == nil || at.state == isDetachable {
			s.log.wrong(4, HeldBack, l, e, "the Agent %s doesn't get the document %s", agent, ref)
		}
	}
}

// mayStart makes sure, from what the Controller's stream tells, that nothing
// starts at an Agent that has refused the workflow or holds it back.
func (i *items) mayStart(b *book, l *life, e *engine.Stamped) {
	if b.s.late {
		return
	}
	at := i.at[atAgent{l.agent, workflowRef(l.workflow)}]
	switch {
	case at == nil:
		b.wrong(4, HeldBack, l, e, "the Agent %s doesn't have the workflow %s", l.agent, l.workflow)
	case at.state == isAttachable && !at.had:
		b.wrong(4, HeldBack, l, e, "the Agent %s hasn't got the workflow %s yet", l.agent, l.workflow)
	case at.problem:
		b.wrong(4, HeldBack, l, e, "the workflow %s is refused or in quarantine at the Agent %s", l.workflow, l.agent)
	}
	control := i.at[atAgent{l.agent, engine.ItemRef{Kind: pathControl, Path: l.workflow.Path}}]
	if control != nil && control.state == isAttached && i.controls[control.revision] {
		b.wrong(4, HeldBack, l, e, "the workflow %s is suspended at the Agent %s", l.workflow.Path, l.agent)
	}
}

// stopsAt tells whether the order stands at a breakpoint.
func (i *items) stopsAt(l *life) bool {
	return slices.Contains(i.breaks[l.workflow], l.position.Normalize())
}

// agentsEvent takes an event of an Agent's own stream that isn't an order's.
func (s *Stream) agentsEvent(b *book, e *engine.Stamped) {
	switch ev := e.Event.(type) {
	case *engine.ItemAttachedToMe:
		b.release.take(b, e, bare(ev.Item), ev.Document, true)
		if ev.Item.Kind == item.KindWorkflow {
			id := workflow.ID{Path: ev.Item.Path, VersionID: ev.Item.VersionID}
			s.document(id, ev.Document, ev.Signer)
			b.here[id] = present
		}
	case *engine.ItemDetached:
		switch ev.Item.Kind {
		case item.KindWorkflow:
			delete(b.here, workflow.ID{Path: ev.Item.Path, VersionID: ev.Item.VersionID})
		case pathControl:
			delete(b.paused, ev.Item.Path)
		}
	case *engine.ItemQuarantined:
		b.quarantine(ev.Item, present, inQuarantine)
	case *engine.ItemReleased:
		b.quarantine(ev.Item, inQuarantine, present)
	case *engine.PathControlled:
		b.paused[ev.Control.Path] = ev.Control.Suspended
	}
}

func (b *book) quarantine(ref engine.ItemRef, from, to presence) {
	id := workflow.ID{Path: ref.Path, VersionID: ref.VersionID}
	if ref.Kind == item.KindWorkflow && b.here[id] == from {
		b.here[id] = to
	}
}
