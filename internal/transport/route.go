package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Route is one row of the table of what a part answers.
type Route struct {
	Method  string // GET, POST ...
	Pattern string // of http.ServeMux, without method and host: /orders/{id}
	Roles   []pki.Role
	MaxBody int64 // bytes of the request's body; 0: it must have none
	Handler func(http.ResponseWriter, *http.Request)
}

// LevelHeader names the security level of the Cockpit that asks: a Controller
// refuses one with a lower level than its own.
const LevelHeader = "Signet-Security-Level"

// Mux returns the handler of a table of routes. Before a row's handler runs, the
// peer's role was found among its Roles, and the body is bounded. It panics on a
// row without method, roles or handler, and on rows that overlap: the table is
// part of the program.
func Mux(routes []Route) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		if r.Method == "" || !strings.HasPrefix(r.Pattern, "/") || len(r.Roles) == 0 || r.Handler == nil || r.MaxBody < 0 {
			panic(fmt.Sprintf("transport: route %s %s needs method, pattern, roles and handler", r.Method, r.Pattern))
		}
		mux.HandleFunc(r.Method+" "+r.Pattern, r.serve)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// ServeMux would redirect to the cleaned path; between programs, a path
		// that isn't clean is a mistake.
		if p := r.URL.Path; p == "" || p[0] != '/' || path.Clean(p) != p && path.Clean(p)+"/" != p {
			WriteProblem(w, unknownRoute(r))
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			refuse(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func unknownRoute(r *http.Request) error {
	return fault.New(fault.NotFound, "UnknownRoute", "there is no %s here", clip(r.URL.Path))
}

// refuse answers a request that no row matches: 405 with the methods there are,
// if ServeMux knows the path, else 404.
func refuse(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	probe := &statusProbe{header: http.Header{}}
	h, _ := mux.Handler(r)
	h.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		WriteProblem(w, unknownRoute(r))
		return
	}
	w.Header().Set("Allow", probe.header.Get("Allow"))
	writeProblem(w, http.StatusMethodNotAllowed,
		fault.New(fault.Invalid, "MethodNotAllowed", "%s can't be asked by %s", clip(r.URL.Path), clip(r.Method)))
}

// statusProbe takes in an answer of ServeMux for its status.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) WriteHeader(s int)           { p.status = s }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }

func (r Route) serve(w http.ResponseWriter, req *http.Request) {
	if id := PeerOf(req); !hasRole(r.Roles, id) {
		WriteProblem(w, fault.New(fault.Forbidden, "WrongRole", "%s may not do this: %s %s is for role %v", id, r.Method, r.Pattern, r.Roles))
		return
	}
	if req.ContentLength > r.MaxBody {
		WriteProblem(w, fault.New(fault.TooLarge, "BodyTooLarge", "the request has %d bytes; at most %d are allowed", req.ContentLength, r.MaxBody))
		return
	}
	req.Body = http.MaxBytesReader(w, req.Body, r.MaxBody)
	r.Handler(w, req)
}

// ReadBody returns the whole body of a request, which Mux has bounded.
func ReadBody(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return data, nil
	case errors.As(err, &tooLarge):
		return nil, fault.New(fault.TooLarge, "BodyTooLarge", "the request has more than the allowed %d bytes", tooLarge.Limit)
	}
	return nil, fault.Wrap(fault.Unavailable, "BodyCut", err, "the request ended before its time")
}

// clip shortens what a stranger wrote before it goes into a message.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
