package engine

import (
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
)

// AgentCommand is what a Controller asks of an Agent.
type AgentCommand interface {
	codec.Fielder
	code() uint8
}

// The commands to an Agent (section 6.8 of the reference).
type (
	// AttachItem gives a signed document; the Agent verifies it itself.
	AttachItem struct {
		Item     ItemRef
		Document Document

		// Verdict is set by the Agent's shell, never sent.
		Verdict *Verdict
	}
	// Verdict is what the shell found out about a document.
	Verdict struct {
		Signer  string
		Problem *order.Problem
	}
	// DetachItem takes a document back.
	DetachItem struct{ Item ItemRef }
	// AttachPathControl gives how all versions of a workflow run.
	AttachPathControl struct{ Control PathControl }
	// AttachWorkflowControl gives the breakpoints of a version.
	AttachWorkflowControl struct{ Control WorkflowControl }
	// AttachOrder hands an order over.
	AttachOrder struct{ Order *order.Order }
	// DetachOrder takes an order back that the Agent has made detachable.
	DetachOrder struct{ OrderID order.ID }
	// MarkOrder passes a mark on.
	MarkOrder struct {
		OrderID order.ID
		Mark    order.Mark
	}
	// ConfirmEvents means: the Controller has the Agent's events up to this one.
	ConfirmEvents struct{ Until int64 }
)

func (*AttachItem) code() uint8            { return 1 }
func (*DetachItem) code() uint8            { return 2 }
func (*AttachPathControl) code() uint8     { return 3 }
func (*AttachWorkflowControl) code() uint8 { return 4 }
func (*AttachOrder) code() uint8           { return 5 }
func (*DetachOrder) code() uint8           { return 6 }
func (*MarkOrder) code() uint8             { return 7 }
func (*ConfirmEvents) code() uint8         { return 8 }

var agentCommands = map[uint8]func() AgentCommand{
	1: func() AgentCommand { return &AttachItem{} },
	2: func() AgentCommand { return &DetachItem{} },
	3: func() AgentCommand { return &AttachPathControl{} },
	4: func() AgentCommand { return &AttachWorkflowControl{} },
	5: func() AgentCommand { return &AttachOrder{Order: &order.Order{}} },
	6: func() AgentCommand { return &DetachOrder{} },
	7: func() AgentCommand { return &MarkOrder{} },
	8: func() AgentCommand { return &ConfirmEvents{} },
}

// Walk describes the fields.
func (c *AttachItem) Walk(w codec.Walker) {
	codec.Always(w, "item", &c.Item)
	codec.Always(w, "signed", &c.Document)
}

// Walk describes the fields.
func (c *DetachItem) Walk(w codec.Walker) { codec.Always(w, "item", &c.Item) }

// Walk describes the fields.
func (c *AttachPathControl) Walk(w codec.Walker) { codec.Always(w, "item", &c.Control) }

// Walk describes the fields.
func (c *AttachWorkflowControl) Walk(w codec.Walker) { codec.Always(w, "item", &c.Control) }

// Walk describes the fields.
func (c *AttachOrder) Walk(w codec.Walker) { order.WalkWhole(w, c.Order) }

// Walk describes the fields.
func (c *DetachOrder) Walk(w codec.Walker) { codec.Text(w, "orderId", &c.OrderID) }

// Walk describes the fields.
func (c *MarkOrder) Walk(w codec.Walker) {
	codec.Text(w, "orderId", &c.OrderID)
	codec.Always(w, "mark", &c.Mark)
}

// Walk describes the fields.
func (c *ConfirmEvents) Walk(w codec.Walker) { w.Int("untilEventId", &c.Until) }

// AgentBatch is a numbered batch of commands. An Agent refuses a lower term,
// and passes over a sequence number it has seen.
type AgentBatch struct {
	ControllerID string
	LogID        string // of the Agent, as the Controller knows it
	Term         int64
	Sequence     int64
	Commands     []AgentCommand
	Estate       Estate // of the Controller
}

// Walk describes the fields.
func (b *AgentBatch) Walk(w codec.Walker) {
	w.Str("controllerId", &b.ControllerID)
	w.Str("logId", &b.LogID)
	w.Int("term", &b.Term)
	w.Int("sequence", &b.Sequence)
	if w.Reading() {
		b.Commands = nil
	}
	w.List("commands", len(b.Commands), func(w codec.Walker, i int) {
		var code uint8
		if !w.Reading() {
			code = b.Commands[i].code()
		}
		codec.Number(w, "", &code)
		if w.Reading() {
			f, ok := agentCommands[code]
			if !ok {
				w.Fail(fault.New(fault.Invalid, "UnknownCommand", "unknown Agent command number %d", code))
				return
			}
			b.Commands = append(b.Commands, f())
			i = len(b.Commands) - 1
		}
		if !w.Obj("", true, b.Commands[i].Walk) {
			w.Fail(fault.New(fault.Invalid, "InvalidJson", "the command's fields are missing"))
		}
	})
	w.Obj("estate", b.Estate != (Estate{}), b.Estate.Walk)
}
