package transport

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// problemType is the media type of RFC 9457.
const problemType = "application/problem+json"

// problem is a fault on the wire.
type problem struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Code     string          `json:"code"`
	Kind     string          `json:"kind"`
	Detail   string          `json:"detail,omitempty"`
	Subject  string          `json:"subject,omitempty"`
	Problems []fault.Problem `json:"problems,omitempty"`
}

// WriteProblem answers with err as problem+json: kind, code, subject, message
// and problems of the fault in its chain, never its cause. The status is that of
// the kind. A body that was too large becomes a TooLarge fault.
func WriteProblem(w http.ResponseWriter, err error) {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = fault.New(fault.TooLarge, "BodyTooLarge", "the request has more than the allowed %d bytes", tooLarge.Limit)
	}
	f := fault.Of(err)
	if f == nil {
		f = fault.New(fault.Internal, "InternalError", "internal error")
	}
	writeProblem(w, f.Kind.HTTPStatus(), f)
}

func writeProblem(w http.ResponseWriter, status int, f *fault.Error) {
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	w.WriteHeader(status)
	// That the peer is gone is noticed by the server itself; texts always encode.
	_ = json.NewEncoder(w).Encode(problem{ //nolint:errchkjson // see above
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: f.Code,
		Kind: f.Kind.String(), Detail: f.Message, Subject: f.Subject, Problems: f.Problems,
	})
}

// Bounds on what is taken over from a peer's problem.
const (
	maxProblemBytes = 1 << 20
	maxProblems     = 1000
	maxProblemText  = 4 << 10
	maxProblemCode  = 100
)

// ReadProblem returns the fault that an answer with an error status carries, and
// reads the body to its end or a bound. What isn't problem+json becomes a fault
// by its status. Texts are shortened and freed of control characters: they come
// from a machine that isn't to be believed, and end in terminals and logs.
func ReadProblem(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProblemBytes))
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	var p problem
	if err != nil || strings.TrimSpace(mediaType) != problemType || json.Unmarshal(data, &p) != nil || p.Code == "" {
		return statusFault(resp)
	}
	f := &fault.Error{
		Kind:    fault.ParseKind(p.Kind),
		Code:    tidy(p.Code, maxProblemCode),
		Subject: tidy(p.Subject, maxProblemText),
		Message: tidy(p.Detail, maxProblemText),
	}
	for i, q := range p.Problems {
		if i == maxProblems {
			break
		}
		f.Problems = append(f.Problems, fault.Problem{Where: tidy(q.Where, maxProblemText), Message: tidy(q.Message, maxProblemText)})
	}
	return f
}

func statusFault(resp *http.Response) error {
	kind := fault.Internal
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized:
		kind = fault.Unauthenticated
	case s == http.StatusForbidden:
		kind = fault.Forbidden
	case s == http.StatusNotFound:
		kind = fault.NotFound
	case s == http.StatusConflict:
		kind = fault.Conflict
	case s == http.StatusRequestEntityTooLarge, s == http.StatusRequestHeaderFieldsTooLarge:
		kind = fault.TooLarge
	case s == http.StatusGatewayTimeout:
		kind = fault.Timeout
	case s == http.StatusBadGateway, s == http.StatusServiceUnavailable:
		kind = fault.Unavailable
	case s >= 400 && s < 500:
		kind = fault.Invalid
	}
	return fault.New(kind, "UnexpectedAnswer", "the server answered with status %d", resp.StatusCode)
}

// tidy cuts s to a length and replaces control characters by spaces, line feeds
// excepted.
func tidy(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
