// Package cluster runs whole installations inside one process, for tests: real
// Controllers and Agents with their own certificates, trust directories and
// data, on free ports of the loopback interface.
//
// It is used by tests only; the black-box tests in test/scripts run the built
// binary instead.
package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/agent"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/controller"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/proc"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// Main is TestMain for packages that use a Cluster: the starter process of an
// Agent is another run of the test's own binary.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "starter" {
		os.Exit(proc.StarterMain())
	}
	os.Exit(m.Run())
}

// Cluster is an installation.
type Cluster struct {
	t           testing.TB
	Dir         string
	ca          *pki.CA
	signer      trust.SignerKey
	log         *slog.Logger
	Controllers []*Part[controller.Controller]
	Agents      []*Part[agent.Agent]
	client      *transport.Client
	Cockpit     string // configuration folder of the Cockpit, which doesn't run

	controllerKeys map[string]string
	agentKeys      map[string]map[string]string // by Agent; "" is every Agent
	noScripts      map[string]bool
	trusted        []trusttest.Identity
	disks          map[string]fsys.FS // of logs, by part
	lines          string
}

// Option changes how an installation is configured.
type Option func(*Cluster)

// ControllerKey sets a configuration key of every Controller.
func ControllerKey(key, value string) Option {
	return func(c *Cluster) { c.controllerKeys[key] = value }
}

// AgentKey sets a configuration key of an Agent; "" is every Agent.
func AgentKey(agent, key, value string) Option {
	return func(c *Cluster) {
		if c.agentKeys[agent] == nil {
			c.agentKeys[agent] = map[string]string{}
		}
		c.agentKeys[agent][key] = value
	}
}

// NoScripts leaves an Agent at the default: it runs no scripts.
func NoScripts(agent string) Option { return func(c *Cluster) { c.noScripts[agent] = true } }

// Line adds a line to every part's configuration.
func Line(text string) Option { return func(c *Cluster) { c.lines += text + "\n" } }

// Trusting makes every Controller and Agent trust somebody from the start.
func Trusting(who ...trusttest.Identity) Option {
	return func(c *Cluster) { c.trusted = append(c.trusted, who...) }
}

// Disk gives the log of a part a disk of its own.
func Disk(part string, disk fsys.FS) Option {
	return func(c *Cluster) { c.disks[part] = disk }
}

// Part is one process that isn't one.
type Part[T any] struct {
	Name, URL, Listen string
	Config, Data      string
	Running           *T
}

// New makes an installation and starts it.
func New(t testing.TB, controllers, agents int, options ...Option) *Cluster {
	t.Helper()
	c := &Cluster{
		t: t, Dir: t.TempDir(), log: slog.New(slog.NewTextHandler(logWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo})),
		controllerKeys: map[string]string{}, agentKeys: map[string]map[string]string{}, noScripts: map[string]bool{}, disks: map[string]fsys.FS{},
	}
	for _, o := range options {
		o(c)
	}
	var err error
	if c.ca, err = pki.InitCA(fsys.Real{}, filepath.Join(c.Dir, "ca"), pki.CAParams{Organization: "Test", Now: time.Now().Add(-24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	issued, err := c.ca.IssueSigner(pki.SignerParams{Name: "alice", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if c.signer, err = trust.X509Signer(issued.Key, pki.EncodeCertsPEM(issued.Chain...)); err != nil {
		t.Fatal(err)
	}
	for i := range controllers {
		c.Controllers = append(c.Controllers, makePart[controller.Controller](c, pki.RoleController, fmt.Sprintf("controller-%d", i+1)))
	}
	for i := range agents {
		c.Agents = append(c.Agents, makePart[agent.Agent](c, pki.RoleAgent, fmt.Sprintf("agent-%d", i+1)))
	}
	c.configure()
	cockpit := makePart[struct{}](c, pki.RoleCockpit, "cockpit")
	c.Cockpit = cockpit.Config
	c.client = c.clientOf(c.Cockpit)
	t.Cleanup(c.close)
	for _, p := range c.Controllers {
		c.StartController(p)
	}
	for _, p := range c.Agents {
		c.StartAgent(p)
	}
	return c
}

type logWriter struct{ t testing.TB }

// Write logs a line.
func (w logWriter) Write(b []byte) (int, error) {
	if os.Getenv("SIGNET_TEST_LOG") != "" {
		fmt.Fprintf(os.Stderr, "%s", b)
	}
	return len(b), nil
}

func makePart[T any](c *Cluster, role pki.Role, name string) *Part[T] {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		c.t.Fatal(err)
	}
	p := &Part[T]{
		Name: name, URL: "https://" + address, Listen: address,
		Config: filepath.Join(c.Dir, name, "config"), Data: filepath.Join(c.Dir, name, "data"),
	}
	private := filepath.Join(p.Config, "private")
	c.must(os.MkdirAll(filepath.Join(private, "trusted-x509-keys"), 0o700))
	c.must(os.MkdirAll(p.Data, 0o700))
	issued, err := c.ca.IssueNode(pki.NodeParams{Role: role, Name: name, DNSNames: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Now: time.Now()})
	c.must(err)
	c.must(pki.WriteKeyPEM(fsys.Real{}, filepath.Join(private, "https-key.pem"), issued.Key))
	c.must(pki.WriteCertsPEM(fsys.Real{}, filepath.Join(private, "https-cert.pem"), issued.Chain...))
	c.must(pki.WriteCertsPEM(fsys.Real{}, filepath.Join(private, "https-trust.pem"), c.ca.Root(pki.PurposeNode)))
	c.must(pki.WriteCertsPEM(fsys.Real{}, filepath.Join(private, "trusted-x509-keys", "signers.pem"), c.ca.Root(pki.PurposeSigning)))
	for _, who := range c.trusted {
		Trust(c.t, p.Config, who)
	}
	return p
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// configure writes the configuration files.
func (c *Cluster) configure() {
	var members []conf.Member
	var names []string
	for i, p := range c.Controllers {
		members = append(members, conf.Member{Name: p.Name, URL: p.URL, ID: uint64(i + 1)})
		names = append(names, p.Name)
	}
	for _, p := range c.Controllers {
		text := conf.Render(conf.ControllerFile{ID: "controller", Name: p.Name, Listen: p.Listen, Members: members, More: c.controllerKeys})
		c.must(os.WriteFile(filepath.Join(p.Config, "controller.conf"), []byte(text+c.lines), 0o600))
	}
	for _, p := range c.Agents {
		more := maps.Clone(c.agentKeys[""])
		if more == nil {
			more = map[string]string{}
		}
		maps.Copy(more, c.agentKeys[p.Name])
		text := conf.Render(conf.AgentFile{Name: p.Name, Listen: p.Listen, Controllers: names, ScriptsAllowed: !c.noScripts[p.Name], More: more})
		c.must(os.WriteFile(filepath.Join(p.Config, "agent.conf"), []byte(text+c.lines), 0o600))
	}
}

func (c *Cluster) clientOf(config string) *transport.Client {
	private := filepath.Join(config, "private")
	creds, err := transport.LoadCredentials(transport.Files{
		Cert: filepath.Join(private, "https-cert.pem"), Key: filepath.Join(private, "https-key.pem"), Trust: []string{filepath.Join(private, "https-trust.pem")},
	})
	c.must(err)
	client, err := transport.NewClient(transport.ClientOptions{Credentials: creds, Expect: func(pki.Identity) bool { return true }})
	c.must(err)
	return client
}

// StartController starts a Controller.
func (c *Cluster) StartController(p *Part[controller.Controller]) {
	c.t.Helper()
	c.must(c.TryController(p))
}

// TryController starts a Controller that may not start.
func (c *Cluster) TryController(p *Part[controller.Controller]) error {
	set, err := conf.LoadController(p.Config, p.Data, os.ReadFile)
	if err != nil {
		return err
	}
	ring := newRing()
	p.Running, err = controller.Start(controller.Options{Settings: set, DataDir: p.Data, FS: c.disks[p.Name], Log: ring.log(c, p.Name), Self: ring.self()})
	return err
}

// StartAgent starts an Agent.
func (c *Cluster) StartAgent(p *Part[agent.Agent]) {
	c.t.Helper()
	c.must(c.TryAgent(p))
}

// StopAgent stops an Agent.
func (c *Cluster) StopAgent(p *Part[agent.Agent]) {
	c.t.Helper()
	c.must(p.Running.Close())
	p.Running = nil
}

// TryAgent starts an Agent that may not start.
func (c *Cluster) TryAgent(p *Part[agent.Agent]) error {
	set, err := conf.LoadAgent(p.Config, p.Data, os.ReadFile)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	ring := newRing()
	p.Running, err = agent.Start(agent.Options{
		FS: c.disks[p.Name], Settings: set, DataDir: p.Data, Executable: exe, Environ: []string{"PATH=/usr/bin:/bin", "OF_THE_AGENT=agent"},
		Log: ring.log(c, p.Name), Self: ring.self(),
	})
	return err
}

// ring keeps what a part writes to its log.
type ring struct{ kept *part.Ring }

func newRing() ring { return ring{part.NewRing(clock.Real{})} }

func (r ring) log(c *Cluster, name string) *slog.Logger {
	return slog.New(r.kept.Handler(c.log.Handler())).With("part", name)
}

func (r ring) self() part.Self { return part.Self{Version: "test", Started: time.Now(), Log: r.kept} }

func (c *Cluster) close() {
	for _, p := range c.Controllers {
		if p.Running != nil {
			if err := p.Running.Close(); err != nil {
				c.t.Errorf("closing %s: %v", p.Name, err)
			}
		}
	}
	for _, p := range c.Agents {
		if p.Running != nil {
			if err := p.Running.Close(); err != nil {
				c.t.Errorf("closing %s: %v", p.Name, err)
			}
		}
	}
	_ = c.client.Close()
}

// Sign returns a document as the item route takes it.
func (c *Cluster) Sign(document string) map[string]any {
	ev, err := c.signer.Sign([]byte(document))
	c.must(err)
	return map[string]any{"string": document, "evidence": ev}
}

// Deploy signs and deploys documents.
func (c *Cluster) Deploy(documents ...string) error {
	var add []any
	for _, d := range documents {
		add = append(add, c.Sign(d))
	}
	return c.Post("/item", map[string]any{"commandId": fmt.Sprint(time.Now().UnixNano()), "by": by, "add": add}, nil)
}

var by = map[string]any{"account": "admin", "method": "test"}

// DeployAgents deploys the record of each Agent.
func (c *Cluster) DeployAgents() error {
	var docs []string
	for _, p := range c.Agents {
		docs = append(docs, fmt.Sprintf(`{"TYPE":"AgentRef","path":%q,"uri":%q}`, p.Name, p.URL))
	}
	return c.Deploy(docs...)
}

// Command gives a command to the Controller.
func (c *Cluster) Command(typ string, fields map[string]any) error {
	cmd := map[string]any{"TYPE": typ, "commandId": fmt.Sprint(time.Now().UnixNano()), "by": by}
	maps.Copy(cmd, fields)
	return c.Post("/command", cmd, nil)
}

// Once gives a command to the first Controller, and doesn't repeat it.
func (c *Cluster) Once(typ string, fields map[string]any) error {
	cmd := map[string]any{"TYPE": typ, "commandId": fmt.Sprint(time.Now().UnixNano()), "by": by}
	maps.Copy(cmd, fields)
	ctx, cancel := c.Within(5 * time.Second)
	defer cancel()
	var answer json.RawMessage
	return c.client.PostJSON(ctx, c.Controllers[0].URL+"/controller/api/command", cmd, &answer)
}

// Within returns a context that ends after so long.
func (c *Cluster) Within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.t.Context(), d)
}

// Post posts to whichever Controller leads.
func (c *Cluster) Post(path string, in, out any) error {
	body, err := json.Marshal(in)
	c.must(err)
	return c.each(func(url string) error {
		var answer json.RawMessage
		if err := c.client.PostJSON(c.t.Context(), url+"/controller/api"+path, json.RawMessage(body), &answer); err != nil {
			return err
		}
		if out != nil {
			return json.Unmarshal(answer, out)
		}
		return nil
	})
}

// Get asks whichever Controller leads.
func (c *Cluster) Get(path string, out any) error {
	return c.each(func(url string) error {
		var answer json.RawMessage
		if err := c.client.GetJSON(c.t.Context(), url+"/controller/api"+path, &answer); err != nil {
			return err
		}
		return json.Unmarshal(answer, out)
	})
}

// each tries the members one after the other, until one answers that leads.
func (c *Cluster) each(f func(url string) error) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	for {
		var err error
		for _, p := range c.Controllers {
			if p.Running == nil {
				continue
			}
			if err = f(p.URL); !fault.HasCode(err, "NotLeader") && !fault.HasCode(err, "OutcomeUnknown") {
				return err
			}
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			return err
		case <-timer.C:
		}
	}
}

// Order returns an order as the Controller knows it.
func (c *Cluster) Order(id string) (map[string]any, error) {
	var o map[string]any
	err := c.Get("/order/"+id, &o)
	return o, err
}

// State returns the state of an order, "" when it is unknown.
func (c *Cluster) State(id string) string {
	o, err := c.Order(id)
	if err != nil {
		return ""
	}
	s, _ := o["state"].(map[string]any)
	name, _ := s["TYPE"].(string)
	return name
}

// Eventually waits until f holds.
func (c *Cluster) Eventually(what string, f func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not within 30 s", what)
		}
		timer := time.NewTimer(20 * time.Millisecond)
		<-timer.C
	}
}

// Events returns the Controller's committed events, as one JSON object a line.
func (c *Cluster) Events() []map[string]any {
	c.t.Helper()
	s, err := c.client.Stream(c.t.Context(), c.Controllers[0].URL+"/controller/api/event?after=0", 1<<20, 10*time.Second)
	c.must(err)
	defer s.Close()
	var events []map[string]any
	for {
		line, err := s.Next()
		if err != nil {
			return events
		}
		var e map[string]any
		c.must(json.Unmarshal(bytes.Clone(line), &e))
		events = append(events, e)
	}
}
