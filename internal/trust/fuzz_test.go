package trust_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// refusedOrSame checks what holds for all evidence: no panic, a refusal of the
// right kind, and that nothing but the one signature is accepted.
func refusedOrSame(t *testing.T, set *trust.Set, doc []byte, ev, signed trust.Evidence) {
	t.Helper()
	v, err := set.VerifyRelease(doc, ev, trusttest.Now())
	switch {
	case err != nil && !fault.Is(err, fault.Untrusted):
		t.Errorf("got %v, want a fault of kind untrusted", err)
	case err == nil && !same(ev, signed):
		t.Errorf("other evidence was accepted for %q", v.Bytes())
	}
}

func FuzzEvidenceFiles(f *testing.F) {
	x, pgp, ssh := trusttest.NewX509(f, "x"), trusttest.NewPGP(f, "p"), trusttest.NewSSH(f, "s")
	set := trusttest.Set(f, x, pgp, ssh)
	suffixes := []string{".sig", ".pem", ".asc", ".sshsig", ".passkey"}
	for _, who := range []trusttest.Identity{x, pgp, ssh, trusttest.NewPasskey(f, "k")} {
		files := trusttest.Sign(f, who.Key, doc).Files()
		for i, suffix := range suffixes {
			f.Add(i, files[suffix], files[".pem"])
		}
	}
	f.Add(0, []byte("AQ==\r\n"), []byte(nil))
	f.Fuzz(func(t *testing.T, which int, signature, certificates []byte) {
		files := map[string][]byte{suffixes[(which%5+5)%5]: signature}
		if certificates != nil {
			files[".pem"] = certificates
		}
		ev, err := trust.EvidenceFromFiles(files)
		if err != nil {
			if !fault.Is(err, fault.Untrusted) {
				t.Errorf("got %v, want a fault of kind untrusted", err)
			}
			return
		}
		again, err := trust.EvidenceFromFiles(ev.Files())
		if err != nil || !same(again, ev) {
			t.Errorf("written and read again it is %+v (%v)", again, err)
		}
		// Evidence of the seeds is good for doc, but never for another document.
		if _, err := set.Verify(doc[1:], ev, trusttest.Now()); err == nil {
			t.Error("a signature over nothing like it was accepted")
		}
	})
}

func FuzzEvidenceJSON(f *testing.F) {
	for _, who := range []trusttest.Identity{trusttest.NewX509(f, "x"), trusttest.NewPGP(f, "p"), trusttest.NewSSH(f, "s"), trusttest.NewPasskey(f, "k")} {
		text, err := json.Marshal(trusttest.Sign(f, who.Key, doc))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"TYPE":"X509","signature":"AQ=="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var ev trust.Evidence
		if err := ev.UnmarshalJSON(text); err != nil {
			return
		}
		written, err := json.Marshal(ev)
		if err != nil {
			return // bytes that are no UTF-8 can't come out of JSON, but be sure
		}
		var again trust.Evidence
		if err := again.UnmarshalJSON(written); err != nil || !same(again, ev) {
			t.Errorf("written as %s and read again it is %+v (%v)", written, again, err)
		}
	})
}

func FuzzSSHSignature(f *testing.F) {
	who := trusttest.NewSSH(f, "s")
	set := trusttest.Set(f, who)
	signed := trusttest.Sign(f, who.Key, doc)
	blob, err := trust.DecodeSSHArmour(signed.Signature)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob)
	f.Add(blob[:40])
	f.Fuzz(func(t *testing.T, blob []byte) {
		refusedOrSame(t, set, doc, trust.Evidence{Kind: trust.SSH, Signature: trust.EncodeSSHArmour(blob)}, signed)
	})
}

func FuzzPGPSignature(f *testing.F) {
	ring := trusttest.NewPGPKeyring(f, trusttest.PGPOptions{Key: trusttest.Ed25519(f)})
	set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(f)}, nil)
	if err != nil {
		f.Fatal(err)
	}
	body := ring.Primary.Sign(f, trusttest.PGPSig{}, doc)
	signed := pgpEvidence(trust.FramePacket(body))
	f.Add(trust.FramePacket(body))
	f.Add(trusttest.NewPacket(trusttest.TagSignature, body))
	f.Add(trust.FramePacket(body[:30]))
	f.Fuzz(func(t *testing.T, packets []byte) {
		refusedOrSame(t, set, doc, pgpEvidence(packets), signed)
		// The file may frame the packet otherwise; then it is the same evidence.
		if ev, err := trust.EvidenceFromFiles(map[string][]byte{".asc": trusttest.Armour("SIGNATURE", packets)}); err == nil {
			refusedOrSame(t, set, doc, ev, signed)
		}
	})
}

func FuzzX509Evidence(f *testing.F) {
	who := trusttest.NewX509(f, "x")
	set := trusttest.Set(f, who)
	signed := trusttest.Sign(f, who.Key, doc)
	f.Add(signed.Signature, signed.Certificates)
	f.Add(signed.Signature, []byte(nil))
	f.Fuzz(func(t *testing.T, signature, certificates []byte) {
		ev := trust.Evidence{Kind: trust.X509, Signature: signature, Certificates: certificates}
		refusedOrSame(t, set, doc, ev, signed)
	})
}

func FuzzPasskeyEvidence(f *testing.F) {
	who := trusttest.NewAuthenticator(f, "k", trusttest.Ed25519(f)).Identity(f)
	set := trusttest.Set(f, who)
	signed := trusttest.Sign(f, who.Key, doc)
	f.Add(signed.CredentialID, signed.ClientData, signed.AuthenticatorData, signed.Signature)
	f.Add(signed.CredentialID, []byte(`{"type":"webauthn.get","Type":1}`), signed.AuthenticatorData, signed.Signature)
	f.Add(signed.CredentialID, signed.ClientData, append(signed.AuthenticatorData, 0xa0), signed.Signature)
	f.Fuzz(func(t *testing.T, id, client, data, signature []byte) {
		ev := trust.Evidence{Kind: trust.Passkey, CredentialID: id, ClientData: client, AuthenticatorData: data, Signature: signature}
		refusedOrSame(t, set, doc, ev, signed)
	})
}

// What is in the signature's way, without the signature: whoever has the key may
// state anything, and only the right statement passes.
func FuzzPasskeyStatement(f *testing.F) {
	key := trusttest.Ed25519(f)
	a := trusttest.NewAuthenticator(f, "k", key)
	set := trusttest.Set(f, a.Identity(f))
	challenge := a.Challenge(doc)
	f.Add(a.ClientData(challenge, a.Origin), a.Data())
	f.Add(`{"type":"webauthn.get","type":"x"}`, a.Data()[:37])
	f.Fuzz(func(t *testing.T, client string, data []byte) {
		a := trusttest.NewAuthenticator(t, "k", key)
		a.ClientData = func(string, string) string { return client }
		a.Signed = func(_, hash []byte) []byte { return append(bytes.Clone(data), hash...) }
		a.Finish = func(ev *trust.Evidence) { ev.AuthenticatorData = data }
		if _, err := set.VerifyRelease(doc, trusttest.Sign(t, a.Identity(t).Key, doc), trusttest.Now()); err != nil {
			if !fault.Is(err, fault.Untrusted) {
				t.Errorf("got %v, want a fault of kind untrusted", err)
			}
			return
		}
		// encoding/json reads what we read, or somebody could be deceived.
		var read struct {
			Type, Challenge, Origin string
			CrossOrigin             bool
			TopOrigin               any
		}
		if err := json.Unmarshal([]byte(client), &read); err != nil || read.Type != "webauthn.get" || read.Challenge != challenge ||
			read.Origin != "https://localhost:4443" || read.CrossOrigin || read.TopOrigin != nil {
			t.Errorf("accepted %q (%v)", client, err)
		}
		if flags := data[32]; flags&0x05 != 0x05 || flags&0x7a != 0 {
			t.Errorf("accepted the flags %02x", flags)
		}
	})
}

func FuzzTrustFiles(f *testing.F) {
	root := trusttest.NewCA(f, "root", trusttest.ECDSA(f))
	ring := trusttest.NewPGPKeyring(f, trusttest.PGPOptions{Key: trusttest.Ed25519(f), Subkey: trusttest.ECDSA(f)})
	f.Add(0, trusttest.PEM(root.Cert, root.Cert))
	f.Add(1, ring.PublicArmour(f))
	f.Add(2, trusttest.NewSSH(f, "who").Trusted)
	f.Add(3, ring.Packets(f))
	f.Add(4, trusttest.NewPasskey(f, "k").Trusted)
	f.Fuzz(func(t *testing.T, kind int, content []byte) {
		var files [5][][]byte
		kind = (kind%5 + 5) % 5
		files[kind] = [][]byte{content}
		if kind == 3 { // packets, which armour would hide from the fuzzer
			files[1] = [][]byte{trusttest.Armour("PUBLIC KEY BLOCK", content)}
		}
		set, err := trust.NewSet(trust.Policy{}, files[0], files[1], files[2], files[4]...)
		if err != nil {
			if !fault.Is(err, fault.Untrusted) {
				t.Errorf("got %v, want a fault of kind untrusted", err)
			}
			return
		}
		if len(set.Signers()) == 0 && !set.Empty() || bytes.Equal(make([]byte, 32), digest(set)) {
			t.Errorf("a set without signers or digest: %+v", set)
		}
	})
}

func digest(set *trust.Set) []byte {
	d := set.Digest()
	return d[:]
}

func FuzzPrivateKeys(f *testing.F) {
	x := trusttest.NewX509(f, "x")
	f.Add(x.Private, x.Chain)
	f.Add(trusttest.NewSSH(f, "s").Private, []byte(nil))
	f.Add(trusttest.NewPGP(f, "p").Private, []byte(nil))
	f.Fuzz(func(t *testing.T, key, certificates []byte) {
		signer, err := trust.LoadSigner(key, certificates)
		if err == nil && signer.Name() == "" {
			t.Error("a signer without name")
		}
	})
}
