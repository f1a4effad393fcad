package engine

import (
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Command is what somebody asks of a Controller (section 5.6 of the
// reference). ID makes its repetition harmless; By says who asks.
type Command struct {
	ID   string
	By   order.Actor
	Body CommandBody
}

// CommandBody is the command itself.
type CommandBody interface {
	codec.Fielder
	Type() string
}

// The commands of users.
type (
	// FreshOrder is an order to be added (section 5.1).
	FreshOrder struct {
		ID                   order.ID
		WorkflowPath         string
		Arguments            value.Map
		ScheduledFor         int64
		Priority             int64
		DeleteWhenTerminated bool
		InnerBlock           workflow.Block
		StartPosition        *workflow.Position
		StopPositions        []workflow.Position
	}
	// AddOrders adds orders, all or none; an id that exists is passed over.
	AddOrders struct{ Orders []FreshOrder }
	// CancelOrders ends orders. Deep takes their child orders along.
	CancelOrders struct {
		OrderIDs []string
		Mode     order.CancelMode
		Deep     bool
	}
	// SuspendOrders holds orders back.
	SuspendOrders struct {
		OrderIDs []string
		Mode     order.SuspendMode
		Deep     bool
	}
	// ResumeOrders lets orders go on; a position, history operations and
	// arguments are for one order only.
	ResumeOrders struct {
		OrderIDs   []string
		Resumption order.Resumption
		Deep       bool
	}
	// GoOrder ends the waiting of an order at a position.
	GoOrder struct {
		OrderID  order.ID
		Position workflow.Position
	}
	// DeleteOrders ("DeleteOrdersWhenTerminated") forgets orders once they have ended.
	DeleteOrders struct{ OrderIDs []string }
	// TransferOrders brings all orders of a version to the newest one.
	TransferOrders struct{ Workflow workflow.ID }
	// ControlWorkflowPath suspends a workflow, or skips labels.
	ControlWorkflowPath struct {
		Path    string
		Suspend *bool
		Skip    []SkipLabel
	}
	// SkipLabel switches the skipping of one label.
	SkipLabel struct {
		Label string
		Skip  bool
	}
	// ControlWorkflow sets and removes breakpoints of a version.
	ControlWorkflow struct {
		Workflow          workflow.ID
		AddBreakpoints    []workflow.Position
		RemoveBreakpoints []workflow.Position
	}
	// ChangeOrder gives an order another priority.
	ChangeOrder struct {
		OrderID  order.ID
		Priority int64
	}
	// ReleaseEvents means: a reader has stored all events up to this one.
	ReleaseEvents struct {
		Reader string
		Until  int64
	}
	// ResetAgent confirms that what an Agent's lost log knew is gone.
	ResetAgent struct{ Agent string }
	// TakeSnapshot writes a snapshot now; the shell carries it out.
	TakeSnapshot struct{}
	// UpdateItems deploys and removes documents, all or nothing. The shell has
	// verified and parsed them.
	UpdateItems struct {
		Release *NewRelease // that the documents come with, or nil
		Add     []NewItem
		Remove  []item.Key
	}
	// NewRelease is a verified release.
	NewRelease struct {
		Document Document
		Signer   string
		Manifest *release.Manifest
	}
	// NewItem is a verified document to be deployed.
	NewItem struct {
		Document Document
		Signer   string
		Item     item.Item
		Ref      ItemRef
	}
)

// Type returns the command's name.
func (*AddOrders) Type() string { return "AddOrders" }

// Type returns the command's name.
func (*CancelOrders) Type() string { return "CancelOrders" }

// Type returns the command's name.
func (*SuspendOrders) Type() string { return "SuspendOrders" }

// Type returns the command's name.
func (*ResumeOrders) Type() string { return "ResumeOrders" }

// Type returns the command's name.
func (*GoOrder) Type() string { return "GoOrder" }

// Type returns the command's name.
func (*DeleteOrders) Type() string { return "DeleteOrdersWhenTerminated" }

// Type returns the command's name.
func (*TransferOrders) Type() string { return "TransferOrders" }

// Type returns the command's name.
func (*ControlWorkflowPath) Type() string { return "ControlWorkflowPath" }

// Type returns the command's name.
func (*ControlWorkflow) Type() string { return "ControlWorkflow" }

// Type returns the command's name.
func (*ChangeOrder) Type() string { return "ChangeOrder" }

// Type returns the command's name.
func (*ReleaseEvents) Type() string { return "ReleaseEvents" }

// Type returns the command's name.
func (*ResetAgent) Type() string { return "ResetAgent" }

// Type returns the command's name.
func (*TakeSnapshot) Type() string { return "TakeSnapshot" }

// Type returns the command's name.
func (*UpdateItems) Type() string { return "UpdateItems" }

// commandTypes lists the commands that come as JSON.
var commandTypes = map[string]func() CommandBody{
	"AddOrders":                  func() CommandBody { return &AddOrders{} },
	"CancelOrders":               func() CommandBody { return &CancelOrders{} },
	"SuspendOrders":              func() CommandBody { return &SuspendOrders{} },
	"ResumeOrders":               func() CommandBody { return &ResumeOrders{} },
	"GoOrder":                    func() CommandBody { return &GoOrder{} },
	"DeleteOrdersWhenTerminated": func() CommandBody { return &DeleteOrders{} },
	"TransferOrders":             func() CommandBody { return &TransferOrders{} },
	"ControlWorkflowPath":        func() CommandBody { return &ControlWorkflowPath{} },
	"ControlWorkflow":            func() CommandBody { return &ControlWorkflow{} },
	"ChangeOrder":                func() CommandBody { return &ChangeOrder{} },
	"ReleaseEvents":              func() CommandBody { return &ReleaseEvents{} },
	"ResetAgent":                 func() CommandBody { return &ResetAgent{} },
	"TakeSnapshot":               func() CommandBody { return &TakeSnapshot{} },
}

// Walk describes the fields: {"TYPE", "commandId", "by", ...}.
func (c *Command) Walk(w codec.Walker) {
	var typ string
	if c.Body != nil {
		typ = c.Body.Type()
	}
	w.Str("TYPE", &typ)
	w.Str("commandId", &c.ID)
	codec.Always(w, "by", &c.By)
	if w.Reading() {
		f, ok := commandTypes[typ]
		if !ok {
			w.Fail(fault.New(fault.Invalid, "UnknownCommand", "unknown command %q", typ))
			return
		}
		c.Body = f()
	}
	c.Body.Walk(w)
}

// ReadCommand reads a command from its JSON.
func ReadCommand(data []byte, limits strictjson.Limits) (Command, error) {
	n, err := strictjson.Parse(data, limits)
	if err != nil {
		return Command{}, err
	}
	var c Command
	return c, codec.ReadJSON(n, "$", &c)
}

// Walk describes the fields.
func (o *FreshOrder) Walk(w codec.Walker) {
	codec.Text(w, "id", &o.ID)
	w.Str("workflowPath", &o.WorkflowPath)
	w.Map("arguments", &o.Arguments)
	w.Int("scheduledFor", &o.ScheduledFor)
	w.Int("priority", &o.Priority)
	w.Bool("deleteWhenTerminated", &o.DeleteWhenTerminated)
	w.Block("innerBlock", &o.InnerBlock)
	w.OptPos("startPosition", &o.StartPosition)
	codec.Positions(w, "stopPositions", &o.StopPositions)
}

// Walk describes the fields.
func (c *AddOrders) Walk(w codec.Walker) { codec.List(w, "orders", &c.Orders) }

// Walk describes the fields.
func (c *CancelOrders) Walk(w codec.Walker) {
	codec.Strings(w, "orderIds", &c.OrderIDs)
	w.Obj("mode", true, c.Mode.Walk)
	w.Bool("deep", &c.Deep)
}

// Walk describes the fields.
func (c *SuspendOrders) Walk(w codec.Walker) {
	codec.Strings(w, "orderIds", &c.OrderIDs)
	w.Obj("mode", true, c.Mode.Walk)
	w.Bool("deep", &c.Deep)
}

// Walk describes the fields.
func (c *ResumeOrders) Walk(w codec.Walker) {
	codec.Strings(w, "orderIds", &c.OrderIDs)
	c.Resumption.Walk(w)
	w.Bool("deep", &c.Deep)
}

// Walk describes the fields.
func (c *GoOrder) Walk(w codec.Walker) {
	codec.Text(w, "orderId", &c.OrderID)
	w.Pos("position", &c.Position)
}

// Walk describes the fields.
func (c *DeleteOrders) Walk(w codec.Walker) { codec.Strings(w, "orderIds", &c.OrderIDs) }

func walkWorkflowID(w codec.Walker, name string, id *workflow.ID) {
	w.Obj(name, true, func(w codec.Walker) {
		w.Str("path", &id.Path)
		w.Str("versionId", &id.VersionID)
	})
}

// Walk describes the fields.
func (c *TransferOrders) Walk(w codec.Walker) { walkWorkflowID(w, "workflowId", &c.Workflow) }

// Walk describes the fields.
func (c *ControlWorkflowPath) Walk(w codec.Walker) {
	w.Str("workflowPath", &c.Path)
	w.OptBool("suspend", &c.Suspend)
	codec.List(w, "skip", &c.Skip)
}

// Walk describes the fields.
func (s *SkipLabel) Walk(w codec.Walker) {
	w.Str("label", &s.Label)
	w.Bool("skip", &s.Skip)
}

// Walk describes the fields.
func (c *ControlWorkflow) Walk(w codec.Walker) {
	walkWorkflowID(w, "workflowId", &c.Workflow)
	codec.Positions(w, "addBreakpoints", &c.AddBreakpoints)
	codec.Positions(w, "removeBreakpoints", &c.RemoveBreakpoints)
}

// Walk describes the fields.
func (c *ChangeOrder) Walk(w codec.Walker) {
	codec.Text(w, "orderId", &c.OrderID)
	w.Int("priority", &c.Priority)
}

// Walk describes the fields.
func (c *ReleaseEvents) Walk(w codec.Walker) {
	w.Str("userId", &c.Reader)
	w.Int("untilEventId", &c.Until)
}

// Walk describes the fields.
func (c *ResetAgent) Walk(w codec.Walker) { w.Str("agentPath", &c.Agent) }

// Walk describes no fields.
func (*TakeSnapshot) Walk(codec.Walker) {}

// Walk describes no fields: documents come by their own route.
func (*UpdateItems) Walk(codec.Walker) {}
