// Package controller is the shell around the Controller machine: it replicates
// what the machine decides through consensus, serves the Cockpit, and drives
// the Agents.
//
// It owns the listener, the connections to Agents and to the other members,
// and the timers; it decides nothing about orders. internal/app starts it. The
// one rule everywhere: nothing leaves before the batch that caused it is
// committed (Machine.Committed, in machine.go).
package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/guard"
	"github.com/signet-scheduler/signet/internal/handover"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// gatherTime is for how long commands and Agents' events are gathered when
// there are many of them.
const gatherTime = 10 * time.Millisecond

// keepEntries is how many entries stay for members that are behind, beside those
// with the events that stay readable.
const keepEntries = 100

// Options is what a Controller needs besides its settings.
type Options struct {
	Settings *conf.Controller
	DataDir  string
	FS       fsys.FS     // default: the real disk
	Clock    clock.Clock // default: the machine's
	Log      *slog.Logger
	Self     part.Self // what it tells of itself
}

// Controller is one member of a Controller group. Start it, then Wait.
type Controller struct {
	set   *conf.Controller
	clock clock.Clock
	log   *slog.Logger
	guard *guard.Guard
	creds *transport.Credentials

	notices       *bulletin.Board
	agentCreds    *transport.Credentials   // what Agents are called with
	agentSubjects map[string]*pki.Subjects // of Agents that are known by them
	server        *transport.Server
	node          consensus.Node
	m             *ledger.Machine[*engine.Controller, engine.ControllerWork]
	board         *handover.Board
	peers         *peers
	self          conf.Member
	told          part.Self

	ctx     context.Context // the life of all goroutines
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	trust   chan struct{} // capacity 1: the trust set has changed
	office  office
	logs    logClients
	heard   reports // of the Agents
	backups *backups
	failed  chan error
}

// Start opens the log and begins to serve. Listener addresses are settled when
// it returns.
func Start(o Options) (*Controller, error) {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	c := &Controller{set: o.Settings, clock: o.Clock, log: o.Log, told: o.Self, board: handover.NewBoard(), trust: make(chan struct{}, 1), failed: make(chan error, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.open(o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Controller) open(o Options) error {
	for _, m := range c.set.Members {
		if m.Name == c.set.Name {
			c.self = m
		}
	}
	for _, line := range c.set.Notes {
		c.log.Warn(line)
	}
	var err error
	if err := c.openBoard(o); err != nil {
		return err
	}
	if c.creds, err = transport.LoadCredentialsWith(credentialFiles(c.set.TLS, o.DataDir), transport.CredentialOptions{Clock: c.clock, Log: c.log}); err != nil {
		return err
	}
	if err := c.creds.Require(pki.Identity{Role: pki.RoleController, Name: c.set.Name}); err != nil {
		return err
	}
	if err := c.openAgentAccess(o.DataDir); err != nil {
		return err
	}
	if c.guard, err = guard.Open(c.set.Trust, o.DataDir, o.FS, c.clock, c.log, c.trustChanged); err != nil {
		return err
	}
	cfg := engine.Config{ControllerID: c.set.ID, Estate: c.estate(), Verifier: c.guard}
	c.m = ledger.New(engine.NewController(cfg), ledger.Hooks[*engine.Controller, engine.ControllerWork]{
		Restore: func(r io.Reader) (*engine.Controller, error) { return engine.RestoreController(cfg, r) },
		Publish: c.board.Publish,
		Leads:   c.leadership,
		Needed:  (*engine.Controller).Retained,
		Keep:    c.set.KeepEvents,
	})
	if c.backups, err = openBackups(o.FS, o.DataDir); err != nil {
		return err
	}
	if c.peers, err = newPeers(c); err != nil {
		return err
	}
	if c.node, err = c.openLog(o); err != nil {
		return err
	}
	if err := c.m.Index.Build(c.node); err != nil {
		return err
	}
	c.guard.Start()
	c.peers.start()
	if err := c.listen(); err != nil {
		return err
	}
	c.tasks.Go(c.keepOffice)
	c.tasks.Go(c.keepTime)
	c.tasks.Go(func() { c.m.Index.Keep(c.ctx, c.node, c.clock, c.log) })
	c.tasks.Go(func() {
		select {
		case <-c.node.Done():
			c.fail(fmt.Errorf("the log stopped: %w", c.node.Err()))
		case <-c.ctx.Done():
		}
	})
	return nil
}

// estate is the installation that this Controller belongs to.
func (c *Controller) estate() engine.Estate {
	return engine.Estate{Installation: c.set.Trust.Installation, Level: c.set.Trust.SecurityLevel}
}

func (c *Controller) openLog(o Options) (consensus.Node, error) {
	ids := make([]uint64, len(c.set.Members))
	for i, m := range c.set.Members {
		ids[i] = m.ID
	}
	dir := filepath.Join(o.DataDir, "journal")
	return consensus.StartGroup(consensus.Options{
		ID: c.self.ID, Members: ids, FS: o.FS, Dir: dir, Clock: c.clock, Machine: c.m, Transport: c.peers, Log: c.log,
		Tick: c.set.Heartbeat, HeartbeatTicks: 1, ElectionTicks: max(2, int(c.set.ElectionTimeout/c.set.Heartbeat)),
		SegmentBytes: ledger.SegmentBytes, SnapshotBytes: c.set.SnapshotBytes, SnapshotPeriod: c.set.SnapshotPeriod,
		KeepEntries: keepEntries, MinFreeSpace: c.set.MinFreeSpace,
		Gather: gatherTime,
	})
}

// credentialFiles names the files of a node's certificate, and the revocation
// lists that count: those of the settings, and those that were sent.
func credentialFiles(t conf.TLS, dataDir string) transport.Files {
	f := transport.Files{
		Cert: t.CertFile, Key: t.KeyFile, Trust: t.TrustFiles, TrustPasswords: map[string]pki.Secret{},
		CRLs: append(slices.Clone(t.CRLFiles), bulletin.Dir(dataDir, bulletin.Connections)), Renewed: filepath.Join(dataDir, "trust", "https.pem"),
	}
	if t.Keystore != "" {
		f.Cert, f.Key, f.Keystore, f.KeystorePassword = "", "", t.Keystore, pki.Secret(t.KeystorePassword.Reveal())
		f.KeystoreKey = pki.KeyChoice{Alias: t.KeystoreAlias, Password: pki.Secret(t.KeyPassword.Reveal())}
	}
	for file, password := range t.TrustPasswords {
		f.TrustPasswords[file] = pki.Secret(password.Reveal())
	}
	f.TrustPassword = pki.Secret(t.TrustPassword.Reveal())
	return f
}

func (c *Controller) listen() error {
	s, err := transport.NewServer(transport.Options{
		Listen: c.set.Listen, Mode: transport.Parts, Credentials: c.creds, Peers: c.admits, Handler: transport.Mux(c.routes()), Log: c.log,
	})
	if err != nil {
		return err
	}
	c.server = s
	c.tasks.Go(func() {
		if err := s.Serve(c.ctx); err != nil {
			c.fail(err)
		}
	})
	return nil
}

// admits tells who may connect: the Cockpits and the other members.
func (c *Controller) admits(id pki.Identity) bool {
	switch id.Role {
	case pki.RoleCockpit:
		if slices.Contains(c.set.CockpitNames, id.Name) {
			return true
		}
	case pki.RoleController:
		_, ok := c.memberNamed(id.Name)
		return ok
	}
	return false
}

func (c *Controller) memberNamed(name string) (conf.Member, bool) {
	for _, m := range c.set.Members {
		if m.Name == name {
			return m, true
		}
	}
	return conf.Member{}, false
}

func (c *Controller) memberByID(id uint64) (conf.Member, bool) {
	for _, m := range c.set.Members {
		if m.ID == id {
			return m, true
		}
	}
	return conf.Member{}, false
}

// Addr returns the address that the listener got.
func (c *Controller) Addr() string { return c.server.Addr().String() }

// Wait returns when the Controller has stopped by itself, with the reason, or
// when ctx ends.
func (c *Controller) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}

func (c *Controller) fail(err error) {
	if c.ctx.Err() != nil {
		return
	}
	select {
	case c.failed <- err:
	default:
	}
}

// Close stops everything and waits for it. Further calls do nothing.
func (c *Controller) Close() error {
	c.cancel()
	var errs []error
	if c.server != nil {
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
		defer stop()
		errs = append(errs, c.server.Shutdown(ctx))
	}
	if c.node != nil {
		errs = append(errs, c.node.Close())
	}
	c.tasks.Wait()
	c.logs.close()
	if c.peers != nil {
		c.peers.close()
	}
	if c.guard != nil {
		errs = append(errs, c.guard.Close())
	}
	return errors.Join(errs...)
}

// decision is a command to the machine.
type decision = ledger.Decision[*engine.Controller]

// decide has the machine carry f out, and waits until what it rests on is
// committed.
func (c *Controller) decide(ctx context.Context, f decision) (any, error) {
	return ledger.Ask(ctx, c.node, f)
}

// decideSized is decide for what brings about so many bytes.
func (c *Controller) decideSized(ctx context.Context, bytes int, f decision) (any, error) {
	return ledger.AskSized(ctx, c.node, bytes, f)
}

// trustChanged has the documents verified anew. A member that doesn't lead
// does so when it begins to.
func (c *Controller) trustChanged() {
	select {
	case c.trust <- struct{}{}:
	default:
	}
}
