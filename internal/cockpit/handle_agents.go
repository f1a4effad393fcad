package cockpit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
)

func agentOf(a *AgentInfo, published []bulletin.Entry) api.Agent {
	out := api.Agent{
		Name: a.Path, Uri: a.URI, Disabled: a.Disabled, ProcessLimit: a.ProcessLimit, Coupled: a.Coupled, Problem: problemOf(a.Problem),
		Orders: a.Orders, Running: a.Running,
	}
	if r := a.Report; r != nil {
		out.Version, out.Since, out.Heard, out.CertificateEnds = r.Version, r.Since, a.Heard, certificateEnd(r.Certificates)
		out.Behind, out.PolicyVersion = behindWith(r.Trust, published), policyVersion(r.Trust)
	}
	return out
}

func (k *call) listAgents() error {
	q := k.query("controller", "known")
	last := q.flag("known")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	out := api.Agents{Agents: []api.Agent{}}
	var all []AgentInfo
	if last {
		var problem error
		all, out.AsOf, problem = h.known.listAgents(k.r.Context())
		out.Problem = problemOfError(problem)
	} else if all, err = h.controller.Agents(k.r.Context()); err != nil {
		return err
	}
	published := k.forAgents(h)
	for i := range all {
		out.Agents = append(out.Agents, agentOf(&all[i], published))
	}
	return k.answer(out)
}

func (k *call) getAgent() error {
	h, err := k.named()
	if err != nil {
		return err
	}
	all, err := h.controller.Agents(k.r.Context())
	if err != nil {
		return err
	}
	name := k.r.PathValue("name")
	for i := range all {
		if all[i].Path == name {
			return k.answer(agentOf(&all[i], k.forAgents(h)))
		}
	}
	return fault.New(fault.NotFound, "UnknownAgent", "there is no Agent %q", clip(name)).About("Agent:" + clip(name))
}

func (k *call) addAgent() error {
	in, err := decode[api.AddAgentRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	key := item.Key{Kind: item.KindAgentRef, Path: in.Name}
	if err := key.Check(); err != nil {
		return err
	}
	doc, err := json.Marshal(struct {
		Type         string `json:"TYPE"`
		Path         string `json:"path"`
		URI          string `json:"uri"`
		ProcessLimit *int64 `json:"processLimit,omitempty"`
		Disabled     bool   `json:"disabled,omitempty"`
	}{string(item.KindAgentRef), in.Name, in.Uri, in.ProcessLimit, in.Disabled})
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "the Agent's document can't be encoded")
	}
	objects := []objectfile.Object{{Key: key, File: objectfile.FileOf(key), Bytes: doc}}
	if problems := objectfile.Validate(objects); len(problems) > 0 {
		return invalidObjects(problems)
	}
	if _, err := k.deployObjects(h, rand.Text(), objects, nil, in.Reason); err != nil {
		return err
	}
	return k.done()
}

func (k *call) resetAgent() error {
	in, err := decode[api.ResetAgentRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	name := k.r.PathValue("name")
	return k.carryOut(h, &engine.ResetAgent{Agent: name}, []string{"Agent:" + clip(name)}, in.Reason)
}

func (k *call) getControllerStatus() error {
	out := api.ControllersStatus{Controllers: make([]api.ControllerStatus, len(k.histories))}
	var wg sync.WaitGroup
	for i, h := range k.histories {
		wg.Go(func() { out.Controllers[i] = k.statusOf(k.r.Context(), h) })
	}
	wg.Wait()
	return k.answer(out)
}

func (c *Cockpit) statusOf(ctx context.Context, h *history) api.ControllerStatus {
	event, problem := h.follower.status()
	out := api.ControllerStatus{Id: h.id, Members: []api.Member{}, History: api.HistoryStatus{EventId: event, Problem: problemOfError(problem)}}
	s, err := h.controller.Status(ctx)
	if err != nil {
		out.Problem = problemOfError(err)
		var members []MemberInfo
		members, out.AsOf = h.known.lastMembers()
		for _, m := range members {
			out.Members = append(out.Members, c.memberOf(h, MemberInfo{Name: m.Name, URL: m.URL, State: "unreachable"}))
		}
		return out
	}
	h.known.keepStatus(s)
	out.Leader, out.Term, out.LastEventId = s.Leader, s.Term, s.LastEventID
	if s.OutOfSpace {
		out.Problem = &api.ObjectProblem{Code: "OutOfSpace", Message: "the disk of " + s.Name + " is full: it accepts nothing until there is space"}
	}
	for _, m := range s.Members {
		out.Members = append(out.Members, c.memberOf(h, m))
	}
	return out
}

// memberOf tells of a member, with what it has told of itself last.
func (c *Cockpit) memberOf(h *history, m MemberInfo) api.Member {
	out := api.Member{Name: m.Name, Role: m.Role, Url: m.URL, State: m.State}
	if r, ok := h.known.memberReports()[m.Name]; ok {
		out.Version, out.Since, out.Heard, out.CertificateEnds = r.Version, r.Since, r.at, certificateEnd(r.Certificates)
		out.Behind, out.PolicyVersion = behindWith(r.Trust, c.forMembers()), policyVersion(r.Trust)
	}
	return out
}
