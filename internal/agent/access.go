package agent

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// openAccess reads what the Agent proves itself with, and whom it lets in.
func (a *Agent) openAccess(dataDir string) error {
	for _, line := range a.set.Notes {
		a.log.Warn(line)
	}
	var err error
	if a.set.WithTLS() || a.set.Proxy.Header != "" {
		if a.creds, err = transport.LoadCredentialsWith(credentialFiles(a.set, dataDir), transport.CredentialOptions{Clock: a.clock, Log: a.log}); err != nil {
			return err
		}
	}
	if err := a.settleName(); err != nil {
		return err
	}
	if err := a.checkOwn(); err != nil {
		return err
	}
	a.subjects, err = subjectsOf(a.set.Users)
	return err
}

// subjectsOf returns the Controllers that are known by their certificates' subjects.
func subjectsOf(users []conf.User) (*pki.Subjects, error) {
	names := map[string]pki.Identity{}
	for _, u := range users {
		for _, name := range u.Names {
			id := pki.Identity{Role: pki.RoleController, Name: u.Name}
			if other, ok := names[name]; ok {
				return nil, fault.New(fault.Invalid, "InvalidName", "%s: js7.auth.users.%s: %q is the name of user %s, too", u.Where, u.Name, name, other.Name)
			}
			names[name] = id
			if _, err := pki.ParseDN(name); err != nil {
				return nil, fmt.Errorf("%s: js7.auth.users.%s: %w", u.Where, u.Name, err)
			}
		}
	}
	return pki.NewSubjects(names)
}

// settleName finds the Agent's name where its configuration has none: those of JS7
// don't.
func (a *Agent) settleName() error {
	if a.set.Name != "" {
		return nil
	}
	name, source, err := foundName(a.set, a.creds)
	if err != nil {
		return err
	}
	set := *a.set // it is the caller's
	set.Name = name
	a.set = &set
	a.log.Info("signet.agent.name isn't set: the name is that of "+source, "name", name)
	return nil
}

// NameOf returns the name of the Agent with those settings, which may follow from
// its certificate.
func NameOf(set *conf.Agent) (string, error) {
	if set.Name != "" {
		return set.Name, nil
	}
	var creds *transport.Credentials
	if set.WithTLS() {
		var err error
		if creds, err = transport.LoadCredentials(credentialFiles(set, "")); err != nil {
			return "", err
		}
	}
	name, _, err := foundName(set, creds)
	return name, err
}

// foundName returns the name that follows from the certificate or, without TLS,
// from the machine, and which of these it was.
func foundName(set *conf.Agent, creds *transport.Credentials) (name, source string, err error) {
	if set.WithTLS() {
		leaf := creds.Keypair().Leaf()
		source, name = "its certificate", leaf.Subject.CommonName
		if pki.ClaimsIdentity(leaf) {
			id, err := pki.ParseIdentity(leaf)
			if err != nil {
				return "", "", err
			}
			name = id.Name
		}
	} else {
		source = "this machine"
		if name, err = os.Hostname(); err != nil {
			return "", "", fault.Wrap(fault.Invalid, "NoName", err, "this machine has no name: set signet.agent.name")
		}
	}
	if !conf.ValidName(name) {
		return "", "", fault.New(fault.Invalid, "NoName", "the name of %s, %.80q, can't be an Agent's: set signet.agent.name", source, name)
	}
	return name, source, nil
}

// checkOwn refuses another part's certificate.
func (a *Agent) checkOwn() error {
	if !a.set.WithTLS() {
		return nil
	}
	leaf := a.creds.Keypair().Leaf()
	if pki.ClaimsIdentity(leaf) {
		return a.creds.Require(pki.Identity{Role: pki.RoleAgent, Name: a.set.Name})
	}
	a.log.Warn("this Agent's certificate has no identity of Signet in it: Controllers know it by its subject, if that stands in their signet.agents.distinguished-names",
		"agent", a.set.Name, "subject", pki.SubjectText(leaf))
	return nil
}

// listen begins to serve on all listeners that are configured.
func (a *Agent) listen() error {
	handler := transport.Mux(a.routes())
	var servers []*transport.Server
	if a.set.WithTLS() {
		s, err := transport.NewServer(transport.Options{
			Listen: a.set.Listen, Mode: transport.Parts, Credentials: a.creds, Peers: a.admits, Subjects: a.subjects, Handler: handler, Log: a.log,
		})
		if err != nil {
			return err
		}
		servers = append(servers, s)
	}
	plain := func(l net.Listener, who func(*http.Request) (pki.Identity, error)) error {
		s, err := transport.NewPlainServer(transport.PlainOptions{Listener: l, Who: who, Handler: handler, Clock: a.clock, Log: a.log})
		if err != nil {
			return err
		}
		servers = append(servers, s)
		return nil
	}
	defer func() { a.servers = servers }()
	if path, ok := a.set.UnixSocket(); ok {
		l, err := a.listenUnix(path)
		if err != nil {
			return err
		}
		if err := plain(l, a.byCertificate); err != nil {
			return err
		}
	}
	if a.set.HTTPListen != "" {
		l, err := net.Listen("tcp", a.set.HTTPListen)
		if err != nil {
			return fault.Wrap(fault.Unavailable, "CannotListen", err, "%s can't be listened on", a.set.HTTPListen)
		}
		a.log.Warn("serving without TLS: whoever is on the way can read and change what is said", "address", l.Addr().String())
		if err := plain(l, a.byPassword); err != nil {
			return err
		}
	}
	for _, s := range servers {
		a.group.Go(func() {
			if err := s.Serve(a.ctx); err != nil {
				a.fail(err)
			}
		})
	}
	return nil
}

// listenUnix listens to the proxy's processes.
func (a *Agent) listenUnix(path string) (net.Listener, error) {
	uid, err := strconv.Atoi(a.set.Proxy.User)
	if err != nil {
		account, err := user.Lookup(a.set.Proxy.User)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "ProxyUser", err, "signet.agent.proxy.user: there is no account %s on this machine", a.set.Proxy.User)
		}
		if uid, err = strconv.Atoi(account.Uid); err != nil {
			return nil, fault.Wrap(fault.Invalid, "ProxyUser", err, "the account %s has no number", a.set.Proxy.User)
		}
	}
	if os.Geteuid() == 0 {
		a.log.Warn("this Agent runs as root: its jobs can become the proxy's user and connect as the proxy")
	}
	return transport.ListenUnix(path, uid, a.log)
}

// byCertificate tells who the proxy says it is, after a look at the certificate.
func (a *Agent) byCertificate(r *http.Request) (pki.Identity, error) {
	chain, err := transport.CertificateIn(r.Header, a.set.Proxy.Header)
	if err != nil {
		return pki.Identity{}, err
	}
	return a.creds.Identify(chain, a.subjects, a.admits)
}

// byPassword tells who a request without TLS comes from. Behind a proxy the
// password is the proxy's, and the certificate tells.
func (a *Agent) byPassword(r *http.Request) (pki.Identity, error) {
	name, password, given := r.BasicAuth()
	found := ""
	for _, u := range a.set.Users {
		// Everybody's is compared, so that time doesn't tell which names there are.
		if u.Password.Matches(password) && u.Name == name && given {
			found = u.Name
		}
	}
	if found == "" {
		return pki.Identity{}, fault.New(fault.Unauthenticated, "WrongPassword", "the user's name or password is wrong, or there is none")
	}
	if a.set.Proxy.Header != "" {
		return a.byCertificate(r)
	}
	return pki.Identity{Role: pki.RoleController, Name: found}, nil
}

// admits tells who may connect by the identity in its certificate: the
// Controllers that are named.
func (a *Agent) admits(id pki.Identity) bool {
	return id.Role == pki.RoleController && slices.Contains(a.set.ControllerNames, id.Name)
}

// credentialFiles names the files of an Agent's certificate, and the revocation lists
// that count: those of the settings, and those that were sent to the data directory,
// if that is given. Behind a proxy it has no key.
func credentialFiles(set *conf.Agent, dataDir string) transport.Files {
	t := set.TLS
	f := transport.Files{Trust: t.TrustFiles, CRLs: t.CRLFiles, TrustPassword: pki.Secret(t.TrustPassword.Reveal()), TrustPasswords: map[string]pki.Secret{}}
	for file, password := range t.TrustPasswords {
		f.TrustPasswords[file] = pki.Secret(password.Reveal())
	}
	if dataDir != "" {
		f.CRLs = append(slices.Clone(t.CRLFiles), bulletin.Dir(dataDir, bulletin.Connections))
	}
	if dataDir != "" && set.WithTLS() {
		f.Renewed = filepath.Join(dataDir, "trust", "https.pem")
	}
	switch {
	case !set.WithTLS():
		f.Keyless = true
	case t.Keystore != "":
		f.Keystore, f.KeystorePassword = t.Keystore, pki.Secret(t.KeystorePassword.Reveal())
		f.KeystoreKey = pki.KeyChoice{Alias: t.KeystoreAlias, Password: pki.Secret(t.KeyPassword.Reveal())}
	default:
		f.Cert, f.Key = t.CertFile, t.KeyFile
	}
	return f
}
