package cluster_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
	"github.com/signet-scheduler/signet/test/cluster"
)

// signers returns somebody of each kind of signature.
func signers(t *testing.T) map[string]trusttest.Identity {
	t.Helper()
	x509 := func(name string, issue func(ca *trusttest.Cert) *trusttest.Cert) trusttest.Identity {
		ca := trusttest.NewCA(t, name+"-ca", trusttest.ECDSA(t))
		return ca.Identity(t, issue(ca))
	}
	return map[string]trusttest.Identity{
		"x509-ecdsa": x509("ecdsa", func(ca *trusttest.Cert) *trusttest.Cert {
			return ca.Issue(t, trusttest.CertOptions{Name: "ecdsa"}, trusttest.ECDSA(t))
		}),
		"x509-rsa": x509("rsa", func(ca *trusttest.Cert) *trusttest.Cert {
			return ca.Issue(t, trusttest.CertOptions{Name: "rsa"}, trusttest.RSA(t, 3072))
		}),
		"x509-ed25519": x509("ed25519", func(ca *trusttest.Cert) *trusttest.Cert {
			return ca.Issue(t, trusttest.CertOptions{Name: "ed25519"}, trusttest.Ed25519(t))
		}),
		"pgp": trusttest.NewPGP(t, "pgp"),
		"ssh": trusttest.NewSSH(t, "ssh"),
	}
}

// forgeries returns a document in ways in which it must not be accepted: with
// every bit of it turned, with bits of the evidence turned, with another's
// evidence, without.
func forgeries(t *testing.T, who, stranger trusttest.Identity, path string) []engine.Document {
	t.Helper()
	text := fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"1","instructions":[]}`, path)
	good := cluster.SignedBy(t, who.Key, text)
	var all []engine.Document
	flip := func(s string, step int, use func(string)) {
		for bit := 0; bit < len(s)*8; bit += step {
			b := []byte(s)
			b[bit/8] ^= 1 << (bit % 8)
			if utf8.Valid(b) {
				use(string(b))
			}
		}
	}
	flip(text, 1, func(s string) { all = append(all, engine.Document{Text: s, Evidence: good.Evidence}) })
	var evidence map[string]string
	if err := json.Unmarshal([]byte(good.Evidence), &evidence); err != nil {
		t.Fatal(err)
	}
	with := func(name, v string) string {
		e := map[string]string{}
		maps.Copy(e, evidence)
		e[name] = v
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, v := range evidence {
		step := max(1, len(v)*8/300)
		flip(v, step, func(s string) { all = append(all, engine.Document{Text: text, Evidence: with(name, s)}) })
		all = append(all, engine.Document{Text: text, Evidence: with(name, "")}, engine.Document{Text: text, Evidence: with(name, v+"A")}, engine.Document{Text: text, Evidence: with(name, v[:len(v)/2])})
	}
	other := cluster.SignedBy(t, who.Key, strings.Replace(text, `"1"`, `"2"`, 1))
	return append(all,
		engine.Document{Text: text, Evidence: other.Evidence},
		cluster.SignedBy(t, stranger.Key, text),
		engine.Document{Text: text + " ", Evidence: good.Evidence},
		engine.Document{Text: text[:len(text)-1], Evidence: good.Evidence},
	)
}

// asItem is a document as the item route takes it.
func asItem(d engine.Document) map[string]any {
	return map[string]any{"string": d.Text, "evidence": json.RawMessage(d.Evidence)}
}

// A forged document is refused by the Controller, and by an Agent to which a
// compromised Controller sends it.
func TestForgeries(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	as := c.ClientOf(c.Controllers[0].Config)
	st := c.StatusOf(as, c.Agents[0])
	all, strangers := signers(t), signers(t)
	for _, who := range all {
		cluster.Trust(t, c.Controllers[0].Config, who)
		cluster.Trust(t, c.Agents[0].Config, who)
	}
	var batch []engine.AgentCommand
	var refused []engine.Document
	ref := engine.ItemRef{Kind: item.KindWorkflow, VersionID: "1"}
	for kind, who := range all {
		// What isn't forged is accepted: then the directories are in force.
		good := cluster.SignedBy(t, who.Key, fmt.Sprintf(`{"TYPE":"Workflow","path":"GOOD-%s","versionId":"1","instructions":[]}`, kind))
		c.Eventually(kind+" is trusted", func() bool { return postItem(c, asItem(good)) == nil })
		ref.Path = "GOOD-" + kind
		batch = append(batch, &engine.AttachItem{Item: ref, Document: good})
		list := forgeries(t, who, strangers[kind], "FORGED-"+kind)
		if len(list) < 300 {
			t.Fatalf("only %d forgeries of kind %s", len(list), kind)
		}
		ref.Path = "FORGED-" + kind
		for _, d := range list {
			batch = append(batch, &engine.AttachItem{Item: ref, Document: d})
		}
		refused = append(refused, list...)
	}
	t.Run("Controller", func(t *testing.T) {
		t.Parallel()
		controllerRefuses(t, c.For(t), refused)
	})
	t.Run("Agent", func(t *testing.T) {
		t.Parallel()
		c := c.For(t)
		// The Agent has seen the keys as well: a first batch proves it.
		if err := c.SendBatch(as, c.Agents[0], &engine.AgentBatch{ControllerID: "controller", LogID: st.LogID, Term: 1000, Sequence: 1, Commands: batch}); err != nil {
			t.Fatal(err)
		}
		var attached, refusals int
		for _, e := range c.AgentEvents(as, c.Agents[0], func(e engine.Stamped) bool {
			b, ok := e.Event.(*engine.AgentBatchReceived)
			return ok && b.Sequence == 1
		}) {
			switch ev := e.Event.(type) {
			case *engine.ItemAttachedToMe:
				if attached++; !strings.HasPrefix(ev.Item.Path, "GOOD-") {
					t.Errorf("accepted: %s with %s", ev.Document.Text, ev.Document.Evidence)
				}
			case *engine.ItemRefused:
				if refusals++; ev.Problem.Message == "" {
					t.Errorf("a refusal of %s without a reason", ev.Item)
				}
			}
		}
		if attached != len(all) || refusals != len(refused) {
			t.Errorf("%d documents attached and %d refused, of %d good ones and %d forged", attached, refusals, len(all), len(refused))
		}
	})
}

func postItem(c *cluster.Cluster, items ...any) error {
	return c.Post("/item", map[string]any{"commandId": rand.Text(), "by": map[string]any{"account": "mallory", "method": "test"}, "add": items}, nil)
}

// controllerRefuses deploys documents, many at once, and finds each of them
// among the problems. Nothing of it is deployed.
func controllerRefuses(t *testing.T, c *cluster.Cluster, docs []engine.Document) {
	const atOnce = 40
	for begin := 0; begin < len(docs); begin += atOnce {
		part := docs[begin:min(begin+atOnce, len(docs))]
		var add []any
		for _, d := range part {
			if !json.Valid([]byte(d.Evidence)) {
				t.Fatalf("not JSON: %s", d.Evidence)
			}
			add = append(add, asItem(d))
		}
		err := postItem(c, add...)
		if err == nil {
			t.Fatalf("a request of forgeries was accepted: %s", part[0].Text)
		}
		for i, d := range part {
			if !strings.Contains(err.Error(), fmt.Sprintf("$.add[%d]", i)) && len(part) > 1 {
				t.Errorf("not among the problems: %s with %s", d.Text, d.Evidence)
			}
		}
	}
	var list struct{ Items []struct{ Path string } }
	if err := c.Get("/item", &list); err != nil {
		t.Fatal(err)
	}
	for _, it := range list.Items {
		if !strings.HasPrefix(it.Path, "GOOD-") {
			t.Errorf("%s is deployed", it.Path)
		}
	}
}

// An Agent whose trust differs from the Controller's refuses by itself; the
// order tells who signed, and why that isn't enough.
func TestAgentTrustsLess(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	bob := trusttest.NewX509(t, "bob")
	cluster.Trust(t, c.Controllers[0].Config, bob)
	deploy(t, c)
	doc := cluster.SignedBy(t, bob.Key, script("B", "1", "true"))
	c.Eventually("the Controller trusts bob", func() bool { return postItem(c, asItem(doc)) == nil })
	add(t, c, "B", "B1")
	c.Eventually("B1 fails", func() bool { return c.State("B1") == "FailedWhileFresh" })
	o, err := c.Order("B1")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(o); !strings.Contains(text, "bob") || !strings.Contains(text, "trust") {
		t.Errorf("the order doesn't tell who signed and why it failed: %s", text)
	}
	for _, e := range eventsOf(c, "B1") {
		if e == "OrderProcessingStarted" {
			t.Error("a job was started")
		}
	}
}

// compromised is somebody with the Controller's certificate, alone with an
// Agent that no Controller drives.
type compromised struct {
	t        *testing.T
	c        *cluster.Cluster
	as       interface{ Close() error }
	batch    engine.AgentBatch
	send     func(b *engine.AgentBatch) error
	events   func(sequence int64) []engine.Stamped
	sequence int64
}

func newCompromised(t *testing.T, options ...cluster.Option) *compromised {
	c := cluster.New(t, 1, 1, options...)
	as := c.ClientOf(c.Controllers[0].Config)
	x := &compromised{t: t, c: c, as: as}
	x.batch = engine.AgentBatch{ControllerID: "controller", LogID: c.StatusOf(as, c.Agents[0]).LogID, Term: 7}
	x.send = func(b *engine.AgentBatch) error { return c.SendBatch(as, c.Agents[0], b) }
	x.events = func(sequence int64) []engine.Stamped {
		return c.AgentEvents(as, c.Agents[0], func(e engine.Stamped) bool {
			b, ok := e.Event.(*engine.AgentBatchReceived)
			return ok && b.Sequence >= sequence
		})
	}
	return x
}

// next sends a batch with the next number and returns the Agent's events.
func (x *compromised) next(cmds ...engine.AgentCommand) []engine.Stamped {
	x.t.Helper()
	b := x.batch
	x.sequence++
	b.Sequence, b.Commands = x.sequence, cmds
	if err := x.send(&b); err != nil {
		x.t.Fatal(err)
	}
	return x.events(x.sequence)
}

func (x *compromised) attach(kind item.Kind, path, version, text string) *engine.AttachItem {
	return &engine.AttachItem{Item: engine.ItemRef{Kind: kind, Path: path, VersionID: version}, Document: cluster.SignedBy(x.t, x.c.Signer(), text)}
}

func (x *compromised) agentRef() *engine.AttachItem {
	return x.attach(item.KindAgentRef, "agent-1", "", fmt.Sprintf(`{"TYPE":"AgentRef","path":"agent-1","uri":%q}`, x.c.Agents[0].URL))
}

// started returns the orders of which a process was started.
func started(events []engine.Stamped) map[string]bool {
	m := map[string]bool{}
	for _, e := range events {
		if e.Event.Type() == "OrderProcessingStarted" {
			m[e.Key] = true
		}
	}
	return m
}

// unsafeName makes sure that what a Controller says never becomes a path.
func unsafeName(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	err := filepath.WalkDir(c.Dir, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, "evil") {
			t.Errorf("%s was made", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stranger is a key that nobody trusts.
func stranger(t *testing.T) trusttest.Identity {
	t.Helper()
	_, key, err := ed25519.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return trusttest.SSHIdentity(t, "stranger", key)
}
