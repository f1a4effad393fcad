package cockpit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/part"
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

// With another sealing key than the one that the accounts' keys are sealed with, no
// Cockpit starts, before any key is needed. If the right one is lost, there is a way on.
func TestSealingKeyStaysAsItIs(t *testing.T) {
	onBoth(t, options{level: levelMedium}, func(t *testing.T, b *bench) {
		b.call("POST", "/me/signing-key", api.MakeSigningKeyRequest{Key: string(b.signer.Private), Certificates: string(b.signer.Chain)}, nil)
		if _, err := ForgetKeys(t.Context(), b.settings, time.Now()); !fault.HasCode(err, "SealingKeyThere") {
			t.Errorf("a key that isn't lost: %v", err)
		}
		if b.keyRow("admin").Account == "" {
			t.Fatal("the key was deleted")
		}
		b.stop()
		b.check(os.Rename(b.settings.SealingKeyFile, b.settings.SealingKeyFile+".right"))
		_, _, err := seal.MakeKey(b.settings.SealingKeyFile)
		b.check(err)
		if _, err := New(t.Context(), b.deps); !fault.HasCode(err, codeSealingKeyWrong) || !strings.Contains(err.Error(), "forget-keys") {
			t.Errorf("with another sealing key: %v", err)
		}
		// The right one brings all back.
		wrong, err := os.ReadFile(b.settings.SealingKeyFile)
		b.check(err)
		b.check(os.Rename(b.settings.SealingKeyFile+".right", b.settings.SealingKeyFile))
		b.start()
		b.call("POST", "/deployments", deployOne("R"), nil)
		b.stop()

		b.check(os.WriteFile(b.settings.SealingKeyFile, wrong, 0o600))
		accounts, err := ForgetKeys(t.Context(), b.settings, time.Now())
		if err != nil || !slices.Equal(accounts, []string{"admin"}) {
			t.Errorf("forgotten are the keys of %v: %v", accounts, err)
		}
		b.start()
		if key := b.keyRow("admin"); key.Account != "" {
			t.Errorf("a key is kept: %+v", key)
		}
		w := b.do(request{method: "GET", path: "/audit", token: b.token})
		if !strings.Contains(w.Body.String(), `"action":"forgetKeys"`) || !strings.Contains(w.Body.String(), "Account:admin") {
			t.Errorf("the audit trail says %s", w.Body)
		}
		b.call("POST", "/me/signing-key", api.MakeSigningKeyRequest{Key: string(b.signer.Private), Certificates: string(b.signer.Chain)}, nil)
		b.call("POST", "/deployments", deployOne("R"), nil)
		b.settings.SecurityLevel = levelLow
		if _, err := ForgetKeys(t.Context(), b.settings, time.Now()); !fault.HasCode(err, codeKeyRefused) {
			t.Errorf("at level low: %v", err)
		}
		b.settings.SecurityLevel = levelMedium
	})
}

// Of two Cockpits that start at once on a new database, with different levels, one is
// refused, and no second one joins a running one of another level.
func TestLevelOfTwoCockpits(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{postgres: true})
	other := *b.settings
	other.Name, other.SecurityLevel = "cockpit-2", levelHigh
	deps := b.deps
	deps.Settings = &other
	if _, err := New(t.Context(), deps); !fault.HasCode(err, "SecurityLevelFixed") {
		t.Errorf("beside one of level low that runs: %v", err)
	}
	b.stop()
	for range 5 {
		db, err := OpenDatabase(t.Context(), b.settings, fsys.Real{})
		b.check(err)
		b.check(db.Write(t.Context(), func(w store.Writer) error { return w.SetFact(store.FactLevel, "") }))
		b.check(db.Close())
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i, d := range []Deps{b.deps, deps} {
			both.Go(func() {
				c, err := New(t.Context(), d)
				if errs[i] = err; err == nil {
					errs[i] = c.Close()
				}
			})
		}
		both.Wait()
		if fault.HasCode(errs[0], "SecurityLevelFixed") == fault.HasCode(errs[1], "SecurityLevelFixed") {
			t.Fatalf("both levels are as good: %v, %v", errs[0], errs[1])
		}
	}
}

// endingSoon returns what the dashboard warns of, without what is shared between calls.
func (b *bench) endingSoon() []api.Certificate {
	b.Helper()
	all, err := b.c.endingSoon(b.Context(), b.c.histories[0])
	b.check(err)
	return all
}

// The certificates of accounts' keys are told of, and warned of before they end.
func TestAccountKeysEnd(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Now())
	b := newBench(t, options{level: levelMedium, authority: true, noStart: true, clock: fake})
	signing := func(all []api.Certificate) (found []api.Certificate) {
		for _, c := range all {
			if c.Use == part.ForSigning {
				found = append(found, c)
			}
		}
		return found
	}
	var list api.Certificates
	b.call("POST", "/me/signing-key", api.MakeSigningKeyRequest{}, nil)
	b.call("GET", "/certificates", nil, &list)
	if got := signing(list.Certificates); len(got) != 1 || got[0].State != "good" || got[0].Subject != "signet://signer/admin" {
		t.Errorf("the certificates for signing are %+v", got)
	}
	if got := signing(b.endingSoon()); len(got) != 0 {
		t.Errorf("warned of is %+v", got)
	}
	fake.Advance(time.UnixMilli(b.keyRow("admin").ExpiresAt).Sub(fake.Now()) - time.Hour)
	if got := signing(b.endingSoon()); len(got) != 1 || got[0].State != "soon" {
		t.Errorf("warned of is %+v", got)
	}
}

// At level low, the installation's key may be in a keystore instead of in the clear.
func TestSigningKeystore(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noSign: true})
	b.stop()
	key, err := pki.ParseKeyPEM(b.signer.Private)
	b.check(err)
	chain, err := pki.ParseCertsPEM(b.signer.Chain)
	b.check(err)
	text, err := pki.EncodePKCS12(pki.Keypair{Chain: chain, Key: key}, pki.Secret("secret"))
	b.check(err)
	b.settings.SigningKeystore = filepath.Join(b.settings.DataDir, "signing.p12")
	b.settings.SigningKeystorePassword = conf.NewSecret("not-that-one")
	refused := func(why string) {
		t.Helper()
		if _, err := New(t.Context(), b.deps); !fault.HasCode(err, "SigningKeyUnreadable") || strings.Contains(err.Error(), "not-that-one") {
			t.Errorf("%s: %v", why, err)
		}
	}
	refused("no keystore")
	b.check(os.WriteFile(b.settings.SigningKeystore, text, 0o600))
	refused("another password")
	b.settings.SigningKeystorePassword = conf.NewSecret("secret")
	b.start()
	b.call("POST", "/deployments", deployOne("R"), nil)
	var got api.SigningKey
	b.call("GET", "/me/signing-key", nil, &got)
	if got.Key == nil || got.Key.KeyId != b.signer.Key.KeyID() || got.Key.ExpiresAt != chain[0].NotAfter.UnixMilli() {
		t.Errorf("the key is %+v", got.Key)
	}
}
