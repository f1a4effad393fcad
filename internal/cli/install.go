package cli

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// material is what makes a part who it is, and whom it believes.
type material struct {
	Pair    pki.Keypair
	Trusted []*x509.Certificate // authorities of parts; nil: those that are there stay
	Signers []*x509.Certificate // authorities of signers
}

// installOptions say where material goes.
type installOptions struct {
	dir     string
	replace bool
	scripts bool
	listen  string
}

func (o *installOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.dir, "config", "", "folder of the part's configuration")
	_ = c.MarkFlagDirname("config") // the flag is there
	c.Flags().BoolVar(&o.replace, "replace", false, "replace the key and the certificate that are there")
	c.Flags().BoolVar(&o.scripts, "allow-scripts", false, "in a new agent.conf: jobs may bring their script in the signed workflow")
	c.Flags().StringVar(&o.listen, "listen", "", "in a new configuration file: HOST:PORT (default: that of the part)")
}

// place is where the files of a part lie, by its configuration or the defaults.
type place struct {
	id                      pki.Identity
	dir, confFile           string
	hasConf                 bool
	key, cert, trust, x509s string
	keystore                string     // PKCS#12 instead of key and cert
	password, trustPassword pki.Secret // of the stores
}

// own returns the files by which the part is who it is.
func (p *place) own() []string {
	if p.keystore != "" {
		return []string{p.keystore}
	}
	return []string{p.key, p.cert}
}

// requestKey is the file of a key whose certificate somebody was asked for.
func (p *place) requestKey() string { return p.own()[0] + ".requested" }

// prepare finds out where the files of a part belong, and refuses to overwrite an
// identity, before anything else is done.
func (o *installOptions) prepare(id pki.Identity) (*place, error) {
	p, err := o.find(id)
	if err != nil {
		return nil, err
	}
	for _, file := range p.own() {
		if _, err := os.Lstat(file); err == nil && !o.replace {
			return nil, fault.New(fault.Conflict, "IdentityExists", "%s is there already: with --replace it is replaced", file)
		}
	}
	return p, nil
}

// find finds out where the files of a part belong.
func (o *installOptions) find(id pki.Identity) (*place, error) {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "CannotWrite", err, "%s", err)
	}
	p := &place{id: id, dir: dir, confFile: filepath.Join(dir, string(id.Role)+".conf")}
	text, err := os.ReadFile(p.confFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = []byte(conf.Render(newConf(id, nil, o)))
	case err != nil:
		return nil, fault.Wrap(fault.Invalid, "FileUnreadable", err, "%s can't be read", p.confFile)
	default:
		p.hasConf = true
	}
	return p, p.locate(text)
}

// locate reads a configuration, which is there or is to be, for its names of files.
func (p *place) locate(text []byte) error {
	read := func(path string) ([]byte, error) {
		if path == p.confFile {
			return text, nil
		}
		return os.ReadFile(path)
	}
	var set conf.TLS
	var name string
	switch p.id.Role {
	case pki.RoleAgent:
		a, err := conf.LoadAgent(p.dir, p.dir, read)
		if err != nil {
			return err
		}
		set, name, p.x509s = a.TLS, a.Name, a.Trust.X509Dir
	case pki.RoleController:
		c, err := conf.LoadController(p.dir, p.dir, read)
		if err != nil {
			return err
		}
		set, name, p.x509s = c.TLS, c.Name, c.Trust.X509Dir
	default:
		return fault.New(fault.Invalid, "WrongRole", "%s is neither an Agent nor a Controller", p.id)
	}
	if name != p.id.Name {
		return fault.New(fault.Invalid, "WrongName", "the certificate is for %s, but %s is the configuration of %s", p.id, p.confFile, name)
	}
	if set.KeystoreAlias != "" || !set.KeyPassword.IsEmpty() {
		return fault.New(fault.Invalid, "KeystoreConfigured", "%s names a key of the keystore %s by its alias, or has a password for it: such a keystore isn't written here; use one with a single key and one password", p.confFile, set.Keystore)
	}
	if len(set.TrustFiles) != 1 {
		return fault.New(fault.Invalid, "ManyTrustFiles", "%s names %d files with authorities to trust; leave one", p.confFile, len(set.TrustFiles))
	}
	p.key, p.cert, p.trust = set.KeyFile, set.CertFile, set.TrustFiles[0]
	p.keystore, p.password = set.Keystore, pki.Secret(set.KeystorePassword.Reveal())
	password := set.TrustPassword
	if own, ok := set.TrustPasswords[p.trust]; ok {
		password = own
	}
	p.trustPassword = pki.Secret(password.Reveal())
	return nil
}

// estateOf are the settings that all parts of an installation share.
func estateOf(got *api.Enrolled) map[string]string {
	more := map[string]string{}
	if got.Installation != "" {
		more["signet.installation"] = got.Installation
	}
	if got.SecurityLevel != "" {
		more["signet.security-level"] = got.SecurityLevel
	}
	return more
}

// newConf is the least that a part needs to know.
func newConf(id pki.Identity, got *api.Enrolled, o *installOptions) conf.File {
	if got == nil {
		got = &api.Enrolled{}
	}
	if id.Role == pki.RoleAgent {
		f := conf.AgentFile{Name: id.Name, Listen: o.listen, ScriptsAllowed: o.scripts, More: estateOf(got)}
		for _, m := range got.Members {
			f.Controllers = append(f.Controllers, m.Name)
		}
		return f
	}
	f := conf.ControllerFile{ID: got.Controller, Name: id.Name, Listen: o.listen, More: estateOf(got)}
	for _, m := range got.Members {
		f.Members = append(f.Members, conf.Member{Name: m.Name, URL: m.Url})
	}
	if got.Cockpit != "" {
		f.Cockpits = []string{got.Cockpit}
	}
	return f
}

// install writes everything, each file in one step: first whom to trust, then the
// certificate, and at last the key, without which a part doesn't begin.
func (p *place) install(m *material, got *api.Enrolled, o *installOptions) (files []string, err error) {
	disk := fsys.Real{}
	if err := p.makeFolders(); err != nil {
		return nil, err
	}
	if !p.hasConf {
		if err := fsys.WriteFileAtomic(disk, p.confFile, []byte(conf.Render(newConf(p.id, got, o)))); err != nil {
			return nil, fault.Wrap(fault.Unavailable, "FileUnwritable", err, "%s can't be written", p.confFile)
		}
		files = append(files, p.confFile)
	}
	if len(m.Signers) > 0 {
		there, err := disk.List(p.x509s)
		if err != nil {
			return files, fault.Wrap(fault.Unavailable, "FileUnreadable", err, "%s can't be read", p.x509s)
		}
		if len(there) == 0 { // else the machine's administrator has decided already
			file := filepath.Join(p.x509s, "signing-ca.pem")
			if err := pki.WriteCertsPEM(disk, file, m.Signers...); err != nil {
				return files, err
			}
			files = append(files, file)
		}
	}
	if len(m.Trusted) > 0 {
		if err := p.writeTrust(m.Trusted); err != nil {
			return files, err
		}
		files = append(files, p.trust)
	}
	if p.keystore != "" {
		return append(files, p.keystore), pki.WritePKCS12(disk, p.keystore, m.Pair, p.password)
	}
	if err := disk.Remove(p.key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return files, fault.Wrap(fault.Unavailable, "FileUnwritable", err, "%s can't be replaced", p.key)
	}
	if err := pki.WriteCertsPEM(disk, p.cert, m.Pair.Chain...); err != nil {
		return files, err
	}
	if err := pki.WriteKeyPEM(disk, p.key, m.Pair.Key); err != nil {
		return files, err
	}
	return append(files, p.cert, p.key), nil
}

// writeTrust writes the authorities to trust as the configuration says that they are.
func (p *place) writeTrust(certs []*x509.Certificate) error {
	if end := strings.ToLower(filepath.Ext(p.trust)); end == ".p12" || end == ".pfx" {
		return pki.WriteTruststorePKCS12(fsys.Real{}, p.trust, certs, p.trustPassword)
	}
	return pki.WriteCertsPEM(fsys.Real{}, p.trust, certs...)
}

func (p *place) makeFolders() error {
	for _, file := range append(p.own(), p.trust, filepath.Join(p.x509s, "x")) {
		if err := (fsys.Real{}).MkdirAll(filepath.Dir(file)); err != nil {
			return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s can't be made: %s", filepath.Dir(file), err)
		}
	}
	return nil
}
