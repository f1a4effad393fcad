package app

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/trust"
)

// flags returns options as the command line hands them over.
func flags(dir string, change func(*cli.DevOptions), given ...string) cli.DevOptions {
	o := cli.DevOptions{Data: dir, Cockpit: "127.0.0.1:0", Controllers: 1, Agents: 1, FreePorts: true, Level: "low", Given: map[string]bool{"data": true}}
	if change != nil {
		change(&o)
	}
	for _, name := range given {
		o.Given[name] = true
	}
	return o
}

func open(t *testing.T, o cli.DevOptions) *estate {
	t.Helper()
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := openEstate(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.save(), e.files(time.Now())); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPortsStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, flags(dir, func(o *cli.DevOptions) { o.Controllers, o.Agents = 3, 2 }))
	var stored map[string]int
	data, err := os.ReadFile(dir + "/ports.json")
	if err != nil || json.Unmarshal(data, &stored) != nil || len(stored) != 6 {
		t.Fatalf("%s %v", data, err)
	}
	seen := map[int]bool{}
	for name, port := range stored {
		if seen[port] || port >= ephemeralStart() || port < lowestFree {
			t.Errorf("%s has port %d", name, port)
		}
		seen[port] = true
	}
	second := open(t, flags(dir, func(o *cli.DevOptions) { o.Agents = 3 }, "agents"))
	if fmt.Sprint(second.controllers(), second.agents()) != "[controller-1 controller-2 controller-3] [agent-1 agent-2 agent-3]" {
		t.Errorf("parts %v %v", second.controllers(), second.agents())
	}
	for name, port := range first.ports {
		if second.ports[name] != port {
			t.Errorf("%s moved from %d to %d", name, port, second.ports[name])
		}
	}
	// Fewer Agents than there are: all stay.
	if third := open(t, flags(dir, nil, "agents")); len(third.agents()) != 3 {
		t.Errorf("%d Agents", len(third.agents()))
	}
}

func TestUsualPorts(t *testing.T) {
	t.Parallel()
	l, err := listenOn(loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := flags(t.TempDir(), func(o *cli.DevOptions) { o.Cockpit = l.Addr().String() }, "cockpit")
	if _, err := openEstate(o); err == nil || !strings.Contains(err.Error(), "--free-ports") {
		t.Errorf("a port in use: %v", err)
	}
}

func TestDevRefusesFlags(t *testing.T) {
	t.Parallel()
	known := t.TempDir()
	open(t, flags(known, func(o *cli.DevOptions) { o.Controllers = 3 }))
	tests := map[string]cli.DevOptions{
		"level odd":         flags(t.TempDir(), func(o *cli.DevOptions) { o.Level = "lowest" }, "level"),
		"two controllers":   flags(t.TempDir(), func(o *cli.DevOptions) { o.Controllers = 2 }, "controllers"),
		"no controllers":    flags(t.TempDir(), func(o *cli.DevOptions) { o.Controllers = 0 }, "controllers"),
		"too many agents":   flags(t.TempDir(), func(o *cli.DevOptions) { o.Agents = 101 }, "agents"),
		"address":           flags(t.TempDir(), func(o *cli.DevOptions) { o.Cockpit = "localhost" }, "cockpit"),
		"port":              flags(t.TempDir(), func(o *cli.DevOptions) { o.Cockpit = "localhost:70000" }, "cockpit"),
		"other controllers": flags(known, nil, "controllers"),
	}
	for name, o := range tests {
		code := cli.Run(t.Context(), cli.Program{Dev: dev}, devArgs(o), cli.Streams{In: strings.NewReader(""), Out: newOutput(), Err: newOutput()}, nil)
		if code != 2 {
			t.Errorf("%s: exit code %d, want 2", name, code)
		}
	}
	// Flags that weren't given take what is there.
	if e := open(t, flags(known, nil)); len(e.controllers()) != 3 {
		t.Errorf("%d Controllers", len(e.controllers()))
	}
}

func devArgs(o cli.DevOptions) []string {
	args := []string{"dev", "--data", o.Data}
	for name, value := range map[string]string{"level": o.Level, "controllers": fmt.Sprint(o.Controllers), "agents": fmt.Sprint(o.Agents), "cockpit": o.Cockpit} {
		if o.Given[name] {
			args = append(args, "--"+name, value)
		}
	}
	return args
}

// At level high the key that signs lies outside of all parts, and no part has it.
func TestOperatorSigns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, flags(dir, func(o *cli.DevOptions) { o.Level, o.Cockpit = "high", "127.0.0.1:0" }))
	agent, err := conf.LoadAgent(e.configDir("agent-1"), e.dataDir("agent-1"), os.ReadFile)
	if err != nil || agent.Trust.SecurityLevel != "high" || agent.Trust.Installation != e.facts.Installation {
		t.Fatalf("%+v %v", agent, err)
	}
	cockpit, err := conf.LoadCockpit(e.configDir(cockpitName), e.dataDir(cockpitName), os.ReadFile)
	if err != nil || cockpit.SecurityLevel != "high" {
		t.Fatalf("%+v %v", cockpit, err)
	}
	if _, err := os.Stat(cockpit.SigningKeyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the Cockpit has a signing key: %v", err)
	}
	key := item.Key{Kind: item.KindAgentRef, Path: "agent-1"}
	sent, err := e.signed([]objectfile.Object{{Key: key, File: objectfile.FileOf(key), Bytes: []byte(`{"uri":"https://localhost:1"}`)}})
	if err != nil || len(sent) != 1 {
		t.Fatal(err)
	}
	set, err := trust.Load(trust.Dirs{X509: agent.Trust.X509Dir}, trust.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for suffix, text := range sent[0].Evidence {
		files[suffix] = []byte(text)
	}
	evidence, err := trust.EvidenceFromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := set.Verify([]byte(sent[0].Document), evidence, time.Now()); err != nil || v.Signer().Name != operatorName {
		t.Errorf("the Agent doesn't believe the operator: %v", err)
	}
}

// What is made can be loaded by the parts, and nobody else can read it.
func TestFilesAreThoseOfAProductionInstallation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, flags(dir, func(o *cli.DevOptions) { o.Controllers, o.Agents, o.Cockpit = 3, 2, "127.0.0.1:0" }))
	controller, err := conf.LoadController(e.configDir("controller-2"), e.dataDir("controller-2"), os.ReadFile)
	if err != nil || controller.Name != "controller-2" || len(controller.Members) != 3 || controller.Listen != e.address("controller-2") {
		t.Errorf("%+v %v", controller, err)
	}
	agent, err := conf.LoadAgent(e.configDir("agent-2"), e.dataDir("agent-2"), os.ReadFile)
	if err != nil || !agent.ScriptsAllowed || len(agent.ControllerNames) != 3 {
		t.Errorf("%+v %v", agent, err)
	}
	cockpit, err := conf.LoadCockpit(e.configDir(cockpitName), e.dataDir(cockpitName), os.ReadFile)
	if err != nil || len(cockpit.Controllers) != 1 || len(cockpit.Controllers[0].URLs) != 3 || len(cockpit.UserCA) != 1 || cockpit.SessionMax < 60*24*time.Hour {
		t.Errorf("%+v %v", cockpit, err)
	}
	for _, file := range append(cockpit.TLS.CRLFiles, append(agent.TLS.CRLFiles, append(cockpit.UserTLS.CRLFiles, cockpit.UserCA...)...)...) {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && path != dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	now := time.Now()
	root, err := pki.ReadCertsPEM(agent.TLS.TrustFiles[0])
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pki.NewPool(root)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := pki.ReadCertsPEM(cockpit.UserTLS.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := pki.CheckNode(chain, pool, nil, now, pki.RoleCockpit); err != nil || id.Name != cockpitName || chain[0].VerifyHostname("localhost") != nil || chain[0].VerifyHostname("127.0.0.1") != nil {
		t.Errorf("the Cockpit's certificate: %v %v", id, err)
	}
	if issuer := pki.EncodeCertsPEM(chain[1]); !strings.Contains(string(issuer), "BEGIN CERTIFICATE") {
		t.Error("the Cockpit's certificate comes without its issuer")
	}
}

// The Cockpit's signature is accepted by the trust directories that were made,
// with and without the intermediate beside it.
func TestTheCockpitsSignatureIsTrusted(t *testing.T) {
	t.Parallel()
	e := open(t, flags(t.TempDir(), nil))
	key, err := os.ReadFile(e.privateDir(cockpitName) + "/signing-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	chain, err := pki.ReadCertsPEM(e.privateDir(cockpitName) + "/signing-cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"agent-1", "controller-1"} {
		private := e.privateDir(name)
		set, err := trust.Load(trust.Dirs{X509: private + "/trusted-x509-keys", PGP: private + "/trusted-pgp-keys", SSH: private + "/trusted-ssh-keys"}, trust.Policy{})
		if err != nil || len(set.Warnings()) > 0 {
			t.Fatal(err, set.Warnings())
		}
		for _, certs := range [][]*x509.Certificate{chain, chain[:1]} {
			signer, err := trust.LoadSigner(key, pki.EncodeCertsPEM(certs...))
			if err != nil {
				t.Fatal(err)
			}
			evidence, err := signer.Sign([]byte("doc"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := set.Verify([]byte("doc"), evidence, time.Now()); err != nil {
				t.Errorf("%s, %d certificates: %v", name, len(certs), err)
			}
		}
	}
}

// A start on an existing folder changes no key, no configuration and no trust
// directory: they are the administrator's.
func TestSecondStartKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, flags(dir, nil))
	keep := []string{e.privateDir("agent-1") + "/https-key.pem", e.privateDir(cockpitName) + "/signing-key.pem", e.configDir("agent-1") + "/agent.conf"}
	before := map[string]string{}
	if err := os.WriteFile(keep[2], []byte("# mine\n"+mustRead(t, keep[2])), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range keep {
		before[file] = mustRead(t, file)
	}
	if err := os.Remove(e.privateDir("agent-1") + "/trusted-x509-keys/signing-ca.pem"); err != nil {
		t.Fatal(err)
	}
	open(t, flags(dir, nil))
	for _, file := range keep {
		if mustRead(t, file) != before[file] {
			t.Errorf("%s has changed", file)
		}
	}
	if exists(e.privateDir("agent-1") + "/trusted-x509-keys/signing-ca.pem") {
		t.Error("trust that was withdrawn came back")
	}
	// Another address of the Cockpit is taken over.
	l, err := listenOn(loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	moved := open(t, flags(dir, func(o *cli.DevOptions) { o.Cockpit = l.Addr().String() }, "cockpit"))
	if !strings.Contains(mustRead(t, moved.configDir(cockpitName)+"/cockpit.conf"), l.Addr().String()) {
		t.Error("cockpit.conf has the old address")
	}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A certificate that ends soon, or whose key is missing, is made anew.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, flags(dir, nil))
	cert := e.privateDir("agent-1") + "/https-cert.pem"
	before := mustRead(t, cert)
	if err := e.files(time.Now().Add(320 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	second := mustRead(t, cert)
	if second == before {
		t.Error("a certificate that ends soon was kept")
	}
	if err := os.Remove(e.privateDir("agent-1") + "/https-key.pem"); err != nil {
		t.Fatal(err)
	}
	if err := e.files(time.Now()); err != nil || mustRead(t, cert) == second {
		t.Errorf("a certificate without its key was kept, %v", err)
	}
}

func TestDamagedInstallationIsTold(t *testing.T) {
	t.Parallel()
	for _, file := range []string{factsFile, portsFile} {
		dir := t.TempDir()
		open(t, flags(dir, nil))
		if err := os.WriteFile(filepath.Join(dir, file), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openEstate(flags(dir, nil)); err == nil {
			t.Errorf("%s: no error", file)
		}
	}
}

func TestDirectoryIsLockedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second lock: %v", err)
	}
	lock.Close()
	lock, err = lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(file); err == nil {
		t.Error("a file is no folder")
	}
}

func TestURLOfTheCockpit(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"127.0.0.1": "https://localhost:1", "": "https://localhost:1", "0.0.0.0": "https://localhost:1", "::1": "https://localhost:1",
		"localhost": "https://localhost:1", "example.com": "https://example.com:1", "10.1.2.3": "https://10.1.2.3:1", "fd00::1": "https://[fd00::1]:1",
	} {
		e := &estate{ports: map[string]int{cockpitName: 1}, facts: facts{CockpitHost: host}, local: "localhost"}
		if got := e.url(); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
}
