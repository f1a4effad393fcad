package cockpit

import (
	"cmp"
	"slices"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func sorted(problems []fault.Problem) []fault.Problem {
	slices.SortFunc(problems, func(a, b fault.Problem) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Message, b.Message))
	})
	return problems
}

func problemOf(p *ProblemInfo) *api.ObjectProblem {
	if p == nil {
		return nil
	}
	return &api.ObjectProblem{Code: p.Code, Message: p.Message}
}

func problemOfError(err error) *api.ObjectProblem {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	return &api.ObjectProblem{Code: f.Code, Message: f.Public()}
}

func (k *call) listWorkflows() error {
	q := k.query("controller", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.WorkflowSummary](q)
	if err != nil {
		return err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	after, err := readCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	all, err := h.controller.Workflows(k.r.Context(), after, limit+1)
	if err != nil {
		return err
	}
	out := api.Workflows{Workflows: []api.WorkflowSummary{}}
	for i := range all {
		w := &all[i]
		if after != "" && w.Path <= after {
			continue // the Controller is of a version that gives all
		}
		if len(out.Workflows) == limit {
			out.Cursor = writeCursor(out.Workflows[limit-1].Path)
			break
		}
		out.Workflows = append(out.Workflows, api.WorkflowSummary{
			Path: w.Path, VersionId: w.VersionID, Suspended: w.Suspended, Skip: w.Skip, Orders: w.Orders, Signer: w.Signer, Quarantine: problemOf(w.Quarantine),
		})
	}
	return k.answerFields(out, "workflows", fields)
}

func (k *call) getWorkflow() error {
	q := k.query("controller", "path", "versionId")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	if q.text("path") == "" {
		return fault.New(fault.Invalid, "InvalidQuery", "the parameter path is missing")
	}
	w, err := h.controller.Workflow(k.r.Context(), q.text("path"), q.text("versionId"))
	if err != nil {
		return err
	}
	out := api.Workflow{
		Path: w.Path, VersionId: w.VersionID, Document: w.Document, Signer: w.Signer, Versions: notNil(w.Versions), Suspended: w.Suspended,
		Skip: notNil(w.Skip), Breakpoints: notNil(w.Breakpoints), Orders: w.Orders, Quarantine: problemOf(w.Quarantine),
		Parameters: []api.Parameter{}, AllowUndeclared: true,
	}
	if parsed, err := workflow.Parse([]byte(w.Document)); err == nil && parsed.Preparation != nil {
		out.AllowUndeclared = parsed.Preparation.AllowUndeclared
		out.Parameters = parametersOf(parsed.Preparation)
	}
	return k.answer(out)
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func parametersOf(p *workflow.OrderPreparation) []api.Parameter {
	all := []api.Parameter{}
	for i := range p.Parameters {
		q := &p.Parameters[i]
		out := api.Parameter{Name: q.Name, Type: q.Type.AppendJSON(nil), Required: q.Required(), Final: q.Final != nil}
		if q.Default != nil {
			out.Default = q.Default.String()
		}
		all = append(all, out)
	}
	return all
}

func (k *call) controlWorkflow() error {
	in, err := decode[api.ControlWorkflowRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	b := &engine.ControlWorkflowPath{Path: in.Path, Suspend: in.Suspend}
	for _, s := range in.Skip {
		b.Skip = append(b.Skip, engine.SkipLabel{Label: s.Label, Skip: s.Skip})
	}
	return k.carryOut(h, b, []string{"Workflow:" + clip(in.Path)}, in.Reason)
}

func (k *call) changeBreakpoints() error {
	in, err := decode[api.BreakpointsRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	b := &engine.ControlWorkflow{Workflow: workflow.ID{Path: in.Path, VersionID: in.VersionId}}
	if b.AddBreakpoints, err = positions(in.Add, "$.add"); err != nil {
		return err
	}
	if b.RemoveBreakpoints, err = positions(in.Remove, "$.remove"); err != nil {
		return err
	}
	return k.carryOut(h, b, []string{"Workflow:" + clip(in.Path)}, in.Reason)
}

func (k *call) transferOrders() error {
	in, err := decode[api.TransferOrdersRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	b := &engine.TransferOrders{Workflow: workflow.ID{Path: in.Workflow, VersionID: in.VersionId}}
	return k.carryOut(h, b, []string{"Workflow:" + clip(in.Workflow)}, in.Reason)
}
