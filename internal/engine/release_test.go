package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
)

func resource(path, v string) string {
	return fmt.Sprintf(`{"TYPE":"JobResource","path":%q,"variables":{"v":"'%s'"}}`, path, v)
}

func newRelease(t *testing.T, serial int64, texts ...string) *enginetest.Release {
	t.Helper()
	r, err := enginetest.NewRelease("alice", serial, nil, texts...)
	must(t, err)
	return r
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !fault.Is(err, fault.Untrusted) || !fault.HasCode(err, code) {
		t.Errorf("got %v, want an Untrusted fault with code %s", err, code)
	}
}

// state returns how an order stands.
func state(t *testing.T, c *enginetest.Cluster, id string) string {
	t.Helper()
	o := c.Controller.Order(order.ID(id))
	if o == nil {
		return "gone"
	}
	return string(o.State.Kind)
}

// One signature covers a deployment: the Agent gets the release before its
// documents, and runs what it lists.
func TestReleaseRuns(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	must(t, c.DeployRelease(newRelease(t, 3, job("W", "1", "end", 1), resource("R", "1"))))
	add(t, c, "W", "O")
	if s := state(t, c, "O"); s != "Finished" {
		t.Errorf("the order is %s", s)
	}
	var order []string
	for _, cmd := range c.Agents["A"].Log {
		if e, ok := cmd.Event.(*engine.ItemAttachedToMe); ok {
			order = append(order, e.Item.String())
		}
	}
	if d := cmp.Diff([]string{"Release:3", "AgentRef:A", "Workflow:W~1"}, order); d != "" {
		t.Errorf("what the Agent got: %s", d)
	}
	if got := c.Controller.ReleaseSerial(); got != 3 {
		t.Errorf("the Controller's newest release is %d", got)
	}
	must(t, c.Check())
	must(t, c.Snapshot())
	must(t, c.RestartController())
	if got := c.Controller.ReleaseSerial(); got != 3 {
		t.Errorf("after a restart the newest release is %d", got)
	}
}

// A Controller takes releases in their order, whole, and each once.
func TestReleasesAtController(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	first := newRelease(t, 5, job("W", "1", "end", 1), resource("R", "1"))
	wantCode(t, c.DeployRelease(first, 1), release.CodeIncomplete)
	must(t, c.DeployRelease(first))
	must(t, c.DeployRelease(first))    // once more is harmless
	must(t, c.DeployRelease(first, 1)) // R is in force by it
	wantCode(t, c.DeployRelease(newRelease(t, 5, resource("S", "1"))), release.CodeReleaseOutdated)
	wantCode(t, c.DeployRelease(newRelease(t, 4, resource("S", "1"))), release.CodeReleaseOutdated)
	must(t, c.DeployRelease(newRelease(t, 7, resource("R", "2"))))
	// The older text of R doesn't come back: not with its release, nor alone.
	wantCode(t, c.DeployRelease(first), release.CodeReleaseOutdated)
	alone := &engine.UpdateItems{Add: first.Items[1:]}
	_, err := c.Submit(engine.Command{Body: alone})
	wantCode(t, err, release.CodeReleaseOutdated)
	// What the newer release doesn't list may.
	_, err = c.Submit(engine.Command{Body: &engine.UpdateItems{Add: first.Items[:1]}})
	must(t, err)
	_, err = c.Submit(engine.Command{Body: &engine.UpdateItems{Add: newRelease(t, 99, resource("S", "1")).Items}})
	wantCode(t, err, release.CodeReleaseMissing)
	must(t, c.Pump())
	must(t, c.Check())
}

// A release goes when the last of its documents has gone; what it forbids stays.
func TestReleaseIsLetGo(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	first := newRelease(t, 1, job("W", "1", "end", 1))
	must(t, c.DeployRelease(first))
	add(t, c, "W", "O")
	must(t, c.DeployRelease(newRelease(t, 2, job("W", "2", "end", 1))))
	must(t, c.Pump())
	has := func(ref engine.ItemRef) bool { _, ok := c.Controller.Item(ref); return ok }
	if !has(first.Ref()) {
		t.Error("the release is gone, but an order has its workflow")
	}
	_, err := c.Submit(engine.Command{Body: &engine.DeleteOrders{OrderIDs: []string{"O"}}})
	must(t, err)
	must(t, c.Pump())
	if has(first.Ref()) {
		t.Error("the release is still here, and nobody needs it")
	}
	must(t, c.Remove("Workflow:W"))
	must(t, c.Pump())
	must(t, c.Check())
	wantCode(t, c.DeployRelease(first), release.CodeReleaseOutdated)
	must(t, c.DeployRelease(newRelease(t, 3, job("W", "3", "end", 1))))
	add(t, c, "W", "P")
	if s := state(t, c, "P"); s != "Finished" {
		t.Errorf("the order is %s", s)
	}
	must(t, c.Check())
}

// That orders may go on with the versions before a release is no leave to deploy
// these again.
func TestOlderVersionsAreNotDeployedAgain(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	first := newRelease(t, 1, job("W", "1", "end", 1), resource("R", "1"))
	must(t, c.DeployRelease(first))
	second, err := enginetest.NewRelease("alice", 2, func(m *release.Manifest) { m.OlderUntil = m.Expires }, job("W", "2", "end", 1))
	must(t, err)
	must(t, c.DeployRelease(second))
	must(t, c.Pump())
	_, err = c.Submit(engine.Command{Body: &engine.UpdateItems{Add: first.Items[:1]}}) // its release is here, for R
	wantCode(t, err, release.CodeReleaseOutdated)
	must(t, c.Check())
}

// deliver brings documents to the Agent as a Controller that is an enemy would, and
// returns why each was refused.
func deliver(t *testing.T, a *enginetest.Agent, sequence int64, cmds ...*engine.AttachItem) []string {
	t.Helper()
	b := &engine.AgentBatch{ControllerID: enginetest.ControllerID, LogID: a.Machine.LogID(), Term: 50, Sequence: sequence}
	for _, cmd := range cmds {
		b.Commands = append(b.Commands, cmd)
	}
	at := len(a.Log)
	must(t, a.Deliver(b))
	var codes []string
	for _, s := range a.Log[at:] {
		switch e := s.Event.(type) {
		case *engine.ItemRefused:
			codes = append(codes, e.Problem.Code)
		case *engine.ItemAttachedToMe:
			codes = append(codes, "")
		}
	}
	return codes
}

// An Agent believes no Controller that brings back an older release, mixes two,
// or passes a document off as another.
func TestAgentRefusesOlderReleases(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	a := c.Agents["A"]
	one := newRelease(t, 1, job("W", "1", "end", 1), resource("R", "1"))
	two := newRelease(t, 2, resource("R", "2"))
	three := newRelease(t, 3, job("W", "3", "end", 1))
	forged, err := enginetest.NewRelease("nobody", 9, nil, resource("R", "9"))
	must(t, err)
	renamed := three.Attach(0)
	renamed.Item.Path = "V"
	other := newRelease(t, 3, resource("R", "3")) // a second release of that number
	for i, step := range []struct {
		name string
		cmds []*engine.AttachItem
		want []string
	}{
		{"a document without its release", []*engine.AttachItem{one.Attach(0)}, []string{release.CodeReleaseMissing}},
		{"with it", []*engine.AttachItem{one.AttachRelease(), one.Attach(0), one.Attach(1)}, []string{"", "", ""}},
		{"the newer", []*engine.AttachItem{two.AttachRelease(), two.Attach(0)}, []string{"", ""}},
		{"the older text", []*engine.AttachItem{one.Attach(1)}, []string{release.CodeReleaseOutdated}},
		{"the very same once more", []*engine.AttachItem{one.AttachRelease(), one.Attach(0), two.Attach(0)}, []string{"", "", ""}},
		{"a skipped number", []*engine.AttachItem{three.AttachRelease(), three.Attach(0)}, []string{"", ""}},
		{"another of that number", []*engine.AttachItem{other.AttachRelease()}, []string{release.CodeReleaseOutdated}},
		{"with a document of it", []*engine.AttachItem{other.Attach(0)}, []string{release.CodeNotInRelease}},
		{"under another name", []*engine.AttachItem{renamed}, []string{release.CodeNotInRelease}},
		{"signed by nobody", []*engine.AttachItem{forged.AttachRelease(), forged.Attach(0)}, []string{"UnknownSigner", "UnknownSigner"}},
	} {
		got := deliver(t, a, int64(i+1), step.cmds...)
		if d := cmp.Diff(step.want, got); d != "" {
			t.Errorf("%s: %s", step.name, d)
		}
	}
	must(t, a.Restart(false))
	if got := deliver(t, a, 50, one.Attach(1)); len(got) != 1 || got[0] != release.CodeReleaseOutdated {
		t.Errorf("after a restart: %q", got)
	}
}

// A detached release is forgotten, but not that it was there.
func TestAgentKeepsTheFloor(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	a := c.Agents["A"]
	one, two := newRelease(t, 1, resource("R", "1")), newRelease(t, 2, resource("R", "2"))
	deliver(t, a, 1, two.AttachRelease(), two.Attach(0))
	must(t, a.Deliver(&engine.AgentBatch{
		ControllerID: enginetest.ControllerID, LogID: a.Machine.LogID(), Term: 50, Sequence: 2,
		Commands: []engine.AgentCommand{&engine.DetachItem{Item: two.Items[0].Ref}, &engine.DetachItem{Item: two.Ref()}},
	}))
	if got := deliver(t, a, 3, one.AttachRelease(), one.Attach(0)); cmp.Diff([]string{release.CodeReleaseOutdated, release.CodeReleaseMissing}, got) != "" {
		t.Errorf("the older release: %q", got)
	}
}

// A release may let orders that are under way bring the replaced versions to
// further Agents for a time.
func TestOlderUntil(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	a := c.Agents["A"]
	one := newRelease(t, 1, job("W", "1", "end", 1))
	two, err := enginetest.NewRelease("alice", 2, func(m *release.Manifest) {
		m.OlderUntil = time.UnixMicro(enginetest.Start).UTC().Add(time.Hour)
	}, job("W", "2", "end", 1))
	must(t, err)
	if got := deliver(t, a, 1, one.AttachRelease(), two.AttachRelease(), one.Attach(0)); cmp.Diff([]string{"", "", ""}, got) != "" {
		t.Errorf("within the hour: %q", got)
	}
	must(t, a.Deliver(&engine.AgentBatch{
		ControllerID: enginetest.ControllerID, LogID: a.Machine.LogID(), Term: 50, Sequence: 2,
		Commands: []engine.AgentCommand{&engine.DetachItem{Item: one.Items[0].Ref}},
	}))
	c.Now += 3600 * 1_000_000
	if got := deliver(t, a, 3, one.Attach(0)); cmp.Diff([]string{release.CodeReleaseOutdated}, got) != "" {
		t.Errorf("after the hour: %q", got)
	}
}

// When the signer of a release is trusted no more, everything it lists stops.
func TestReleaseQuarantine(t *testing.T) {
	t.Parallel()
	c := cluster(t, "A")
	must(t, c.DeployRelease(newRelease(t, 1, job("W", "1", "end", 1))))
	must(t, c.Trust("", "alice", false))
	must(t, c.Pump())
	it, ok := c.Controller.Item(engine.ItemRef{Kind: item.KindWorkflow, Path: "W", VersionID: "1"})
	if !ok || it.Quarantine == nil {
		t.Errorf("the workflow isn't in quarantine: %v", it)
	}
	must(t, c.Trust("", "alice", true))
	must(t, c.Pump())
	add(t, c, "W", "O")
	if s := state(t, c, "O"); s != "Finished" {
		t.Errorf("the order is %s", s)
	}
}

// A level and an installation are fixed when a log begins.
func TestEstateIsFixed(t *testing.T) {
	t.Parallel()
	lead := func(set engine.Estate, log []engine.Stamped) (*engine.Controller, []engine.Stamped, error) {
		c := engine.NewController(engine.Config{ControllerID: "c", Estate: set, Verifier: enginetest.Signers{}})
		must(t, c.Apply(log))
		err := c.Lead(1, enginetest.Start)
		w := c.Take()
		c.Committed(w)
		return c, append(log, w.Events...), err
	}
	_, log, err := lead(engine.Estate{Level: "high"}, nil)
	must(t, err)
	if _, _, err := lead(engine.Estate{Level: "low"}, log); !fault.HasCode(err, "SecurityLevelFixed") {
		t.Errorf("a lower level: %v", err)
	}
	if _, _, err := lead(engine.Estate{}, log); !fault.HasCode(err, "SecurityLevelFixed") {
		t.Errorf("no level: %v", err)
	}
	_, log, err = lead(engine.Estate{Level: "high", Installation: "here"}, log)
	must(t, err)
	if _, _, err := lead(engine.Estate{Level: "high", Installation: "there"}, log); !fault.HasCode(err, "InstallationFixed") {
		t.Errorf("another installation: %v", err)
	}
	_, _, err = lead(engine.Estate{Level: "high"}, log)
	must(t, err)
}

// An Agent of a high level takes no commands of a Controller with a lower one, nor
// of another installation.
func TestAgentRefusesLowerLevel(t *testing.T) {
	t.Parallel()
	a := engine.NewAgent(engine.Config{Agent: "A", Estate: engine.Estate{Level: "medium"}, Verifier: enginetest.Signers{}})
	must(t, a.Lead("LOG", func(string) bool { return false }, enginetest.Start))
	sequence := int64(0)
	ask := func(e engine.Estate) error {
		sequence++
		_, err := a.Batch(&engine.AgentBatch{ControllerID: "c", LogID: "LOG", Term: 1, Sequence: sequence, Estate: e}, enginetest.Start+sequence)
		return err
	}
	for _, level := range []string{"", "low", "none"} {
		if err := ask(engine.Estate{Level: level}); !fault.HasCode(err, "SecurityLevelTooLow") {
			t.Errorf("a Controller of level %q: %v", level, err)
		}
	}
	must(t, ask(engine.Estate{Level: "medium", Installation: "here"}))
	must(t, ask(engine.Estate{Level: "high", Installation: "here"}))
	if err := ask(engine.Estate{Level: "high", Installation: "there"}); !fault.HasCode(err, "WrongInstallation") {
		t.Errorf("another installation: %v", err)
	}
	if got := a.Estate(); got != (engine.Estate{Installation: "here", Level: "medium"}) {
		t.Errorf("the Agent belongs to %v", got)
	}
}

// An Agent that comes to trust a signer gets again what it had refused, and orders
// that waited for it go on. Nobody has to do anything else.
func TestRefusedDocumentsComeAgain(t *testing.T) {
	t.Parallel()
	for name, deploy := range map[string]func(*enginetest.Cluster, int64, string) error{
		"signed by itself": func(c *enginetest.Cluster, _ int64, text string) error { return c.Deploy("alice", text) },
		"by a release": func(c *enginetest.Cluster, serial int64, text string) error {
			return c.DeployRelease(newRelease(t, serial, text))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster(t, "A")
			must(t, deploy(c, 1, resource("R", "1")))
			must(t, c.Deploy("bob", `{"TYPE":"Workflow","path":"W","versionId":"1","jobResourcePaths":["R"],"instructions":[`+
				`{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}},`+
				`{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}}}]}`))
			add(t, c, "W", "O")
			must(t, c.Trust("A", "alice", false))
			for task := range c.Agents["A"].Running {
				c.Agents["A"].End(task, enginetest.Result("rc=0"))
			}
			must(t, c.Pump()) // R is in quarantine, and the order waits
			must(t, deploy(c, 2, resource("R", "2")))
			must(t, c.Pump())
			if s := state(t, c, "O"); s != "Ready" {
				t.Errorf("R is refused, and the order is %s", s)
			}
			must(t, c.Trust("A", "alice", true))
			must(t, c.Pump())
			for _, at := range c.Controller.Attachments("A") {
				if at.Problem != nil {
					t.Errorf("the signer is trusted again, and %s isn't: %s", at.Ref, at.Problem.Message)
				}
			}
			if s := state(t, c, "O"); s != "Finished" {
				t.Errorf("the signer is trusted again, and the order is %s", s)
			}
			must(t, c.Check())
		})
	}
}
