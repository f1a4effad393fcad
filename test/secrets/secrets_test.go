package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

var binary rig.Binary

func TestMain(m *testing.M) {
	code := rig.Main(m, &binary)
	postgrestest.Stop()
	os.Exit(code)
}

// kept names the files of an installation in which secrets belong: the keys of the
// parts and of the authority, the operator's, and what the user is given.
var kept = regexp.MustCompile(`^(ca/.*\.key|operator/.*(\.key|key\.pem)|[a-z0-9-]+/config/private/(.*key\.pem|sealing\.key)|admin-password|profile\.json|other-profile\.json|\.config/signet/backup\.key)$`)

// No part keeps a private key, a password or a token anywhere but in the files that
// are for it: neither database, logs and states, nor a backup.
func TestNothingKeepsSecrets(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"low", "medium", "high"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			r := rig.Start(t, rig.Options{Binary: &binary, Flags: []string{"--level", level}})
			findNothing(t, r, level, filepath.Join(r.Dir, "cockpit", "data", "cockpit.db"))
		})
	}
	// The level at which a database has keys, sealed.
	t.Run("medium with PostgreSQL", func(t *testing.T) {
		t.Parallel()
		database := postgrestest.Database(t)
		r := rig.Start(t, rig.Options{Binary: &binary, Flags: []string{"--level", "medium"}})
		move(t, r, database)
		findNothing(t, r, "medium", database)
		if _, err := os.Stat(filepath.Join(r.Dir, "cockpit", "data", "cockpit.db")); err == nil {
			t.Error("the Cockpit went on with a database of its own")
		}
	})
}

// move gives the installation's Cockpit another database.
func move(t *testing.T, r *rig.Rig, database string) {
	t.Helper()
	if err := r.StopDev(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(r.Dir, "cockpit", "config")
	r.Must("cockpit", "migrate-database", "--config", config, "--data", filepath.Join(r.Dir, "cockpit", "data"), "--to", database)
	f, err := os.OpenFile(filepath.Join(config, "cockpit.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f, "\nsignet.cockpit.database = %q\n", database); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Remove(filepath.Join(r.Dir, "cockpit", "data", "cockpit.db")), r.StartDev()); err != nil {
		t.Fatal(err)
	}
}

// findNothing uses an installation and looks for its secrets.
func findNothing(t *testing.T, r *rig.Rig, level, database string) {
	t.Helper()
	secret := use(t, r, level)
	backup := filepath.Join(t.TempDir(), "whole.backup")
	r.Must("backup", backup)
	if err := r.StopDev(); err != nil {
		t.Fatal(err)
	}
	s := &search{needles: append(secret, ofFiles(t, r.Dir)...)}
	if len(s.needles) < 14 {
		t.Fatalf("only %d secrets", len(s.needles))
	}
	if err := s.tree(r.Dir, kept.MatchString); err != nil {
		t.Fatal(err)
	}
	if err := s.database(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{backup, r.LogFile()} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.blob(filepath.Base(file), data, 0)
	}
	for _, f := range s.found {
		t.Error(f)
	}
	t.Logf("%d secrets, %d MiB, %d packed frames, %d rows", len(s.needles), s.bytes>>20, s.frames, s.rows)
	if s.frames == 0 || s.rows < 20 {
		t.Errorf("%d packed frames and %d rows were looked at: that can't be all", s.frames, s.rows)
	}
	// The search finds what is there.
	there := &search{needles: s.needles}
	if err := there.tree(r.Dir, func(path string) bool { return !kept.MatchString(path) }); err != nil {
		t.Fatal(err)
	}
	for _, n := range s.needles {
		if !strings.HasPrefix(n.name, "an account's ") && n.name != "a keystore's password" && n.name != "token of enrolment" &&
			!slices.ContainsFunc(there.found, func(f string) bool { return strings.HasPrefix(f, n.name+" is in ") }) {
			t.Errorf("%s isn't found where it belongs", n.name)
		}
	}
}

// use works with an installation in all ways that have to do with secrets, and
// returns those that it was given.
func use(t *testing.T, r *rig.Rig, level string) []needle {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "objects")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	document := `{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"env; echo done"}}}]}`
	if err := os.WriteFile(filepath.Join(dir, "W.workflow.json"), []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	if level == "high" {
		operator := filepath.Join(r.Dir, "operator")
		r.Must("deploy", dir, "--sign-with", filepath.Join(operator, "signing-key.pem"), "--cert", filepath.Join(operator, "signing-cert.pem"))
	} else {
		r.Must("deploy", dir)
	}
	r.Must("order", "add", "W", "--id", "O", "--wait=60s")

	if level == "medium" {
		return append(bringKey(t, r), useAccounts(t, r)...)
	}
	return useAccounts(t, r)
}

// bringKey has the administrator sign with a key of their own, and returns it with the
// password of the keystore that it comes in.
func bringKey(t *testing.T, r *rig.Rig) []needle {
	t.Helper()
	dir := t.TempDir()
	r.Must("ca", "issue", "signer", "ada", "--dir", filepath.Join(r.Dir, "ca"), "--out", dir)
	text, err := os.ReadFile(filepath.Join(dir, "signing-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	needles, err := keyNeedles("an account's key", text)
	if err != nil {
		t.Fatal(err)
	}
	var pair pki.Keypair
	if pair.Key, err = pki.ParseKeyPEM(text); err != nil {
		t.Fatal(err)
	}
	if pair.Chain, err = pki.ReadCertsPEM(filepath.Join(dir, "signing-cert.pem")); err != nil {
		t.Fatal(err)
	}
	password := "of the keystore " + rand.Text()
	store, err := pki.EncodePKCS12(pair, pki.Secret(password))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ada.p12")
	if err := os.WriteFile(file, store, 0o600); err != nil {
		t.Fatal(err)
	}
	if res, err := r.RunAs(t.Context(), r.Profile(), password+"\n", "key", "import", file); err != nil || res.Err() != nil {
		t.Fatal(err, res.Err())
	}
	return append(needles, newNeedle("a keystore's password", []byte(password)))
}

func useAccounts(t *testing.T, r *rig.Rig) []needle {
	t.Helper()
	password := "a password " + rand.Text()
	if err := r.Client().Post(t.Context(), "/accounts", api.AddAccountRequest{Name: "anna", Role: "operator", Password: password}, false, nil); err != nil {
		t.Fatal(err)
	}
	url, err := r.URL("cockpit")
	if err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(r.Dir, "other-profile.json")
	login := func(in string) int {
		res, err := r.RunAs(t.Context(), profile, in+"\n", "login", url, "--account", "anna", "--ca", filepath.Join(r.Dir, "ca", "node", "root.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return res.Code
	}
	if login(password) != 0 || login(password+"?") == 0 { // the wrong one is a secret as well: it is nearly the right one
		t.Fatal("logging in goes wrong")
	}
	token := strings.TrimSpace(string(r.Must("ca", "token", "agent-7")))
	return []needle{newNeedle("an account's password", []byte(password)), newNeedle("token of enrolment", []byte(token))}
}

// ofFiles returns the secrets in the files in which they belong.
func ofFiles(t *testing.T, dir string) (all []needle) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		switch {
		case err != nil:
			return err
		case name == "admin-password":
			all = append(all, newNeedle(name, bytes.TrimSpace(text)))
		case strings.HasSuffix(name, "profile.json"):
			var p struct {
				Token string `json:"token"`
			}
			if err := json.Unmarshal(text, &p); err != nil || p.Token == "" {
				t.Errorf("%s has no token: %v", name, err)
			}
			all = append(all, newNeedle(name, []byte(p.Token)))
		case strings.HasSuffix(name, "sealing.key") || strings.HasSuffix(name, "backup.key"):
			block, _ := pem.Decode(text)
			if block == nil {
				t.Errorf("%s is no sealing key", name)
				return nil
			}
			all = append(all, newNeedle(name, block.Bytes))
		case bytes.Contains(text, []byte("PRIVATE KEY-----")):
			found, err := keyNeedles(name, text)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The search finds a key in every form, wherever it hides.
func TestSearchFindsKeys(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"ECDSA": ec, "Ed25519": ed, "RSA": rs} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		needles, err := keyNeedles(name, text)
		if err != nil {
			t.Fatal(err)
		}
		quoted, err := json.Marshal(map[string]string{"key": string(text)})
		if err != nil {
			t.Fatal(err)
		}
		for form, hay := range map[string][]byte{
			"PEM": text, "DER": der, "in JSON": quoted, "base64": []byte("xx" + base64.StdEncoding.EncodeToString(append([]byte("."), der...))),
			"base64 of PEM": []byte(base64.StdEncoding.EncodeToString(text)),
			"packed":        append([]byte("head"), enc.EncodeAll(append([]byte("inner"), enc.EncodeAll(text, nil)...), nil)...),
		} {
			s := &search{needles: needles}
			s.blob("here", hay, 0)
			if len(s.found) == 0 {
				t.Errorf("%s as %s isn't found", name, form)
			}
		}
	}
}
