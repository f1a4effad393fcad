package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// validateLeaf checks a signed leaf, read back from its bytes, before it
// leaves: that it is what was asked for, and that whoever is presented with it
// will find it to be so. It shares nothing with the templates.
func validateLeaf(p leafParams, cert *x509.Certificate, pub crypto.PublicKey, b *branch) error {
	pool := x509.NewCertPool()
	pool.AddCert(b.root)
	id, _, err := checkChain(p.purpose, append([]*x509.Certificate{cert}, b.issuer.chain()...), pool, nil, p.now, nil)
	if err != nil {
		return refused(err)
	}
	if b.oldRoot != nil && b.issuer.cross != nil { // who trusts only the root before accepts it, too
		pool = x509.NewCertPool()
		pool.AddCert(b.oldRoot)
		if _, _, err := checkChain(p.purpose, append([]*x509.Certificate{cert}, b.shown(p.purpose)...), pool, nil, p.now, nil); err != nil {
			return refused(err)
		}
	}
	switch {
	case id != p.identity:
		err = fmt.Errorf("it speaks for %s instead of %s", id, p.identity)
	case !samePublicKey(cert.PublicKey, pub):
		err = fmt.Errorf("it is for another key")
	case cert.NotAfter.After(b.issuer.cert.NotAfter):
		err = fmt.Errorf("it outlives its issuer")
	case cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() > 159:
		err = fmt.Errorf("its serial number is out of range")
	case !slices.Equal(cert.DNSNames, p.dnsNames) || len(cert.IPAddresses) != len(p.ips):
		err = fmt.Errorf("it names other hosts")
	case len(cert.EmailAddresses) > 0:
		err = fmt.Errorf("it names mail addresses")
	case !bytes.Equal(cert.AuthorityKeyId, b.issuer.cert.SubjectKeyId) || len(cert.AuthorityKeyId) == 0:
		err = fmt.Errorf("it doesn't identify its issuer's key")
	default:
		return nil
	}
	return refused(err)
}

// validateBranch checks a root and its intermediate before they are used.
func validateBranch(p Purpose, root, issuer *x509.Certificate, now time.Time) error {
	pool, err := NewPool([]*x509.Certificate{root})
	if err != nil {
		return refused(err)
	}
	if err := checkAuthority(issuer); err != nil {
		return refused(err)
	}
	if _, err := issuer.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return refused(err)
	}
	switch {
	case !slices.Equal(issuer.ExtKeyUsage, usages[p].required):
		err = fmt.Errorf("the issuer isn't limited to its purpose")
	case issuer.MaxPathLen != 0 || !issuer.MaxPathLenZero:
		err = fmt.Errorf("the issuer could make further authorities")
	case root.MaxPathLen != 1:
		err = fmt.Errorf("the root's path length isn't limited")
	case issuer.KeyUsage&x509.KeyUsageDigitalSignature != 0 || root.KeyUsage&x509.KeyUsageDigitalSignature != 0:
		err = fmt.Errorf("an authority's key could sign other things than certificates")
	default:
		return nil
	}
	return refused(err)
}

func refused(err error) error {
	return fault.Wrap(fault.Internal, "InvalidCertificateMade", err, "the certificate just made is not right and was thrown away")
}

// algorithmOf returns the kind of a public key, empty if it isn't one of ours.
func algorithmOf(pub crypto.PublicKey) KeyAlgorithm {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Params().BitSize {
		case 256:
			return ECDSAP256
		case 384:
			return ECDSAP384
		}
	case ed25519.PublicKey:
		return Ed25519
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 3072:
			return RSA3072
		case 4096:
			return RSA4096
		}
	}
	return ""
}
