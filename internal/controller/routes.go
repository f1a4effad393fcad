package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// The bounds of requests, in bytes.
const (
	maxCommandBody = 64 << 20
	maxItemBody    = 512 << 20
)

// leaderHeader names the leader's URL in the answer of a member that isn't.
const leaderHeader = "Signet-Leader"

// routes is everything that a Controller answers, and to whom.
func (c *Controller) routes() []transport.Route {
	cockpit, member := []pki.Role{pki.RoleCockpit}, []pki.Role{pki.RoleController}
	const api = "/controller/api"
	return c.leveled(append([]transport.Route{
		{Method: "POST", Pattern: api + "/command", Roles: cockpit, MaxBody: maxCommandBody, Handler: c.postCommand},
		{Method: "POST", Pattern: api + "/item", Roles: cockpit, MaxBody: maxItemBody, Handler: c.postItems},
		{Method: "GET", Pattern: api + "/release", Roles: cockpit, Handler: c.getRelease},
		{Method: "GET", Pattern: api + "/event", Roles: cockpit, Handler: c.getEvents},
		{Method: "GET", Pattern: api + "/order", Roles: cockpit, Handler: c.getOrders},
		{Method: "GET", Pattern: api + "/order/{id}", Roles: cockpit, Handler: c.getOrder},
		{Method: "GET", Pattern: api + "/workflow", Roles: cockpit, Handler: c.getWorkflows},
		{Method: "GET", Pattern: api + "/item", Roles: cockpit, Handler: c.getItems},
		{Method: "GET", Pattern: api + "/agent", Roles: cockpit, Handler: c.getAgents},
		{Method: "GET", Pattern: api + "/agent/{agent}/task/{task}/log", Roles: cockpit, Handler: c.getTaskLog},
		{Method: "GET", Pattern: api + "/agent/{agent}/activity", Roles: cockpit, Handler: c.getAgentActivity},
		{Method: "GET", Pattern: api + "/agent/{agent}/log", Roles: cockpit, Handler: c.getAgentLog},
		{Method: "GET", Pattern: api + "/log", Roles: cockpit, Handler: c.getLog},
		{Method: "POST", Pattern: api + "/agent/{agent}/logs", Roles: cockpit, MaxBody: maxLogsBody, Handler: c.postTaskLogs},
		{Method: "POST", Pattern: api + "/bulletin", Roles: cockpit, MaxBody: bulletin.MaxDelivery, Handler: c.postBulletin},
		{Method: "GET", Pattern: api + "/backup", Roles: cockpit, Handler: c.getBackup},
		{Method: "GET", Pattern: api + "/status", Roles: cockpit, Handler: c.getStatus},
		{Method: "POST", Pattern: api + "/raft", Roles: member, MaxBody: maxPeerBody, Handler: c.receive},
		{Method: "POST", Pattern: api + "/raft/snapshot", Roles: member, MaxBody: 1 << 40, Handler: c.receiveSnapshot},
	}, c.renewalRoutes(api, cockpit)...))
}

// leveled has a Cockpit with a lower security level than this Controller's refused:
// what it would deploy was signed with less care than is asked for here.
func (c *Controller) leveled(routes []transport.Route) []transport.Route {
	for i := range routes {
		if !slices.Contains(routes[i].Roles, pki.RoleCockpit) {
			continue
		}
		handle := routes[i].Handler
		routes[i].Handler = func(w http.ResponseWriter, r *http.Request) {
			if level := r.Header.Get(transport.LevelHeader); c.estate().Below(level) {
				c.problem(w, fault.New(fault.Forbidden, "SecurityLevelTooLow",
					"this Controller has the security level %s and answers no Cockpit with a lower one (%s)", c.estate().Level, cmp.Or(level, "low")))
				return
			}
			handle(w, r)
		}
	}
	return routes
}

// problem answers with an error; one about leadership names the leader.
func (c *Controller) problem(w http.ResponseWriter, err error) {
	if fault.HasCode(err, "NotLeader") {
		if m, ok := c.memberByID(c.node.Status().Leader); ok && m.ID != c.self.ID {
			w.Header().Set(leaderHeader, m.URL)
		}
	}
	transport.WriteProblem(w, err)
}

// look has the machine look something up, and waits until what the answer rests
// on is committed.
func (c *Controller) look(ctx context.Context, f func(e *engine.Controller) (any, error)) (any, error) {
	return ledger.Look(ctx, c.node, f)
}

func writeJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a reader that is gone needs no answer
}

func (c *Controller) answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		c.problem(w, err)
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		c.problem(w, err)
		return
	}
	writeJSON(w, body)
}

func (c *Controller) postCommand(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		c.problem(w, err)
		return
	}
	cmd, err := engine.ReadCommand(body, strictjson.Limits{MaxBytes: maxCommandBody, MaxNodes: 10_000_000})
	if err != nil {
		c.problem(w, err)
		return
	}
	if _, ok := cmd.Body.(*engine.TakeSnapshot); ok {
		if err := c.node.Snapshot(); err != nil {
			c.problem(w, err)
			return
		}
		writeJSON(w, []byte(`{"TYPE":"Accepted"}`))
		return
	}
	c.submit(w, r, cmd, len(body))
}

func (c *Controller) submit(w http.ResponseWriter, r *http.Request, cmd engine.Command, bytes int) {
	reply, err := c.decideSized(r.Context(), bytes, func(e *engine.Controller, now int64) (any, error) { return e.Submit(cmd, now) })
	if err != nil {
		c.problem(w, err)
		return
	}
	text, _ := reply.(string)
	writeJSON(w, []byte(text))
}

func (c *Controller) getOrders(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := queryInt(q, "limit", 1000, maxList)
	v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) {
		path, state := q.Get("workflow"), q.Get("state")
		var views []engine.OrderView
		for _, o := range e.OrdersAfter(order.ID(q.Get("after")), limit, func(o *order.Order) bool {
			return (path == "" || o.Workflow.Path == path) && (state == "" || string(o.State.Kind) == state)
		}) {
			views = append(views, engine.OrderView{Order: o, Obstacles: e.Obstacles(o)})
		}
		return views, nil
	})
	if err != nil {
		c.problem(w, err)
		return
	}
	views, _ := v.([]engine.OrderView)
	body := []byte(`{"orders":[`)
	for i := range views {
		if i > 0 {
			body = append(body, ',')
		}
		body = codec.JSON(body, &views[i])
	}
	writeJSON(w, append(body, `]}`...))
}

// maxList is how many rows a caller may ask for at once; where it may leave the
// limit out, it gets all.
const maxList = 100_000

func queryInt(q url.Values, name string, standard, most int) int {
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 {
		return standard
	}
	return min(n, most)
}

func (c *Controller) getOrder(w http.ResponseWriter, r *http.Request) {
	id := order.ID(r.PathValue("id"))
	v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) {
		o := e.Order(id)
		if o == nil {
			return nil, fault.New(fault.NotFound, "UnknownOrder", "there is no order %s at the Controller", id).About("Order:" + string(id))
		}
		return &engine.OrderView{Order: o, Obstacles: e.Obstacles(o)}, nil
	})
	if err != nil {
		c.problem(w, err)
		return
	}
	view, _ := v.(*engine.OrderView)
	writeJSON(w, codec.JSON(nil, view))
}

type workflowView struct {
	Path        string              `json:"path"`
	VersionID   string              `json:"versionId"`
	Suspended   bool                `json:"suspended"`
	Skip        []string            `json:"skip"`
	Orders      int                 `json:"orders"`
	Signer      string              `json:"signer"`
	Quarantine  *problemView        `json:"quarantine,omitempty"`
	Document    string              `json:"document,omitempty"`
	Versions    []string            `json:"versions,omitempty"`
	Breakpoints []workflow.Position `json:"breakpoints,omitempty"`
}

type problemView struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func viewProblem(p *order.Problem) *problemView {
	if p == nil {
		return nil
	}
	return &problemView{p.Code, p.Message}
}

func (c *Controller) getWorkflows(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	path, version := q.Get("path"), q.Get("versionId")
	if path != "" {
		v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) { return oneWorkflow(e, path, version) })
		c.answer(w, v, err)
		return
	}
	v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) {
		views := []workflowView{}
		for _, it := range e.WorkflowsAfter(q.Get("after"), queryInt(q, "limit", 0, maxList)) {
			views = append(views, viewWorkflow(e, it))
		}
		return map[string]any{"workflows": views}, nil
	})
	c.answer(w, v, err)
}

func viewWorkflow(e *engine.Controller, it *engine.Item) workflowView {
	v := workflowView{
		Path: it.Ref.Path, VersionID: it.Ref.VersionID, Skip: []string{}, Signer: it.Signer, Quarantine: viewProblem(it.Quarantine),
		Orders: e.OrdersOf(workflow.ID{Path: it.Ref.Path, VersionID: it.Ref.VersionID}),
	}
	if p := e.Control(it.Ref.Path); p != nil {
		v.Suspended, v.Skip = p.Suspended, append(v.Skip, p.Skip...)
	}
	return v
}

func oneWorkflow(e *engine.Controller, path, version string) (any, error) {
	var versions []string
	var found *engine.Item
	for _, it := range e.VersionsOf(path) {
		versions = append(versions, it.Ref.VersionID)
		if version == it.Ref.VersionID || version == "" && e.IsHead(it) {
			found = it
		}
	}
	if found == nil {
		return nil, fault.New(fault.NotFound, "UnknownKey", "there is no workflow %s", path).About("Workflow:" + path)
	}
	v := viewWorkflow(e, found)
	v.Document, v.Versions = found.Document.Text, versions
	v.Breakpoints = e.Breakpoints(workflow.ID{Path: path, VersionID: found.Ref.VersionID})
	return v, nil
}

type itemView struct {
	Kind       string       `json:"kind"`
	Path       string       `json:"path"`
	VersionID  string       `json:"versionId,omitempty"`
	Revision   int64        `json:"revision,omitempty"`
	Signer     string       `json:"signer"`
	Newest     bool         `json:"newest"`
	Removed    bool         `json:"removed,omitempty"`
	Quarantine *problemView `json:"quarantine,omitempty"`
	Document   string       `json:"document,omitempty"` // in the answer about one item only
	Added      int64        `json:"added,omitempty"`    // likewise: the event that brought it
}

func viewItem(e *engine.Controller, it *engine.Item) itemView {
	return itemView{
		Kind: string(it.Ref.Kind), Path: it.Ref.Path, VersionID: it.Ref.VersionID, Revision: it.Ref.Revision, Signer: it.Signer, Newest: e.IsHead(it),
		Removed: it.Removed, Quarantine: viewProblem(it.Quarantine),
	}
}

func (c *Controller) getItems(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	key := item.Key{Kind: item.Kind(q.Get("kind")), Path: q.Get("path")}
	if key != (item.Key{}) {
		v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) { return oneItem(e, key) })
		c.answer(w, v, err)
		return
	}
	v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) {
		views := []itemView{}
		after := item.Key{Kind: item.Kind(q.Get("afterKind")), Path: q.Get("after")}
		for _, it := range e.ItemsAfter(after, queryInt(q, "limit", 0, maxList)) {
			views = append(views, viewItem(e, it))
		}
		return map[string]any{"items": views}, nil
	})
	c.answer(w, v, err)
}

// oneItem returns the newest document of a key.
func oneItem(e *engine.Controller, key item.Key) (any, error) {
	it, ok := e.Newest(key)
	if !ok {
		return nil, fault.New(fault.NotFound, "UnknownKey", "%s is not deployed", key).About(key.String())
	}
	v := viewItem(e, it)
	v.Document, v.Added = it.Document.Text, it.Added
	return v, nil
}

type agentView struct {
	Path         string       `json:"path"`
	URI          string       `json:"uri"`
	Disabled     bool         `json:"disabled"`
	ProcessLimit *int         `json:"processLimit,omitempty"`
	Coupled      bool         `json:"coupled"`
	Problem      *problemView `json:"problem,omitempty"`
	Orders       int          `json:"orders"`
	Running      int          `json:"running"`
	Report       *part.Report `json:"report,omitempty"`
	Heard        int64        `json:"heard,omitempty"` // when it was made, in milliseconds
	Holds        *int         `json:"holds,omitempty"` // what its report says that it holds: index in holdings
}

func (c *Controller) getAgents(w http.ResponseWriter, r *http.Request) {
	v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) {
		views := []agentView{}
		var lists holdings
		for _, path := range e.AgentPaths() {
			v := c.viewAgent(e, path)
			v.Report, v.Holds = lists.takeOut(v.Report)
			views = append(views, v)
		}
		return map[string]any{"agents": views, "holdings": lists.all}, nil
	})
	c.answer(w, v, err)
}

func (c *Controller) viewAgent(e *engine.Controller, path string) agentView {
	v := agentView{Path: path}
	v.Report, v.Heard = c.heard.of(path)
	if ref, err := e.AgentItem(path); err == nil {
		v.URI, v.Disabled = ref.URI, ref.Disabled
		if ref.ProcessLimit != item.NoLimit {
			v.ProcessLimit = &ref.ProcessLimit
		}
	} else {
		v.Problem = viewProblem(order.ProblemOf(err))
	}
	if a, ok := e.Agent(path); ok {
		v.Coupled = a.Coupled
		if a.Problem != nil {
			v.Problem = viewProblem(a.Problem)
		}
	}
	v.Orders, v.Running = e.AgentLoad(path)
	return v
}

func (c *Controller) getStatus(w http.ResponseWriter, _ *http.Request) {
	type member struct {
		Name  string `json:"name"`
		Role  string `json:"role"`
		URL   string `json:"url"`
		State string `json:"state,omitempty"`
	}
	st := c.node.Status()
	members := []member{}
	leader := ""
	for _, m := range c.set.Members {
		role := "follower"
		if m.ID == st.Leader {
			role, leader = "leader", m.Name
		}
		members = append(members, member{m.Name, role, m.URL, memberState(st, m.ID)})
	}
	_, last, _ := c.m.Index.Position()
	c.answer(w, map[string]any{
		"controllerId": c.set.ID, "name": c.set.Name, "leader": leader, "term": st.Term, "lastEventId": last, "members": members, "outOfSpace": st.OutOfSpace,
		"report": c.report(),
	}, nil)
}

// memberState says in a word how a member is; "" when the member that is asked
// can't know, as it doesn't lead.
func memberState(st consensus.Status, id uint64) string {
	for _, m := range st.Members {
		switch {
		case m.ID != id:
		case m.State == consensus.StateJoining:
			return "joining" // it gets everything from the others, and has no vote yet
		case !st.Lead:
			return ""
		case !m.Active:
			return "away"
		default:
			return "ready"
		}
	}
	return ""
}
