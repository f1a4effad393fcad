package transport_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// variant is a way to come to a listener.
type variant struct {
	name    string
	cert    *tls.Certificate // shown in the handshake; nil: none
	version uint16           // the only one offered; 0: 1.2 and 1.3
	protos  []string
	request string // instead of a plain GET
	raw     []byte // sent without any TLS
	parts   bool   // a listener for parts lets it in
	users   bool   // a listener for users lets it in
}

func uriSAN(uris ...string) []pkix.Extension {
	var names []asn1.RawValue
	for _, u := range uris {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(u)})
	}
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: must(asn1.Marshal(names))}}
}

// certVariants are the certificates to be refused; each differs from a good one
// in one thing.
func certVariants(w *world) []variant {
	const good = "signet://controller/controller-1"
	odd := func(change func(*x509.Certificate)) *tls.Certificate {
		t := w.nodeTemplate(good)
		change(t)
		return w.leaf(w.nodeIssuer, t)
	}
	oddUser := func(change func(*x509.Certificate)) *tls.Certificate {
		t := w.userTemplate("signet://user/anna")
		change(t)
		return w.leaf(w.userIssuer, t)
	}
	rawURI := func(uris ...string) *tls.Certificate {
		return odd(func(c *x509.Certificate) { c.URIs, c.ExtraExtensions = nil, uriSAN(uris...) })
	}
	usages := func(u ...x509.ExtKeyUsage) *tls.Certificate {
		return odd(func(c *x509.Certificate) { c.ExtKeyUsage = u })
	}
	const server, clnt, signing, anyUse = x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageAny

	vs := []variant{
		{name: "no certificate", users: true},
		{name: "a good controller", cert: w.node(good), parts: true},
		{name: "a good user", cert: oddUser(func(*x509.Certificate) {}), users: true},
		{name: "a good user's mail usage", cert: oddUser(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) }), users: true},
		{name: "other authority of the same name", cert: w.leaf(w.otherIssuer, w.nodeTemplate(good))},
		{name: "wrong role", cert: w.node("signet://agent/controller-1")},
		{name: "cockpit where it may not", cert: w.node("signet://cockpit/controller-1")},
		{name: "right role, wrong name", cert: w.node("signet://controller/controller-2")},
		{name: "name in other case", cert: w.node("signet://controller/Controller-1")},
		{name: "user from the authority of nodes", cert: w.node("signet://user/anna")},
		{name: "signer from the authority of nodes", cert: w.node("signet://signer/anna")},
		{name: "unknown role", cert: rawURI("signet://admin/controller-1")},
		{name: "role in other case", cert: rawURI("signet://Controller/controller-1")},
		{name: "expired", cert: odd(func(c *x509.Certificate) { c.NotAfter = w.start.Add(-time.Second) })},
		{name: "expired user", cert: oddUser(func(c *x509.Certificate) { c.NotAfter = w.start.Add(-time.Second) })},
		{name: "not yet valid", cert: odd(func(c *x509.Certificate) { c.NotBefore = w.start.Add(time.Hour) })},
		{name: "not yet valid user", cert: oddUser(func(c *x509.Certificate) { c.NotBefore = w.start.Add(time.Hour) })},
		{name: "revoked", cert: odd(func(c *x509.Certificate) { c.SerialNumber = w.revoked })},
		{name: "revoked user", cert: oddUser(func(c *x509.Certificate) { c.SerialNumber = w.revoked })},
		{name: "issuer revoked", cert: w.leaf(w.revokedIssuer, w.nodeTemplate(good))},
		{name: "issuer expired", cert: w.leaf(w.oldIssuer, w.nodeTemplate(good))},
		{name: "signing certificate", cert: w.leaf(w.signIssuer, func() *x509.Certificate {
			t := w.nodeTemplate("signet://signer/anna")
			t.ExtKeyUsage = []x509.ExtKeyUsage{signing}
			return t
		}())},
		{name: "node by the authority of signers", cert: w.leaf(w.signIssuer, w.nodeTemplate(good))},
		{name: "node by the authority of users", cert: w.leaf(w.userIssuer, w.nodeTemplate(good))},
		{name: "user by the authority of signers", cert: w.leaf(w.signIssuer, w.userTemplate("signet://user/anna"))},
		{name: "user by another authority", cert: w.leaf(w.otherIssuer, w.userTemplate("signet://user/anna"))},
		{name: "user with a server's usage", cert: oddUser(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, server) })},
		{name: "user with signing usage", cert: oddUser(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, signing) })},
		{name: "user without usages", cert: oddUser(func(c *x509.Certificate) { c.ExtKeyUsage = nil })},
		{name: "user with any usage", cert: oddUser(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{anyUse} })},
		{name: "user with mail usage only", cert: oddUser(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })},
		{name: "user who is a controller", cert: oddUser(func(c *x509.Certificate) { c.URIs = []*url.URL{must(url.Parse(good))} })},
		{name: "user without identity", cert: oddUser(func(c *x509.Certificate) { c.URIs = nil; c.EmailAddresses = []string{"anna@example.org"} })},
		{name: "no extended usage", cert: usages()},
		{name: "any extended usage", cert: usages(anyUse)},
		{name: "server usage only", cert: usages(server)},
		{name: "client usage only", cert: usages(clnt)},
		{name: "signing usage", cert: usages(signing)},
		{name: "TLS and signing usage", cert: usages(server, clnt, signing)},
		{name: "TLS and any usage", cert: usages(server, clnt, anyUse)},
		{name: "unknown usage", cert: odd(func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} })},
		{name: "no key usage", cert: odd(func(c *x509.Certificate) { c.KeyUsage = 0 })},
		{name: "key usage encipherment", cert: odd(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })},
		{name: "key usage of an authority", cert: odd(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })},
		{name: "authority as leaf", cert: odd(func(c *x509.Certificate) { c.IsCA = true })},
		{name: "no SAN", cert: odd(func(c *x509.Certificate) { c.URIs = nil })},
		{name: "common name only", cert: odd(func(c *x509.Certificate) { c.URIs, c.Subject.CommonName = nil, "controller/controller-1" })},
		{name: "host name only", cert: odd(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"controller-1"} })},
		{name: "mail address only", cert: odd(func(c *x509.Certificate) { c.URIs, c.EmailAddresses = nil, []string{"controller-1@controller"} })},
		{name: "two identities", cert: rawURI(good, "signet://agent/agent-1")},
		{name: "the same identity twice", cert: rawURI(good, good)},
		{name: "a second URI", cert: rawURI(good, "https://example.org/")},
		{name: "other scheme", cert: rawURI("spiffe://controller/controller-1")},
		{name: "scheme in upper case", cert: rawURI("SIGNET://controller/controller-1")},
		{name: "no authority part", cert: rawURI("signet:controller/controller-1")},
		{name: "user info", cert: rawURI("signet://x@controller/controller-1")},
		{name: "port", cert: rawURI("signet://controller:1/controller-1")},
		{name: "query", cert: rawURI(good + "?a=b")},
		{name: "fragment", cert: rawURI(good + "#a")},
		{name: "slash behind", cert: rawURI(good + "/")},
		{name: "no name", cert: rawURI("signet://controller/")},
		{name: "no name, no slash", cert: rawURI("signet://controller")},
		{name: "escaped name", cert: rawURI("signet://controller/controller%2d1")},
		{name: "name of dots", cert: rawURI("signet://controller/..")},
		{name: "name with path", cert: rawURI("signet://controller/x/controller-1")},
		{name: "long name", cert: rawURI("signet://controller/" + strings.Repeat("a", 129))},
		{name: "1000 SANs", cert: rawURI(strings.Split(strings.Repeat(good+" ", 1000), " ")[:1000]...)},
		{name: "RSA-1024", cert: w.leafFor(w.nodeIssuer, w.nodeTemplate(good), w.rsa1024)},
		{name: "unknown critical extension", cert: odd(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		})},
	}
	return append(vs, chainVariants(w, good)...)
}

// chainVariants have something wrong between leaf and root.
func chainVariants(w *world, good string) []variant {
	self := w.nodeTemplate(good)
	selfSigned := must(x509.ParseCertificate(must(x509.CreateCertificate(nil, self, self, w.key.Public(), w.key))))
	leaf := w.node(good)
	fromLeaf := authority{leaf.Leaf, w.key}
	fromUser := authority{w.leaf(w.userIssuer, w.userTemplate("signet://user/anna")).Leaf, w.key}
	below := w.nodeIssuer.sub(w, "too deep", nil, nil)
	deep := w.leaf(below, w.nodeTemplate(good))
	deep.Certificate = append(deep.Certificate, w.nodeIssuer.cert.Raw)
	long := *leaf
	for range 10 {
		long.Certificate = append(long.Certificate, w.nodeRoot.cert.Raw)
	}
	alone := *leaf
	alone.Certificate = alone.Certificate[:1]
	stolen := *leaf
	stolen.PrivateKey = w.thief
	mixed := *leaf
	mixed.Certificate = [][]byte{leaf.Certificate[0], w.userIssuer.cert.Raw}
	damaged := *leaf
	damaged.Certificate = [][]byte{bytes.Clone(leaf.Certificate[0]), leaf.Certificate[1]}
	damaged.Certificate[0][len(damaged.Certificate[0])-5] ^= 1
	noise := *leaf
	noise.Certificate = [][]byte{[]byte("no certificate"), leaf.Certificate[1]}
	child := w.leaf(fromLeaf, w.nodeTemplate(good))
	child.Certificate = append(child.Certificate, w.nodeIssuer.cert.Raw)
	userChild := w.leaf(fromUser, w.userTemplate("signet://user/boss"))
	userChild.Certificate = append(userChild.Certificate, w.userIssuer.cert.Raw)
	return []variant{
		{name: "self-signed", cert: &tls.Certificate{Certificate: [][]byte{selfSigned.Raw}, PrivateKey: w.key}},
		{name: "the root itself", cert: &tls.Certificate{Certificate: [][]byte{w.nodeRoot.cert.Raw}, PrivateKey: w.nodeRoot.key}},
		{name: "the issuer itself", cert: &tls.Certificate{Certificate: [][]byte{w.nodeIssuer.cert.Raw}, PrivateKey: w.nodeIssuer.key}},
		{name: "the users' issuer itself", cert: &tls.Certificate{Certificate: [][]byte{w.userIssuer.cert.Raw}, PrivateKey: w.userIssuer.key}},
		{name: "issuer missing", cert: &alone},
		{name: "issuer of somebody else", cert: &mixed},
		{name: "issued by a leaf", cert: child},
		{name: "issued by a user", cert: userChild},
		{name: "path too deep", cert: deep},
		{name: "chain too long", cert: &long},
		{name: "stolen certificate, other key", cert: &stolen},
		{name: "signature damaged", cert: &damaged},
		{name: "not a certificate", cert: &noise},
	}
}

// wireVariants are good peers who behave badly, and such as don't speak TLS.
func wireVariants(good *tls.Certificate, users bool) []variant {
	vs := []variant{
		{name: "TLS 1.0", cert: good, version: tls.VersionTLS10},
		{name: "TLS 1.1", cert: good, version: tls.VersionTLS11},
		{name: "TLS 1.2", cert: good, version: tls.VersionTLS12, users: users},
		{name: "TLS 1.2 without certificate", version: tls.VersionTLS12, users: users},
		{name: "TLS 1.3", cert: good, version: tls.VersionTLS13, parts: !users, users: users},
		{name: "unknown protocol", cert: good, protos: []string{"spdy/3"}},
		{name: "plain HTTP", raw: []byte("GET /PATH HTTP/1.1\r\nHost: a\r\n\r\n")},
		{name: "plain HTTP/2", raw: []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
		{name: "noise", raw: bytes.Repeat([]byte{0xff, 0, 0x7f, 0x13}, 500)},
		{name: "nothing", raw: []byte{}},
		{name: "half a record", raw: []byte{22, 3, 1, 2, 0, 1, 0}},
		{name: "huge record", raw: append([]byte{22, 3, 3, 0xff, 0xff}, make([]byte, 70000)...)},
		{name: "SSL 2", raw: []byte{0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80}},
		{name: "SSL 3", raw: []byte{22, 3, 0, 0, 4, 1, 0, 0, 0}},
		{name: "data before the handshake", raw: []byte{23, 3, 3, 0, 5, 'h', 'e', 'l', 'l', 'o'}},
		{name: "SSH", raw: []byte("SSH-2.0-x\r\n")},
	}
	for name, request := range map[string]string{
		"huge header":          "GET /PATH HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 200<<10) + "\r\n\r\n",
		"many headers":         "GET /PATH HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 40000) + "\r\n",
		"no host":              "GET /PATH HTTP/1.1\r\n\r\n",
		"two hosts":            "GET /PATH HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"two lengths":          "POST /PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"negative length":      "POST /PATH HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		"unknown coding":       "POST /PATH HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
		"space in header name": "GET /PATH HTTP/1.1\r\nHost : a\r\n\r\n",
		"NUL in header":        "GET /PATH HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
		"HTTP/9":               "GET /PATH HTTP/9.0\r\nHost: a\r\n\r\n",
		"bad method":           "G@T /PATH HTTP/1.1\r\nHost: a\r\n\r\n",
		"no request line":      "\r\n\r\n\r\n",
		"header never ends":    "GET /PATH HTTP/1.1\r\nHost: a\r\nX: y\r\n",
	} {
		vs = append(vs, variant{name: name, cert: good, request: request})
	}
	return vs
}

// try comes to a listener as v says and returns nil if a handler answered.
func (v variant) try(addr string, path string) error {
	raw, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := raw
	request := "GET /PATH HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	if v.raw != nil {
		request = string(v.raw)
	} else {
		c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, NextProtos: v.protos}
		if v.version != 0 {
			c.MinVersion, c.MaxVersion = v.version, v.version
		}
		if v.cert != nil {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return v.cert, nil }
		}
		t := tls.Client(raw, c)
		if err := t.Handshake(); err != nil {
			return err
		}
		conn = t
		if v.request != "" {
			request = v.request
		}
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "PATH", path)); err != nil {
		return err
	}
	if v.raw != nil {
		_ = raw.(*net.TCPConn).CloseWrite()
	}
	// With TLS 1.3 a client learns of a refusal by reading.
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// Invariants 1 and 2: whoever isn't to come in doesn't reach a handler.
func TestListenersLetNobodyElseIn(t *testing.T) {
	t.Parallel()
	w := theWorld()
	goodNode := w.node("signet://controller/controller-1")
	goodUser := w.leaf(w.userIssuer, w.userTemplate("signet://user/anna"))
	certs := certVariants(w)
	listeners := []struct {
		name     string
		mode     transport.Mode
		trust    *x509.Certificate
		crls     [][]byte
		peers    func(pki.Identity) bool
		variants []variant
		in       func(variant) bool
	}{
		{
			"parts", transport.Parts, w.nodeRoot.cert,
			[][]byte{w.nodeCRL, w.issuerCRL},
			expect(pki.RoleController, "controller-1"),
			append(wireVariants(goodNode, false), certs...), func(v variant) bool { return v.parts },
		},
		{
			"users", transport.Users, w.userRoot.cert,
			[][]byte{w.userCRL},
			nil,
			append(wireVariants(goodUser, true), certs...), func(v variant) bool { return v.users },
		},
	}
	for _, l := range listeners {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			handled := map[string]int{}
			creds := load(t, w.files(t, w.node("signet://agent/agent-1"), l.trust, l.crls...), transport.CredentialOptions{})
			addr := serve(t, transport.Options{
				Mode: l.mode, Credentials: creds, Peers: l.peers,
				Limits: transport.Limits{HeaderTimeout: time.Second},
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					handled[strings.TrimPrefix(r.URL.Path, "/")]++
					mu.Unlock()
					okHandler(w, r)
				}),
			})
			if n := len(l.variants); n < 80 {
				t.Errorf("only %d variants", n)
			}
			limit := make(chan struct{}, 8)
			var wg sync.WaitGroup
			for i, v := range l.variants {
				wg.Go(func() {
					limit <- struct{}{}
					defer func() { <-limit }()
					if err := v.try(addr, fmt.Sprint("v", i)); (err == nil) != l.in(v) {
						t.Errorf("%s: got %v, expected to come in: %v", v.name, err, l.in(v))
					}
				})
			}
			wg.Wait()
			mu.Lock()
			defer mu.Unlock()
			for i, v := range l.variants {
				want := 0
				if l.in(v) {
					want = 1
				}
				if got := handled[fmt.Sprint("v", i)]; got != want {
					t.Errorf("%s: the handler ran %d times, want %d", v.name, got, want)
				}
				delete(handled, fmt.Sprint("v", i))
			}
			if len(handled) > 0 {
				t.Errorf("the handler ran for %v", handled)
			}
		})
	}
}

// P-224 can't be offered by crypto/tls, and a NUL not be written by
// crypto/x509: the judge itself has to refuse them.
func TestJudgeRefusesWhatClientsCannotSend(t *testing.T) {
	t.Parallel()
	w := theWorld()
	roots := x509.NewCertPool()
	roots.AddCert(w.nodeRoot.cert)
	weak := w.leafFor(w.nodeIssuer, w.nodeTemplate("signet://agent/a"), w.p224)
	chain := []*x509.Certificate{weak.Leaf, w.nodeIssuer.cert}
	if id, err := pki.CheckNode(chain, roots, nil, w.start); err == nil {
		t.Errorf("P-224 passes as %s", id)
	}
	between := w.caTemplate("weak issuer")
	weakIssuer := authority{w.nodeRoot.sign(between, w.p224.Public()), w.p224}
	chain = []*x509.Certificate{w.leaf(weakIssuer, w.nodeTemplate("signet://agent/a")).Leaf, weakIssuer.cert}
	if _, err := pki.CheckNode(chain, roots, nil, w.start); !fault.HasCode(err, "WeakKey") {
		t.Errorf("an issuer with a weak key: %v", err)
	}
	good := []*x509.Certificate{w.node("signet://agent/a").Leaf, w.nodeIssuer.cert}
	if _, err := pki.CheckNode(good, roots, nil, w.start, pki.RoleAgent); err != nil {
		t.Errorf("good chain: %v", err)
	}
	if _, err := pki.CheckNode(good, roots, nil, w.start, pki.RoleController); err == nil {
		t.Error("an agent passes as a controller")
	}
	if _, err := pki.CheckNode(good, nil, nil, w.start); !fault.HasCode(err, "NoRoots") {
		t.Errorf("without roots of ours, those of the system count: %v", err)
	}
	if _, err := pki.CheckNode(nil, roots, nil, w.start); err == nil {
		t.Error("no chain passes")
	}
}
