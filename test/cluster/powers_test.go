package cluster_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/cluster"
)

// These tests are about what SECURITY.md says that somebody can do who rules a part,
// and about where that ends. What they can't do at all other tests tell.

// waiting is a job that runs until a file is there.
func waiting(file string) string { return "while [ ! -e " + file + " ]; do sleep 0.05; done" }

// Whoever rules the Cockpit needs no key for what an operator does.
func TestPowersOfACockpit(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	file := filepath.Join(t.TempDir(), "go")
	deploy(t, c,
		fmt.Sprintf(`{"TYPE":"Workflow","path":"W","versionId":"1",%s"instructions":[%s]}`, constrained, job("echo said $SIGNET_PARAM_WORD")),
		script("L", "1", waiting(file)))
	asBoss := func(typ string, more map[string]any) error {
		cmd := map[string]any{"TYPE": typ, "commandId": typ + fmt.Sprint(more), "by": map[string]any{"account": "the-boss", "method": "password"}}
		maps.Copy(cmd, more)
		return c.Post("/command", cmd, nil)
	}
	addWith := func(id string, args map[string]any) error {
		return asBoss("AddOrders", map[string]any{"orders": []any{map[string]any{"id": id, "workflowPath": "W", "arguments": args}}})
	}

	t.Log("adds orders in anybody's name, with arguments that fit what is signed")
	if err := addWith("asked", map[string]any{"word": "theirs"}); err != nil {
		t.Fatal(err)
	}
	for id, args := range map[string]map[string]any{
		"undeclared": {"other": "1"}, "pattern": {"word": "a; rm -rf /"}, "type": {"n": "one"}, "bounds": {"n": 10},
	} {
		if err := addWith(id, args); err == nil {
			t.Errorf("%s: the order was taken", id)
		}
	}
	c.Eventually("the order has finished", func() bool { return c.State("asked") == "Finished" })

	t.Log("reads everything")
	if said := c.Log("asked"); !strings.Contains(said, "said") {
		t.Errorf("the log is %q", said)
	}
	if !slices.ContainsFunc(c.Events(), func(e map[string]any) bool { return strings.Contains(fmt.Sprint(e), "the-boss") }) {
		t.Error("no event tells the name that was given")
	}

	t.Log("suspends, resumes and cancels orders, and kills their jobs")
	add(t, c, "L", "killed", "resumed")
	for _, id := range []string{"killed", "resumed"} {
		c.Eventually(id+" runs", func() bool { return c.State(id) == "Processing" })
	}
	if err := asBoss("CancelOrders", map[string]any{"orderIds": []string{"killed"}, "mode": map[string]any{"TYPE": "FreshOrStarted", "kill": map[string]any{"immediately": true}}}); err != nil {
		t.Fatal(err)
	}
	if err := asBoss("SuspendOrders", map[string]any{"orderIds": []string{"resumed"}, "mode": map[string]any{}}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("it is cancelled", func() bool { return c.State("killed") == "Cancelled" })
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Eventually("it is suspended", func() bool {
		o, err := c.Order("resumed")
		return err == nil && o["isSuspended"] == true
	})
	if err := asBoss("ResumeOrders", map[string]any{"orderIds": []string{"resumed"}}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("it goes on", func() bool { return c.State("resumed") == "Finished" })

	t.Log("takes objects out of service, and can't change them")
	changed := c.Sign(script("L", "2", "true"))
	changed["string"] = script("L", "2", "false")
	if err := c.Post("/item", map[string]any{"commandId": "change", "by": map[string]any{}, "add": []any{changed}}, nil); !fault.Is(err, fault.Untrusted) {
		t.Errorf("a changed workflow: %v", err)
	}
	if err := c.Post("/item", map[string]any{"commandId": "gone", "by": map[string]any{}, "remove": []any{map[string]any{"kind": "Workflow", "path": "W"}}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := addWith("late", map[string]any{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an order for what is out of service: %v", err)
	}

	t.Log("makes, with the authority, certificates of Controllers, which Agents answer")
	config, _ := c.NewNode(pki.RoleController, "controller-1")
	if st := c.StatusOf(c.ClientOf(config), c.Agents[0]); st.AgentPath != "agent-1" {
		t.Errorf("the Agent answers %+v", st)
	}
}

// Whoever rules a Controller needs no key for orders of what is signed.
func TestPowersOfAController(t *testing.T) {
	t.Parallel()
	x := newCompromised(t)
	out := filepath.Join(t.TempDir(), "ran")
	text := fmt.Sprintf(`{"TYPE":"Workflow","path":"W","versionId":"1",%s"instructions":[%s]}`, constrained, job("echo ran >>"+out))
	never := filepath.Join(t.TempDir(), "never")
	attach := func(id, path string, args value.Map) engine.AgentCommand {
		return &engine.AttachOrder{Order: order.New(order.ID(id), &order.Added{Workflow: workflow.ID{Path: path, VersionID: "1"}, Arguments: args}, 1)}
	}
	x.next(x.agentRef(), x.attach(item.KindWorkflow, "W", "1", text), x.attach(item.KindWorkflow, "L", "1", script("L", "1", waiting(never))))

	t.Log("runs signed workflows that nobody asked for, with arguments that fit")
	x.next(attach("own", "W", value.Map{"word": value.String("theirs")}), attach("unfit", "W", value.Map{"word": value.String("A B")}))
	x.c.Eventually("its job has run", func() bool { b, _ := os.ReadFile(out); return string(b) == "ran\n" })

	t.Log("stops orders, and their jobs")
	x.next(attach("long", "L", nil))
	x.c.Eventually("it runs", func() bool { return started(x.next())["long"] })
	x.next(&engine.MarkOrder{OrderID: "long", Mark: order.Mark{Kind: order.Cancelling, Cancel: order.CancelMode{Kill: &order.KillMode{Immediately: true}}}})
	x.c.Eventually("it was killed", func() bool {
		return slices.ContainsFunc(x.next(), func(e engine.Stamped) bool { return e.Key == "long" && e.Event.Type() == "OrderProcessed" })
	})

	t.Log("takes documents from an Agent, and can't put others there")
	x.next(&engine.DetachItem{Item: engine.ItemRef{Kind: item.KindWorkflow, Path: "W", VersionID: "1"}})
	forged := x.attach(item.KindWorkflow, "W", "1", text)
	forged.Document.Text = strings.Replace(text, "echo ran", "echo evil", 1)
	x.next(forged, attach("forged", "W", nil))
	events := x.next()
	if ran := started(events); len(ran) != 2 || !ran["own"] || !ran["long"] {
		t.Errorf("processes were started for %v", ran)
	}
}
