package item

import (
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// CheckURI tells what is wrong with the address of an Agent. It is
// https://HOST or https://HOST:PORT, or the same with http for an Agent without
// TLS, where HOST is a DNS name, an IPv4 address
// or an IPv6 address in brackets; a slash at the end is allowed, but no path,
// user, query or fragment. The error is Invalid, code InvalidURI.
func CheckURI(uri string) error {
	invalid := func(why string) error {
		return fault.New(fault.Invalid, "InvalidURI", "%.100q is not the address of an Agent: %s; expected something like https://host:4445", uri, why)
	}
	if len(uri) > 300 {
		return invalid("it is longer than 300 bytes")
	}
	rest, ok := strings.CutPrefix(uri, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(uri, "http://")
	}
	if !ok {
		return invalid("it must begin with https:// (or http://, where an Agent has no TLS)")
	}
	rest = strings.TrimSuffix(rest, "/")
	if i := strings.IndexAny(rest, "/?#@"); i >= 0 {
		return invalid("it must not contain a path, user, query or fragment")
	}
	var port string
	var hasPort bool
	if strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 || !isIPv6(rest[1:end]) {
			return invalid("the IPv6 address in brackets is wrong")
		}
		port = rest[end+1:]
		if port != "" {
			if port, hasPort = strings.CutPrefix(port, ":"); !hasPort {
				return invalid("only a port may follow the address")
			}
		}
	} else {
		var host string
		if host, port, hasPort = strings.Cut(rest, ":"); !isHostName(host) {
			return invalid("the host name is wrong")
		}
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return invalid("the port must be a number from 1 to 65535")
		}
	}
	return nil
}

// isHostName accepts DNS names and, since they have the same form, IPv4
// addresses.
func isHostName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// isIPv6 accepts eight groups of up to four hexadecimal digits, where one "::"
// stands for the groups left out. IPv4 in it and zones are refused.
func isIPv6(s string) bool {
	head, tail, shortened := strings.Cut(s, "::")
	groups := 0
	for _, part := range []string{head, tail} {
		if part == "" {
			continue
		}
		for group := range strings.SplitSeq(part, ":") {
			if groups++; group == "" || len(group) > 4 || strings.Trim(group, "0123456789abcdefABCDEF") != "" {
				return false
			}
		}
	}
	return groups == 8 && !shortened || groups < 8 && shortened
}
