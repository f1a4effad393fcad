package pki

import (
	"crypto/rand"
	"crypto/x509"
	"path"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bundle is what makes a part who it is, and whom it believes: the files of its
// private folder, ready to copy.
type Bundle struct {
	Identity Identity
	Serial   string
	Pair     Keypair
	Trusted  []*x509.Certificate // authorities of parts
	Signers  []*x509.Certificate // authorities of signers; none for a Cockpit
	Password Secret              // of the PKCS#12 stores
}

// BundleForm says how key and certificates are packed.
type BundleForm string

// The forms.
const (
	BundlePEM    BundleForm = "pem"
	BundlePKCS12 BundleForm = "pkcs12"
	BundleBoth   BundleForm = "both"
)

// ParseBundleForm returns the form of that name; the empty one is both.
func ParseBundleForm(name string) (BundleForm, error) {
	switch f := BundleForm(name); f {
	case "":
		return BundleBoth, nil
	case BundlePEM, BundlePKCS12, BundleBoth:
		return f, nil
	}
	return "", fault.New(fault.Invalid, "UnknownForm", "%q is no form of a bundle: use pem, pkcs12 or both", clip(name))
}

// The files of a bundle: the names that a part's configuration has by default.
const (
	BundleKey        = "private/https-key.pem"
	BundleCert       = "private/https-cert.pem"
	BundleTrust      = "private/https-trust.pem"
	BundleKeystore   = "private/https-keystore.p12"
	BundleTruststore = "private/https-truststore.p12"
	BundleSigners    = "private/trusted-x509-keys/signing-ca.pem"
)

// NewBundle makes a key and a certificate for a part. The key is in the bundle and
// nowhere else. The password is for the PKCS#12 stores.
func (c *CA) NewBundle(p NodeParams, password Secret) (*Bundle, error) {
	if p.Key.CSR != nil {
		return nil, fault.New(fault.Invalid, "InvalidKey", "a bundle comes with its key; for a key that was made elsewhere, issue a certificate")
	}
	issued, err := c.IssueNode(p)
	if err != nil {
		return nil, err
	}
	b := &Bundle{
		Identity: Identity{p.Role, p.Name}, Serial: issued.Serial, Pair: issued.Keypair(), Trusted: c.Roots(PurposeNode), Password: password,
	}
	if p.Role != RoleCockpit {
		b.Signers = c.Roots(PurposeSigning)
	}
	return b, nil
}

// NewPassword makes a password for a bundle: 130 random bits.
func NewPassword() Secret { return Secret(rand.Text()) }

// BundleFile is a file of a bundle.
type BundleFile struct {
	Name string // below the part's configuration folder, with slashes
	Data []byte
}

// Files returns the files of a bundle in the order of their names.
func (b *Bundle) Files(form BundleForm) ([]BundleFile, error) {
	form, err := ParseBundleForm(string(form))
	if err != nil {
		return nil, err
	}
	var files []BundleFile
	add := func(name string, data []byte, err error) error {
		files = append(files, BundleFile{name, data})
		return err
	}
	if form != BundlePKCS12 {
		key, err := EncodeKeyPEM(b.Pair.Key)
		if err := add(BundleKey, key, err); err != nil {
			return nil, err
		}
		_ = add(BundleCert, EncodeCertsPEM(b.Pair.Chain...), nil)
		_ = add(BundleTrust, EncodeCertsPEM(b.Trusted...), nil)
	}
	if form != BundlePEM {
		if b.Password == "" {
			return nil, fault.New(fault.Invalid, "NoPassword", "a PKCS#12 store needs a password")
		}
		keystore, err := EncodePKCS12(b.Pair, b.Password)
		if err := add(BundleKeystore, keystore, err); err != nil {
			return nil, err
		}
		truststore, err := encodeTruststore(b.Trusted, b.Password)
		if err := add(BundleTruststore, truststore, err); err != nil {
			return nil, err
		}
	}
	if len(b.Signers) > 0 {
		_ = add(BundleSigners, EncodeCertsPEM(b.Signers...), nil)
	}
	slices.SortFunc(files, func(x, y BundleFile) int { return strings.Compare(x.Name, y.Name) })
	return files, nil
}

// Packer takes files in the order of their names, as a writer of archives does.
type Packer interface {
	AddPrivate(name string, data []byte) error
}

// WriteBundles packs one bundle as the files of a configuration folder, several each
// into a folder with the name of the part. Nothing touches the disk.
func WriteBundles(to Packer, form BundleForm, bundles ...*Bundle) error {
	bundles = slices.SortedFunc(slices.Values(bundles), func(x, y *Bundle) int { return strings.Compare(x.folder(), y.folder()) })
	for _, b := range bundles {
		files, err := b.Files(form)
		if err != nil {
			return err
		}
		for _, f := range files {
			if len(bundles) > 1 {
				f.Name = b.folder() + f.Name
			}
			if err := to.AddPrivate(f.Name, f.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Bundle) folder() string { return b.Identity.Name + "/" }

// ReadBundles reads what WriteBundles has packed, from the files of an archive by
// their names. Other files are refused. The parts are named by their folders; of one
// bundle alone the name is empty.
func ReadBundles(files map[string][]byte) (map[string]map[string][]byte, error) {
	known := []string{BundleKey, BundleCert, BundleTrust, BundleKeystore, BundleTruststore, BundleSigners}
	parts := map[string]map[string][]byte{}
	for name, data := range files {
		part, file := "", name
		if !slices.Contains(known, name) {
			part, file, _ = strings.Cut(name, "/")
			if !slices.Contains(known, file) || !validName(part) {
				return nil, fault.New(fault.Invalid, "InvalidBundle", "%q has no place in a bundle, as \"signet ca bundle\" makes it", clip(path.Clean(name)))
			}
		}
		if parts[part] == nil {
			parts[part] = map[string][]byte{}
		}
		parts[part][file] = data
	}
	if len(parts) == 0 {
		return nil, fault.New(fault.Invalid, "InvalidBundle", "there is nothing in the bundle")
	}
	return parts, nil
}

// ParseBundleFiles returns the bundle in the files of one part: what is PEM there, or
// else what is in the stores. Nothing says yet that they belong together or are to be
// trusted.
func ParseBundleFiles(files map[string][]byte, password Secret) (*Bundle, error) {
	b := &Bundle{Password: password}
	key, trust := files[BundleKey], files[BundleTrust]
	var err error
	if key != nil {
		b.Pair, _, err = ParseBundle(slices.Concat(key, files[BundleCert]))
	} else {
		trust = files[BundleTruststore]
		b.Pair, err = ParseKeystore(files[BundleKeystore], password)
	}
	if err != nil {
		return nil, err
	}
	if trust != nil {
		if b.Trusted, err = ParseTruststore(trust, password); err != nil {
			return nil, err
		}
	}
	if signers := files[BundleSigners]; signers != nil {
		if b.Signers, err = ParseCertsPEM(signers); err != nil {
			return nil, err
		}
	}
	b.Identity, err = ParseIdentity(b.Pair.Leaf())
	b.Serial = Serial(b.Pair.Leaf())
	return b, err
}
