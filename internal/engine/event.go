package engine

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Event is something that happened: an order's event, or one of this file.
type Event = order.Event

// Stamped is an event with its id, and the key of what it happened to: an
// order's id, an Agent's path, or "".
type Stamped struct {
	ID        int64 // microseconds since the epoch, strictly rising, below 2^53
	Timestamp int64 // milliseconds since the epoch; 0: as ID says. Set where an Agent's event was adopted
	Key       string
	Event     Event
}

// Time returns the moment of the event in milliseconds since the epoch.
func (s *Stamped) Time() int64 {
	if s.Timestamp != 0 {
		return s.Timestamp
	}
	return s.ID / 1000
}

// ItemRef names a deployed document: VersionID for workflows, Revision (the
// id of the event that brought it) for all others.
type ItemRef struct {
	Kind      item.Kind
	Path      string
	VersionID string
	Revision  int64
}

// Walk describes the fields.
func (r *ItemRef) Walk(w codec.Walker) {
	codec.Text(w, "kind", &r.Kind)
	w.Str("path", &r.Path)
	w.Str("versionId", &r.VersionID)
	w.Int("revision", &r.Revision)
}

// Key returns the key of the item, without its version.
func (r ItemRef) Key() item.Key { return item.Key{Kind: r.Kind, Path: r.Path} }

// refOf reads what String writes; its revision is 0.
func refOf(key string) (r ItemRef) {
	kind, rest, _ := strings.Cut(key, ":")
	r.Kind = item.Kind(kind)
	r.Path, r.VersionID, _ = strings.Cut(rest, "~") // no path has one
	return r
}

// String returns "Kind:path" with the version where there is one.
func (r ItemRef) String() string {
	if r.VersionID != "" {
		return string(r.Kind) + ":" + r.Path + "~" + r.VersionID
	}
	return string(r.Kind) + ":" + r.Path
}

// Document is a signed document: the exact bytes that were signed, and the
// evidence in the form of docs/formats/signatures.md. The engine looks into
// neither before Verifier has returned them.
type Document struct {
	Text     string
	Evidence string
}

// Walk describes the fields.
func (d *Document) Walk(w codec.Walker) {
	w.Str("string", &d.Text)
	w.Str("evidence", &d.Evidence)
}

// The events that don't happen to an order.
type (
	// ControllerInitialized is the first event of a Controller's log, and tells in
	// an Agent's to which Controller it belongs. It comes again when the
	// installation gets its id later.
	ControllerInitialized struct {
		ControllerID string
		Estate       Estate
	}
	// ControllerReady means: a leader has begun to decide.
	ControllerReady struct{ Term int64 }
	// CommandExecuted records who asked for what; it is the last event of the
	// command's transaction, and makes its repetition harmless.
	CommandExecuted struct {
		CommandID string
		Command   string
		By        order.Actor
		Reply     string // JSON
	}
	// VersionAdded begins a deployment that brings workflows.
	VersionAdded struct{ VersionID string }
	// ItemAdded ("VersionedItemAdded", "SignedItemAdded") brings a document.
	ItemAdded struct {
		Item     ItemRef
		Document Document
		Signer   string
		Changed  bool     // an earlier one of this key was there
		Uses     []string // keys of the documents that it names
	}
	// ItemRemoved ("VersionedItemRemoved") means: no new order of the workflow.
	ItemRemoved struct{ Item ItemRef }
	// ItemDeletionMarked means: the item goes as soon as no Agent has it.
	ItemDeletionMarked struct{ Item ItemRef }
	// ItemDeleted means: the document is forgotten.
	ItemDeleted struct{ Item ItemRef }
	// ItemAttachable means: an Agent is going to get the document.
	ItemAttachable struct {
		Item  ItemRef
		Agent string
	}
	// ItemAttachedToMe means: the Agent has it (the Agent's event).
	ItemAttachedToMe struct {
		Item     ItemRef
		Document Document
		Signer   string
	}
	// ItemAttached means: the Controller knows that the Agent has it.
	ItemAttached struct {
		Item  ItemRef
		Agent string
	}
	// ItemDetachable means: the Agent needs it no longer.
	ItemDetachable struct {
		Item  ItemRef
		Agent string
	}
	// ItemDetached means: the Agent has let go.
	ItemDetached struct {
		Item  ItemRef
		Agent string
	}
	// ItemRefused means: an Agent couldn't verify the document it was given.
	ItemRefused struct {
		Item    ItemRef
		Agent   string
		Problem *order.Problem
	}
	// ItemQuarantined means: its signer isn't trusted any more, here or at Agent; no
	// new job of it starts.
	ItemQuarantined struct {
		Item    ItemRef
		Agent   string
		Problem *order.Problem
	}
	// ItemReleased means: its signer is trusted again.
	ItemReleased struct {
		Item  ItemRef
		Agent string
	}
	// PathControlled ("UnsignedSimpleItemChanged") changes how all versions of
	// a workflow run.
	PathControlled struct{ Control PathControl }
	// WorkflowControlled ("UnsignedItemChanged") changes breakpoints.
	WorkflowControlled struct{ Control WorkflowControl }
	// AgentDedicated means: the Agent with this log belongs to the Controller.
	AgentDedicated struct{ LogID string }
	// AgentCoupled means: commands and events flow.
	AgentCoupled struct{}
	// AgentCouplingFailed means: the Agent can't be reached, or isn't the one known.
	AgentCouplingFailed struct{ Problem *order.Problem }
	// AgentEventsObserved means: the Agent's events up to this id are in this log.
	AgentEventsObserved struct{ UntilEventID int64 }
	// AgentReset means: the operator confirmed that the Agent's old log (LogID) is gone.
	AgentReset struct{ LogID string }
	// AgentReady means: an Agent has begun to work (the Agent's event).
	AgentReady struct{}
	// EventsReleased ("JournalEventsReleased") means: a reader has stored all up to this id.
	EventsReleased struct {
		Reader string
		Until  int64
	}
	// AgentBatchReceived means: the Agent has carried out this batch of commands.
	AgentBatchReceived struct{ Term, Sequence int64 }
	// AgentInitialized is the first event of an Agent's log.
	AgentInitialized struct {
		Agent        string
		LogID        string
		ControllerID string
		Level        string // the security level
	}
)

// Type returns the event's name.
func (*ControllerInitialized) Type() string { return "ControllerInitialized" }

// Type returns the event's name.
func (*ControllerReady) Type() string { return "ControllerReady" }

// Type returns the event's name.
func (*CommandExecuted) Type() string { return "CommandExecuted" }

// Type returns the event's name.
func (*VersionAdded) Type() string { return "VersionAdded" }

// Type returns the event's name, which tells versioned items and changes apart.
func (e *ItemAdded) Type() string {
	switch {
	case e.Item.Kind.Versioned() && e.Changed:
		return "VersionedItemChanged"
	case e.Item.Kind.Versioned():
		return "VersionedItemAdded"
	case e.Changed:
		return "SignedItemChanged"
	default:
		return "SignedItemAdded"
	}
}

// Type returns the event's name.
func (*ItemRemoved) Type() string { return "VersionedItemRemoved" }

// Type returns the event's name.
func (*ItemDeletionMarked) Type() string { return "ItemDeletionMarked" }

// Type returns the event's name.
func (*ItemDeleted) Type() string { return "ItemDeleted" }

// Type returns the event's name.
func (*ItemAttachable) Type() string { return "ItemAttachable" }

// Type returns the event's name.
func (*ItemAttachedToMe) Type() string { return "ItemAttachedToMe" }

// Type returns the event's name.
func (*ItemAttached) Type() string { return "ItemAttached" }

// Type returns the event's name.
func (*ItemDetachable) Type() string { return "ItemDetachable" }

// Type returns the event's name.
func (*ItemDetached) Type() string { return "ItemDetached" }

// Type returns the event's name.
func (*ItemRefused) Type() string { return "ItemRefused" }

// Type returns the event's name.
func (*ItemQuarantined) Type() string { return "ItemQuarantined" }

// Type returns the event's name.
func (*ItemReleased) Type() string { return "ItemReleased" }

// Type returns the event's name.
func (*PathControlled) Type() string { return "UnsignedSimpleItemChanged" }

// Type returns the event's name.
func (*WorkflowControlled) Type() string { return "UnsignedItemChanged" }

// Type returns the event's name.
func (*AgentDedicated) Type() string { return "AgentDedicated" }

// Type returns the event's name.
func (*AgentCoupled) Type() string { return "AgentCoupled" }

// Type returns the event's name.
func (*AgentCouplingFailed) Type() string { return "AgentCouplingFailed" }

// Type returns the event's name.
func (*AgentEventsObserved) Type() string { return "AgentEventsObserved" }

// Type returns the event's name.
func (*AgentReset) Type() string { return "AgentReset" }

// Type returns the event's name.
func (*AgentReady) Type() string { return "AgentReady" }

// Type returns the event's name.
func (*EventsReleased) Type() string { return "JournalEventsReleased" }

// Type returns the event's name.
func (*AgentBatchReceived) Type() string { return "AgentBatchReceived" }

// Type returns the event's name.
func (*AgentInitialized) Type() string { return "AgentInitialized" }

// Walk describes the fields.
func (e *ControllerInitialized) Walk(w codec.Walker) {
	w.Str("controllerId", &e.ControllerID)
	e.Estate.Walk(w)
}

// Walk describes the fields.
func (e *ControllerReady) Walk(w codec.Walker) { w.Int("term", &e.Term) }

// Walk describes the fields.
func (e *CommandExecuted) Walk(w codec.Walker) {
	w.Str("commandId", &e.CommandID)
	w.Str("command", &e.Command)
	codec.Always(w, "by", &e.By)
	w.Str("reply", &e.Reply)
}

// Walk describes the fields.
func (e *VersionAdded) Walk(w codec.Walker) { w.Str("versionId", &e.VersionID) }

// Walk describes the fields.
func (e *ItemAdded) Walk(w codec.Walker) {
	codec.Always(w, "item", &e.Item)
	codec.Always(w, "signed", &e.Document)
	w.Str("signer", &e.Signer)
	w.Bool("changed", &e.Changed)
	codec.Strings(w, "uses", &e.Uses)
}

// Walk describes the fields.
func (e *ItemRemoved) Walk(w codec.Walker) { codec.Always(w, "item", &e.Item) }

// Walk describes the fields.
func (e *ItemDeletionMarked) Walk(w codec.Walker) { codec.Always(w, "item", &e.Item) }

// Walk describes the fields.
func (e *ItemDeleted) Walk(w codec.Walker) { codec.Always(w, "item", &e.Item) }

func walkAttachment(w codec.Walker, ref *ItemRef, agent *string) {
	codec.Always(w, "item", ref)
	w.Str("agentPath", agent)
}

// Walk describes the fields.
func (e *ItemAttachable) Walk(w codec.Walker) { walkAttachment(w, &e.Item, &e.Agent) }

// Walk describes the fields.
func (e *ItemAttachedToMe) Walk(w codec.Walker) {
	codec.Always(w, "item", &e.Item)
	codec.Always(w, "signed", &e.Document)
	w.Str("signer", &e.Signer)
}

// Walk describes the fields.
func (e *ItemAttached) Walk(w codec.Walker) { walkAttachment(w, &e.Item, &e.Agent) }

// Walk describes the fields.
func (e *ItemDetachable) Walk(w codec.Walker) { walkAttachment(w, &e.Item, &e.Agent) }

// Walk describes the fields.
func (e *ItemDetached) Walk(w codec.Walker) { walkAttachment(w, &e.Item, &e.Agent) }

// Walk describes the fields.
func (e *ItemRefused) Walk(w codec.Walker) {
	walkAttachment(w, &e.Item, &e.Agent)
	codec.Opt(w, "problem", &e.Problem)
}

// Walk describes the fields.
func (e *ItemQuarantined) Walk(w codec.Walker) {
	walkAttachment(w, &e.Item, &e.Agent)
	codec.Opt(w, "problem", &e.Problem)
}

// Walk describes the fields.
func (e *ItemReleased) Walk(w codec.Walker) { walkAttachment(w, &e.Item, &e.Agent) }

// Walk describes the fields.
func (e *PathControlled) Walk(w codec.Walker) { codec.Always(w, "item", &e.Control) }

// Walk describes the fields.
func (e *WorkflowControlled) Walk(w codec.Walker) { codec.Always(w, "item", &e.Control) }

// Walk describes the fields.
func (e *AgentDedicated) Walk(w codec.Walker) { w.Str("logId", &e.LogID) }

// Walk describes no fields.
func (*AgentCoupled) Walk(codec.Walker) {}

// Walk describes the fields.
func (e *AgentCouplingFailed) Walk(w codec.Walker) { codec.Opt(w, "problem", &e.Problem) }

// Walk describes the fields.
func (e *AgentEventsObserved) Walk(w codec.Walker) { w.Int("untilEventId", &e.UntilEventID) }

// Walk describes the fields.
func (e *AgentReset) Walk(w codec.Walker) { w.Str("logId", &e.LogID) }

// Walk describes no fields.
func (*AgentReady) Walk(codec.Walker) {}

// Walk describes the fields.
func (e *EventsReleased) Walk(w codec.Walker) {
	w.Str("userId", &e.Reader)
	w.Int("untilEventId", &e.Until)
}

// Walk describes the fields.
func (e *AgentBatchReceived) Walk(w codec.Walker) {
	w.Int("term", &e.Term)
	w.Int("sequence", &e.Sequence)
}

// Walk describes the fields.
func (e *AgentInitialized) Walk(w codec.Walker) {
	w.Str("agentPath", &e.Agent)
	w.Str("logId", &e.LogID)
	w.Str("controllerId", &e.ControllerID)
	w.Str("securityLevel", &e.Level)
}

// PathControl says how all versions of a workflow run (ControlWorkflowPath).
type PathControl struct {
	Path      string
	Suspended bool
	Skip      []string // labels, sorted
	Revision  int64    // event id of the change; 0 in the Controller's event itself
}

// IsEmpty tells whether the control changes nothing.
func (c *PathControl) IsEmpty() bool { return !c.Suspended && len(c.Skip) == 0 }

// Walk describes the fields.
func (c *PathControl) Walk(w codec.Walker) {
	typ := "WorkflowPathControl"
	w.Str("TYPE", &typ)
	w.Str("path", &c.Path)
	w.Bool("suspended", &c.Suspended)
	codec.Strings(w, "skip", &c.Skip)
	w.Int("itemRevision", &c.Revision)
}

// WorkflowControl holds the breakpoints of one version (ControlWorkflow).
type WorkflowControl struct {
	Workflow    workflow.ID
	Breakpoints []workflow.Position // normalized, sorted by text
	Revision    int64               // event id of the change; 0 in the Controller's event itself
}

// IsEmpty tells whether the control changes nothing.
func (c *WorkflowControl) IsEmpty() bool { return len(c.Breakpoints) == 0 }

// Walk describes the fields.
func (c *WorkflowControl) Walk(w codec.Walker) {
	typ := "WorkflowControl"
	w.Str("TYPE", &typ)
	w.Obj("id", true, func(w codec.Walker) {
		w.Str("path", &c.Workflow.Path)
		w.Str("versionId", &c.Workflow.VersionID)
	})
	codec.Positions(w, "breakpoints", &c.Breakpoints)
	w.Int("itemRevision", &c.Revision)
}
