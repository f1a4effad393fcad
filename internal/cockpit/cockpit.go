package cockpit

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/seal"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
)

// Deps is what a Cockpit is made of. Settings and Log are needed; the rest has
// defaults.
type Deps struct {
	Settings *conf.Cockpit
	Log      *slog.Logger
	Clock    clock.Clock  // the machine's
	FS       fsys.FS      // the disk
	Listener net.Listener // instead of Settings.Listen
	Version  string       // of the program, for GET /version
	Commit   string
	Go       string
	Self     part.Self // what it tells of itself
	Pages    fs.FS     // what browsers are served; nil: nothing

	// Dial connects to a Controller; nil: by HTTPS.
	Dial func(ref conf.ControllerRef) (Controller, error)
	// Hash says how hard passwords are hashed.
	Hash identity.HashOptions
	// ConfirmEvery is the least time between two confirmations of events, 1 s.
	ConfirmEvery time.Duration
	// LookBudget is at how many rows one search looks, 20,000, and LookTime how long
	// it goes on, 75 ms: a page may search and count, and is to come within 200 ms.
	LookBudget int
	LookTime   time.Duration
}

// Cockpit is the part that users talk to.
type Cockpit struct {
	deps      Deps
	settings  *conf.Cockpit
	log       *slog.Logger
	clock     clock.Clock
	db        store.Store
	services  *fenced // the database for what only one Cockpit writes
	pack      *packer
	openAPI   []byte // JSON
	hasher    *identity.Hasher
	logins    *identity.Logins
	enrolling *identity.Throttle // slows down guessing of tokens
	sessions  *identity.Sessions
	live      *liveCalls
	news      *news
	audience  audience
	answers   sharedAnswers
	pages     *pages
	signer    trust.SignerKey        // of the installation, at level low; nil: it has none
	sealing   *seal.Key              // opens the keys of accounts, at level medium
	nodeFiles *transport.Credentials // nil in tests
	userFiles *transport.Credentials
	notices   *bulletin.Board
	trustNews chan struct{}      // capacity 1: another Cockpit has new trust material
	signing   []part.Certificate // of the key that documents are signed with
	leading   atomic.Bool        // it runs the services
	others    neighbours
	histories []*history    // one for each Controller, as configured
	backups   chan struct{} // capacity 1: one at a time
	exports   chan struct{} // those that are under way
	imports   chan struct{} // capacity 1: an archive may be large
	server    *transport.Server
	closing   sync.Once
	closeErr  error
}

// New opens the database, makes the listener, and connects to nobody yet; Run
// does. The database must have been made by Init.
func New(ctx context.Context, d Deps) (*Cockpit, error) {
	if d.Clock == nil {
		d.Clock = clock.Real{}
	}
	if d.FS == nil {
		d.FS = fsys.Real{}
	}
	if d.Pages == nil {
		d.Pages = embed.FS{}
	}
	if d.ConfirmEvery == 0 {
		d.ConfirmEvery = time.Second
	}
	if d.LookBudget == 0 {
		d.LookBudget = 20_000
	}
	if d.LookTime == 0 {
		d.LookTime = 75 * time.Millisecond
	}
	c := &Cockpit{
		deps: d, settings: d.Settings, log: d.Log, clock: d.Clock, live: newLiveCalls(), news: newNews(d.Clock), backups: make(chan struct{}, 1),
		exports: make(chan struct{}, maxExports), imports: make(chan struct{}, 1), trustNews: make(chan struct{}, 1), enrolling: identity.NewThrottle(), hasher: identity.NewHasher(d.Hash),
	}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cockpit) open(ctx context.Context) (err error) {
	if c.openAPI, err = objectfile.FromYAML([]byte(api.OpenAPI())); err != nil {
		return fault.Wrap(fault.Internal, "BadOpenAPI", err, "the description of the API can't be read")
	}
	if c.pages, err = newPages(c.deps.Pages); err != nil {
		return err
	}
	if c.pack, err = newPacker(); err != nil {
		return err
	}
	if c.signer, c.signing, err = loadSigner(c.settings); err != nil {
		return err
	}
	if c.sealing, err = loadSealing(c.settings); err != nil {
		return err
	}
	if c.db, err = OpenDatabase(ctx, c.settings, c.deps.FS); err != nil {
		return err
	}
	c.services = &fenced{Store: c.db}
	c.dropCopy()
	if err := c.mustBeInitialized(ctx); err != nil {
		return err
	}
	if err := c.checkFacts(ctx); err != nil {
		return err
	}
	accounts := accountsIn{c.db}
	c.logins = &identity.Logins{Accounts: accounts, Hasher: c.hasher, Throttle: identity.NewThrottle(), Clock: c.clock}
	c.sessions = &identity.Sessions{Store: accounts, Clock: c.clock, Idle: c.settings.SessionIdle, Max: c.settings.SessionMax}
	if err := c.checkAuthority(); err != nil {
		return err
	}
	if err := c.openBoard(); err != nil {
		return err
	}
	if err := c.dialAll(); err != nil {
		return err
	}
	return c.listen()
}

func (c *Cockpit) mustBeInitialized(ctx context.Context) error {
	return c.db.Read(ctx, func(r store.Reader) error {
		n, err := r.CountRole(string(identity.Administrator))
		if err == nil && n == 0 {
			return fault.New(fault.Invalid, "NotInitialized", "the database has no administrator; run \"signet cockpit init\" first")
		}
		return err
	})
}

// dialAll makes the way to each Controller.
func (c *Cockpit) dialAll() error {
	dial := c.deps.Dial
	if dial == nil {
		credentials, err := transport.LoadCredentialsWith(c.files(&c.settings.TLS, c.settings.TLS.TrustFiles, bulletin.Connections), transport.CredentialOptions{Clock: c.clock, Log: c.log})
		if err != nil {
			return err
		}
		c.nodeFiles = credentials
		dial = func(ref conf.ControllerRef) (Controller, error) {
			return NewRemote(ref, c.settings.SecurityLevel, credentials, c.clock)
		}
	}
	for _, ref := range c.settings.Controllers {
		controller, err := dial(ref)
		if err != nil {
			return err
		}
		c.histories = append(c.histories, newHistory(historyParts{
			id: ref.ID, controller: controller, db: c.db, services: c.services, clock: c.clock, log: c.log, pack: c.pack, confirmEvery: c.deps.ConfirmEvery, news: c.news,
		}))
	}
	return nil
}

// files names the files of a certificate, and the revocation lists that count: those
// of the settings, and those on a shelf of the board.
func (c *Cockpit) files(t *conf.TLS, trusted []string, shelf string) transport.Files {
	f := transport.Files{
		Keystore: t.Keystore, KeystorePassword: pki.Secret(t.KeystorePassword.Reveal()), Cert: t.CertFile, Key: t.KeyFile,
		KeystoreKey: pki.KeyChoice{Alias: t.KeystoreAlias, Password: pki.Secret(t.KeyPassword.Reveal())},
		Trust:       trusted, TrustPassword: pki.Secret(t.TrustPassword.Reveal()), TrustPasswords: map[string]pki.Secret{},
		CRLs: append(slices.Clone(t.CRLFiles), bulletin.Dir(c.settings.DataDir, shelf)),
	}
	for file, password := range t.TrustPasswords {
		f.TrustPasswords[file] = pki.Secret(password.Reveal())
	}
	return f
}

func (c *Cockpit) listen() error {
	credentials, err := transport.LoadCredentialsWith(c.files(&c.settings.UserTLS, c.settings.UserCA, bulletin.Users), transport.CredentialOptions{Clock: c.clock, Log: c.log})
	if err != nil {
		return err
	}
	c.userFiles = credentials
	c.server, err = transport.NewServer(transport.Options{
		Listen: c.settings.Listen, Listener: c.deps.Listener, Mode: transport.Users, Credentials: credentials, Handler: c.handler(), Log: c.log,
	})
	return err
}

// Addr returns the address that users connect to.
func (c *Cockpit) Addr() net.Addr { return c.server.Addr() }

// Handler returns the API, for tests that need no listener.
func (c *Cockpit) Handler() http.Handler { return c.handler() }

// Run serves users and follows the Controllers until ctx ends, then stops all
// and closes. It returns nil, or why the listener failed. Call it once.
func (c *Cockpit) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.takeTurns(ctx) })
	wg.Go(func() { c.hearOthers(ctx) })
	wg.Go(func() { c.news.run(ctx) })
	wg.Go(func() { c.announce(ctx) })
	wg.Go(func() { c.shareNotices(ctx) })
	wg.Go(func() { c.keepLists(ctx) })
	wg.Go(func() { c.keepCertificates(ctx) })
	for _, h := range c.histories {
		for _, member := range h.controller.Members() {
			wg.Go(func() { c.sendNotices(ctx, h.controller, member) })
		}
		wg.Go(func() { h.known.keep(ctx) })
	}
	c.log.Info("the Cockpit serves", "address", c.Addr().String())
	err := c.server.Serve(ctx)
	cancel()
	wg.Wait()
	return errors.Join(err, c.Close())
}

// Close releases everything. After Run it does nothing; further calls return the
// same.
func (c *Cockpit) Close() error {
	c.closing.Do(func() {
		var errs []error
		if c.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), c.settings.ShutdownTimeout)
			defer cancel()
			errs = append(errs, c.server.Shutdown(ctx))
		}
		for _, h := range c.histories {
			errs = append(errs, h.controller.Close())
		}
		if c.db != nil {
			errs = append(errs, c.db.Close())
		}
		if c.pack != nil {
			c.pack.close()
		}
		c.closeErr = errors.Join(errs...)
	})
	return c.closeErr
}

// How often old history goes, and how much of it in one transaction.
const (
	houseEvery = 10 * time.Minute
	houseBatch = 200
)

// housekeep deletes what is too old until ctx ends.
func (c *Cockpit) housekeep(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.tidy(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("housekeeping", "error", err)
		}
		sleep(ctx, c.clock, houseEvery)
	}
}

func (c *Cockpit) tidy(ctx context.Context) error {
	now := c.clock.Now()
	err := c.services.Write(ctx, func(w store.Writer) error {
		return errors.Join(
			w.DeleteExpiredSessions(now.UnixMilli(), now.Add(-c.settings.SessionIdle).UnixMilli()),
			w.DeleteEnrolments(now.Add(-keepTokens).UnixMilli()),
		)
	})
	if err != nil || c.settings.LogRetention == 0 {
		return err
	}
	before := now.Add(-c.settings.LogRetention).UnixMilli()
	for ctx.Err() == nil {
		var n int
		err := c.services.Write(ctx, func(w store.Writer) (err error) {
			if n, err = w.DeleteHistory(before, houseBatch); err != nil {
				return err
			}
			gone, err := w.DeleteDeployments(before, houseBatch)
			n += gone
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// history returns the Controller that a call names, or the only one.
func (c *Cockpit) history(id string) (*history, error) {
	if id == "" && len(c.histories) == 1 {
		return c.histories[0], nil
	}
	ids := make([]string, len(c.histories))
	for i, h := range c.histories {
		if ids[i] = h.id; h.id == id {
			return h, nil
		}
	}
	if id == "" {
		return nil, fault.New(fault.Invalid, "ControllerNeeded", "say which Controller is meant, by the parameter controller: %s", strings.Join(ids, ", "))
	}
	return nil, fault.New(fault.NotFound, "UnknownController", "there is no Controller %q here; there are: %s", clip(id), strings.Join(ids, ", "))
}
