package pki_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// packed are the files of bundles, in the order in which they came.
type packed struct {
	names []string
	files map[string][]byte
}

func (p *packed) AddPrivate(name string, data []byte) error {
	p.names = append(p.names, name)
	if p.files == nil {
		p.files = map[string][]byte{}
	}
	p.files[name] = data
	return nil
}

func bundle(t *testing.T, ca *pki.CA, role pki.Role, name string) *pki.Bundle {
	t.Helper()
	b, err := ca.NewBundle(pki.NodeParams{Role: role, Name: name, Now: now}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was packed is a part that is accepted, in each form.
func TestBundle(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	rotate(t, ca, pki.PurposeNode, true, now) // during an overlap there are two roots
	signers := []string{pki.BundleSigners}
	for form, want := range map[pki.BundleForm][]string{
		pki.BundlePEM:    {pki.BundleCert, pki.BundleKey, pki.BundleTrust},
		pki.BundlePKCS12: {pki.BundleKeystore, pki.BundleTruststore},
		pki.BundleBoth:   {pki.BundleCert, pki.BundleKey, pki.BundleKeystore, pki.BundleTrust, pki.BundleTruststore},
	} {
		for _, role := range []pki.Role{pki.RoleAgent, pki.RoleController, pki.RoleCockpit} {
			made := bundle(t, ca, role, "part-1")
			var p packed
			if err := pki.WriteBundles(&p, form, made); err != nil {
				t.Fatal(err)
			}
			all := slices.Clone(want)
			if role != pki.RoleCockpit {
				all = append(all, signers...)
			}
			if !slices.Equal(p.names, all) {
				t.Errorf("%s %s: %q", form, role, p.names)
			}
			parts, err := pki.ReadBundles(p.files)
			if err != nil || len(parts) != 1 {
				t.Fatalf("%s: %d parts, %v", form, len(parts), err)
			}
			got, err := pki.ParseBundleFiles(parts[""], "secret")
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if id, err := pki.CheckNode(got.Pair.Chain, pool(t, got.Trusted...), nil, now); err != nil || id != made.Identity || got.Serial != made.Serial {
				t.Errorf("%s: %s, %v", form, id, err)
			}
			if len(got.Trusted) != 2 || len(got.Signers) != len(made.Signers) {
				t.Errorf("%s: %d roots, %d of signers", form, len(got.Trusted), len(got.Signers))
			}
		}
	}
}

// Several parts lie in folders of their own.
func TestBundlesOfSeveral(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	var p packed
	if err := pki.WriteBundles(&p, pki.BundlePEM, bundle(t, ca, pki.RoleAgent, "b"), bundle(t, ca, pki.RoleAgent, "private"), bundle(t, ca, pki.RoleAgent, "a-1"), bundle(t, ca, pki.RoleAgent, "a")); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(p.names) {
		t.Errorf("not in the order of names: %q", p.names)
	}
	parts, err := pki.ReadBundles(p.files)
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(parts)); !slices.Equal(names, []string{"a", "a-1", "b", "private"}) {
		t.Errorf("%q", names)
	}
	for name, files := range parts {
		if b, err := pki.ParseBundleFiles(files, ""); err != nil || b.Identity.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBundleRefusals(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	key, err := pki.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.NewCSR(key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.ParseCSR(text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ca.NewBundle(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Key: pki.KeySource{CSR: csr}, Now: now}, "x")
	wantCode(t, err, "InvalidKey")
	_, err = ca.NewBundle(pki.NodeParams{Role: pki.RoleUser, Name: "a", Now: now}, "x")
	wantCode(t, err, "WrongRole")
	b := bundle(t, ca, pki.RoleAgent, "a")
	b.Password = ""
	_, err = b.Files(pki.BundleBoth)
	wantCode(t, err, "NoPassword")
	_, err = b.Files("tar")
	wantCode(t, err, "UnknownForm")

	for _, names := range [][]string{{}, {"other.txt"}, {"../private/https-key.pem"}, {"a/b/private/https-key.pem"}, {"private/"}, {"private/https-key.pem/x"}} {
		files := map[string][]byte{}
		for _, n := range names {
			files[n] = nil
		}
		_, err := pki.ReadBundles(files)
		wantCode(t, err, "InvalidBundle")
	}

	b.Password = "right"
	files := func(form pki.BundleForm) map[string][]byte {
		all := map[string][]byte{}
		list, err := b.Files(form)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			all[f.Name] = f.Data
		}
		return all
	}
	_, err = pki.ParseBundleFiles(files(pki.BundlePKCS12), "wrong")
	wantCode(t, err, "WrongPassword")
	other := files(pki.BundlePEM)
	other[pki.BundleCert] = pki.EncodeCertsPEM(bundle(t, ca, pki.RoleAgent, "b").Pair.Chain...)
	_, err = pki.ParseBundleFiles(other, "")
	wantCode(t, err, "InvalidKeypair")
	for _, missing := range []string{pki.BundleKey, pki.BundleCert} {
		some := files(pki.BundlePEM)
		delete(some, missing)
		if _, err := pki.ParseBundleFiles(some, ""); err == nil {
			t.Errorf("without %s", missing)
		}
	}
}

// No two passwords are alike, and none is shown by accident.
func TestBundlePassword(t *testing.T) {
	t.Parallel()
	a, b := pki.NewPassword(), pki.NewPassword()
	if a == b || len(a) < 20 || strings.Contains(a.String(), string(a)) {
		t.Errorf("%d and %d characters", len(a), len(b))
	}
}

// Whatever stands in the files of a bundle, what comes out is a key with its own
// certificate, or a refusal.
func FuzzParseBundleFiles(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----"), []byte{0x30, 0x80}, []byte("-----BEGIN CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, key, cert, trust []byte) {
		for _, files := range []map[string][]byte{
			{pki.BundleKey: key, pki.BundleCert: cert, pki.BundleTrust: trust, pki.BundleSigners: trust},
			{pki.BundleKeystore: key, pki.BundleTruststore: trust},
		} {
			b, err := pki.ParseBundleFiles(files, "x")
			if err == nil && b.Pair.Key == nil {
				t.Error("a bundle without a key")
			}
			if err != nil && fault.Of(err).Kind == fault.Internal {
				t.Errorf("an internal error: %v", err)
			}
		}
	})
}
