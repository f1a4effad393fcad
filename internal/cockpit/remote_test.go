package cockpit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// group is two members of a Controller, of which one leads.
type group struct {
	mu     sync.Mutex
	leader int
	hint   bool // the other one says who leads
	term   int64
	hangs  [2]bool // answers nothing
	says   map[int]Status
	urls   [2]string
	got    []string
	bodies []string
}

func (g *group) handler(i int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.hangs[i] {
			g.mu.Unlock()
			<-r.Context().Done()
			g.mu.Lock()
			return
		}
		path := r.URL.RequestURI()
		if r.URL.Path == "/controller/api/status" {
			if st, ok := g.says[i]; ok {
				_ = json.NewEncoder(w).Encode(st)
				return
			}
			names := []string{"c-1", "c-2"}
			_ = json.NewEncoder(w).Encode(Status{Name: names[i], Leader: names[g.leader], Term: g.term, LastEventID: int64(i + 1), Members: []MemberInfo{{Name: names[0], URL: g.urls[0]}, {Name: names[1], URL: g.urls[1]}}})
			return
		}
		if i != g.leader {
			if g.hint {
				w.Header().Set("Signet-Leader", g.urls[g.leader])
			}
			transport.WriteProblem(w, fault.New(fault.Unavailable, "NotLeader", "another leads"))
			return
		}
		g.got = append(g.got, r.Method+" "+path)
		g.bodies = append(g.bodies, string(body))
		switch r.URL.Path {
		case "/controller/api/event":
			for range 2 {
				entry := engine.AppendEvents(nil, []engine.Stamped{{ID: 7, Key: "a", Event: &engine.AgentCoupled{}}})
				_, _ = w.Write(append(binary.AppendUvarint([]byte{0}, uint64(len(entry))), entry...))
			}
		case "/controller/api/order/O":
			transport.WriteProblem(w, fault.New(fault.NotFound, "UnknownOrder", "none"))
		default:
			if r.URL.Query().Has("path") {
				_, _ = io.WriteString(w, `{"path":"W","orders":1}`)
				return
			}
			_, _ = io.WriteString(w, `{"orders":[{"id":"A"}],"workflows":[{"path":"W"}],"items":[{"path":"I"}],"agents":[{"path":"a"}]}`)
		}
	})
}

func newGroup(t *testing.T) (*group, *Remote) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(dir, "ca"), pki.CAParams{Organization: "Test", Now: time.Now()})
	must(err)
	root := filepath.Join(dir, "root.pem")
	must(pki.WriteCertsPEM(fsys.Real{}, root, ca.Root(pki.PurposeNode)))
	credentials := func(role pki.Role, name string) *transport.Credentials {
		issued, err := ca.IssueNode(pki.NodeParams{Role: role, Name: name, Now: time.Now()})
		must(err)
		f := transport.Files{Key: filepath.Join(dir, name+".key"), Cert: filepath.Join(dir, name+".pem"), Trust: []string{root}}
		must(pki.WriteKeyPEM(fsys.Real{}, f.Key, issued.Key))
		must(pki.WriteCertsPEM(fsys.Real{}, f.Cert, issued.Chain...))
		c, err := transport.LoadCredentials(f)
		must(err)
		return c
	}
	g := &group{}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(cancel)
	for i, name := range []string{"c-1", "c-2"} {
		s, err := transport.NewServer(transport.Options{Listen: "127.0.0.1:0", Credentials: credentials(pki.RoleController, name), Handler: g.handler(i)})
		must(err)
		g.urls[i] = "https://" + s.Addr().String()
		wg.Go(func() { _ = s.Serve(ctx) })
	}
	r, err := NewRemote(conf.ControllerRef{ID: "c", Names: []string{"c-1", "c-2"}, URLs: g.urls[:]}, "low", credentials(pki.RoleCockpit, "cockpit"), clock.Real{})
	must(err)
	t.Cleanup(func() { _ = r.Close() })
	return g, r
}

func TestRemote(t *testing.T) {
	t.Parallel()
	g, r := newGroup(t)
	ctx := context.Background()
	cmd := engine.Command{ID: "1", By: order.Actor{Account: "anna", Method: "password"}, Body: &engine.DeleteOrders{OrderIDs: []string{"A"}}}
	for i, hint := range []bool{true, false, true} {
		g.mu.Lock()
		g.leader, g.hint = (i+1)%2, hint
		g.mu.Unlock()
		if _, err := r.Command(ctx, cmd); err != nil {
			t.Fatalf("leader %d: %v", g.leader, err)
		}
		if s, err := r.Status(ctx); err != nil || s.Name != s.Leader || s.LastEventID != int64(g.leader+1) {
			t.Errorf("status: %+v %v", s, err)
		}
	}
	if _, err := engine.ReadCommand([]byte(g.bodies[0]), limits); err != nil {
		t.Errorf("the command as sent: %v", err)
	}
	_, err := r.Order(ctx, "O")
	if !fault.HasCode(err, "UnknownOrder") {
		t.Errorf("Order: %v", err)
	}
	g.got, g.bodies = nil, nil
	u := ItemUpdate{CommandID: "2", Add: []SignedDocument{{"{}", json.RawMessage(`{"TYPE":"X509"}`)}}, Remove: []item.Key{{Kind: item.KindWorkflow, Path: "W"}}}
	_, e1 := r.Order(ctx, "a/b ../#?")
	orders, e2 := r.Orders(ctx, OrderQuery{Workflow: "a/b", After: "x y", Limit: 5})
	workflows, e3 := r.Workflows(ctx, "a b", 7)
	w, e4 := r.Workflow(ctx, "a/b", "1")
	items, e5 := r.Items(ctx, item.Key{Kind: item.KindWorkflow, Path: "a/b"}, 7)
	agents, e6 := r.Agents(ctx)
	_, e7 := r.Item(ctx, item.Key{Kind: item.KindWorkflow, Path: "a/b"})
	for i, err := range []error{e1, e2, e3, e4, e5, e6, e7, r.UpdateItems(ctx, u)} {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if len(orders) != 1 || len(workflows) != 1 || w.Path != "W" || len(items) != 1 || len(agents) != 1 {
		t.Errorf("answers: %s %v %v %v %v", orders, workflows, w, items, agents)
	}
	want := []string{
		"GET /controller/api/order/a%2Fb%20%2E%2E%2F%23%3F", "GET /controller/api/order?after=x+y&limit=5&workflow=a%2Fb", "GET /controller/api/workflow?after=a+b&limit=7",
		"GET /controller/api/workflow?path=a%2Fb&versionId=1", "GET /controller/api/item?after=a%2Fb&afterKind=Workflow&limit=7", "GET /controller/api/agent", "GET /controller/api/item?kind=Workflow&path=a%2Fb",
		"POST /controller/api/item",
	}
	for i := range want {
		if g.got[i] != want[i] {
			t.Errorf("call %d: %s, want %s", i, g.got[i], want[i])
		}
	}
	if b := g.bodies[7]; b != `{"commandId":"2","by":{},"add":[{"string":"{}","evidence":{"TYPE":"X509"}}],"remove":[{"kind":"Workflow","path":"W"}]}` {
		t.Errorf("items: %s", b)
	}
	events, err := r.Events(ctx, 5)
	if err != nil {
		t.Fatal(err)
	}
	if last := g.got[len(g.got)-1]; last != "GET /controller/api/event?after=5&format=binary&gather=true&follow=true" {
		t.Errorf("events: %s", last)
	}
	for range 2 {
		if got, err := events.Next(); err != nil || len(got) != 1 || got[0].ID != 7 {
			t.Fatalf("%v %v", got, err)
		}
	}
	if _, err := events.Next(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("at the stream's end: %v", err)
	}
	_ = events.Close()
}

// Nobody leads: the call ends with its context, and says why.
func TestRemoteWithoutLeader(t *testing.T) {
	t.Parallel()
	g, r := newGroup(t)
	g.leader = 2
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.Agents(ctx); !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Timeout) {
		t.Errorf("got %v", err)
	}
}
