// Package fault is the one error type of Signet: what kind of failure it is,
// a stable code, what it is about, and, for documents with many problems,
// every place at once.
//
// It owns the list of kinds and the tables that map a kind to an HTTP status
// and to an exit code of the command line. It must not know HTTP, files or any
// other package of Signet. Everybody calls it.
//
// The rule for callers: return or log, never both; wrap with %w and what was
// being done. Users see Code, Message and Problems; Err is for the log only.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies a failure by what the caller can do about it. Kinds cross
// the wire by name, so a name is never changed or reused.
type Kind uint8

// The kinds of failure.
const (
	Internal        Kind = iota // a broken promise of our own code
	Invalid                     // the document, command or value is wrong
	NotFound                    // the object named doesn't exist
	Conflict                    // it doesn't fit the present state
	Unauthenticated             // who asks isn't known
	Forbidden                   // who asks may not
	Untrusted                   // refused by a signature, certificate or trust rule
	Unavailable                 // the other side can't be reached or isn't ready
	Timeout                     // time ran out; the outcome may be unknown
	TooLarge                    // a bound on size, depth or count was passed
	Corrupt                     // stored bytes aren't what was written
	NoSpace                     // the disk is full; nothing was changed
)

// kinds is the one table of what a kind means outside: its name on the wire,
// the HTTP status, and the exit code of the command line (see the table of
// exit codes in docs/operations/command-line.md).
var kinds = [...]struct {
	name   string
	status int
	exit   int
}{
	Internal:        {"internal", 500, 1},
	Invalid:         {"invalid", 422, 7},
	NotFound:        {"notFound", 404, 3},
	Conflict:        {"conflict", 409, 7},
	Unauthenticated: {"unauthenticated", 401, 4},
	Forbidden:       {"forbidden", 403, 4},
	Untrusted:       {"untrusted", 422, 5},
	Unavailable:     {"unavailable", 503, 6},
	Timeout:         {"timeout", 504, 6},
	TooLarge:        {"tooLarge", 413, 7},
	Corrupt:         {"corrupt", 500, 1},
	NoSpace:         {"noSpace", 507, 6},
}

// String returns the kind's name on the wire.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return kinds[Internal].name
}

// HTTPStatus returns the status that an HTTP answer of this kind carries.
func (k Kind) HTTPStatus() int {
	if int(k) < len(kinds) {
		return kinds[k].status
	}
	return kinds[Internal].status
}

// ExitCode returns the exit code of a command that ended with this kind.
func (k Kind) ExitCode() int {
	if int(k) < len(kinds) {
		return kinds[k].exit
	}
	return kinds[Internal].exit
}

// ParseKind returns the kind of that wire name; an unknown name is Internal.
func ParseKind(name string) Kind {
	for k := range kinds {
		if kinds[k].name == name {
			return Kind(k)
		}
	}
	return Internal
}

// Problem is one of many things wrong with a document: Where is a file with
// line, or a JSON path like "$.instructions[2].then", and Message says what is
// wrong and what to do about it.
type Problem struct {
	Where   string `json:"where,omitempty"`
	Message string `json:"message"`
}

// String returns "where: message".
func (p Problem) String() string {
	if p.Where == "" {
		return p.Message
	}
	return p.Where + ": " + p.Message
}

// Error is a failure with kind and code. Code is stable, in PascalCase as in
// the reference ("UnknownOrder"), and what programs test; Message is for
// people; Subject names the object ("Order:O1"). Err is the cause; it isn't
// shown to users.
type Error struct {
	Kind     Kind
	Code     string
	Subject  string
	Message  string
	Problems []Problem
	Err      error
}

// New returns an error of kind k with a stable code and a message for people.
func New(k Kind, code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap is New with a cause, which goes to the log and not to users.
func Wrap(k Kind, code string, cause error, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Message: fmt.Sprintf(format, args...), Err: cause}
}

// About returns a copy of e with its subject set.
func (e *Error) About(subject string) *Error {
	c := *e
	c.Subject = subject
	return &c
}

// Error returns subject, message, every problem, and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Public())
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Public returns what a user may see: all of Error but the cause.
func (e *Error) Public() string {
	var b strings.Builder
	if e.Subject != "" {
		b.WriteString(e.Subject)
		b.WriteString(": ")
	}
	if e.Message != "" {
		b.WriteString(e.Message)
	} else {
		b.WriteString(e.Code)
	}
	for _, p := range e.Problems {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the first *Error in err's chain, or an Internal one around err.
// Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Code: "InternalError", Message: "internal error", Err: err}
}

// Is tells whether the first *Error in err's chain is of kind k.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

// HasCode tells whether the first *Error in err's chain has that code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
