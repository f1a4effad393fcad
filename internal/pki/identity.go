package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Role is what the holder of a certificate is in a Signet installation.
type Role string

// The roles. Controller, Agent and Cockpit are nodes.
const (
	RoleController Role = "controller"
	RoleAgent      Role = "agent"
	RoleCockpit    Role = "cockpit"
	RoleUser       Role = "user"
	RoleSigner     Role = "signer"
)

// Valid tells whether r is one of the roles.
func (r Role) Valid() bool {
	switch r {
	case RoleController, RoleAgent, RoleCockpit, RoleUser, RoleSigner:
		return true
	}
	return false
}

// Node tells whether r is the role of a part of Signet, which may open and
// accept connections between parts.
func (r Role) Node() bool {
	switch r {
	case RoleController, RoleAgent, RoleCockpit:
		return true
	}
	return false
}

// maxNameLen bounds the name in an identity; host names and account names fit.
const maxNameLen = 128

// uriScheme is the scheme of the URI SAN, with what follows it.
const uriScheme = "signet://"

// Identity is who a certificate speaks for: a role and a name of 1 to 128
// characters out of A-Z a-z 0-9 . _ - , compared byte by byte. It stands in the
// certificate as its one URI SAN, signet://ROLE/NAME.
type Identity struct {
	Role Role
	Name string
}

// String returns "role/name", or "nobody" for the zero value.
func (id Identity) String() string {
	if id == (Identity{}) {
		return "nobody"
	}
	return string(id.Role) + "/" + id.Name
}

// URI returns the identity as the URI that stands in a certificate.
func (id Identity) URI() *url.URL {
	return &url.URL{Scheme: "signet", Host: string(id.Role), Path: "/" + id.Name}
}

// Validate returns an Invalid fault unless role and name are well-formed.
func (id Identity) Validate() error {
	if !id.Role.Valid() {
		return fault.New(fault.Invalid, "InvalidIdentity",
			"%q is no role: use controller, agent, cockpit, user or signer", clip(string(id.Role)))
	}
	if !validName(id.Name) {
		return fault.New(fault.Invalid, "InvalidIdentity",
			"%q is no name for a certificate: use 1 to %d characters of A-Z a-z 0-9 . _ -", clip(id.Name), maxNameLen)
	}
	return nil
}

func validName(name string) bool {
	// A name of dots only would vanish wherever somebody cleans a path made of it.
	if name == "" || len(name) > maxNameLen || strings.Trim(name, ".") == "" {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// ParseIdentity returns the identity in cert's one URI SAN. No URI, more than
// one, another scheme, or a single byte out of place is an Untrusted fault. The
// URI is read from the extension's own bytes, since url.Parse folds case and
// decodes escapes; common name and other SANs never count.
func ParseIdentity(cert *x509.Certificate) (Identity, error) {
	uris, err := rawURIs(cert)
	if err != nil {
		return Identity{}, err
	}
	switch len(uris) {
	case 0:
		return Identity{}, fault.New(fault.Untrusted, "NoIdentity",
			"the certificate has no subject alternative name like %srole/name", uriScheme)
	case 1:
	default:
		return Identity{}, fault.New(fault.Untrusted, "AmbiguousIdentity",
			"the certificate has %d URIs as subject alternative names; exactly one is allowed", len(uris))
	}
	role, name, found := strings.Cut(strings.TrimPrefix(uris[0], uriScheme), "/")
	id := Identity{Role: Role(role), Name: name}
	if !strings.HasPrefix(uris[0], uriScheme) || !found || id.Validate() != nil {
		return Identity{}, fault.New(fault.Untrusted, "InvalidIdentity",
			"the certificate's URI %q is not of the form %srole/name", clip(uris[0]), uriScheme)
	}
	return id, nil
}

// rawURIs returns the URI entries of cert's subjectAltName as they stand there.
func rawURIs(cert *x509.Certificate) ([]string, error) {
	var uris []string
	for _, ext := range cert.Extensions {
		if !ext.Id.Equal(oidSubjectAltName) {
			continue
		}
		der := cryptobyte.String(ext.Value)
		var names cryptobyte.String
		if !der.ReadASN1(&names, cbasn1.SEQUENCE) || !der.Empty() {
			return nil, fault.New(fault.Untrusted, "InvalidIdentity", "the certificate's subject alternative names are malformed")
		}
		for !names.Empty() {
			var name cryptobyte.String
			var tag cbasn1.Tag
			if !names.ReadAnyASN1(&name, &tag) {
				return nil, fault.New(fault.Untrusted, "InvalidIdentity", "the certificate's subject alternative names are malformed")
			}
			if tag == cbasn1.Tag(6).ContextSpecific() {
				uris = append(uris, string(name))
			}
		}
	}
	return uris, nil
}

// oidSubjectAltName is id-ce-subjectAltName.
var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// clip shortens what a stranger wrote before it goes into a message.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
