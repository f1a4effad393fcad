package cli_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// sshAgent serves keys until the test ends and returns the variable for it.
func sshAgent(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn) // until the verb has ended
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return "SSH_AUTH_SOCK=" + socket
}

// signedBy returns who signed a file, as somebody sees it who trusts these.
func signedBy(t *testing.T, file string, trusted ...trusttest.Identity) string {
	t.Helper()
	files := map[string][]byte{}
	for _, suffix := range []string{".sig", ".pem", ".asc", ".sshsig"} {
		if data, err := os.ReadFile(file + suffix); err == nil {
			files[suffix] = data
		}
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return verified(t, doc, files, trusted...)
}

func verified(t *testing.T, doc []byte, files map[string][]byte, trusted ...trusttest.Identity) string {
	t.Helper()
	evidence, err := trust.EvidenceFromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	v, err := trusttest.Set(t, trusted...).Verify(doc, evidence, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return v.Signer().Name
}

func TestSignByAgent(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
	issued := ca.Issue(t, trusttest.CertOptions{Name: "Anna"}, key)
	who := trusttest.SSHIdentity(t, "anna", key)
	env := []string{sshAgent(t, agent.AddedKey{PrivateKey: key, Comment: "anna"}, agent.AddedKey{PrivateKey: trusttest.RSA(t, 3072), Comment: "other"})}
	dir := t.TempDir()
	doc := write(t, dir+"/x.workflow.json", signedForm("x", "1"))
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	line := write(t, dir+"/keys/anna.pub", string(who.Trusted))
	cert := write(t, dir+"/keys/anna.pem", string(issued.ChainPEM()))
	for _, name := range []string{"anna", ssh.FingerprintSHA256(public), line} {
		if err := os.RemoveAll(doc + ".sshsig"); err != nil {
			t.Fatal(err)
		}
		run(t, "", env, "sign", "--agent", name, doc).want(t, 0)
		if got := signedBy(t, doc, who); got != "anna" {
			t.Errorf("signed by %s", got)
		}
	}
	// For a certificate the signature is a raw one.
	run(t, "", env, "sign", "--agent", "anna", "--cert", cert, doc).want(t, 7).says(t, "another form")
	if err := os.Remove(doc + ".sshsig"); err != nil {
		t.Fatal(err)
	}
	run(t, "", env, "sign", "--agent", "anna", "--cert", cert, doc).want(t, 0)
	if got := signedBy(t, doc, ca.Identity(t, issued)); got != "Anna" {
		t.Errorf("signed by %s", got)
	}
	run(t, "", env, "sign", "--agent", "other", "--cert", cert, doc).want(t, 7).says(t, "belongs to another key")
	run(t, "", env, "sign", "--agent", "nobody", doc).want(t, 3).says(t, "has no key nobody")
	run(t, "", env, "sign", "--agent", write(t, dir+"/keys/id", string(who.Private)), doc).want(t, 2).says(t, ".pub")
	run(t, "", nil, "sign", "--agent", "anna", doc).want(t, 6).says(t, "SSH_AUTH_SOCK")
	for _, args := range [][]string{{}, {"--key", "k", "--agent", "a"}, {"--agent", "a", "--keystore", "k"}, {"--agent", "a", "--alias", "b"}, {"--agent", "a", "--passphrase-file", "p"}, {"--keystore", "k", "--cert", "c"}, {"--cert", "c"}} {
		run(t, "", env, append(append([]string{"sign"}, args...), doc)...).want(t, 2)
	}
	run(t, "", env, "deploy", "--cert", "c", doc).want(t, 2)
}

func TestSignByKeystore(t *testing.T) {
	t.Parallel()
	key := trusttest.ECDSA(t)
	ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
	issued := ca.Issue(t, trusttest.CertOptions{Name: "Anna"}, key)
	data, err := pki.EncodePKCS12(pki.Keypair{Chain: []*x509.Certificate{issued.Cert}, Key: crypto.Signer(key)}, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store := write(t, dir+"/k/anna.p12", string(data))
	doc := write(t, dir+"/x.workflow.json", signedForm("x", "1"))
	for name, tt := range map[string]struct {
		in   string
		env  []string
		args []string
		code int
	}{
		"standard input": {in: "s3cret\n"},
		"environment":    {env: []string{"SIGNET_KEYSTORE_PASSWORD=s3cret"}},
		"file":           {args: []string{"--passphrase-file", write(t, dir+"/k/password", "s3cret\n")}},
		"wrong":          {in: "secret\n", code: 7},
		"none":           {code: 2},
		"wrong alias":    {in: "s3cret\n", args: []string{"--alias", "bert"}, code: 7},
	} {
		if err := os.RemoveAll(doc + ".sig"); err != nil {
			t.Fatal(err)
		}
		r := run(t, tt.in, tt.env, append([]string{"sign", "--keystore", store, doc}, tt.args...)...)
		if r.code != tt.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, r.code, tt.code, r.err)
		}
		if strings.Contains(r.err+r.out, "s3cret") {
			t.Errorf("%s: it tells the password", name)
		}
		if _, err := os.Stat(doc + ".sig"); (err == nil) != (tt.code == 0) {
			t.Errorf("%s: %v", name, err)
		}
		if tt.code == 0 && signedBy(t, doc, ca.Identity(t, issued)) != "Anna" {
			t.Errorf("%s: signed by another", name)
		}
	}
	if err := os.Chmod(store, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "s3cret\n", nil, "sign", "--keystore", store, doc).want(t, 5)
}

// released returns a release over documents.
func released(t *testing.T, expires time.Time, documents map[string]string) string {
	t.Helper()
	m := &release.Manifest{Name: "r-1", Audience: "here", Serial: 1, Created: expires.Add(-time.Hour), Expires: expires, Author: "anna"}
	for path, text := range documents {
		m.Objects = append(m.Objects, release.NewObject(item.Key{Kind: item.KindWorkflow, Path: path}, "1", []byte(text)))
	}
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Of a release nothing else is signed, wherever it lies.
func TestSignRelease(t *testing.T) {
	t.Parallel()
	who := trusttest.NewSSH(t, "anna")
	dir := t.TempDir()
	key := write(t, dir+"/key", string(who.Private))
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	manifest := released(t, soon, map[string]string{"x": signedForm("x", "1")})
	doc := write(t, dir+"/r/x.workflow.json", signedForm("x", "1"))
	file := write(t, dir+"/r/r-1.release.json", manifest)

	run(t, "", nil, "sign", "--key", key, file).want(t, 0)
	if got := signedBy(t, file, who); !strings.HasPrefix(got, "anna") {
		t.Errorf("signed by %s", got)
	}
	if err := os.Remove(file + ".sshsig"); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "", nil, "sign", "--key", key, dir+"/r").want(t, 0); r.out != file+".sshsig\n" {
		t.Errorf("said %q", r.out)
	}

	// In an archive the signature stands beside the release, and others' stay.
	for _, name := range []string{"a.zip", "a.tar.gz"} {
		path := filepath.Join(dir, name)
		files := map[string]string{"r-1.release.json": manifest, "x.workflow.json": signedForm("x", "1"), "r-1.release.json.asc": "another's"}
		pack(t, path, files)
		run(t, "", nil, "sign", "--key", key, path).want(t, 0)
		got := unpack(t, path)
		if string(got["r-1.release.json.asc"]) != "another's" || string(got["r-1.release.json"]) != manifest || len(got) != 4 {
			t.Errorf("%s: it holds %d files", name, len(got))
		}
		verified(t, []byte(manifest), map[string][]byte{".sshsig": got["r-1.release.json.sshsig"]}, who)
	}
	// Without a release each document is signed.
	plain := filepath.Join(dir, "plain.zip")
	pack(t, plain, map[string]string{"n/x.workflow.json": signedForm("n/x", "1"), "y.workflow.json": signedForm("y", "1")})
	run(t, "", nil, "sign", "--key", key, plain).want(t, 0)
	got := unpack(t, plain)
	verified(t, []byte(signedForm("n/x", "1")), map[string][]byte{".sshsig": got["n/x.workflow.json.sshsig"]}, who)
	if len(got) != 4 {
		t.Errorf("it holds %d files", len(got))
	}

	// What doesn't fit isn't signed.
	write(t, doc, signedForm("x", "2"))
	run(t, "", nil, "sign", "--key", key, dir+"/r").want(t, 7).says(t, "aren't what the release r-1 lists")
	bad := filepath.Join(dir, "bad.zip")
	pack(t, bad, map[string]string{"r-1.release.json": manifest, "x.workflow.json": signedForm("x", "2")})
	before, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "", nil, "sign", "--key", key, bad).want(t, 7)
	if after, err := os.ReadFile(bad); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the archive was changed: %v", err)
	}
	old := write(t, dir+"/o/r-1.release.json", released(t, time.Now().Add(-time.Minute).UTC().Truncate(time.Second), map[string]string{"x": "{}"}))
	run(t, "", nil, "sign", "--key", key, old).want(t, 7).says(t, "had to be deployed before")
	run(t, "", nil, "sign", "--key", key, write(t, dir+"/n/r-1.release.json", "{}")).want(t, 7).says(t, "audience")
	run(t, "", nil, "sign", "--key", key, filepath.Join(dir, "none.release.json")).want(t, 3)
	run(t, "", nil, "sign", "--key", key, filepath.Join(dir, "none.zip")).want(t, 3)
}

// Those who sign a release with keys of one kind don't overwrite each other; who signs
// again replaces the own signature.
func TestSignReleaseBySeveral(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	manifest := released(t, soon, map[string]string{"x": signedForm("x", "1")})
	anna, bob, carl := trusttest.NewSSH(t, "anna"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "carl")
	keys := map[string]string{}
	for name, who := range map[string]trusttest.Identity{"anna": anna, "bob": bob, "carl": carl} {
		keys[name] = write(t, dir+"/keys/"+name, string(who.Private))
	}
	file := write(t, dir+"/r/r-1.release.json", manifest)
	sign := func(where, who string, more ...string) result {
		t.Helper()
		return run(t, "", nil, append([]string{"sign", "--key", keys[who], where}, more...)...)
	}
	for _, step := range []struct{ who, label, writes string }{
		{"anna", "", ".sshsig"}, {"bob", "", ".2.sshsig"}, {"anna", "", ".sshsig"}, {"bob", "b", ".2.sshsig"}, {"carl", "carl-1", ".carl-1.sshsig"},
	} {
		var more []string
		if step.label != "" {
			more = []string{"--label", step.label}
		}
		if r := sign(file, step.who, more...).want(t, 0); r.out != file+step.writes+"\n" {
			t.Errorf("%s with the label %q wrote %q", step.who, step.label, r.out)
		}
	}
	for suffix, who := range map[string]trusttest.Identity{".sshsig": anna, ".2.sshsig": bob, ".carl-1.sshsig": carl} {
		data, err := os.ReadFile(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		verified(t, []byte(manifest), map[string][]byte{".sshsig": data}, who)
	}
	dora := trusttest.NewSSH(t, "dora")
	keys["dora"] = write(t, dir+"/keys/dora", string(dora.Private))
	sign(file, "dora", "--label", "carl-1").want(t, 7).says(t, "signature of somebody else")
	for _, label := range []string{"Dora", "a.b", "..", strings.Repeat("d", 33)} {
		sign(file, "dora", "--label", label).want(t, 7).says(t, "no label")
	}

	// The same in an archive; what stands beside it and is none is refused.
	path := filepath.Join(dir, "a.zip")
	pack(t, path, map[string]string{"r-1.release.json": manifest, "x.workflow.json": signedForm("x", "1")})
	for _, who := range []string{"anna", "bob", "anna"} {
		sign(path, who).want(t, 0)
	}
	got := unpack(t, path)
	verified(t, []byte(manifest), map[string][]byte{".sshsig": got["r-1.release.json.2.sshsig"]}, bob)
	if len(got) != 4 {
		t.Errorf("it holds %d files", len(got))
	}
	write(t, file+".txt", "x")
	sign(file, "anna").want(t, 5).says(t, "no signature of a release")
}

func pack(t *testing.T, path string, files map[string]string) {
	t.Helper()
	format := archive.TarGz
	if strings.HasSuffix(path, ".zip") {
		format = archive.Zip
	}
	var b bytes.Buffer
	w, err := archive.NewWriter(&b, format, archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.Add(name, []byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}

func unpack(t *testing.T, path string) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return unpacked(t, data)
}

func unpacked(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := archive.Read(t.Context(), bytes.NewReader(data), archive.DefaultLimits(), func(name string, data []byte) error {
		files[name] = data
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Folders are read as strangers' files: nothing but plain files.
func TestSignFolderIsPlain(t *testing.T) {
	t.Parallel()
	who := trusttest.NewSSH(t, "anna")
	dir := t.TempDir()
	key := write(t, dir+"/key", string(who.Private))
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	write(t, dir+"/r/x.workflow.json", signedForm("x", "1"))
	write(t, dir+"/r/.hidden", "x")
	write(t, dir+"/r/r-1.release.json", released(t, soon, map[string]string{"x": signedForm("x", "1")}))
	run(t, "", nil, "sign", "--key", key, dir+"/r").want(t, 0)
	if err := os.Symlink("x.workflow.json", dir+"/r/y.workflow.json"); err != nil {
		t.Fatal(err)
	}
	run(t, "", nil, "sign", "--key", key, dir+"/r").want(t, 7).says(t, "links aren't followed")
}
