package conf

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
)

// Given is what a part is told besides its files.
type Given struct {
	// HTTPPort and HTTPSPort are the environment's RUN_JS_HTTP_PORT and
	// RUN_JS_HTTPS_PORT: PORT or HOST:PORT, empty if they aren't set.
	HTTPPort, HTTPSPort string
}

const (
	httpVariable  = "RUN_JS_HTTP_PORT"
	httpsVariable = "RUN_JS_HTTPS_PORT"
)

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// The words of plain-http.
const (
	plainLoopback = "loopback"
	plainAnywhere = "anywhere"
	plainOff      = "off"
)

// address returns the HOST:PORT that a variable gives; host is for one that is a
// port only.
func (b *binder) address(variable, value, host string) (string, bool) {
	if !strings.Contains(value, ":") {
		value = net.JoinHostPort(host, value)
	}
	text, wrong := checkListen(value)
	if wrong != "" {
		b.problem(variable, "expected PORT or HOST:PORT like 4443 or 127.0.0.1:4443, found %s", QuoteString(value))
		return "", false
	}
	return text, true
}

// overridden tells in the log that a variable isn't used.
func overridden(variable, value string, by *setting) string {
	return fmt.Sprintf("%s=%s is not used: %s is set at %s", variable, value, by.name, by.where)
}

func used(variable, value string) string {
	return fmt.Sprintf("the listener's address is that of %s=%s", variable, value)
}

// bindControllerListen binds a Controller's listener.
func bindControllerListen(b *binder, c *Controller, name string) {
	bindListen(b, &c.Listen, name, "0.0.0.0:4444")
	if value := b.given.HTTPSPort; value != "" {
		if s := b.find(name); s != nil {
			c.Notes = append(c.Notes, overridden(httpsVariable, value, s))
		} else if address, ok := b.address(httpsVariable, value, "0.0.0.0"); ok {
			c.Listen = address
			c.Notes = append(c.Notes, used(httpsVariable, value))
		}
	}
	if value := b.given.HTTPPort; value != "" {
		c.Notes = append(c.Notes, fmt.Sprintf("%s=%s is not used: a Controller has no listener without TLS", httpVariable, value))
	}
}

// note adds a line for the log.
func (a *Agent) note(format string, args ...any) {
	a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
}

const agentPrefix = "signet.agent."

// bindAgentListen binds an Agent's listeners. Users are bound before.
func bindAgentListen(b *binder, a *Agent) {
	b.text(&a.Listen, Key{
		Name: agentPrefix + "listen", Type: "HOST:PORT", Range: "port 0 to 65535, 0 takes a free one; or `unix:` and an absolute path",
		Meaning: "Where the part listens with TLS. `0.0.0.0` is every IPv4 address, an empty host every address. " +
			"With `unix:/run/signet/agent.sock` it listens on that Unix socket without TLS, for a reverse proxy. The environment's `" + httpsVariable + "` is another default.",
	}, "0.0.0.0:4445", checkAgentListen)
	b.choice(&a.PlainHTTP, Key{
		Name: agentPrefix + "plain-http",
		Meaning: "Where plain HTTP, without TLS, may be listened for, if at all: only on this machine's own addresses, or `anywhere`, where everybody on the way can " +
			"read and change what is said.",
	}, plainLoopback, plainAnywhere, plainOff)
	b.text(&a.HTTPListen, Key{
		Name: agentPrefix + "http-listen", Type: "HOST:PORT", Range: "as `signet.agent.plain-http` allows", sample: `"127.0.0.1:4445"`,
		Meaning: "Where the part listens without TLS. Every request needs the password of a user (`js7.auth.users`). " +
			"The environment's `" + httpVariable + "` is a default. If only this is set, and no address with TLS, there is no listener with TLS.",
	}, "", checkListen)
	own, plain := b.find(agentPrefix+"listen"), b.find(agentPrefix+"http-listen")
	b.plainAddress(a, plain)
	switch value := b.given.HTTPSPort; {
	case value != "" && own != nil:
		a.Notes = append(a.Notes, overridden(httpsVariable, value, own))
	case value != "":
		if address, ok := b.address(httpsVariable, value, "0.0.0.0"); ok {
			a.Listen = address
			a.Notes = append(a.Notes, used(httpsVariable, value))
		}
	case own == nil && a.HTTPListen != "":
		a.Listen = ""
	}
	bindProxy(b, a)
}

func checkAgentListen(s string) (text, wrong string) {
	path, ok := strings.CutPrefix(s, unixPrefix)
	switch {
	case !ok:
		return checkListen(s)
	case !filepath.IsAbs(path) || len(path) > 100:
		return "", "expected unix: and an absolute path of at most 100 bytes"
	}
	return unixPrefix + filepath.Clean(path), ""
}

// plainAddress settles where plain HTTP is listened for. s is the file's setting.
func (b *binder) plainAddress(a *Agent, s *setting) {
	value := b.given.HTTPPort
	refuse := func(format string, args ...any) { // wrong in a file; a variable is there in every container of JS7
		if s != nil {
			b.bad(s, format, args...)
		} else {
			a.note("%s=%s is not used: %s", httpVariable, value, fmt.Sprintf(format, args...))
		}
		a.HTTPListen = ""
	}
	switch {
	case s == nil && value == "":
		return
	case s != nil && value != "":
		a.Notes = append(a.Notes, overridden(httpVariable, value, s))
	case s == nil:
		host := "127.0.0.1"
		if a.PlainHTTP == plainAnywhere {
			host = "0.0.0.0"
		}
		var ok bool
		if a.HTTPListen, ok = b.address(httpVariable, value, host); !ok {
			return
		}
	}
	passwords := false
	for _, u := range a.Users {
		passwords = passwords || !u.Password.IsEmpty()
	}
	switch host, _, _ := net.SplitHostPort(a.HTTPListen); {
	case a.HTTPListen == "": // wrong, and told
	case a.PlainHTTP == plainOff:
		refuse("%splain-http is off", agentPrefix)
	case !passwords:
		refuse("no user in js7.auth.users has a password, so nobody could be let in without TLS")
	case a.PlainHTTP == plainLoopback && !isLoopback(host):
		b.problem(b.variableOr(s), "%s isn't an address of this machine alone; without TLS, any other takes %splain-http = anywhere", QuoteString(a.HTTPListen), agentPrefix)
	case s == nil:
		a.note("listening without TLS on %s, as %s=%s asks", a.HTTPListen, httpVariable, value)
	}
}

func (b *binder) variableOr(s *setting) string {
	if s == nil {
		return httpVariable
	}
	return s.where
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

var headerPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// bindProxy binds the reverse proxy that ends TLS in front of an Agent.
func bindProxy(b *binder, a *Agent) {
	const prefix = agentPrefix + "proxy."
	b.text(&a.Proxy.User, Key{
		Name: prefix + "user", Type: "text", Range: "an account's name or number", sample: `"www-data"`,
		Meaning: "The account that the reverse proxy runs as. Nobody else's processes can connect to the Unix socket. It can't be the Agent's own, which jobs run as.",
	}, "", func(s string) (string, string) { return s, "" })
	b.text(&a.Proxy.Header, Key{
		Name: prefix + "identity-header", Type: "text", Range: "a header's name: letters, digits and -", sample: `"X-Signet-Client-Cert"`,
		Meaning: "The header in which the reverse proxy hands on the client's certificate, PEM escaped as in URLs (nginx: `$ssl_client_escaped_cert`). " +
			"The Agent checks it as in a handshake. It is looked at on listeners without TLS only, and then every request needs it.",
	}, "", func(s string) (string, string) {
		if headerPattern.MatchString(s) {
			return s, ""
		}
		return "", "expected a header's name of at most 64 letters, digits and -"
	})
	_, unix := a.UnixSocket()
	user, header := b.find(prefix+"user"), b.find(prefix+"identity-header")
	listen := b.place(agentPrefix + "listen")
	switch {
	case unix && user == nil:
		b.problem(listen, "a Unix socket needs %suser: whose processes may connect", prefix)
	case !unix && user != nil:
		b.bad(user, "it is for a Unix socket only (%slisten)", agentPrefix)
	}
	switch {
	case unix && header == nil:
		b.problem(listen, "a Unix socket needs %sidentity-header: how the proxy tells who the client is", prefix)
	case !unix && header != nil && a.HTTPListen == "":
		b.bad(header, "it is for listeners without TLS only (%slisten = \"unix:...\", or %shttp-listen)", agentPrefix, agentPrefix)
	}
}

// UnixSocket returns the path of the Unix socket that the Agent listens on, if it
// does.
func (a *Agent) UnixSocket() (path string, ok bool) { return strings.CutPrefix(a.Listen, unixPrefix) }

// WithTLS tells whether the Agent has a listener with TLS, for which it needs a
// key.
func (a *Agent) WithTLS() bool {
	_, unix := a.UnixSocket()
	return a.Listen != "" && !unix
}
