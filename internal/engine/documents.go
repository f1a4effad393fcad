package engine

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// workflowRef names a version of a workflow.
func workflowRef(id workflow.ID) ItemRef {
	return ItemRef{Kind: item.KindWorkflow, Path: id.Path, VersionID: id.VersionID}
}

func workflowID(r ItemRef) workflow.ID { return workflow.ID{Path: r.Path, VersionID: r.VersionID} }

// document returns the parsed document behind ref. It is verified when it is
// used the first time in a trust epoch; one that fails is quarantined by an
// event, and nothing of it runs.
func (m *machine) document(ref ItemRef) (item.Item, error) {
	key := ref.String()
	it, ok := m.items.get(key)
	if !ok {
		return nil, fault.New(fault.NotFound, "UnknownKey", "%s is not known here", key)
	}
	if it.Quarantine != nil {
		return nil, fault.New(fault.Untrusted, it.Quarantine.Code, "%s is quarantined: %s", key, it.Quarantine.Message)
	}
	if p, ok := m.parsed[key]; ok && p.epoch == m.epoch {
		return p.item, p.err
	}
	v, err := m.cfg.Verifier.Verify(it.Document, it.Added/1000)
	if err != nil {
		m.emit("", &ItemQuarantined{Item: it.Ref, Agent: m.cfg.Agent, Problem: order.ProblemOf(err)})
		return nil, err
	}
	doc, err := item.ParseAs(it.Ref.Key(), it.Ref.VersionID, []byte(v.Text))
	m.parsed[key] = parsed{m.epoch, doc, err}
	return doc, err
}

// workflow returns the parsed workflow.
func (m *machine) workflow(id workflow.ID) (*workflow.Workflow, error) {
	doc, err := m.document(workflowRef(id))
	if err != nil {
		return nil, err
	}
	w, ok := doc.(item.Workflow)
	if !ok {
		return nil, fault.New(fault.Internal, "InternalError", "%s is no workflow", id)
	}
	return w.Workflow, nil
}

func (m *machine) jobResource(path string) (*item.JobResource, error) {
	doc, err := m.document(ItemRef{Kind: item.KindJobResource, Path: path})
	if err != nil {
		return nil, err
	}
	r, ok := doc.(*item.JobResource)
	if !ok {
		return nil, fault.New(fault.Internal, "InternalError", "%s is no job resource", path)
	}
	return r, nil
}

func (m *machine) agentRef(path string) (*item.AgentRef, error) {
	doc, err := m.document(ItemRef{Kind: item.KindAgentRef, Path: path})
	if err != nil {
		return nil, err
	}
	a, ok := doc.(*item.AgentRef)
	if !ok {
		return nil, fault.New(fault.Internal, "InternalError", "%s is no Agent", path)
	}
	return a, nil
}

// trustChanged begins a new trust epoch: every document is verified again
// before it is used. failed names those that the shell found to be no longer
// trusted; all others in quarantine that pass are released.
func (m *machine) trustChanged() {
	m.epoch++
	clear(m.parsed)
	for _, key := range m.items.keys() {
		it := m.items.m[key]
		_, err := m.cfg.Verifier.Verify(it.Document, it.Added/1000)
		switch {
		case err != nil && it.Quarantine == nil:
			m.emit("", &ItemQuarantined{Item: it.Ref, Agent: m.cfg.Agent, Problem: order.ProblemOf(err)})
		case err == nil && it.Quarantine != nil:
			m.emit("", &ItemReleased{Item: it.Ref, Agent: m.cfg.Agent})
		}
	}
	m.touchAll()
}

// touchAll lets every order that is here look again whether it can go on.
func (m *machine) touchAll() {
	for _, id := range m.orders.keys() {
		if o := m.orders.m[id]; m.rules.mine(o) && !o.State.Terminated() {
			m.touch(id)
		}
	}
}

// quarantine folds ItemQuarantined and ItemReleased.
func (m *machine) quarantine(ref ItemRef, p *order.Problem) {
	if it, ok := m.items.get(ref.String()); ok {
		c := *it
		c.Quarantine = p
		m.items.set(ref.String(), &c)
	}
}

// addItem folds the arrival of a document.
func (m *machine) addItem(ref ItemRef, d Document, signer string, id int64) {
	if !ref.Kind.Versioned() {
		ref.Revision = id
	}
	m.items.set(ref.String(), &Item{Ref: ref, Document: d, Signer: signer, Added: id})
	delete(m.parsed, ref.String())
}

// known remembers a document that the shell has just verified and parsed.
func (m *machine) known(ref ItemRef, doc item.Item) {
	m.parsed[ref.String()] = parsed{epoch: m.epoch, item: doc}
}

// jobResourceValue returns a variable of a job resource, or all as an object.
func (m *machine) jobResourceValue(s *scope, path, name string) (value.Value, bool, error) {
	r, err := m.jobResource(path)
	if err != nil {
		return nil, false, err
	}
	rs := &resourceScope{scope: s, resource: r}
	if name != "" {
		return rs.Value(name)
	}
	all := make(map[string]value.Value, len(r.Variables))
	for _, v := range r.Variables {
		x, err := v.Expr.Eval(rs)
		if err != nil {
			return nil, false, err
		}
		all[v.Name] = x
	}
	return value.NewObject(all), true, nil
}
