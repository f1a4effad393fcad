package transport

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// PlainOptions describes a server without TLS: behind a proxy that ends TLS, or
// for those who insist on plain HTTP.
type PlainOptions struct {
	Listener net.Listener // of ListenUnix, of a loopback address, or whatever was asked for
	// Who tells whom a request comes from, by what it and its connection show. It
	// is asked for every request before its handler, and again every second while
	// the request is being answered. It must look at the header only.
	Who     func(*http.Request) (pki.Identity, error)
	Handler http.Handler // usually of Mux
	Limits  Limits
	Clock   clock.Clock
	Log     *slog.Logger
}

// wrongDelay is for how long an answer to a wrong password is kept back.
const wrongDelay = time.Second

// NewPlainServer begins to listen, by HTTP/1.1 without TLS; Serve answers.
func NewPlainServer(o PlainOptions) (*Server, error) {
	if o.Listener == nil || o.Who == nil || o.Handler == nil {
		return nil, fault.New(fault.Internal, "InvalidOptions", "a server without TLS needs a listener, whom to ask, and a handler")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	limited := slog.New(&limitedHandler{Handler: o.Log.Handler(), limiter: rate.NewLimiter(logRate, logBurst)})
	s := &Server{
		opts:  Options{Handler: &asking{PlainOptions: o, limited: limited}, Limits: o.Limits.withDefaults(), Log: o.Log},
		plain: true, draining: make(chan struct{}), shut: make(chan struct{}),
	}
	s.listener = &gate{
		Listener: o.Listener, max: s.opts.Limits.MaxConnections, open: map[*guard]struct{}{}, full: s.turnedAway(limited),
		make: func(c net.Conn) *guard { return &guard{Conn: c} },
	}
	s.http = s.httpServer(limited)
	return s, nil
}

// asking is the handler that asks who it is before the one behind it runs.
type asking struct {
	PlainOptions
	limited *slog.Logger
}

func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g, ok := r.Context().Value(peerKey{}).(*guard)
	if !ok {
		WriteProblem(w, fault.New(fault.Internal, "NoConnection", "a request came past the gate"))
		return
	}
	id, err := a.Who(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	g.gate.admit(g)
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), peerKey{}, id))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() { a.watch(ctx, cancel, g, r, id) })
	a.Handler.ServeHTTP(w, r.WithContext(ctx))
}

// refuse answers whoever isn't known, and not at once: guessing takes time.
func (a *asking) refuse(w http.ResponseWriter, r *http.Request, err error) {
	a.limited.Warn("a request is refused", "remote", r.RemoteAddr, "method", r.Method, "path", clip(r.URL.Path), "error", err)
	t := a.Clock.NewTimer(wrongDelay)
	defer t.Stop()
	select {
	case <-t.C():
	case <-r.Context().Done():
	}
	if fault.Is(err, fault.Unauthenticated) {
		w.Header().Set("WWW-Authenticate", `Basic realm="Signet", charset="UTF-8"`)
	}
	WriteProblem(w, err)
}

// watch closes the connection of a request whose sender is no longer who it was.
func (a *asking) watch(ctx context.Context, cancel context.CancelFunc, g *guard, r *http.Request, id pki.Identity) {
	ticker := a.Clock.NewTicker(reloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		now, err := a.Who(r)
		if err == nil && now == id {
			continue
		}
		a.limited.Warn("a peer is no longer trusted; its connection was closed", "peer", id.String(), "remote", r.RemoteAddr, "error", err)
		cancel()
		_ = g.Close() // whatever is being written to it, and whoever doesn't look at ctx
		return
	}
}

// Identify tells who is behind certificates that something else than a handshake
// here has brought, such as the header of a proxy: the leaf, then intermediates.
// Everything is checked as in a handshake, but that the sender has the key.
func (c *Credentials) Identify(chain []*x509.Certificate, subjects *pki.Subjects, peers func(pki.Identity) bool) (pki.Identity, error) {
	return c.current().identify(chain, subjects, peers, c.clock.Now())
}

// identify judges a node's chain. Those that are known by their subject were
// listed; the others have to be among peers.
func (s *snapshot) identify(chain []*x509.Certificate, subjects *pki.Subjects, peers func(pki.Identity) bool, now time.Time) (pki.Identity, error) {
	id, bySubject, err := pki.CheckNodeNamed(chain, s.roots, s.crls, now, subjects)
	if err != nil {
		return pki.Identity{}, err
	}
	if !bySubject && peers != nil && !peers(id) {
		return pki.Identity{}, fault.New(fault.Untrusted, "UnknownPeer", "%s may not connect here", id)
	}
	return id, nil
}

// CertificateIn returns the certificates that a proxy has put into a header: PEM,
// escaped as in URLs. There must be one such header, for with two, one may be the
// client's own.
func CertificateIn(h http.Header, name string) ([]*x509.Certificate, error) {
	values := h[textproto.CanonicalMIMEHeaderKey(name)]
	if len(values) != 1 || values[0] == "" {
		return nil, fault.New(fault.Untrusted, "NoCertificate", "the proxy has to set one header %s with the client's certificate; there are %d", name, len(values))
	}
	text, err := url.PathUnescape(values[0])
	if err != nil {
		return nil, fault.New(fault.Untrusted, "NoCertificate", "the header %s isn't escaped as in URLs", name)
	}
	chain, err := pki.ParseCertsPEM([]byte(text))
	if err != nil {
		return nil, fault.New(fault.Untrusted, "NoCertificate", "the header %s holds no certificate in PEM: %v", name, err)
	}
	return chain, nil
}
