package cli_test

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/trust"
)

const goodJob = `{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"true"}}`

const goodInstructions = `"instructions":[{"TYPE":"Execute.Anonymous","job":` + goodJob + `}]`

// signedForm states all that a document with a signature must state.
func signedForm(path, version string) string {
	return `{"TYPE":"Workflow","path":"` + path + `","versionId":"` + version + `",` + goodInstructions + `}`
}

func TestValidate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/a/good.workflow.json", `{`+goodInstructions+`}`)
	if r := run(t, "", nil, "validate", dir).want(t, 0); r.out+r.err != "" {
		t.Errorf("printed %q %q", r.out, r.err)
	}
	bad := write(t, dir+"/a/bad.workflow.json", "{\n\"instructions\":[{\"TYPE\":\"Exekute\"}],\n\"jobz\":{}}")
	run(t, "", nil, "validate", dir).want(t, 7).says(t, bad+":2 $.instructions[0]", bad+":3 $.jobz")
	var v struct {
		Problems []fault.Problem `json:"problems"`
	}
	if err := json.Unmarshal([]byte(run(t, "", nil, "validate", dir, "-o", "json").want(t, 7).out), &v); err != nil || len(v.Problems) < 2 {
		t.Errorf("JSON: %v %v", v, err)
	}
	run(t, "", nil, "validate", dir+"/none").want(t, 3)
	// Evidence that can't be used is a problem of the files like any other.
	write(t, dir+"/b/x.workflow.json.sig", "abc")
	run(t, "", nil, "validate", dir+"/b").want(t, 7)
	write(t, dir+"/c/readme.txt", "abc")
	run(t, "", nil, "validate", dir+"/c").want(t, 7).says(t, "readme.txt")
	// A file of another kind doesn't hide what is wrong with the documents.
	write(t, dir+"/c/x.workflow.json", `{"TYPE":"Workflow","path":"x","versionId":"1","instructions":[],"jobz":1}`)
	write(t, dir+"/c/x.workflow.json.sig", "YWJj")
	write(t, dir+"/c/y.workflow.yaml", "a: &x 1")
	r := run(t, "", nil, "validate", dir+"/c", dir+"/c/readme.txt").want(t, 7).says(t, "readme.txt", "$.jobz", "y.workflow.yaml:1")
	if n := strings.Count(r.err, "readme.txt"); n != 1 {
		t.Errorf("told %d times: %s", n, r.err)
	}
	// What carries a signature must state everything.
	doc := write(t, dir+"/d/x.workflow.json", `{`+goodInstructions+`}`)
	write(t, doc+".sig", "abcd")
	run(t, "", nil, "validate", dir+"/d").want(t, 7).says(t, "TYPE")
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /deployments", answer(`{"deployed":[{"kind":"Workflow","path":"n/x","versionId":"v1"}]}`))
	f.on("POST /deployments", refuse(fault.Untrusted, "UnknownSigner", "nobody vouches"))
	doc := write(t, f.dir+"/d/n/x.workflow.json", signedForm("n/x", "v1"))
	write(t, doc+".sig", "YWJj\n")
	write(t, f.dir+"/d/n/y.workflow.yaml", "instructions: []\n")
	if out := f.run(t, "deploy", f.dir+"/d", "--reason", "r").want(t, 0).out; !strings.Contains(out, "n/x") {
		t.Errorf("printed %s", out)
	}
	var in struct {
		Objects []struct {
			Kind, Path, File, Document string
			Evidence                   map[string]string
		}
		RequestID string `json:"requestId"`
		Reason    string
	}
	if err := json.Unmarshal([]byte(f.last(t, "POST /deployments").body), &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Objects) != 2 || in.RequestID == "" || in.Reason != "r" {
		t.Fatalf("sent %+v", in)
	}
	x, y := in.Objects[0], in.Objects[1]
	if x.Kind != "Workflow" || x.Path != "n/x" || x.File != doc || x.Document != signedForm("n/x", "v1") || x.Evidence[".sig"] != "YWJj\n" {
		t.Errorf("sent %+v", x)
	}
	if y.Path != "n/y" || y.Document != `{"instructions":[]}` || y.Evidence != nil {
		t.Errorf("sent %+v", y)
	}
	f.run(t, "deploy", f.dir+"/d").want(t, 5).says(t, "nobody vouches")
}

func TestDeployRefusesBeforeAsking(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	empty := filepath.Join(f.dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	f.run(t, "deploy", empty).want(t, 7)
	f.run(t, "deploy", f.dir+"/none").want(t, 3)
	f.run(t, "deploy", write(t, f.dir+"/e/x.txt", "")).want(t, 7)
	write(t, f.dir+"/s/x.workflow.json", signedForm("x", "1"))
	write(t, f.dir+"/s/x.workflow.json.sig", "")
	f.run(t, "deploy", f.dir+"/s").want(t, 5)
	write(t, f.dir+"/s/x.workflow.json.sig", "\xff\xfe")
	f.run(t, "deploy", f.dir+"/s").want(t, 5)
	write(t, f.dir+"/u/x.workflow.json", "{\"source\":\"\xff\"}")
	f.run(t, "deploy", f.dir+"/u").want(t, 7)
	if len(f.requests()) > 0 {
		t.Errorf("the Cockpit was asked: %+v", f.requests())
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /deployments/revoke", noContent)
	file := write(t, f.dir+"/r/n/x.jobresource.json", `{}`)
	f.run(t, "revoke", "nightly/load", "Agent:agent-2", filepath.Dir(filepath.Dir(file))).want(t, 0)
	got, _ := json.Marshal(f.last(t, "POST /deployments/revoke").decode(t)["objects"])
	if want := `[{"kind":"Workflow","path":"nightly/load"},{"kind":"AgentRef","path":"agent-2"},{"kind":"JobResource","path":"n/x"}]`; string(got) != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	f.run(t, "revoke", "a b//").want(t, 7)
}

// newCA makes an authority by the command line, and a signer.
func newCA(t *testing.T) (dir, key, cert string) {
	t.Helper()
	base := t.TempDir()
	dir = base + "/ca"
	run(t, "", nil, "ca", "init", "--dir", dir, "--organization", "Test").want(t, 0)
	run(t, "", nil, "ca", "issue", "signer", "anna", "--dir", dir, "--out", base+"/anna").want(t, 0)
	return dir, base + "/anna/signing-key.pem", base + "/anna/signing-cert.pem"
}

func TestSign(t *testing.T) {
	t.Parallel()
	ca, key, cert := newCA(t)
	dir := t.TempDir()
	doc := write(t, dir+"/n/x.workflow.json", signedForm("n/x", "1"))
	r := run(t, "", nil, "sign", "--key", key, "--cert", cert, dir).want(t, 0)
	if r.out != doc+".pem\n"+doc+".sig\n" {
		t.Errorf("printed %q", r.out)
	}
	// What was written verifies against the authority's root.
	root, err := os.ReadFile(ca + "/signing/root.pem")
	if err != nil {
		t.Fatal(err)
	}
	set, err := trust.NewSet(trust.Policy{}, [][]byte{root}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, suffix := range []string{".sig", ".pem"} {
		if files[suffix], err = os.ReadFile(doc + suffix); err != nil {
			t.Fatal(err)
		}
	}
	evidence, err := trust.EvidenceFromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Verify([]byte(signedForm("n/x", "1")), evidence, time.Now()); err != nil {
		t.Error(err)
	}
	// Again replaces it; without the certificate, the old one goes.
	run(t, "", nil, "sign", "--key", key, "--cert", cert, doc).want(t, 0)
	run(t, "", nil, "sign", "--key", key, doc).want(t, 0)
	if _, err := os.Lstat(doc + ".pem"); !os.IsNotExist(err) {
		t.Errorf("the certificate of the signature before is still there: %v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	_, key, cert := newCA(t)
	dir := t.TempDir()
	good := write(t, dir+"/good.workflow.json", signedForm("good", "1"))
	for name, text := range map[string]string{
		"incomplete.workflow.json": `{` + goodInstructions + `}`,
		"author.workflow.yaml":     "instructions: []\n",
		"other.workflow.json":      signedForm("another", "1"),
	} {
		bad := write(t, dir+"/"+name, text)
		run(t, "", nil, "sign", "--key", key, "--cert", cert, dir).want(t, 7).says(t, name)
		if err := os.Remove(bad); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(good + ".sig"); !os.IsNotExist(err) {
		t.Errorf("something was signed: %v", err)
	}
	run(t, "", nil, "sign", "--key", dir+"/none", good).want(t, 3)
	run(t, "", nil, "sign", "--key", cert, good).want(t, 7)
	write(t, good+".asc", "-----BEGIN PGP SIGNATURE-----\n")
	run(t, "", nil, "sign", "--key", key, "--cert", cert, good).want(t, 7).says(t, "another form")
}

func TestCA(t *testing.T) {
	t.Parallel()
	ca, _, _ := newCA(t)
	base := filepath.Dir(ca)
	in := func(args ...string) []string { return append([]string{"ca", "--dir", ca}, args...) }
	run(t, "", nil, in("init")...).want(t, 7)

	out := base + "/agent-2/private"
	var made struct {
		Serial string
		Files  []string
	}
	r := run(t, "", nil, in("issue", "agent", "agent-2", "--out", out, "--dns", "host2", "--ip", "10.0.0.1", "--validity", "90d", "-o", "json")...).want(t, 0)
	if err := json.Unmarshal([]byte(r.out), &made); err != nil || len(made.Files) != 3 {
		t.Fatalf("%s: %v", r.out, err)
	}
	for _, name := range []string{"https-key.pem", "https-cert.pem", "https-trust.pem"} {
		info, err := os.Stat(out + "/" + name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	chain, err := pki.ReadCertsPEM(out + "/https-cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	id, err := pki.ParseIdentity(chain[0])
	if err != nil || id != (pki.Identity{Role: pki.RoleAgent, Name: "agent-2"}) || chain[0].DNSNames[0] != "host2" || chain[0].NotAfter.After(time.Now().Add(91*24*time.Hour)) {
		t.Errorf("%v %v %v", id, err, chain[0].NotAfter)
	}

	run(t, "", nil, in("show", made.Serial)...).want(t, 0)
	run(t, "", nil, in("show", "12")...).want(t, 3)
	before, _ := os.ReadFile(out + "/https-key.pem")
	run(t, "", nil, in("renew", made.Serial, "--keep-key", "--out", out)...).want(t, 0)
	if after, _ := os.ReadFile(out + "/https-key.pem"); string(after) != string(before) {
		t.Error("--keep-key wrote another key")
	}
	run(t, "", nil, in("renew", made.Serial, "--out", out)...).want(t, 0)
	if after, _ := os.ReadFile(out + "/https-key.pem"); string(after) == string(before) {
		t.Error("renew kept the key")
	}
	run(t, "", nil, in("revoke", made.Serial, "--reason", "superseded")...).want(t, 0)
	run(t, "", nil, in("revoke", made.Serial, "--reason", "boredom")...).want(t, 7)
	run(t, "", nil, in("renew", made.Serial, "--out", out)...).want(t, 7)
	var list []struct{ Serial, Status, Purpose string }
	if err := json.Unmarshal([]byte(run(t, "", nil, in("list", "--purpose", "node", "-o", "json")...).want(t, 0).out), &list); err != nil || len(list) != 3 || list[0].Status != "revoked" || list[1].Status != "valid" {
		t.Errorf("%+v %v", list, err)
	}
	if out := run(t, "", nil, in("list")...).want(t, 0).out; !strings.Contains(out, "signer/anna") {
		t.Errorf("list: %s", out)
	}
	run(t, "", nil, in("list", "--purpose", "x")...).want(t, 2)
	run(t, "", nil, "ca", "list", "--dir", base+"/none").want(t, 3)
}

func TestCAKeystoreAndRequest(t *testing.T) {
	t.Parallel()
	ca, _, _ := newCA(t)
	base := filepath.Dir(ca)
	run(t, "secret\n", nil, "ca", "--dir", ca, "issue", "user", "anna", "--p12", base+"/anna.p12").want(t, 0)
	pair, err := pki.ReadKeystore(base+"/anna.p12", "secret")
	if err != nil || pair.Leaf().ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("%v %v", pair, err)
	}
	run(t, "", nil, "ca", "--dir", ca, "issue", "user", "anna", "--p12", base+"/b.p12").want(t, 2)
	run(t, "", nil, "ca", "--dir", ca, "issue", "user", "anna").want(t, 2)
	run(t, "", nil, "ca", "--dir", ca, "issue", "signer", "x", "--dns", "h", "--out", base+"/x").want(t, 2)
	run(t, "", nil, "ca", "--dir", ca, "issue", "agent", "x", "--ip", "h", "--out", base+"/x").want(t, 2)
	run(t, "", nil, "ca", "--dir", ca, "issue", "agent", "x", "--validity", "x", "--out", base+"/x").want(t, 2)

	key, err := pki.NewKey(pki.ECDSAP384)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.NewCSR(key)
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, base+"/a.csr", string(csr))
	run(t, "", nil, "ca", "--dir", ca, "issue", "agent", "agent-3", "--csr", file, "--out", base+"/agent-3").want(t, 0)
	if _, err := os.Lstat(base + "/agent-3/https-key.pem"); !os.IsNotExist(err) {
		t.Errorf("a key was written: %v", err)
	}
	run(t, "x\n", nil, "ca", "--dir", ca, "issue", "agent", "agent-3", "--csr", file, "--p12", base+"/c.p12").want(t, 2)
}
