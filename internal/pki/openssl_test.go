package pki_test

import (
	"crypto/x509"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// A second opinion on everything that leaves.
func TestOpenSSLAgrees(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	ca := newCA(t)
	node, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", DNSNames: []string{"localhost"}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ca.IssueSigner(pki.SignerParams{Name: "anna", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	user, err := ca.IssueUser(pki.UserParams{Name: "anna", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Revoke(user.Serial, pki.ReasonKeyCompromise, now); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, certs ...*x509.Certificate) {
		if err := pki.WriteCertsPEM(fsys.Real{}, file(name), certs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range pki.Purposes() {
		write(string(p)+"-root", ca.Root(p))
		write(string(p)+"-issuer", ca.Issuer(p))
	}
	write("node", node.Cert)
	write("signing", signer.Cert)
	write("user", user.Cert)
	if err := pki.WritePKCS12(fsys.Real{}, file("store.p12"), node.Keypair(), "secret"); err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(now.Unix(), 10)
	verify := func(purpose, leaf, usage string, more ...string) []string {
		return append([]string{"verify", "-x509_strict", "-attime", at, "-purpose", usage, "-CAfile", file(purpose + "-root"), "-untrusted", file(purpose + "-issuer")}, append(more, file(leaf))...)
	}
	tests := []struct {
		name string
		args []string
		ok   bool
		says string
	}{
		{"node as server", verify("node", "node", "sslserver"), true, "OK"},
		{"node as client", verify("node", "node", "sslclient", "-crl_check", "-CRLfile", ca.CRLPath(pki.PurposeNode)), true, "OK"},
		{"user as client", verify("user", "user", "sslclient"), true, "OK"},
		{"user as server", verify("user", "user", "sslserver"), false, "purpose"},
		{"revoked user", verify("user", "user", "sslclient", "-crl_check", "-CRLfile", ca.CRLPath(pki.PurposeUser)), false, "revoked"},
		{"signer", verify("signing", "signing", "any"), true, "OK"},
		{"signer as client", verify("signing", "signing", "sslclient"), false, "purpose"},
		{"signer as server", verify("signing", "signing", "sslserver"), false, "purpose"},
		{"node below the signers' root", verify("signing", "node", "sslserver"), false, "error"},
		{"keystore", []string{"pkcs12", "-in", file("store.p12"), "-passin", "pass:secret", "-noenc"}, true, "BEGIN CERTIFICATE"},
		{"keystore, wrong password", []string{"pkcs12", "-in", file("store.p12"), "-passin", "pass:wrong", "-noenc"}, false, "invalid password"},
	}
	for _, test := range tests {
		out, err := exec.CommandContext(t.Context(), program, test.args...).CombinedOutput()
		if (err == nil) != test.ok || !strings.Contains(string(out), test.says) {
			t.Errorf("%s: %v\n%s", test.name, err, out)
		}
	}
}
