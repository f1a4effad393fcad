package conf

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// nameRange says for people what checkName allows.
const nameRange = "letters, digits and . _ - within; at most 63"

var namePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// ValidName tells whether s can be the name of a part.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// checkName lets through names of nodes and Controllers.
func checkName(s string) (text, wrong string) {
	if !namePattern.MatchString(s) {
		return "", "expected a name of at most 63 letters, digits and, within, the characters . _ -"
	}
	return s, ""
}

// checkListen lets through HOST:PORT with a numeric port.
func checkListen(s string) (text, wrong string) {
	const expected = "expected HOST:PORT like 0.0.0.0:4444 or [::1]:4444"
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /@?#") {
		return "", expected
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || port != strconv.Itoa(n) {
		return "", expected + " with a port from 0 to 65535"
	}
	return s, ""
}

// checkURL lets through https://HOST:PORT and takes a slash off its end.
func checkURL(s string) (text, wrong string) {
	const expected = "expected a URL like https://host:4444"
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", expected
	case u.Scheme != "https":
		return "", expected + "; nothing but https is used between the parts"
	case u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return "", expected + " and nothing after it"
	}
	if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
		return "", expected + " with a port from 1 to 65535"
	}
	return "https://" + strings.ToLower(u.Host), ""
}

// listenURL returns the URL by which a listener is reached on its own machine
// or, if it listens at one address only, at that.
func listenURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// checkHost lets through the name of a host, no address.
func checkHost(s string) (text, wrong string) {
	const expected = "expected the name of a host, like cockpit.example.com"
	if strings.ContainsAny(s, ":/@?#[]% ") || s == "" || len(s) > 253 || net.ParseIP(s) != nil || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return "", expected
	}
	return strings.ToLower(s), ""
}

// checkOrigin lets through the address of a page as browsers state it.
func checkOrigin(s string) (text, wrong string) {
	const expected = "expected an address like https://cockpit.example.com, or with another port than 443 like https://cockpit.example.com:4446"
	u, err := url.Parse(s)
	if err != nil || !strings.EqualFold("https://"+u.Host, s) || u.Port() == "443" || strings.HasSuffix(u.Host, ":") {
		return "", expected
	}
	if _, wrong := checkHost(u.Hostname()); wrong != "" {
		return "", expected
	}
	return "https://" + strings.ToLower(u.Host), ""
}
