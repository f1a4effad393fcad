package cockpit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/seal"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// keyRow returns the row of an account's key, if there is one.
func (b *bench) keyRow(account string) (key store.AccountKey) {
	b.Helper()
	b.check(b.c.db.Read(b.Context(), func(r store.Reader) (err error) {
		if key, err = r.AccountKey(account); fault.Is(err, fault.NotFound) {
			err = nil
		}
		return err
	}))
	return key
}

func deployOne(path string) api.DeployRequest {
	return api.DeployRequest{Objects: []api.DeployObject{{Kind: "JobResource", Path: path, Document: `{"variables":{"a":"'1'"}}`}}}
}

// At level medium each account signs with its own key, which the database has only
// sealed.
func TestAccountsSignWithTheirKeys(t *testing.T) {
	onBoth(t, options{level: levelMedium, authority: true}, func(t *testing.T, b *bench) {
		unsigned := func(token, why string) {
			t.Helper()
			w := b.do(request{method: "POST", path: "/deployments", body: deployOne("S"), token: token})
			b.isRefused(422, "InvalidEvidence", w)
			if !strings.Contains(w.Body.String(), codeNoSigningKey) || !strings.Contains(w.Body.String(), why) {
				t.Errorf("refused with %s", w.Body)
			}
		}
		unsigned(b.token, "has no key to sign it with")

		// The administrator brings a key that the Controller trusts.
		var got api.SigningKey
		b.call("POST", "/me/signing-key", api.MakeSigningKeyRequest{Key: string(b.signer.Private), Certificates: string(b.signer.Chain)}, &got)
		if got.Key == nil || got.Key.Origin != keyImported || got.Key.Signer != "Signet signing" || got.Key.KeyId != b.signer.Key.KeyID() {
			t.Errorf("the key is %+v", got.Key)
		}
		b.call("POST", "/deployments", deployOne("R"), nil)
		row := b.keyRow("admin")
		for _, part := range [][]byte{b.signer.Private, bytes.TrimSpace(b.signer.Private), []byte("PRIVATE KEY")} {
			if bytes.Contains(row.Sealed, part) || strings.Contains(row.Certificates, string(part)) {
				t.Error("the private key is in the database")
			}
		}

		// A row that is moved to another account is of no use there.
		b.call("POST", "/accounts", api.AddAccountRequest{Name: "eve", Role: "developer", Password: adminPassword}, nil)
		eve := b.login("eve", adminPassword)
		moved := row
		moved.Account = "eve"
		b.check(b.c.db.Write(t.Context(), func(w store.Writer) error { return w.PutAccountKey(moved) }))
		unsigned(eve, "can't be opened")

		// One that is made here has the account's name, and the authority's certificate.
		var made api.SigningKey
		w := b.do(request{method: "POST", path: "/me/signing-key", body: `{}`, token: eve})
		if w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
		b.check(json.Unmarshal(w.Body.Bytes(), &made))
		if made.Key == nil || made.Key.Signer != "eve" || made.Key.Origin != keyGenerated || made.Key.ExpiresAt == 0 || !made.CanGenerate {
			t.Errorf("the key is %+v", made.Key)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("PRIVATE")) {
			t.Error("the private key was given out")
		}
		// The fake Controller doesn't trust the authority: it was signed, and is refused there.
		if w := b.do(request{method: "POST", path: "/deployments", body: deployOne("S"), token: eve}); w.Code != 422 || !strings.Contains(w.Body.String(), `"kind":"untrusted"`) {
			t.Errorf("a signer that the Controller doesn't trust: %d %s", w.Code, w.Body)
		}

		var accounts api.Accounts
		b.call("GET", "/accounts", nil, &accounts)
		for _, a := range accounts.Accounts {
			if a.SigningKey == nil || a.SigningKey.KeyId == "" {
				t.Errorf("the key of %s isn't told of", a.Name)
			}
		}

		// It goes with its account, and its certificate is revoked.
		serial := b.keyRow("eve").Certificates
		chain, err := pki.ParseCertsPEM([]byte(serial))
		b.check(err)
		if w := b.do(request{method: "DELETE", path: "/accounts/eve", token: b.token}); w.Code != 204 {
			t.Fatal(w.Code, w.Body)
		}
		all, err := b.ca().List()
		b.check(err)
		revoked := false
		for _, r := range all {
			revoked = revoked || r.Serial == pki.Serial(chain[0]) && r.RevokedAt != nil
		}
		if !revoked {
			t.Error("the certificate of a deleted account is not revoked")
		}
		if w := b.do(request{method: "DELETE", path: "/me/signing-key", token: b.token}); w.Code != 204 {
			t.Fatal(w.Code, w.Body)
		}
		b.isRefused(404, "UnknownAccountKey", b.do(request{method: "DELETE", path: "/me/signing-key", token: b.token}))
		unsigned(b.token, "has no key to sign it with")
	})
}

func TestWrongKeysAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{level: levelMedium, noStart: true})
	other := trusttest.NewX509(t, "other")
	for name, in := range map[string]api.MakeSigningKeyRequest{
		"no key":                    {Key: "x"},
		"another's certificate":     {Key: string(b.signer.Private), Certificates: string(other.Chain)},
		"a certificate alone":       {Certificates: string(other.Chain)},
		"a password alone":          {Password: "x"},
		"no base64":                 {Keystore: "!"},
		"no keystore":               {Keystore: "AAAA", Password: "x"},
		"both":                      {Keystore: "AAAA", Key: string(other.Private)},
		"a damaged key":             {Key: strings.Replace(string(other.Private), "M", "A", 3)},
		"no authority to make one":  {},
		"a keystore beside a chain": {Keystore: "AAAA", Certificates: string(other.Chain)},
	} {
		if w := b.do(request{method: "POST", path: "/me/signing-key", body: in, token: b.token}); w.Code < 400 || w.Code >= 500 || w.Code == 401 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if key := b.keyRow("admin"); key.Account != "" {
		t.Errorf("a key is kept: %+v", key)
	}
}

// At the other levels no private key is kept, wherever it comes from.
func TestNoKeysAtOtherLevels(t *testing.T) {
	t.Parallel()
	for _, level := range []string{levelLow, levelHigh} {
		b := newBench(t, options{level: level, noStart: true, noSign: level == levelHigh})
		in := api.MakeSigningKeyRequest{Key: string(b.signer.Private), Certificates: string(b.signer.Chain)}
		b.isRefused(403, codeKeyRefused, b.do(request{method: "POST", path: "/me/signing-key", body: in, token: b.token}))
		b.isRefused(403, codeKeyRefused, b.do(request{method: "POST", path: "/me/signing-key", body: `{}`, token: b.token}))
		if key := b.keyRow("admin"); key.Account != "" {
			t.Errorf("%s: a key is kept: %+v", level, key)
		}
		var got api.SigningKey
		b.call("GET", "/me/signing-key", nil, &got)
		if has := got.Key != nil; has != (level == levelLow) || string(got.SecurityLevel) != level {
			t.Errorf("%s: told is %+v", level, got)
		}
	}
}

// The security level is that of the database, whatever is configured.
func TestLevelStaysAsItIs(t *testing.T) {
	onBoth(t, options{}, func(t *testing.T, b *bench) {
		b.stop()
		for _, level := range []string{levelMedium, levelHigh} {
			b.settings.SecurityLevel = level
			b.settings.SealingKeyFile = filepath.Join(b.settings.DataDir, "sealing.key")
			if level == levelMedium {
				if _, err := New(t.Context(), b.deps); !fault.HasCode(err, "SealingKeyMissing") {
					t.Errorf("without a sealing key: %v", err)
				}
				b.check(os.WriteFile(b.settings.SealingKeyFile, []byte("x"), 0o600))
				if _, err := New(t.Context(), b.deps); !fault.HasCode(err, "SealingKeyInvalid") {
					t.Errorf("with something else for a sealing key: %v", err)
				}
				b.check(os.Remove(b.settings.SealingKeyFile))
				_, _, err := seal.MakeKey(b.settings.SealingKeyFile)
				b.check(err)
			}
			if _, err := New(t.Context(), b.deps); !fault.HasCode(err, "SecurityLevelFixed") {
				t.Errorf("level %s in a database of level low: %v", level, err)
			}
		}
		// A database from before there was a level gets that of its first Cockpit.
		b.settings.SecurityLevel = levelLow
		b.start()
		b.check(b.c.db.Write(t.Context(), func(w store.Writer) error { return w.SetFact(store.FactLevel, "") }))
		b.stop()
		b.start()
		b.check(b.c.db.Read(t.Context(), func(r store.Reader) error {
			level, err := r.Fact(store.FactLevel)
			if level != levelLow {
				t.Errorf("the level is %q", level)
			}
			return err
		}))
	})
}
