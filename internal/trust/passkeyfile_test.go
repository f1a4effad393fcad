package trust_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// registration is what a browser says when it has made a passkey.
func registration(challenge []byte, change func(r *trust.Registration, clientData map[string]string, flags *byte, rpID *string)) *trust.Registration {
	r := &trust.Registration{CredentialID: []byte("an id"), PublicKey: []byte("a key")}
	data := map[string]string{"type": "webauthn.create", "challenge": base64.RawURLEncoding.EncodeToString(challenge), "origin": "https://host:4446"}
	flags, rpID := byte(0x45), "host" // present, verified, with the key
	if change != nil {
		change(r, data, &flags, &rpID)
	}
	if r.ClientData == nil {
		r.ClientData = fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false%s}`, data["type"], data["challenge"], data["origin"], data["more"])
	}
	hash := sha256.Sum256([]byte(rpID))
	auth := append(hash[:], flags, 0, 0, 0, 0)
	auth = append(auth, make([]byte, 16)...)
	auth = binary.BigEndian.AppendUint16(auth, 5)
	r.AuthenticatorData = append(append(auth, "an id"...), r.AuthenticatorData...)
	return r
}

func TestRegistrations(t *testing.T) {
	t.Parallel()
	challenge := bytes.Repeat([]byte{7}, 32)
	if copied, err := registration(challenge, nil).Check(challenge, "host", "https://host:4446"); err != nil || copied {
		t.Errorf("a good one: %t %v", copied, err)
	}
	synced := registration(challenge, func(_ *trust.Registration, _ map[string]string, flags *byte, _ *string) { *flags |= 0x08 })
	if copied, err := synced.Check(challenge, "host", "https://host:4446"); err != nil || !copied {
		t.Errorf("one that may be copied: %t %v", copied, err)
	}
	for name, change := range map[string]func(*trust.Registration, map[string]string, *byte, *string){
		"an assertion":      func(_ *trust.Registration, d map[string]string, _ *byte, _ *string) { d["type"] = "webauthn.get" },
		"another challenge": func(_ *trust.Registration, d map[string]string, _ *byte, _ *string) { d["challenge"] += "A" },
		"another page":      func(_ *trust.Registration, d map[string]string, _ *byte, _ *string) { d["origin"] = "https://host" },
		"a page in a page":  func(_ *trust.Registration, d map[string]string, _ *byte, _ *string) { d["more"] = `,"topOrigin":"x"` },
		"two types": func(_ *trust.Registration, d map[string]string, _ *byte, _ *string) {
			d["more"] = `,"Type":"webauthn.create"`
		},
		"no client data": func(r *trust.Registration, _ map[string]string, _ *byte, _ *string) { r.ClientData = []byte("x") },
		"much client data": func(r *trust.Registration, _ map[string]string, _ *byte, _ *string) {
			r.ClientData = make([]byte, 9<<10)
		},
		"much device data": func(r *trust.Registration, _ map[string]string, _ *byte, _ *string) {
			r.AuthenticatorData = make([]byte, 9<<10)
		},
		"another host":    func(_ *trust.Registration, _ map[string]string, _ *byte, id *string) { *id = "other" },
		"nobody there":    func(_ *trust.Registration, _ map[string]string, f *byte, _ *string) { *f = 0x44 },
		"nobody verified": func(_ *trust.Registration, _ map[string]string, f *byte, _ *string) { *f = 0x41 },
		"no key":          func(_ *trust.Registration, _ map[string]string, f *byte, _ *string) { *f = 0x05 },
		"another key":     func(r *trust.Registration, _ map[string]string, _ *byte, _ *string) { r.CredentialID = []byte("no id") },
		"a longer key's id": func(r *trust.Registration, _ map[string]string, _ *byte, _ *string) {
			r.CredentialID = []byte("an id!")
		},
		"a known other letter": func(_ *trust.Registration, d map[string]string, _ *byte, _ *string) { d["more"] = `,"Origin":"x"` },
	} {
		if _, err := registration(challenge, change).Check(challenge, "host", "https://host:4446"); !fault.HasCode(err, "InvalidPasskey") || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := registration(challenge, nil)
	short.AuthenticatorData = short.AuthenticatorData[:50]
	if _, err := short.Check(challenge, "host", "https://host:4446"); !fault.HasCode(err, "InvalidPasskey") {
		t.Errorf("cut off: %v", err)
	}
}

// The file of an enrolled passkey is one that machines take, and by it they believe
// what the passkey signs.
func TestEnrolledPasskeyIsTrusted(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	device := trusttest.NewAuthenticator(t, "blue", key)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	p := &trust.EnrolledPasskey{
		CredentialID: device.CredentialID, PublicKey: spki, RPID: device.RPID, Name: "blue", Owner: "anna", Origins: []string{device.Origin},
	}
	file, err := p.File()
	if err != nil {
		t.Fatal(err)
	}
	who := device.Identity(t)
	who.Trusted = file
	manifest := []byte("{}")
	ev, err := device.Sign(manifest)
	if err != nil {
		t.Fatal(err)
	}
	v, err := trusttest.Set(t, who).VerifyRelease(manifest, ev, trusttest.Now())
	if err != nil || v.Signer().Name != "blue of anna" || v.Signer().KeyID != p.KeyID() {
		t.Errorf("got %+v: %v", v, err)
	}
	for name, change := range map[string]func(*trust.EnrolledPasskey){
		"an address":     func(p *trust.EnrolledPasskey) { p.RPID = "127.0.0.1:1" },
		"no key":         func(p *trust.EnrolledPasskey) { p.PublicKey = []byte("x") },
		"no name":        func(p *trust.EnrolledPasskey) { p.Name = "" },
		"a foreign page": func(p *trust.EnrolledPasskey) { p.Origins = []string{"https://elsewhere"} },
		"no TLS":         func(p *trust.EnrolledPasskey) { p.Origins = []string{"http://localhost"} },
		"a long name":    func(p *trust.EnrolledPasskey) { p.Name = strings.Repeat("x", 300) },
	} {
		other := *p
		change(&other)
		if text, err := other.File(); !fault.HasCode(err, "InvalidPasskey") {
			t.Errorf("%s: %s %v", name, text, err)
		}
	}
}
