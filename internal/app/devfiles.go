package app

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/seal"
)

// controllerID is the id of the one Controller that `signet dev` plays.
const controllerID = "controller"

// renewBefore is how long before its end a certificate is made anew at a start.
const renewBefore = 60 * 24 * time.Hour

// files makes what a part reads: folders, keys, certificates, configuration, as
// a production installation has them. What is there stays, but for certificates
// that end soon and addresses that have changed.
func (e *estate) files(now time.Time) error {
	ca, err := e.openCA(now)
	if err != nil {
		return err
	}
	type node struct {
		name string
		role pki.Role
		conf string
		file conf.File
	}
	nodes := []node{{cockpitName, pki.RoleCockpit, "cockpit.conf", e.cockpitConf()}}
	for _, name := range e.controllers() {
		nodes = append(nodes, node{name, pki.RoleController, "controller.conf", e.controllerConf(name)})
	}
	for _, name := range e.agents() {
		nodes = append(nodes, node{name, pki.RoleAgent, "agent.conf", e.agentConf(name)})
	}
	for _, n := range nodes {
		if err := e.folders(n.name, n.role); err != nil {
			return err
		}
		if err := e.nodeCertificate(ca, n.name, n.role, now); err != nil {
			return err
		}
		if n.role != pki.RoleCockpit {
			if err := e.trustSigner(ca, n.name); err != nil {
				return err
			}
		}
		text := conf.Render(n.file)
		if n.role == pki.RoleCockpit {
			text += e.cockpitMore()
		}
		path := filepath.Join(e.configDir(n.name), n.conf)
		if err := writeUnless(path, text, !e.moved[n.name]); err != nil {
			return err
		}
	}
	if err := e.anySigningKey(ca, now); err != nil {
		return err
	}
	return pki.WriteCertsPEM(fsys.Real{}, filepath.Join(e.privateDir(cockpitName), "users-trust.pem"), ca.Roots(pki.PurposeUser)...)
}

func (e *estate) configDir(name string) string { return filepath.Join(e.dir, name, "config") }
func (e *estate) dataDir(name string) string   { return filepath.Join(e.dir, name, "data") }
func (e *estate) privateDir(name string) string {
	return filepath.Join(e.configDir(name), "private")
}

// openCA opens the authority, makes it at the first start, and renews its
// revocation lists.
func (e *estate) openCA(now time.Time) (*pki.CA, error) {
	dir := filepath.Join(e.dir, "ca")
	ca, err := pki.OpenCA(fsys.Real{}, dir)
	if err != nil && !exists(filepath.Join(dir, "index.json")) {
		ca, err = pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Signet dev", Now: now})
	}
	if err != nil {
		return nil, err
	}
	for _, p := range pki.Purposes() {
		if !ca.Issues(p) {
			continue // at level high, the operator has the key
		}
		if _, err := ca.CRL(p, now); err != nil {
			return nil, err
		}
	}
	return ca, nil
}

// folders makes a part's folders, none of which others can enter.
func (e *estate) folders(name string, role pki.Role) error {
	dirs := []string{e.privateDir(name), e.dataDir(name)}
	if role != pki.RoleCockpit {
		for _, kind := range []string{"x509-keys", "pgp-keys", "ssh-keys", "passkeys"} {
			dirs = append(dirs, filepath.Join(e.privateDir(name), "trusted-"+kind))
		}
	}
	if role == pki.RoleAgent {
		dirs = append(dirs, filepath.Join(e.configDir(name), "executables"))
	}
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// nodeCertificate makes a part's key and certificate, where there is none that
// is good for long enough.
func (e *estate) nodeCertificate(ca *pki.CA, name string, role pki.Role, now time.Time) error {
	prefix := filepath.Join(e.privateDir(name), "https")
	if lasts(prefix+"-cert.pem", prefix+"-key.pem", now) && !e.moved[name] {
		return nil
	}
	p := pki.NodeParams{Role: role, Name: name, DNSNames: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}, Now: now}
	if role == pki.RoleCockpit {
		addHost(&p, e.facts.CockpitHost)
	}
	issued, err := ca.IssueNode(p)
	if err != nil {
		return err
	}
	if err := pki.WriteCertsPEM(fsys.Real{}, prefix+"-trust.pem", ca.Roots(pki.PurposeNode)...); err != nil {
		return err
	}
	return writePair(prefix, issued)
}

// addHost puts the host that users open into a certificate.
func addHost(p *pki.NodeParams, host string) {
	switch ip := net.ParseIP(host); {
	case ip == nil && host != "" && host != "localhost":
		p.DNSNames = append(p.DNSNames, host)
	case ip != nil && !ip.IsLoopback() && !ip.IsUnspecified():
		p.IPs = append(p.IPs, ip)
	}
}

// anySigningKey makes the key that documents are signed with: the Cockpit's, or at
// level high the operator's, which the Cockpit never gets. At level medium each
// account has its own; here is what these are sealed with.
func (e *estate) anySigningKey(ca *pki.CA, now time.Time) error {
	switch e.facts.Level {
	case levelHigh:
		return e.operatorKey(ca, now)
	case levelMedium:
		_, _, err := seal.MakeKey(filepath.Join(e.privateDir(cockpitName), "sealing.key"))
		return err
	}
	return e.signingKey(ca, now)
}

// signingKey makes the key that the Cockpit signs documents with.
func (e *estate) signingKey(ca *pki.CA, now time.Time) error {
	prefix := filepath.Join(e.privateDir(cockpitName), "signing")
	if lasts(prefix+"-cert.pem", prefix+"-key.pem", now) {
		return nil
	}
	issued, err := ca.IssueSigner(pki.SignerParams{Name: cockpitName, Now: now})
	if err != nil {
		return err
	}
	return writePair(prefix, issued)
}

// trustSigner puts the authority of signers into a part's trust directory at
// its first start. Later it is the administrator's: what was removed stays so.
func (e *estate) trustSigner(ca *pki.CA, name string) error {
	mark := filepath.Join(e.dir, name, "trust-made")
	if exists(mark) {
		return nil
	}
	file := filepath.Join(e.privateDir(name), "trusted-x509-keys", "signing-ca.pem")
	if err := pki.WriteCertsPEM(fsys.Real{}, file, append(ca.Roots(pki.PurposeSigning), ca.Issuer(pki.PurposeSigning))...); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

// writePair writes PREFIX-cert.pem and PREFIX-key.pem.
func writePair(prefix string, issued *pki.Issued) error {
	return writeKeyAndChain(prefix+"-key.pem", prefix+"-cert.pem", issued)
}

// writeKeyAndChain writes certificate and key. The key comes last: a certificate
// without its key is made anew the next time.
func writeKeyAndChain(key, cert string, issued *pki.Issued) error {
	if err := os.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := pki.WriteCertsPEM(fsys.Real{}, cert, issued.Chain...); err != nil {
		return err
	}
	return pki.WriteKeyPEM(fsys.Real{}, key, issued.Key)
}

// lasts tells whether a certificate is there with its key, and valid for a
// while.
func lasts(certFile, keyFile string, now time.Time) bool {
	certs, err := pki.ReadCertsPEM(certFile)
	return err == nil && exists(keyFile) && validFor(certs[0], now, renewBefore)
}

func validFor(c *x509.Certificate, now time.Time, d time.Duration) bool {
	return now.After(c.NotBefore) && now.Add(d).Before(c.NotAfter)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// writeUnless writes a file, unless it is there and keep is true.
func writeUnless(path, text string, keep bool) error {
	if keep && exists(path) {
		return nil
	}
	return fsys.WriteFileAtomic(fsys.Real{}, path, []byte(text))
}

// address returns where a part listens.
func (e *estate) address(name string) string {
	host := loopback
	if name == cockpitName {
		host = e.facts.CockpitHost
	}
	return net.JoinHostPort(host, strconv.Itoa(e.ports[name]))
}

// uri returns where other parts reach a part.
func (e *estate) uri(name string) string { return "https://" + e.address(name) }

// url returns where users reach the Cockpit: by the name localhost where that
// leads there.
func (e *estate) url() string {
	host := e.facts.CockpitHost
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = e.local
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(e.ports[cockpitName]))
}

func (e *estate) members() []conf.Member {
	var members []conf.Member
	for i, name := range e.controllers() {
		members = append(members, conf.Member{Name: name, URL: e.uri(name), ID: uint64(i + 1)})
	}
	return members
}

func (e *estate) controllerConf(name string) conf.File {
	return conf.ControllerFile{ID: controllerID, Name: name, Listen: e.address(name), Members: e.members(), Cockpits: []string{cockpitName}, More: e.more("signet.security-level", nil)}
}

func (e *estate) agentConf(name string) conf.File {
	return conf.AgentFile{Name: name, Listen: e.address(name), Controllers: e.controllers(), ScriptsAllowed: true, More: e.more("signet.security-level", nil)}
}

func (e *estate) cockpitConf() conf.File {
	ref := conf.ControllerRef{ID: controllerID}
	for _, m := range e.members() {
		ref.Names = append(ref.Names, m.Name)
		ref.URLs = append(ref.URLs, m.URL)
	}
	return conf.CockpitFile{
		Name: cockpitName, Listen: e.address(cockpitName), Controllers: []conf.ControllerRef{ref},
		// The credential in profile.json is a session, which is to last.
		More: e.more("signet.cockpit.security-level", map[string]string{
			"signet.cockpit.session.idle-timeout": "30d", "signet.cockpit.session.max-duration": "90d",
			"signet.cockpit.environment.name": "Development", "signet.cockpit.environment.color": "moss",
		}),
	}
}

// more adds to a part's settings what is the same for all parts of the installation.
func (e *estate) more(level string, settings map[string]string) map[string]string {
	all := map[string]string{level: e.facts.Level}
	if e.facts.Installation != "" {
		all["signet.installation"] = e.facts.Installation
	}
	maps.Copy(all, settings)
	return all
}

// cockpitMore are keys that conf.Render has no fields for.
func (e *estate) cockpitMore() string {
	return "signet.cockpit.user-ca-files = [\"private/users-trust.pem\"]\n" +
		"signet.cockpit.authority.directory = " + conf.QuoteString(filepath.Join("..", "..", "ca")) + "\n"
}
