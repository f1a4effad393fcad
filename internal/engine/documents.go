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
// used the first time since the trust set has changed; one that fails is
// quarantined by an event, and nothing of it runs. Outside of a transaction
// (a look of an operator, perhaps at a follower) nothing is decided.
func (m *machine) document(ref ItemRef) (item.Item, error) {
	key := ref.String()
	if p := m.rules.refusal(key); p != nil {
		return nil, fault.New(fault.Untrusted, p.Code, "%s was refused: %s", key, p.Message)
	}
	it, ok := m.items.get(key)
	if !ok {
		return nil, fault.New(fault.NotFound, "UnknownKey", "%s is not known here", key)
	}
	if it.Quarantine != nil {
		return nil, fault.New(fault.Untrusted, it.Quarantine.Code, "%s is quarantined: %s", key, it.Quarantine.Message)
	}
	if doc, ok := m.parsed.get(key); ok {
		return doc, nil
	}
	v, err := m.verify(it)
	if err != nil {
		m.emit("", &ItemQuarantined{Item: it.Ref, Agent: m.cfg.Agent, Problem: order.ProblemOf(err)})
		return nil, err
	}
	doc, err := item.ParseAs(it.Ref.Key(), it.Ref.VersionID, []byte(v.Text))
	if err != nil {
		return nil, err
	}
	m.parsed.put(key, doc)
	return doc, nil
}

// maxParsed bounds the documents that are kept parsed.
const maxParsed = 4096

// parsedCache holds documents that were verified against the trust set in
// force: the younger half, and the older one, which is forgotten when the
// younger is full.
type parsedCache struct{ young, old map[string]item.Item }

func (p *parsedCache) get(key string) (item.Item, bool) {
	if doc, ok := p.young[key]; ok {
		return doc, true
	}
	doc, ok := p.old[key]
	if ok {
		p.put(key, doc)
	}
	return doc, ok
}

func (p *parsedCache) put(key string, doc item.Item) {
	if p.young == nil || len(p.young) >= maxParsed {
		p.young, p.old = map[string]item.Item{}, p.young
	}
	p.young[key] = doc
}

func (p *parsedCache) forget(key string) {
	delete(p.young, key)
	delete(p.old, key)
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

// verifiedAtOnce is how many documents are verified in one transaction after
// the trust set has changed.
const verifiedAtOnce = 500

// trustChanged makes every document be verified again before it is used. Those
// that nobody uses meanwhile follow bit by bit, here and with the next Ticks.
func (m *machine) trustChanged() {
	m.parsed = parsedCache{}
	m.unverified = m.items.keys()
	m.reverify()
}

// reverify verifies the next documents: what is trusted no longer is
// quarantined, what is trusted again is released.
func (m *machine) reverify() {
	n := min(verifiedAtOnce, len(m.unverified))
	for _, key := range m.unverified[:n] {
		it, ok := m.items.get(key)
		if !ok {
			continue
		}
		_, err := m.verify(it)
		switch {
		case err != nil && it.Quarantine == nil:
			m.emit("", &ItemQuarantined{Item: it.Ref, Agent: m.cfg.Agent, Problem: order.ProblemOf(err)})
		case err == nil && it.Quarantine != nil:
			m.emit("", &ItemReleased{Item: it.Ref, Agent: m.cfg.Agent})
			m.unhold(it.Ref)
		}
	}
	m.unverified = m.unverified[n:]
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
func (m *machine) addItem(it *Item) { m.items.set(it.Ref.String(), it) }

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
