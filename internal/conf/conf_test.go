package conf_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
)

// files is a directory /c with configuration files, by their names below it.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	name, err := filepath.Rel("/c", path)
	if err != nil {
		return nil, err
	}
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// minimal is what a part needs at least.
var minimal = map[conf.Part]string{
	conf.ControllerPart: "",
	conf.AgentPart:      "signet.agent.name = agent-1\n",
	conf.CockpitPart:    "signet.cockpit.controllers = [{id = controller, members = [{name = controller-1, url = \"https://localhost:4444\"}]}]\n",
}

// load reads a part's file and private.conf and returns its settings.
func load(part conf.Part, f files) (any, error) {
	switch part {
	case conf.ControllerPart:
		return conf.LoadController("/c", "/d", f.read)
	case conf.AgentPart:
		return conf.LoadAgent("/c", "/d", f.read)
	default:
		return conf.LoadCockpit("/c", "/d", f.read)
	}
}

// loadText is load of one file.
func loadText(part conf.Part, text string) (any, error) {
	return load(part, files{string(part) + ".conf": text})
}

func mustLoad[T any](t *testing.T, part conf.Part, f files) T {
	t.Helper()
	v, err := load(part, f)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return v.(T)
}

// problems returns what an error says, one line each.
func problems(t *testing.T, err error) []string {
	t.Helper()
	if !fault.Is(err, fault.Invalid) || !fault.HasCode(err, "InvalidConfiguration") {
		t.Fatalf("error is %v, want InvalidConfiguration", err)
	}
	var out []string
	for _, p := range fault.Of(err).Problems {
		out = append(out, p.String())
	}
	return out
}

var defaultTLS = conf.TLS{
	KeyFile: "/c/private/https-key.pem", CertFile: "/c/private/https-cert.pem",
	TrustFiles: []string{"/c/private/https-trust.pem"},
}

var defaultTrust = conf.Trust{
	SecurityLevel: "low", X509Dir: "/c/private/trusted-x509-keys", PGPDir: "/c/private/trusted-pgp-keys",
	PolicyRootDir: "/c/private/policy-root", PolicyFile: "/c/private/trust-policy.json",
	SSHDir: "/c/private/trusted-ssh-keys", PasskeyDir: "/c/private/trusted-passkeys",
	SentDir: "/d/trust/signers", SentPolicy: "/d/trust/policy/trust-policy.json", MinRSABits: 3072, Reload: time.Second,
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := mustLoad[*conf.Controller](t, conf.ControllerPart, files{"controller.conf": ""})
	id := c.Members[0].ID
	if id == 0 || id >= 1<<32 {
		t.Errorf("member id %d", id)
	}
	if d := cmp.Diff(&conf.Controller{
		ID: "controller", Name: "controller-1", Members: []conf.Member{{Name: "controller-1", URL: "https://localhost:4444", ID: id}},
		Listen: "0.0.0.0:4444", TLS: defaultTLS, Trust: defaultTrust, CockpitNames: []string{"cockpit"},
		PlainHTTP: "loopback", ElectionTimeout: time.Second, Heartbeat: 100 * time.Millisecond, SnapshotBytes: 256 << 20, SnapshotPeriod: time.Hour,
		KeepEvents: 100000, MinFreeSpace: 64 << 20, AgentBatch: 100, ShutdownTimeout: 8 * time.Second, LogLevel: "info", LogFormat: "text",
	}, c); d != "" {
		t.Errorf("Controller: %s", d)
	}
	a := mustLoad[*conf.Agent](t, conf.AgentPart, files{"agent.conf": minimal[conf.AgentPart]})
	if d := cmp.Diff(&conf.Agent{
		Name: "agent-1", Listen: "0.0.0.0:4445", PlainHTTP: "loopback", TLS: defaultTLS, Trust: defaultTrust, ControllerNames: []string{"controller-1"},
		ExecutablesDir: "/c/executables", WorkDir: "/d/work", SigkillDelay: 15 * time.Second, OutputLimit: 64 << 20, LogRetention: 168 * time.Hour,
		Cgroup: "auto", SnapshotBytes: 256 << 20, SnapshotPeriod: time.Hour, MinFreeSpace: 64 << 20, ShutdownTimeout: 8 * time.Second, LogLevel: "info", LogFormat: "text",
	}, a); d != "" {
		t.Errorf("Agent: %s", d)
	}
	k := mustLoad[*conf.Cockpit](t, conf.CockpitPart, files{"cockpit.conf": minimal[conf.CockpitPart]})
	if d := cmp.Diff(&conf.Cockpit{
		Name: "cockpit", Listen: "0.0.0.0:4446", TLS: defaultTLS, UserTLS: conf.TLS{KeyFile: defaultTLS.KeyFile, CertFile: defaultTLS.CertFile},
		Controllers: []conf.ControllerRef{{ID: "controller", URLs: []string{"https://localhost:4444"}, Names: []string{"controller-1"}}},
		Database:    "sqlite:/d/cockpit.db", DatabaseAt: "/c/cockpit.conf", DataDir: "/d", SecurityLevel: "low", EnvironmentName: "Signet", EnvironmentColor: "ink", SigningKeyFile: "/c/private/signing-key.pem", SigningCertFile: "/c/private/signing-cert.pem", SealingKeyFile: "/c/private/sealing.key", CertValidity: 24 * time.Hour,
		SessionIdle: 30 * time.Minute, SessionMax: 12 * time.Hour, ShutdownTimeout: 8 * time.Second, LogLevel: "info", LogFormat: "text",
	}, k); d != "" {
		t.Errorf("Cockpit: %s", d)
	}
}

func TestPrivateIsOverPart(t *testing.T) {
	t.Parallel()
	c := mustLoad[*conf.Controller](t, conf.ControllerPart, files{
		"controller.conf": `
vars.domain = ".example.com"
signet.controller {
  id = prod, name = c2, listen = "[::]:7000", cockpits = [cp1, cp2]
  members = [
    { name = c1, url = "https://C1"${vars.domain}":7000/", id = 1 }
    { name = c2, url = "https://c2"${vars.domain}":7000" }
  ]
}
signet.tls { keystore { file = ks.p12, password = wrong }, trust-files = [a.pem, /abs/b.p12], crl-files = ["x/../y.crl"] }
signet.trust { x509-directory = ${js7.data-directory}"/t/x509", allow-expired-signers = yes }
`,
		"private/private.conf": "include \"pw.conf\"\nsignet.tls.trust-password = ${vars.pw}",
		"private/pw.conf":      "signet.tls.keystore.password = ${vars.pw}\nvars.pw = s3cret",
	})
	want := conf.TLS{
		Keystore: "/c/ks.p12", KeystorePassword: conf.NewSecret("s3cret"),
		TrustFiles: []string{"/c/a.pem", "/abs/b.p12"}, TrustPassword: conf.NewSecret("s3cret"), CRLFiles: []string{"/c/y.crl"},
	}
	if d := cmp.Diff(want, c.TLS); d != "" {
		t.Error(d)
	}
	if c.Trust.X509Dir != "/d/t/x509" || !c.Trust.AllowExpired {
		t.Errorf("%+v", c.Trust)
	}
	if len(c.Members) != 2 || c.Members[0] != (conf.Member{Name: "c1", URL: "https://c1.example.com:7000", ID: 1}) || c.Members[1].ID < 3 {
		t.Errorf("%+v", c.Members)
	}
}

// TestJS7Configuration reads what a JS7 user brings along.
func TestJS7Configuration(t *testing.T) {
	t.Parallel()
	a := mustLoad[*conf.Agent](t, conf.AgentPart, files{
		"agent.conf": `
signet.agent.name = agent-1
js7.job.execution { signed-script-injection-allowed = yes, sigkill-delay = 5s }
js7.configuration.trusted-signature-keys {
  PGP = ${js7.config-directory}"/private/pgp"
  X509 = ${js7.config-directory}"/private/x509"
}`,
		"private/private.conf": `
js7.web.https {
  keystore { # file is the default
    key-password = "jobscheduler"
    store-password = "jobscheduler"
    alias = agent
  }
  truststores = [ { store-password = "other" }, { file = ${js7.config-directory}"/private/ca.pem" } ]
}`,
	})
	want := conf.TLS{
		Keystore: "/c/private/https-keystore.p12", KeystorePassword: conf.NewSecret("jobscheduler"),
		KeystoreAlias: "agent", TrustFiles: []string{"/c/private/https-truststore.p12", "/c/private/ca.pem"},
		TrustPasswords: map[string]conf.Secret{"/c/private/https-truststore.p12": conf.NewSecret("other")},
	}
	if d := cmp.Diff(want, a.TLS); d != "" {
		t.Error(d)
	}
	if !a.ScriptsAllowed || a.SigkillDelay != 5*time.Second || a.Trust.PGPDir != "/c/private/pgp" || a.Trust.X509Dir != "/c/private/x509" {
		t.Errorf("%+v", a)
	}
}

func TestUserTLSOfItsOwn(t *testing.T) {
	t.Parallel()
	k := mustLoad[*conf.Cockpit](t, conf.CockpitPart, files{"cockpit.conf": minimal[conf.CockpitPart] + `
signet.cockpit { https { key-file = web.key, crl-files = [u.crl] }, user-ca-files = [users.pem] }
signet.tls.keystore { file = n.p12, password = x }`})
	want := conf.TLS{KeyFile: "/c/web.key", CertFile: "/c/private/https-cert.pem", CRLFiles: []string{"/c/u.crl"}}
	if d := cmp.Diff(want, k.UserTLS); d != "" {
		t.Error(d)
	}
	if k.TLS.Keystore != "/c/n.p12" || !slices.Equal(k.UserCA, []string{"/c/users.pem"}) {
		t.Errorf("%+v", k)
	}
	k = mustLoad[*conf.Cockpit](t, conf.CockpitPart, files{"cockpit.conf": minimal[conf.CockpitPart] + "signet.tls.keystore { file = n.p12, password = x }"})
	if d := cmp.Diff(conf.TLS{Keystore: "/c/n.p12", KeystorePassword: conf.NewSecret("x")}, k.UserTLS); d != "" {
		t.Error(d)
	}
}

func TestSigningKeystore(t *testing.T) {
	t.Parallel()
	k := mustLoad[*conf.Cockpit](t, conf.CockpitPart, files{"cockpit.conf": minimal[conf.CockpitPart] + "signet.cockpit.signing { keystore = s.p12, keystore-password = x }"})
	if k.SigningKeystore != "/c/s.p12" || !k.SigningKeystorePassword.Equal(conf.NewSecret("x")) || k.SigningKeyFile != "" || k.SigningCertFile != "" {
		t.Errorf("%+v", k)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part conf.Part
		text string
		want []string // parts of the problems, in order
	}{
		{"controller", "\nsignet.controller.nmae = x", []string{"/c/controller.conf:2: unknown key signet.controller.nmae; did you mean signet.controller.name?"}},
		{"controller", "signet {\n controller {\n  lissten = x\n}}", []string{":3: unknown key signet.controller.lissten; did you mean signet.controller.listen?"}},
		{"controller", "completely = 1", []string{":1: unknown key completely"}},
		{"controller", "signet.controller.heartbeat = 1s", []string{"did you mean signet.controller.raft.heartbeat?"}},
		{"controller", "signet.agent.name = a", []string{":1: unknown key signet.agent.name: it is a key of agent.conf, not of controller.conf"}},
		{"controller", `"signet.controller.id" = x`, []string{`unknown key "signet.controller.id"`}},
		{"controller", "signet.controller = 5", []string{":1: signet.controller: expected an object"}},
		{"controller", "js7.auth.users.C = x", []string{"by the name in their certificates"}},
		{"controller", "js7.auth.cluster.password = x", []string{"by signet.controller.members"}},
		{"controller", "js7.config-directory = x", []string{"--config"}},
		{"controller", "signet.controller.id = [1]", []string{":1: signet.controller.id: expected a single value"}},
		{"controller", `signet.controller.id = ""`, []string{"must not be empty"}},
		{"controller", `signet.controller.id = "a b"`, []string{`found "a b"`}},
		{"controller", "signet.controller.id = a\njs7.controller.id = b", []string{":2: js7.controller.id: it is another name of signet.controller.id, which is set at /c/controller.conf:1"}},
		{"controller", "signet.controller.listen = 4444", []string{"expected HOST:PORT"}},
		{"controller", `signet.controller.listen = "x:70000"`, []string{"port from 0 to 65535"}},
		{"controller", `signet.controller.listen = "x:+1"`, []string{"port from 0 to 65535"}},
		{"controller", "signet.controller.cockpits = []", []string{"0 elements; allowed: 1 to 100"}},
		{"controller", "signet.controller.cockpits = x", []string{"expected a list"}},
		{"controller", "signet.controller.cockpits = [a,\n a]", []string{":2: signet.controller.cockpits[1]: \"a\" is twice in the list"}},
		{"controller", "signet.controller.members = [{name=a}]", []string{"members[0]: url is missing"}},
		{"controller", "signet.controller.members = [{name=a, url=\"https://a:1\", x = 1}]", []string{"members[0]: unknown key x", "isn't among the members"}},
		{"controller", "signet.controller.members = [{name=a, url=\"http://a:1\"}]", []string{"nothing but https"}},
		{"controller", "signet.controller.members = [{name=a, url=\"https://a\"}]", []string{"with a port"}},
		{"controller", "signet.controller.members = [{name=a, url=\"https://a:1/x\"}]", []string{"nothing after it"}},
		{"controller", "signet.controller.members = [{name=a, url=\"https://a:1\", id=0}]", []string{"members[0].id: expected a whole number"}},
		{"controller", "signet.controller.members = [{name=a, url=\"https://a:1\"}]", []string{"controller-1 (signet.controller.name), isn't among"}},
		{"controller", "signet.controller.members = [{name=controller-1, url=\"https://a:1\"},\n{name=b, url=\"https://a:1\"}]", []string{":2: signet.controller.members[1]: another member has the same"}},
		{"controller", "signet.controller.members = [x]", []string{"members[0]: expected an object"}},
		{"controller", "signet.controller.members = {}", []string{"expected a list of objects"}},
		{"controller", "signet.controller.raft.heartbeat = 500ms", []string{":1: signet.controller.raft.election-timeout (1s) must be at least three times"}},
		{"controller", "signet.shutdown-timeout = 8", []string{"expected a duration"}},
		{"controller", "signet.shutdown-timeout = 500ms", []string{`"500ms" is out of range; allowed: 1s to 5m`}},
		{"controller", "signet.journal.keep-events = 10.5", []string{"expected a whole number"}},
		{"controller", "signet.journal.min-free-space = x", []string{"expected a size"}},
		{"controller", "signet.trust.min-rsa-bits = 1024", []string{"out of range; allowed: 2048 to 16384"}},
		{"controller", "signet.trust.allow-expired-signers = maybe", []string{"expected true, false"}},
		{"controller", "signet.log.level = trace", []string{"expected info or debug or error or warn"}},
		{"controller", "signet.tls.keystore.file = k\nsignet.tls.key-file = x", []string{":2: signet.tls.key-file: a keystore is set too (signet.tls.keystore, at /c/controller.conf:1)"}},
		{"cockpit", "signet.cockpit.signing.keystore = k\nsignet.cockpit.signing.key-file = x", []string{":2: signet.cockpit.signing.key-file: a keystore is set too (signet.cockpit.signing.keystore, at /c/cockpit.conf:1)"}},
		{"cockpit", "signet.cockpit.signing.keystore-password = x", []string{"there is no signet.cockpit.signing.keystore that it is for"}},
		{"cockpit", "signet.cockpit.security-level = medium\nsignet.cockpit.signing.keystore = k", []string{":2: signet.cockpit.signing.keystore: only at the security level low"}},
		{"controller", "js7.web.https.truststores = [{file=x}]\nsignet.tls.trust-files = [y]", []string{":1: js7.web.https.truststores: it is another form of signet.tls.trust-files"}},
		{"controller", "a = [1\nb = 2", []string{"/c/controller.conf:2:3: expected a comma"}},
		{"controller", "signet.tls.key-file = ${nope}", []string{"/c/controller.conf:1:23: nothing is defined"}},
		{"cockpit", "signet.cockpit.passkeys { rp-id = example.com, origins = [\"https://a.example.com\", \"https://example.org\"] }", []string{"a passkey for example.com can't be used at https://example.org"}},
		{"agent", "signet.agent.name = a\nsignet.job.output-limit = 0", []string{":2: signet.job.output-limit: \"0\" is out of range"}},
		{"agent", "signet.agent.name = a\nsignet.job.cgroup = x", []string{"expected auto, off or an absolute path"}},
		{"agent", "signet.agent.name = a\nsignet.job.run-as = x", []string{"unknown key signet.job.run-as"}},
		{"agent", "signet.agent.name = a\nsignet.job.sigkill-delay = 2h", []string{"allowed: 0 to 1h"}},
		{"cockpit", "", []string{"signet.cockpit.controllers is missing"}},
		{"cockpit", "signet.cockpit.controllers = []", []string{"at least one Controller"}},
		{"cockpit", "signet.cockpit.controllers = [{id=a, members=[]}]", []string{"at least one member"}},
		{"cockpit", "signet.cockpit.controllers = [{id=a, members=[{name=b, url=\"https://b:1\"}]},\n{id=a, members=[{name=b, url=\"https://b:1\"}]}]", []string{":2: signet.cockpit.controllers[1]: another Controller"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.security-level = highest", []string{"expected low or high"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.session.idle-timeout = 1d", []string{"session.max-duration (12h) must not be less"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.database = \"mysql://u:s3cret@h/db\"", []string{":2: signet.cockpit.database: expected sqlite:FILE or postgres://USER@HOST/DATABASE"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.database = \"postgres://u:s3cret@h:x/db\"", []string{":2: signet.cockpit.database: expected sqlite:FILE or"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.database = \"postgres:s3cret\"", []string{":2: signet.cockpit.database: expected sqlite:FILE or"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.database = \"postgres://u@h/db?password=s3cret\"", []string{":2: signet.cockpit.database: the password stands before the @"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.database = \"postgres://u:s3cret@h/db\"\nsignet.cockpit.database-password = s3cret", []string{":3: the database's password is set twice"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.database-password = s3cret", []string{":2: a file has no password"}},
		{"cockpit", minimal["cockpit"] + "signet.cockpit.history-retention = 1m", []string{"0, or 1h to"}},
	} {
		_, err := loadText(c.part, c.text)
		got := problems(t, err)
		for i, want := range c.want {
			if i >= len(got) || !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, want) }) {
				t.Errorf("%s.conf:\n%s\ngives\n%s\nwant: %s", c.part, c.text, strings.Join(got, "\n"), want)
			}
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a secret shows: %v", err)
		}
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, database, password, file string }{
		{`"sqlite:x/y.db"`, "sqlite:/d/x/y.db", "", ""},
		{`"postgres://u@h/db"`, "postgres://u@h/db", "", ""},
		{`"postgres://u:p%40ss@h:5433/db?sslmode=verify-ca"`, "postgres://u@h:5433/db?sslmode=verify-ca", "p@ss", ""},
		{`"postgres://u@h/db"` + "\nsignet.cockpit.database-password = pass", "postgres://u@h/db", "pass", ""},
		{`"postgres:///db?host=/run/postgresql"` + "\nsignet.cockpit.database-password-file = \"private/x\"", "postgres:///db?host=/run/postgresql", "", "/c/private/x"},
	} {
		settings, err := load(conf.CockpitPart, files{"cockpit.conf": minimal["cockpit"] + "signet.cockpit.database = " + c.text})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		set, _ := settings.(*conf.Cockpit)
		if set.Database != c.database || set.DatabasePassword.Reveal() != c.password || set.DatabasePasswordFile != c.file {
			t.Errorf("%s: %s, %s, %s", c.text, set.Database, set.DatabasePassword.Reveal(), set.DatabasePasswordFile)
		}
		if set.DatabaseAt != "/c/cockpit.conf:2" {
			t.Errorf("it is set at %s", set.DatabaseAt)
		}
		if c.password != "" && strings.Contains(fmt.Sprintf("%+v", set), c.password) {
			t.Errorf("the password shows: %+v", set)
		}
	}
}

func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	set := mustLoad[*conf.Cockpit](t, conf.CockpitPart, files{"cockpit.conf": minimal["cockpit"]})
	other, err := set.WithDatabase("postgres://u@h/db", "/x")
	if err != nil || other.Database != "postgres://u@h/db" || other.DatabasePasswordFile != "/x" || set.Database != "sqlite:/d/cockpit.db" {
		t.Errorf("%+v, %v", other, err)
	}
	for _, bad := range []string{"", "sqlite:x", "postgres:s3cret", "postgres://u:s3cret@h/db", "postgres://u@h/db?password=s3cret"} {
		if _, err := set.WithDatabase(bad, ""); !fault.HasCode(err, "InvalidDatabase") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(conf.AgentPart, files{
		"agent.conf":           "signet.agent.name = \"a b\"\nsignet.agent.foo = 1\nsignet.log.level = x\nsignet.journal.snapshot.period = 1",
		"private/private.conf": "signet.tls.keystore.password = [1]\nnonsense = 1",
	})
	if got := problems(t, err); len(got) != 6 {
		t.Errorf("got %d problems, want 6:\n%s", len(got), strings.Join(got, "\n"))
	}
	_, err = load(conf.AgentPart, files{"agent.conf": "a = ", "private/private.conf": "b = "})
	if got := problems(t, err); len(got) != 2 {
		t.Errorf("got %d problems, want 2:\n%s", len(got), strings.Join(got, "\n"))
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	_, err := load(conf.ControllerPart, files{"private/private.conf": ""})
	if got := problems(t, err); len(got) != 1 || !strings.Contains(got[0], "/c/controller.conf: the file is missing") {
		t.Errorf("%q", got)
	}
	_, err = conf.LoadAgent("/c", "/d", func(string) ([]byte, error) { return nil, fs.ErrPermission })
	if got := problems(t, err); len(got) != 2 || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%q, %v", got, err)
	}
	_, err = loadText(conf.ControllerPart, strings.Repeat("#", 2<<20))
	if got := problems(t, err); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// badValues are wrong for every key of a type.
var badValues = map[string][]string{
	"name": {"[]", "{}", `""`, `"a b"`, `"-a"`, strings.Repeat("x", 64)}, "HOST:PORT": {"x", "{}", `"a:b"`, `""`}, "text": {"[]", `""`},
	"path": {"[]", "{}", `""`, `"a\u0000b"`, strings.Repeat("x", 5000)}, "secret": {"[]", "{}", `""`}, "choice": {"x", "[]"}, "boolean": {"1", "[]", "True"},
	"duration": {"x", "5", "-1s", "1000000h", "[]"}, "size": {"x", "-1", "1", "9EiB", "[]"}, "number": {"x", "-1", "1.5", "99999999999", "[]"},
	"anything": {}, "users": {"x", "[]", `{ "a b" = "plain:x" }`, "{ a = x }", "{ a { nope = 1 } }", "{ a {} }", "{ a = [] }"}, "password": {"x", "[]", "{}", `""`, `"plain:"`, `"sha512:00"`},
	"names": {"[]", "{}", `""`, "[[]]"}, "names by name": {"x", "[]", "{ a = {} }", "{ a = [] }", `{ "a b" = x }`}, "passwords by name": {"x", "[]", "{ a = [] }", `{ "a b" = x }`},
	"host name": {"[]", `""`, `"a b"`, `"10.0.0.1"`, `"a:1"`, `"https://a"`}, "list of URLs": {"x", "{}", `["http://a"]`, `["https://a:443"]`, `["https://a/"]`, `["https://1.2.3.4"]`, "[[]]"},
	"list of paths": {"x", "{}", "[[]]", `[""]`, "[a, a]"}, "list of names": {"x", "[]", `["a b"]`, "[a, a]"}, "list of objects": {"x", "[1]", "{}", "[{nope = 1}]"},
}

// TestEveryBadValueHasItsPlace: whatever is wrong with any key is told with
// file and line, and hurts nothing else.
func TestEveryBadValueHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, part := range conf.Parts() {
		for _, key := range conf.Keys(part) {
			if strings.Contains(key.Name, "[]") {
				continue
			}
			if badValues[key.Type] == nil {
				t.Errorf("%s: type %q has no bad values", key.Name, key.Type)
			}
			for _, name := range []string{key.Name, key.Alias} {
				for _, value := range badValues[key.Type] {
					if name == "" {
						continue
					}
					text := minimal[part] + "# \n" + name + " =\n  " + value + "\n"
					_, err := loadText(part, text)
					line := strings.Count(minimal[part], "\n") + 2
					got := problems(t, err)
					where := fmt.Sprintf("/c/%s.conf:%d: ", part, line)
					if !slices.ContainsFunc(got, func(p string) bool {
						return strings.HasPrefix(p, where) || strings.HasPrefix(p, fmt.Sprintf("/c/%s.conf:%d: ", part, line+1))
					}) {
						t.Errorf("%s = %s: %q, want one at %s", name, value, got, where)
					}
				}
			}
		}
	}
}

func TestExamplesAreTheDefaults(t *testing.T) {
	t.Parallel()
	for part, text := range map[conf.Part]string{
		conf.ControllerPart: conf.ExampleController(), conf.AgentPart: conf.ExampleAgent(), conf.CockpitPart: conf.ExampleCockpit(),
	} {
		want, err := loadText(part, minimal[part])
		if err != nil {
			t.Fatal(err)
		}
		asIs, err := loadText(part, text)
		if err != nil {
			t.Fatalf("%s: %v", part, err)
		}
		var uncommented strings.Builder
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#signet.") {
				line = line[1:]
			}
			uncommented.WriteString(line)
		}
		full, err := loadText(part, uncommented.String())
		if err != nil {
			t.Fatalf("%s, without #: %v\n%s", part, err, uncommented.String())
		}
		for _, settings := range []any{want, asIs, full} {
			if c, ok := settings.(*conf.Cockpit); ok {
				c.DatabaseAt = "" // a line in each
			}
		}
		for _, got := range []any{asIs, full} {
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", part, d)
			}
		}
	}
}

func TestRenderComesBack(t *testing.T) {
	t.Parallel()
	members := []conf.Member{{Name: "c1", URL: "https://h1:1", ID: 7}, {Name: "c2", URL: "https://h2:2", ID: 8}}
	c := mustLoad[*conf.Controller](t, conf.ControllerPart, files{"controller.conf": conf.Render(conf.ControllerFile{
		ID: "i", Name: "c2", Listen: "127.0.0.1:0", Members: members, Cockpits: []string{"k"},
		More: map[string]string{"signet.tls.key-file": `odd "$\{name}` + "\n", "signet.shutdown-timeout": "3s", "signet.journal.keep-events": "500"},
	})})
	if c.ID != "i" || c.Name != "c2" || c.Listen != "127.0.0.1:0" || !slices.Equal(c.Members, members) || !slices.Equal(c.CockpitNames, []string{"k"}) ||
		c.TLS.KeyFile != `/c/odd "$\{name}`+"\n" || c.ShutdownTimeout != 3*time.Second || c.KeepEvents != 500 {
		t.Errorf("%+v", c)
	}
	a := mustLoad[*conf.Agent](t, conf.AgentPart, files{"agent.conf": conf.Render(conf.AgentFile{Name: "a", Listen: "h:1", Controllers: []string{"x", "y"}, ScriptsAllowed: true})})
	if a.Name != "a" || a.Listen != "h:1" || !slices.Equal(a.ControllerNames, []string{"x", "y"}) || !a.ScriptsAllowed {
		t.Errorf("%+v", a)
	}
	refs := []conf.ControllerRef{{ID: "x", Names: []string{"c1", "c2"}, URLs: []string{"https://h1:1", "https://h2:2"}}, {ID: "y", Names: []string{"d"}, URLs: []string{"https://h3:3"}}}
	k := mustLoad[*conf.Cockpit](t, conf.CockpitPart, files{"cockpit.conf": conf.Render(conf.CockpitFile{Name: "k", Listen: "h:1", Controllers: refs})})
	if d := cmp.Diff(refs, k.Controllers); d != "" || k.Name != "k" {
		t.Errorf("%s", d)
	}
	if got := conf.Render(conf.ControllerFile{}); got != "\n" {
		t.Errorf("nothing renders as %q", got)
	}
}

// TestKeysAreSane: names, aliases and types of all keys are what the rest of
// the tests take for granted.
func TestKeysAreSane(t *testing.T) {
	t.Parallel()
	for _, part := range conf.Parts() {
		seen := map[string]bool{}
		for _, key := range conf.Keys(part) {
			for _, name := range []string{key.Name, key.Alias} {
				if name != "" && seen[name] {
					t.Errorf("%s: %s is twice", part, name)
				}
				seen[name] = true
			}
			if key.Type == "" || key.Meaning == "" {
				t.Errorf("%s: %s lacks type or meaning", part, key.Name)
			}
			if !strings.HasPrefix(key.Name, "signet.") && !strings.HasPrefix(key.Name, "js7.") {
				t.Errorf("%s: odd name %s", part, key.Name)
			}
		}
		if len(seen) < 20 {
			t.Errorf("%s has only %d keys: %v", part, len(seen), slices.Sorted(maps.Keys(seen)))
		}
	}
}
