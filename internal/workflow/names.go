package workflow

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of names, in bytes.
const (
	MaxName      = 255  // one name; a label, a version id, a variable's name
	MaxPath      = 1000 // names joined by '/'
	MaxAgentPath = 64   // it is the common name of the Agent's certificate
)

// CheckName tells what is wrong with a name: the name of a job, or one segment
// of a path. A name begins with a letter, a digit or '_', goes on with
// letters, digits, combining marks, connectors as '_', '-', '.' and symbols
// beyond the basic plane (emoji), and doesn't end with '.'. The error is
// Invalid, code InvalidName.
func CheckName(name string) error {
	if name == "" {
		return invalidName("a name must not be empty")
	}
	if len(name) > MaxName {
		return invalidName("the name %s is longer than %d bytes", quoted(name), MaxName)
	}
	if !utf8.ValidString(name) {
		return invalidName("the name %s is not UTF-8", quoted(name))
	}
	for i, r := range name {
		if i == 0 && !isNameStart(r) {
			return invalidName("the name %s begins with %q; it must begin with a letter, a digit or '_'", quoted(name), r)
		}
		if !isNamePart(r) {
			return invalidName("the name %s contains %q; letters, digits, '_', '-' and '.' are allowed", quoted(name), r)
		}
	}
	if strings.HasSuffix(name, ".") {
		return invalidName("the name %s must not end with a dot", quoted(name))
	}
	return nil
}

// CheckPath tells what is wrong with a path: names joined by '/'. The error is
// Invalid, code InvalidName.
func CheckPath(path string) error {
	switch {
	case path == "":
		return invalidName("a path must not be empty")
	case len(path) > MaxPath:
		return invalidName("the path %s is longer than %d bytes", quoted(path), MaxPath)
	case strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/"):
		return invalidName("the path %s must not begin or end with a slash", quoted(path))
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			return invalidName("the path %s contains an empty name", quoted(path))
		}
		if err := CheckName(name); err != nil {
			return err
		}
	}
	return nil
}

// CheckAgentPath tells what is wrong with the path of an Agent. It is the name
// in the Agent's certificate: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a
// letter or a digit, not ending with a dot. The error is Invalid, code
// InvalidName.
func CheckAgentPath(path string) error {
	if path == "" {
		return invalidName("the path of an Agent must not be empty")
	}
	if len(path) > MaxAgentPath {
		return invalidName("the Agent path %s is longer than %d bytes", quoted(path), MaxAgentPath)
	}
	for i := range len(path) {
		c := path[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return invalidName("the Agent path %s is also the name in the Agent's certificate: "+
				"only A-Z a-z 0-9 . _ - are allowed, the first a letter or a digit", quoted(path))
		}
	}
	if strings.HasSuffix(path, ".") {
		return invalidName("the Agent path %s must not end with a dot", quoted(path))
	}
	return nil
}

// CheckVersionID tells what is wrong with a version id: it isn't empty, has at
// most MaxName bytes, and no control character and no '⊥'. The error is
// Invalid, code InvalidName.
func CheckVersionID(id string) error {
	if err := checkText("version id", id); err != nil {
		return err
	}
	if strings.ContainsRune(id, '⊥') {
		return invalidName("the version id %s must not contain ⊥", quoted(id))
	}
	return nil
}

// checkText is the rule for free names: labels, names of variables.
func checkText(what, s string) error {
	switch {
	case s == "":
		return invalidName("a %s must not be empty", what)
	case len(s) > MaxName:
		return invalidName("the %s %s is longer than %d bytes", what, quoted(s), MaxName)
	case !utf8.ValidString(s):
		return invalidName("the %s %s is not UTF-8", what, quoted(s))
	case strings.ContainsFunc(s, unicode.IsControl):
		return invalidName("the %s %s contains a control character", what, quoted(s))
	}
	return nil
}

// CheckEnv tells what is wrong with the name of an environment variable: that
// of a variable, without "=". The error is Invalid, code InvalidName.
func CheckEnv(s string) error {
	if err := checkText("name of an environment variable", s); err != nil {
		return err
	}
	if strings.Contains(s, "=") {
		return invalidName("the name of an environment variable %s must not contain '='", quoted(s))
	}
	return nil
}

func isNameStart(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.Nd, unicode.Other_ID_Start)
}

// isNamePart follows the reference but for invisible format characters (zero
// width, direction marks), which make two names look alike.
func isNamePart(r rune) bool {
	if r == '-' || r == '.' {
		return true
	}
	if r > 0xFFFF {
		return unicode.IsGraphic(r)
	}
	return isNameStart(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Other_ID_Continue)
}

func invalidName(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidName", format, args...)
}

// quoted returns s quoted and shortened for a message.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
