package conf_test

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/conf"
)

// js7Private is a private.conf as JS7's documents show it.
const js7Private = `
js7 {
    auth {
        # User accounts for https connections
        users {
            # Controller account for connections by primary/secondary Controller instance
            Controller {
                distinguished-names=[
                    "DNQ=SOS CA, CN=js7-controller-primary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE",
                    "DNQ=SOS CA, CN=js7-controller-secondary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE"
                ]
            }
        }
    }
    configuration {
        trusted-signature-keys {
            PGP=${js7.config-directory}"/private/trusted-pgp-keys"
            X509=${js7.config-directory}"/private/trusted-x509-keys"
        }
    }
    job {
        execution {
            signed-script-injection-allowed = yes
        }
    }
    web {
        https {
            keystore {
                # Default: ${js7.config-directory}"/private/https-keystore.p12"
                file=${js7.config-directory}"/private/https-keystore.p12"
                key-password="jobscheduler"
                store-password="jobscheduler"
                # alias=
            }
            truststores=[
                {
                    file=${js7.config-directory}"/private/https-truststore.p12"
                    store-password="jobscheduler"
                    # alias=
                }
            ]
        }
    }
}
`

// TestJS7Agent: a folder as JS7 has it, with no key of ours.
func TestJS7Agent(t *testing.T) {
	t.Parallel()
	a := mustLoad[*conf.Agent](t, conf.AgentPart, files{
		"agent.conf":           "# Allow http connections without authentication\njs7.web.server.auth.public = true\n",
		"private/private.conf": js7Private,
	})
	if d := cmp.Diff([]conf.User{{Name: "Controller", Where: "/c/private/private.conf:7", Names: []string{
		"DNQ=SOS CA, CN=js7-controller-primary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE",
		"DNQ=SOS CA, CN=js7-controller-secondary, OU=IT, O=SOS, L=Berlin, ST=Berlin, C=DE",
	}}}, a.Users); d != "" {
		t.Error(d)
	}
	if a.Name != "" || a.Listen != "0.0.0.0:4445" || a.HTTPListen != "" || !a.ScriptsAllowed || len(a.ControllerNames) != 0 || !a.WithTLS() {
		t.Errorf("%+v", a)
	}
	if a.TLS.Keystore != "/c/private/https-keystore.p12" || !a.TLS.KeyPassword.IsEmpty() || a.TLS.TrustPasswords["/c/private/https-truststore.p12"].Reveal() != "jobscheduler" {
		t.Errorf("%+v", a.TLS)
	}
	for _, want := range []string{"js7.web.server.auth.public = true is not honoured", "an expired certificate is refused"} {
		if n := len(notes(a.Notes, want)); n != 1 {
			t.Errorf("%q is told %d times: %q", want, n, a.Notes)
		}
	}
}

func notes(all []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !strings.Contains(n, part) })
}

func hashed(password string) string {
	sum := sha512.Sum512([]byte(password))
	return "sha512:" + hex.EncodeToString(sum[:])
}

func TestUsers(t *testing.T) {
	t.Parallel()
	a := mustLoad[*conf.Agent](t, conf.AgentPart, files{
		"agent.conf": "signet.agent.controllers = [c1]",
		"private/private.conf": `js7.auth.users {
  Hashed { password = "` + hashed("s3cret") + `", permissions = [ UpdateItem ] }
  Short = "plain:s3cret"
  List = [ "CN=a", "CN=b" ]
  Both { distinguished-name = "CN=c", distinguished-names = [ "CN=d" ], password = null }
  Gone = null
}`,
	})
	var got []string
	for _, u := range a.Users {
		got = append(got, fmt.Sprintf("%s %v %t %t", u.Name, u.Names, u.Password.Matches("s3cret"), u.Password.Matches("S3cret") || u.Password.Matches("")))
	}
	if d := cmp.Diff([]string{"Hashed [] true false", "Short [] true false", "List [CN=a CN=b] false false", "Both [CN=c CN=d] false false"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"c1"}, a.ControllerNames); d != "" {
		t.Error(d)
	}
	if text := fmt.Sprintf("%+v %#v", a, a); strings.Contains(text, "s3cret") || strings.Contains(text, hashed("s3cret")[7:40]) {
		t.Error("a password shows")
	}
}

// TestJS7Keys: every key that users of JS7 have in an Agent's folder is accepted,
// and told where it isn't honoured, or refused with a reason.
func TestJS7Keys(t *testing.T) {
	t.Parallel()
	const password = "js7.auth.users.C = \"plain:x\"\n"
	for _, c := range []struct {
		text string
		note string // what the log tells; empty: nothing
		bad  string // why it is refused
	}{
		{"js7.job.execution.signed-script-injection-allowed = yes", "", ""},
		{"js7.job.execution.sigkill-delay = 15s", "", ""},
		{"js7.configuration.trusted-signature-keys { PGP = a, X509 = b }", "", ""},
		{"js7.configuration.trusted-signature-keys.SSH = a", "", "unknown key"},
		{"js7.web.https.keystore { file = k, alias = a, key-password = x, store-password = y }", "", ""},
		{"js7.web.https.truststores = [ { file = a, store-password = x, alias = z }, { file = b, store-password = y } ]", "", ""},
		{"js7.web.https.client-keystore.file = x", "an Agent calls nobody", ""},
		{"js7.web.server.auth.public = true", "auth.public = true is not honoured", ""},
		{"js7.web.server.auth.public = false", "", ""},
		{"js7.web.server.auth.loopback-is-public = on", "loopback-is-public = true is not honoured", ""},
		{"js7.web.server.auth.get-is-public = on", "get-is-public = true is not honoured", ""},
		{"js7.web.server.auth.https-client-authentication = off", "https-client-authentication = false is not honoured", ""},
		{"js7.web.server.auth.https-client-authentication = on", "", ""},
		{"js7.web.server.auth.realm = x", "realm has no effect", ""},
		{"js7.web.server.auth.invalid-authentication-delay = 1s", "has no effect", ""},
		{"js7.web.server.auth.other = 1s", "", "without a certificate or a password"},
		{"js7.web.server { verbose-error-messages = on, shutdown-timeout = 1s, services { a = b } }", "verbose-error-messages has no effect", ""},
		{"js7.configuration.allow-expired-certificates = yes", "", ""},
		{"js7.auth.users.C = [\"CN=a\"]", "an expired certificate is refused", ""},
		{"js7.auth.users.C = [\"CN=a\"]\njs7.configuration.allow-expired-certificates = no", "", ""},
		{password, "", ""},
		{"js7.auth.users.C.password = x", "", "expected sha512: and"},
		{"js7.auth.users.C.password = \"md5:00\"", "", "expected sha512: and"},
		{"js7.auth.users.C.passwort = x", "", "did you mean password?"},
		{"js7.auth.users.C.permissions = [UpdateItem]", "", "neither a password nor distinguished names"},
		{"js7.auth.users.\"C D\" = \"plain:x\"", "", "expected a name"},
		{"js7.auth.agents.a = x", "", "it belongs to the Controller that calls the Agent"},
		{"js7.auth.subagents.a = x", "", "one process without subagents"},
		{"js7.auth.cluster.password = x", "", "by certificate"},
		{"js7.journal.cluster.node.is-backup = yes", "", "an Agent is one process"},
		{"js7.journal.sync = on", "always synced", ""},
		{"js7.job.execution.java.options = [x]", "there are no jobs in Java", ""},
		{"js7.api-server { url = [x], password = y }", "job templates in Java", ""},
		{"js7.config-directory = x", "", "--config"},
		{"js7.conf = x", "", "unknown key js7.conf"},
	} {
		v, err := loadText(conf.AgentPart, c.text)
		if c.bad != "" {
			if got := problems(t, err); !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, "/c/agent.conf:") && strings.Contains(p, c.bad) }) {
				t.Errorf("%s: %q, want %s", c.text, got, c.bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := v.(*conf.Agent).Notes
		if c.note == "" && len(got) > 0 || c.note != "" && len(notes(got, c.note)) != 1 {
			t.Errorf("%s: the log tells %q, want %q", c.text, got, c.note)
		}
	}
}

func TestListeners(t *testing.T) {
	t.Parallel()
	const user = "js7.auth.users.C = \"plain:x\"\n"
	for _, c := range []struct {
		text        string
		http, https string // the environment's
		listen      string
		plain       string
		note, bad   string
	}{
		{"", "", "", "0.0.0.0:4445", "", "", ""},
		{"", "", "4443", "0.0.0.0:4443", "", "RUN_JS_HTTPS_PORT=4443", ""},
		{"", "", "127.0.0.1:4443", "127.0.0.1:4443", "", "RUN_JS_HTTPS_PORT", ""},
		{"", "", "[::1]:4443", "[::1]:4443", "", "RUN_JS_HTTPS_PORT", ""},
		{"signet.agent.listen = \"h:1\"", "", "4443", "h:1", "", "RUN_JS_HTTPS_PORT=4443 is not used: signet.agent.listen is set at /c/agent.conf:1", ""},
		{"", "", "x", "", "", "", "RUN_JS_HTTPS_PORT: expected PORT or HOST:PORT"},
		{"", "", "70000", "", "", "", "RUN_JS_HTTPS_PORT: expected PORT or HOST:PORT"},
		{user, "x", "", "", "", "", "RUN_JS_HTTP_PORT: expected PORT or HOST:PORT"},
		{user, "4445", "", "", "127.0.0.1:4445", "listening without TLS on 127.0.0.1:4445", ""},
		{user, "4445", "4443", "0.0.0.0:4443", "127.0.0.1:4445", "listening without TLS on 127.0.0.1:4445", ""},
		{user + "signet.agent.listen = \":1\"", "4445", "", ":1", "127.0.0.1:4445", "listening without TLS", ""},
		{user + "signet.agent.plain-http = anywhere", "4445", "", "", "0.0.0.0:4445", "listening without TLS on 0.0.0.0:4445", ""},
		{user + "signet.agent.plain-http = anywhere", "192.0.2.1:4445", "", "", "192.0.2.1:4445", "listening without TLS", ""},
		{user + "signet.agent.plain-http = off", "4445", "", "0.0.0.0:4445", "", "RUN_JS_HTTP_PORT=4445 is not used: signet.agent.plain-http is off", ""},
		{"", "4445", "", "0.0.0.0:4445", "", "RUN_JS_HTTP_PORT=4445 is not used: no user", ""},
		{"js7.auth.users.C = [\"CN=x\"]\njs7.configuration.allow-expired-certificates = no", "4445", "", "0.0.0.0:4445", "", "no user", ""},
		{user, "0.0.0.0:4445", "", "", "", "", "RUN_JS_HTTP_PORT: \"0.0.0.0:4445\" isn't an address of this machine alone"},
		{user, "agent:4445", "", "", "", "", "isn't an address of this machine alone"},
		{user + "signet.agent.http-listen = \"localhost:1\"", "4445", "", "", "localhost:1", "RUN_JS_HTTP_PORT=4445 is not used: signet.agent.http-listen is set", ""},
		{user + "signet.agent.http-listen = \":1\"", "", "", "", "", "", "/c/agent.conf:2: \":1\" isn't an address of this machine alone"},
		{user + "signet.agent { http-listen = \":1\", plain-http = off }", "", "", "", "", "", "plain-http is off"},
		{"signet.agent.http-listen = \"[::1]:1\"", "", "", "", "", "", "nobody could be let in without TLS"},
		{"signet.agent { listen = \"unix:/run/a/../s\", proxy { user = p, identity-header = X-C } }", "", "", "unix:/run/s", "", "", ""},
		{"signet.agent { listen = \"unix:/s\", proxy { user = p } }", "", "", "", "", "", "a Unix socket needs signet.agent.proxy.identity-header"},
		{"signet.agent { listen = \"unix:/s\", proxy { identity-header = X } }", "", "", "", "", "", "a Unix socket needs signet.agent.proxy.user"},
		{"signet.agent { listen = \"unix:s\", proxy { user = p, identity-header = X } }", "", "", "", "", "", "an absolute path"},
		{"signet.agent.proxy.user = p", "", "", "", "", "", "for a Unix socket only"},
		{"signet.agent.proxy.identity-header = X", "", "", "", "", "", "for listeners without TLS only"},
		{user + "signet.agent { http-listen = \"127.0.0.1:1\", proxy.identity-header = \"a b\" }", "", "", "", "", "", "expected a header's name"},
		{user + "signet.agent { http-listen = \"127.0.0.1:1\", proxy.identity-header = X-C }", "", "", "", "127.0.0.1:1", "", ""},
	} {
		f := files{"agent.conf": c.text}
		a, err := conf.LoadAgentWith("/c", "/d", f.read, conf.Given{HTTPPort: c.http, HTTPSPort: c.https})
		if c.bad != "" {
			if got := problems(t, err); !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.bad) }) {
				t.Errorf("%s, %s, %s: %q, want %s", c.text, c.http, c.https, got, c.bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s, %s, %s: %v", c.text, c.http, c.https, err)
			continue
		}
		if a.Listen != c.listen || a.HTTPListen != c.plain || c.note == "" && len(a.Notes) > 0 || c.note != "" && len(notes(a.Notes, c.note)) != 1 {
			t.Errorf("%s, %s, %s: %q, %q, %q", c.text, c.http, c.https, a.Listen, a.HTTPListen, a.Notes)
		}
	}
}

func TestControllerPorts(t *testing.T) {
	t.Parallel()
	c, err := conf.LoadControllerWith("/c", "/d", files{"controller.conf": ""}.read, conf.Given{HTTPPort: "4444", HTTPSPort: "4443"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "0.0.0.0:4443" || c.Members[0].URL != "https://localhost:4443" || len(c.Notes) != 2 {
		t.Errorf("%s, %v, %q", c.Listen, c.Members, c.Notes)
	}
	c, err = conf.LoadControllerWith("/c", "/d", files{"controller.conf": "signet.controller.listen = \":1\""}.read, conf.Given{HTTPSPort: "4443"})
	if err != nil || c.Listen != ":1" || len(notes(c.Notes, "is not used: signet.controller.listen is set at /c/controller.conf:1")) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAccessToAgents(t *testing.T) {
	t.Parallel()
	c := mustLoad[*conf.Controller](t, conf.ControllerPart, files{
		"controller.conf": `signet.agents { plain-http = anywhere, distinguished-names { agent-1 = "CN=a, O=b", agent-2 = ["CN=c", "CN=d"] } }`,
		"private/private.conf": `js7.web.https.client-keystore { store-password = "p", key-password = "p" }
js7.auth.agents { agent-1 = "s3cret", "agent-2" = "plain:s3cret" }`,
	})
	if d := cmp.Diff([]conf.User{
		{Name: "agent-1", Names: []string{"CN=a, O=b"}, Where: "/c/controller.conf:1"}, {Name: "agent-2", Names: []string{"CN=c", "CN=d"}, Where: "/c/controller.conf:1"},
	}, c.AgentSubjects); d != "" {
		t.Error(d)
	}
	want := conf.NewSecret("s3cret")
	if d := cmp.Diff(map[string]conf.Secret{"agent-1": want, "agent-2": want}, c.AgentPasswords); d != "" || c.PlainHTTP != "anywhere" {
		t.Error(d, c.PlainHTTP)
	}
	if d := cmp.Diff(conf.TLS{Keystore: "/c/private/https-client-keystore.p12", KeystorePassword: conf.NewSecret("p")}, c.AgentTLS); d != "" {
		t.Error(d)
	}
	if strings.Contains(fmt.Sprintf("%+v", c), "s3cret") {
		t.Error("a password shows")
	}
}
