package cockpit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
)

// call is one request on its way: found route, then known who asks, then
// permitted. Owned by the request's goroutine.
type call struct {
	*Cockpit
	w             http.ResponseWriter
	r             *http.Request
	route         *route
	session       identity.Session // zero for an anonymous route
	address       string
	accountSigner func() (trust.SignerKey, error) // openAccountKey, once
	audit         int64                           // id of the audit entry that was begun; 0: none
	// Of the body that was decoded, for the audit entry.
	ticket    string
	timeSpent int64 // minutes
}

// basePath is where the API is.
const basePath = "/api/v1"

// handler returns the one way into the API.
func (c *Cockpit) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.method+" "+basePath+r.pattern, func(w http.ResponseWriter, req *http.Request) { c.serve(w, req, &r) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p != basePath && !strings.HasPrefix(p, "/api/") {
			c.pages.ServeHTTP(w, r)
			return
		}
		// ServeMux would redirect to the cleaned path, also a POST.
		if p := r.URL.EscapedPath(); path.Clean(p) != p {
			transport.WriteProblem(w, unknownRoute())
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			refuseRoute(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func unknownRoute() error {
	return fault.New(fault.NotFound, "UnknownRoute", "there is no such call; %s/openapi.json lists those there are", basePath)
}

// refuseRoute answers 405 where another method would do.
func refuseRoute(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			w.Header().Add("Allow", method)
		}
	}
	err := unknownRoute()
	if w.Header().Get("Allow") != "" {
		w = &withStatus{w, http.StatusMethodNotAllowed}
		err = fault.New(fault.Invalid, "MethodNotAllowed", "this can't be asked by that method")
	}
	transport.WriteProblem(w, err)
}

// withStatus answers with another status than that of the fault's kind.
type withStatus struct {
	http.ResponseWriter
	status int
}

// WriteHeader sends the other status.
func (s *withStatus) WriteHeader(int) { s.ResponseWriter.WriteHeader(s.status) }

// serve is the one place where it is decided who may do what: recover, bound,
// authenticate, authorize, carry out, record, answer.
func (c *Cockpit) serve(w http.ResponseWriter, r *http.Request, rt *route) {
	k := &call{Cockpit: c, w: w, r: r, route: rt, address: addressOf(r)}
	defer func() { k.recovered(recover()) }()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if err := k.bound(); err != nil {
		k.refuse(err)
		return
	}
	if err := k.admit(); err != nil {
		k.refuse(err)
		return
	}
	if rt.long {
		ctx, end := c.live.begin(r.Context(), k.session)
		defer end()
		k.r = r.WithContext(ctx)
	}
	err := rt.handle(k)
	if auditErr := k.finishAudit(err); err == nil && auditErr != nil {
		c.log.Error("audit: writing a result", "error", auditErr)
	}
	k.tellNews(err)
	if err != nil {
		k.refuse(err)
	}
}

// tellNews tells the browsers at this Cockpit what a call has changed that no event
// of a Controller tells.
func (k *call) tellNews(err error) {
	if k.route.changes {
		k.answers.drop() // who has changed something wants to see it
	}
	if k.audit != 0 {
		k.news.tell(topicAudit)
	}
	if err == nil && k.route.changes && k.route.permission == inventoryManage {
		k.news.tell(topicInventory)
	}
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// bound limits the body.
func (k *call) bound() error {
	if k.r.ContentLength > k.route.maxBody {
		return fault.New(fault.TooLarge, "BodyTooLarge", "the request has %d bytes; at most %d are allowed", k.r.ContentLength, k.route.maxBody)
	}
	k.r.Body = http.MaxBytesReader(k.w, k.r.Body, k.route.maxBody)
	return nil
}

// admit finds out who asks, and whether they may.
func (k *call) admit() error {
	if k.route.permission == anonymous {
		return nil
	}
	if err := k.authenticate(); err != nil {
		return err
	}
	session := k.session
	if permits(session.Account.Role, k.route.permission) {
		return nil
	}
	err := fault.New(fault.Forbidden, "NotPermitted", "%s, as %s, may not do this: it needs the permission %s", session.Account.Name, session.Account.Role, k.route.permission)
	if k.route.changes {
		if auditErr := k.beginAudit("", nil, ""); auditErr == nil {
			_ = k.finishAudit(err) // the refusal stands anyway
		}
	}
	return err
}

// authenticate finds out who asks.
func (k *call) authenticate() error {
	token, err := k.token()
	if err != nil {
		return err
	}
	session, err := k.sessions.Check(k.r.Context(), token, transport.PeerOf(k.r))
	if err == nil {
		k.session = session
	}
	return err
}

// sessionCookie is the cookie of browsers. Its prefix makes them take it from this
// host only, over TLS, for all of its paths (RFC 6265bis, section 4.1.3.2).
const sessionCookie = "__Host-signet"

// token returns what the caller shows: a program a header, a browser the cookie.
// A cookie goes along by itself, so a change is taken from our own pages only.
func (k *call) token() (string, error) {
	if header := k.r.Header.Get("Authorization"); header != "" {
		if token, ok := strings.CutPrefix(header, "Bearer "); ok {
			return token, nil
		}
		return "", fault.New(fault.Unauthenticated, "NotLoggedIn", "the header Authorization has to be \"Bearer TOKEN\"")
	}
	cookie, err := k.r.Cookie(sessionCookie)
	if err != nil {
		return "", fault.New(fault.Unauthenticated, "NotLoggedIn", "log in first: the header \"Authorization: Bearer TOKEN\" is missing")
	}
	if err := http.NewCrossOriginProtection().Check(k.r); err != nil {
		return "", fault.New(fault.Forbidden, "CrossOrigin", "the request comes from a page of another origin")
	}
	return cookie.Value, nil
}

// setCookie gives a browser its session, or with "" takes it away.
func (k *call) setCookie(token string, expires time.Time) {
	c := &http.Cookie{Name: sessionCookie, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, Expires: expires}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(k.w, c)
}

// refuse answers with an error.
func (k *call) refuse(err error) {
	w := k.w
	var early *identity.TooEarlyError
	switch {
	case errors.As(err, &early):
		w.Header().Set("Retry-After", strconv.Itoa(int(early.Wait/time.Second)))
		w = &withStatus{w, http.StatusTooManyRequests}
	case fault.Is(err, fault.Unauthenticated):
		w.Header().Set("WWW-Authenticate", "Bearer")
	case preconditionStatus(err) != 0:
		w = &withStatus{w, preconditionStatus(err)}
	}
	if f := fault.Of(err); f.Kind == fault.Internal || f.Kind == fault.Corrupt || f.Kind == fault.NoSpace {
		k.log.Error("a call failed", "operation", k.route.operation, "account", k.session.Account.Name, "error", err)
	}
	transport.WriteProblem(w, err)
}

// recovered answers for a handler that has panicked.
func (k *call) recovered(p any) {
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // a panic's value
		panic(p)
	}
	k.refuse(fault.Wrap(fault.Internal, "InternalError", fmt.Errorf("panic: %v", p), "internal error"))
}

// streamed notes how a stream ended; its status was sent long ago.
func (k *call) streamed(err error) {
	if err != nil && k.r.Context().Err() == nil {
		k.log.Debug("a stream ended early", "operation", k.route.operation, "error", err)
	}
}

// answer sends JSON with status 200.
func (k *call) answer(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return encodingFailed(err)
	}
	k.w.Header().Set("Content-Type", "application/json")
	// That the caller is gone is noticed by the server itself.
	_, _ = k.w.Write(append(data, '\n'))
	return nil
}

// done sends status 204.
func (k *call) done() error {
	k.w.WriteHeader(http.StatusNoContent)
	return nil
}

// actor is who asks, for the Controller's log.
func (k *call) actor() order.Actor {
	return order.Actor{Account: k.session.Account.Name, Method: string(k.session.Method)}
}

// maxObjects is how many objects an audit entry names.
const maxObjects = 20

// beginAudit records what is about to be done. When that can't be written, it
// isn't done.
func (k *call) beginAudit(controller string, objects []string, reason string) error {
	if len(reason) > 4<<10 {
		return fault.New(fault.TooLarge, "ReasonTooLong", "the reason has more than %d bytes", 4<<10)
	}
	objects = fewObjects(objects)
	return k.db.Write(k.r.Context(), func(w store.Writer) (err error) {
		if k.audit, err = w.AddAudit(k.entry(controller, objects, reason)); err != nil {
			return err
		}
		return w.Tell(topicAudit)
	})
}

// fewObjects returns as many objects as an audit entry names.
func fewObjects(objects []string) []string {
	if n := len(objects); n > maxObjects {
		return append(objects[:maxObjects-1:maxObjects-1], fmt.Sprintf("and %d more", n-maxObjects+1))
	}
	return objects
}

// entry returns an audit entry of this call.
func (k *call) entry(controller string, objects []string, reason string) store.AuditEntry {
	return store.AuditEntry{
		Time: k.clock.Now().UnixMilli(), Account: k.session.Account.Name, Method: string(k.session.Method), Address: k.address,
		Action: k.route.operation, Controller: controller, Objects: objects, Reason: reason, Ticket: k.ticket, TimeSpent: k.timeSpent, Result: "begun",
	}
}

// finishAudit records how it went.
func (k *call) finishAudit(err error) error {
	if k.audit == 0 {
		return nil
	}
	// Also when the caller is gone meanwhile: it has happened.
	ctx := context.WithoutCancel(k.r.Context())
	return k.db.Write(ctx, func(w store.Writer) error {
		if err := w.SetAuditResult(k.audit, resultOf(err)); err != nil {
			return err
		}
		return w.Tell(topicAudit)
	})
}

func resultOf(err error) string {
	if err == nil {
		return "done"
	}
	return fault.Of(err).Code
}

// abort breaks off an answer whose header was sent, so that the caller sees that
// it isn't whole.
func (k *call) abort() { panic(http.ErrAbortHandler) }
