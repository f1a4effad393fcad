package trust_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// Whoever can't make a signature that is believed is told so before.
func TestSignersThatAreRefused(t *testing.T) {
	t.Parallel()
	key, other := trusttest.ECDSA(t), trusttest.ECDSA(t)
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	good := root.Issue(t, trusttest.CertOptions{Name: "who"}, key)
	tls := root.Issue(t, trusttest.CertOptions{Name: "who", Change: usage(x509.ExtKeyUsageServerAuth)}, key)
	odd := root.Issue(t, trusttest.CertOptions{Name: "who", Change: commonNames}, key)
	private := trusttest.PrivatePEM(t, key)
	ssh, pgp := trusttest.NewSSH(t, "who"), trusttest.NewPGP(t, "who")
	rsa1024 := trusttest.RSA(t, 1024)
	type options = trusttest.PGPOptions
	pgpPrivate := func(o options) []byte { return trusttest.NewPGPKeyring(t, o).PrivateArmour(t) }
	for name, tt := range map[string]struct{ key, certs []byte }{
		"nothing":                   {nil, nil},
		"text":                      {[]byte("hello"), nil},
		"certificate as key":        {trusttest.PEM(good.Cert), nil},
		"damaged key":               {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), nil},
		"curve parameters only":     {pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{1}}), nil},
		"key with passphrase":       {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), nil},
		"key with old passphrase":   {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}, Bytes: []byte{1}}), nil},
		"key agreement":             {trusttest.ECDHPrivatePEM(t), nil},
		"weak key":                  {trusttest.PrivatePEM(t, rsa1024), nil},
		"certificate of another":    {trusttest.PrivatePEM(t, other), good.ChainPEM()},
		"certificate for servers":   {private, tls.ChainPEM()},
		"certificate with 2 names":  {private, odd.ChainPEM()},
		"certificates with text":    {private, append([]byte("x\n"), good.ChainPEM()...)},
		"damaged certificate":       {private, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})},
		"SSH with certificate":      {ssh.Private, good.ChainPEM()},
		"PGP with certificate":      {pgp.Private, good.ChainPEM()},
		"damaged SSH key":           {ssh.Private[:100], nil},
		"weak SSH key":              {trusttest.SSHPrivate(t, rsa1024), nil},
		"damaged PGP key":           {pgp.Private[:200], nil},
		"public PGP key":            {bytes.ReplaceAll(pgp.Trusted, []byte("PUBLIC"), []byte("PRIVATE")), nil},
		"weak PGP key":              {pgpPrivate(options{Key: rsa1024}), nil},
		"expired PGP key":           {pgpPrivate(options{Key: trusttest.Ed25519(t), Lifetime: 60}), nil},
		"revoked PGP key":           {pgpPrivate(options{Key: trusttest.Ed25519(t), Revoked: &trusttest.PGPSig{Created: trusttest.Now().Add(-time.Minute)}}), nil},
		"PGP key that only vouches": {pgpPrivate(options{Key: trusttest.Ed25519(t), Flags: []byte{trusttest.FlagCertify}}), nil},
	} {
		signer, err := trust.LoadSigner(tt.key, tt.certs)
		if err == nil {
			t.Errorf("%s: taken as the key of %s", name, signer.Name())
		} else if kind := fault.Of(err).Kind; kind != fault.Invalid && kind != fault.Untrusted {
			t.Errorf("%s: got %v of kind %s", name, err, kind)
		}
	}
}

// Names of signers are for people.
func TestSignerNames(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	alone, err := trust.X509Signer(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		signer trust.SignerKey
		want   string
	}{
		{alone, "a key without certificate"},
		{trusttest.NewX509(t, "Ann Example").Key, "Ann Example"},
		{trusttest.NewPGP(t, "Ann <ann@example.test>").Key, "Ann <ann@example.test>"},
		{trusttest.NewSSH(t, "ann").Key, "SSH key "},
	} {
		if got := tt.signer.Name(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("got the name %q, want %q", got, tt.want)
		}
	}
}

// What a terminal would act upon doesn't reach it.
func TestNamesAreHarmless(t *testing.T) {
	t.Parallel()
	pgp := trusttest.PGPIdentity(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t), UserID: "\x1b[31mboss\u202e\n"})
	ssh := trusttest.NewSSH(t, "ann\x1b[2J")
	blank := trusttest.PGPIdentity(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t), UserID: " "})
	long := trusttest.NewSSH(t, strings.Repeat("n", 500))
	for _, who := range []trusttest.Identity{pgp, ssh, blank, long} {
		v, err := trusttest.Set(t, who).Verify(doc, trusttest.Sign(t, who.Key, doc), trusttest.Now())
		if err != nil {
			t.Error(err)
			continue
		}
		name := v.Signer().Name
		if strings.ContainsAny(name, "\x1b\n\u202e") || strings.TrimSpace(name) == "" || len(name) > 210 {
			t.Errorf("got the name %q", name)
		}
	}
}

// The main user id speaks for an OpenPGP key, whatever the order of the others.
func TestMainUserID(t *testing.T) {
	t.Parallel()
	marked := []trusttest.Subpacket{{Kind: trusttest.SubPrimaryID, Value: []byte{1}}}
	start := trusttest.Now().Add(-time.Hour)
	type uid = trusttest.MoreUserID
	for name, tt := range map[string]struct {
		o    trusttest.PGPOptions
		want string
	}{
		"one":                      {trusttest.PGPOptions{UserID: "a"}, "a"},
		"the newest":               {trusttest.PGPOptions{UserID: "a", More: []uid{{ID: "b", Self: trusttest.PGPSig{Created: start.Add(time.Minute)}}}}, "b"},
		"the newest, though first": {trusttest.PGPOptions{UserID: "a", Self: trusttest.PGPSig{Created: start.Add(time.Minute)}, More: []uid{{ID: "b", Self: trusttest.PGPSig{Created: start}}}}, "a"},
		"the marked":               {trusttest.PGPOptions{UserID: "a", Self: trusttest.PGPSig{Hashed: marked}, More: []uid{{ID: "b", Self: trusttest.PGPSig{Created: start.Add(time.Minute)}}}}, "a"},
		"the first":                {trusttest.PGPOptions{UserID: "b", More: []uid{{ID: "a"}, {ID: "c"}}}, "a"},
		"not the revoked":          {trusttest.PGPOptions{UserID: "a", UIDRevoked: &trusttest.PGPSig{}, More: []uid{{ID: "b"}}}, "b"},
	} {
		tt.o.Key = trusttest.Ed25519(t)
		ring := trusttest.NewPGPKeyring(t, tt.o)
		set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(t)}, nil)
		if err != nil {
			t.Errorf("%s: %s", name, err)
			continue
		}
		v, err := set.Verify(doc, pgpSigned(t, ring.Primary, trusttest.PGPSig{}), trusttest.Now())
		if err != nil || v.Signer().Name != tt.want {
			t.Errorf("%s: got %+v, %v, want %s", name, v, err, tt.want)
		}
	}
}
