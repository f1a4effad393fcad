package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// RequestParams says what a company's authority is asked for.
type RequestParams struct {
	Purpose   Purpose
	Algorithm KeyAlgorithm // empty: ECDSAP256
	Anew      bool         // drop a request that wasn't answered, and its key
}

// The files of a request that wasn't answered yet, without their endings.
const requested = "request"

// RequestIssuer makes the key of an issuer for a purpose, and returns a certificate
// request (PEM) for a company's authority, whose answer AdoptIssuer takes. Asked
// again, it returns the same request.
func (c *CA) RequestIssuer(p RequestParams) ([]byte, error) {
	if _, err := ParsePurpose(string(p.Purpose)); err != nil {
		return nil, err
	}
	if err := (CAParams{Organization: "x", Algorithm: p.Algorithm, Now: time.Unix(0, 0)}).check(); err != nil {
		return nil, err
	}
	var request []byte
	err := c.locked(func(x *index) error {
		key, err := c.pendingKey(p.Purpose)
		if err == nil && !p.Anew {
			if request, err = c.pendingRequest(p.Purpose, key); err != nil || request != nil {
				return err
			}
		} else if err == nil || fault.Is(err, fault.NotFound) {
			if key, err = NewKey(p.Algorithm); err != nil {
				return err
			}
			// No request of before may stand beside another key.
			if err := c.remove(p.Purpose, []string{requested + ".csr"}); err != nil {
				return err
			}
			err = WriteKeyPEM(c.disk, c.branchFile(p.Purpose, requested+".key"), key)
		}
		if err != nil {
			return err
		}
		name := subject(x.Organization, numbered(x.Organization+" "+string(p.Purpose)+" issuer", x.state(p.Purpose).Made+1))
		if request, err = issuerCSR(p.Purpose, name, key); err != nil {
			return err
		}
		return writeFile(c.disk, c.branchFile(p.Purpose, requested+".csr"), request)
	})
	return request, err
}

// pendingKey returns the key of the request that wasn't answered yet. One that is an
// issuer's key already, since a crash came before it was removed here, isn't one.
func (c *CA) pendingKey(p Purpose) (crypto.Signer, error) {
	key, err := readKey(c.disk, c.branchFile(p, requested+".key"))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	known := func(i issuer) bool { return samePublicKey(key.Public(), i.cert.PublicKey) }
	if err != nil || slices.ContainsFunc(c.branches[p].issuers(), known) {
		return nil, fault.New(fault.NotFound, "NoRequest", "no request for an issuer of %s waits for an answer: make one (signet ca request), or see whether it was answered (signet ca status)", p)
	}
	return key, nil
}

// pendingRequest returns the request that was made for a key; nil if that was lost.
func (c *CA) pendingRequest(p Purpose, key crypto.Signer) ([]byte, error) {
	text, err := readFile(c.disk, c.branchFile(p, requested+".csr"), maxKeyFile, false)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if csr, err := ParseCSR(text); err != nil || !samePublicKey(key.Public(), csr.PublicKey) {
		return nil, nil //nolint:nilerr // it is damaged, and made anew
	}
	return text, nil
}

// Requested returns the request for an issuer that waits for its answer; nil if there
// is none.
func (c *CA) Requested(p Purpose) (request []byte, err error) {
	err = c.locked(func(*index) error {
		key, err := c.pendingKey(p)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err == nil {
			request, err = c.pendingRequest(p, key)
		}
		return err
	})
	return request, err
}

// AdoptParams is a company's answer to a request.
type AdoptParams struct {
	Purpose Purpose
	Answer  []byte // PEM, in any order: the issuer's certificate and all above it, the root included
	// NoCross: the root before doesn't certify the issuer as well. Needed where the key
	// of that root isn't to be had; then all have to trust the new root beforehand.
	NoCross bool
	Now     time.Time
}

// AdoptIssuer takes a company's answer to RequestIssuer: from then on, the issuer that
// it certifies is in force, and the one before has retired, as after Rotate. Below
// another root there is an overlap, until FinishRotation. An answer by which what is
// issued would be refused, or that could do more than asked for, is Untrusted.
func (c *CA) AdoptIssuer(p AdoptParams) error {
	if _, err := ParsePurpose(string(p.Purpose)); err != nil {
		return err
	}
	if err := checkTimes(p.Now, 0); err != nil {
		return err
	}
	err := c.change(func(x *index) error {
		key, err := c.pendingKey(p.Purpose)
		if err != nil {
			return err
		}
		a, err := readAnswer(p.Purpose, key, p.Answer, p.Now)
		if err != nil {
			return err
		}
		next, err := c.adopted(x, a, p)
		if err != nil {
			return err
		}
		if err := WriteKeyPEM(c.disk, c.branchFile(p.Purpose, next.Issuer.File+".key"), key); err != nil {
			return err
		}
		x.setState(p.Purpose, next)
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.remove(p.Purpose, []string{requested + ".key", requested + ".csr"}); err != nil {
		return err
	}
	_, err = c.CRL(p.Purpose, p.Now) // as in Rotate
	return err
}

// adopted writes the certificates of an answer and returns what the index is to say.
func (c *CA) adopted(x *index, a *answer, p AdoptParams) (branchState, error) {
	b := c.branches[p.Purpose]
	known := b.roots()
	for _, i := range b.issuers() {
		known = append(known, i.cert)
	}
	for _, k := range known {
		if bytes.Equal(k.RawSubject, a.issuer.RawSubject) {
			return b.state, a.refuse("an authority of before has the same name, %q: ask for another one, so that nobody mistakes their certificates and lists", clip(k.Subject.String()))
		}
	}
	next, err := b.state.retire(p.Now)
	if err != nil {
		return next, err
	}
	before := ""
	switch {
	case b.state.waits():
		next.Root = fmt.Sprintf("root-%d", next.Made)
	case b.root.Equal(a.root):
		before = b.state.OldRoot
	case b.oldRoot != nil:
		return next, unfinishedRotation(p.Purpose)
	default:
		before = b.state.Root
		next.OldRoot, next.Root = b.state.Root, fmt.Sprintf("root-%d", next.Made)
	}
	next.Issuer = issuerState{File: fmt.Sprintf("issuer-%d", next.Made), Root: next.Root, Company: true}
	if before != "" && !p.NoCross {
		next.Issuer.Cross = fmt.Sprintf("cross-%d", next.Made)
		if err := c.crossCertify(x.Organization, a, p, before, next.Issuer.Cross); err != nil {
			return next, err
		}
	}
	if next.Root != b.state.Root {
		if err := WriteCertsPEM(c.disk, c.branchFile(p.Purpose, next.Root+".pem"), a.root); err != nil {
			return next, err
		}
	}
	return next, WriteCertsPEM(c.disk, c.branchFile(p.Purpose, next.Issuer.File+".pem"), append([]*x509.Certificate{a.issuer}, a.above...)...)
}

// crossCertify has the root before certify the issuer of an answer, too.
func (c *CA) crossCertify(organization string, a *answer, p AdoptParams, before, file string) error {
	root, err := readOneCert(c.disk, c.branchFile(p.Purpose, before+".pem"))
	if err != nil {
		return err
	}
	key, err := c.rootKey(p.Purpose, before, root)
	if fault.HasCode(err, "CompanyRoot") || fault.HasCode(err, "NoRootKey") {
		return fault.New(fault.Of(err).Kind, fault.Of(err).Code,
			"the root before, %q, is to certify the new issuer as well, so that parts that trust only that accept what is issued; but its key isn't here. Put it to %s, or bring the new root to all parts first, and adopt with --no-cross", clip(root.Subject.CommonName), c.branchFile(p.Purpose, before+".key"))
	}
	if err != nil {
		return err
	}
	template, err := intermediateTemplate(p.Purpose, organization, 1, a.issuer.NotAfter.Sub(p.Now), p.Now, root)
	if err != nil {
		return err
	}
	template.RawSubject, template.SubjectKeyId = a.issuer.RawSubject, a.issuer.SubjectKeyId
	cross, err := sign(template, root, a.issuer.PublicKey, key)
	if err != nil {
		return err
	}
	if err := validateBranch(p.Purpose, root, cross, p.Now); err != nil {
		return err
	}
	return WriteCertsPEM(c.disk, c.branchFile(p.Purpose, file+".pem"), cross)
}

// What a certificate request asks for beside a name, as extensions.
var (
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// usageOIDs are the usages that are asked for.
var usageOIDs = map[x509.ExtKeyUsage]asn1.ObjectIdentifier{
	x509.ExtKeyUsageServerAuth:  {1, 3, 6, 1, 5, 5, 7, 3, 1},
	x509.ExtKeyUsageClientAuth:  {1, 3, 6, 1, 5, 5, 7, 3, 2},
	x509.ExtKeyUsageCodeSigning: {1, 3, 6, 1, 5, 5, 7, 3, 3},
}

// wanted returns the extensions that a certificate of a purpose should get.
func wanted(p Purpose, authority bool) ([]pkix.Extension, error) {
	type constraints struct {
		CA  bool `asn1:"optional"`
		Len int  `asn1:"optional,default:-1"`
	}
	basic, usage := constraints{Len: -1}, asn1.BitString{Bytes: []byte{0x80}, BitLength: 1} // digitalSignature
	if authority {
		basic, usage = constraints{CA: true}, asn1.BitString{Bytes: []byte{0x06}, BitLength: 7} // keyCertSign, cRLSign
	}
	var extended []asn1.ObjectIdentifier
	for _, u := range usages[p].required {
		extended = append(extended, usageOIDs[u])
	}
	var list []pkix.Extension
	for _, e := range []struct {
		id       asn1.ObjectIdentifier
		critical bool
		value    any
	}{{oidBasicConstraints, true, basic}, {oidKeyUsage, true, usage}, {oidExtKeyUsage, false, extended}} {
		der, err := asn1.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		list = append(list, pkix.Extension{Id: e.id, Critical: e.critical, Value: der})
	}
	return list, nil
}

func issuerCSR(p Purpose, name pkix.Name, key crypto.Signer) ([]byte, error) {
	return csrOf(&x509.CertificateRequest{Subject: name}, p, true, key)
}

// NewNodeCSR makes a certificate request for the key of a part, to be answered by a
// company's authority: it names what the certificate has to state.
func NewNodeCSR(key crypto.Signer, id Identity, dnsNames []string, ips []net.IP) ([]byte, error) {
	if err := (leafParams{purpose: PurposeNode, identity: id, dnsNames: dnsNames, ips: ips, now: time.Unix(0, 0)}).check(); err != nil {
		return nil, err
	}
	return csrOf(&x509.CertificateRequest{
		Subject: subject("", id.Name), URIs: []*url.URL{id.URI()}, DNSNames: dnsNames, IPAddresses: ips,
	}, PurposeNode, false, key)
}

func csrOf(template *x509.CertificateRequest, p Purpose, authority bool, key crypto.Signer) (text []byte, err error) {
	if template.ExtraExtensions, err = wanted(p, authority); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidKey", err, "the certificate request can't be made")
	}
	return pem.EncodeToMemory(&pem.Block{Type: csrBlock, Bytes: der}), nil
}
