package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Mode says who may connect to a server.
type Mode int

// The modes.
const (
	// Parts: only nodes, by TLS 1.3, with a certificate always.
	Parts Mode = iota
	// Users: browsers and programs by TLS 1.2 or later. A certificate is
	// optional; one that is given has to be a user's.
	Users
)

// Limits bounds what a server takes from outside. A zero field means its
// default.
type Limits struct {
	MaxConnections int           // 4096
	MaxHeaderBytes int           // of a request's header, 32 KiB
	MaxStreams     int           // concurrent requests on one HTTP/2 connection, 250
	HeaderTimeout  time.Duration // for the handshake, and for a request's header, 10 s each
	RequestTimeout time.Duration // for reading a request and writing its answer, 2 min each; streams have their own
	IdleTimeout    time.Duration // between requests, 2 min
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.MaxConnections, 4096)
	set(&l.MaxHeaderBytes, 32<<10)
	set(&l.MaxStreams, 250)
	wait(&l.HeaderTimeout, 10*time.Second)
	wait(&l.RequestTimeout, 2*time.Minute)
	wait(&l.IdleTimeout, 2*time.Minute)
	return l
}

// Options describes a server.
type Options struct {
	Listen      string       // host:port; port 0 takes a free one
	Listener    net.Listener // instead of Listen: TCP connections from elsewhere
	Mode        Mode
	Credentials *Credentials
	// Peers tells which identities may connect at all. It is asked in the
	// handshake, so nobody else's request is ever read. Nil admits every
	// identity that the mode does.
	Peers func(pki.Identity) bool
	// Subjects are nodes that may connect, known by the subjects of their
	// certificates; nil: none.
	Subjects *pki.Subjects
	Handler  http.Handler // usually of Mux
	Limits   Limits
	Log      *slog.Logger
}

// Server is an HTTPS server, or one without TLS.
type Server struct {
	opts     Options
	plain    bool // without TLS
	listener net.Listener
	http     *http.Server
	draining chan struct{} // closed when the server begins to stop: streams end
	drain    sync.Once
	shut     chan struct{} // closed when a Shutdown has ended
	shutOnce sync.Once
}

// NewServer checks the options and begins to listen; Serve answers.
func NewServer(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Limits = o.Limits.withDefaults()
	if o.Credentials == nil || o.Handler == nil {
		return nil, fault.New(fault.Internal, "InvalidOptions", "a server needs credentials and a handler")
	}
	state := o.Credentials.current()
	if state.cert == nil {
		return nil, fault.New(fault.Internal, "InvalidOptions", "a server with TLS needs a key")
	}
	if o.Mode == Parts {
		if state.roots == nil {
			return nil, fault.New(fault.Invalid, "NoRoots", "no trusted authorities are configured, so no part could connect")
		}
		if err := checkOwn(state.pair.Leaf(), o.Credentials.clock.Now()); err != nil {
			return nil, fmt.Errorf("this part's own certificate: %w", err)
		}
	}
	l := o.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", o.Listen); err != nil {
			return nil, fault.Wrap(fault.Unavailable, "CannotListen", err, "%s can't be listened on", o.Listen)
		}
	}
	s := &Server{opts: o, draining: make(chan struct{}), shut: make(chan struct{})}
	limited := slog.New(&limitedHandler{Handler: o.Log.Handler(), limiter: rate.NewLimiter(logRate, logBurst)})
	s.listener = &gate{
		Listener: l,
		max:      o.Limits.MaxConnections,
		open:     map[*guard]struct{}{},
		full:     s.turnedAway(limited),
		make: func(c net.Conn) *guard {
			return &guard{Conn: c, creds: o.Credentials, judge: s.judge, lost: func(id pki.Identity, err error) {
				limited.Warn("a peer is no longer trusted; its connection was closed", "peer", id.String(), "remote", c.RemoteAddr().String(), "error", err)
			}}
		},
	}
	s.http = s.httpServer(limited)
	return s, nil
}

// checkOwn checks a part's own certificate: an identity in it has to be good, but
// others may know it by its subject.
func checkOwn(leaf *x509.Certificate, now time.Time) error {
	if !pki.ClaimsIdentity(leaf) {
		return pki.CheckNodeUsage(leaf, now)
	}
	_, err := pki.CheckNodeLeaf(leaf, now)
	return err
}

func (s *Server) turnedAway(log *slog.Logger) func() {
	return func() {
		log.Warn("a connection was turned away: there are too many", "max", s.opts.Limits.MaxConnections)
	}
}

func (s *Server) httpServer(log *slog.Logger) *http.Server {
	l := s.opts.Limits
	h := &http.Server{
		Handler:           s.opts.Handler,
		ReadHeaderTimeout: l.HeaderTimeout,
		ReadTimeout:       l.RequestTimeout,
		WriteTimeout:      l.RequestTimeout,
		IdleTimeout:       l.IdleTimeout,
		MaxHeaderBytes:    l.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: l.MaxStreams, SendPingTimeout: l.IdleTimeout / 2},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			ctx = context.WithValue(ctx, peerKey{}, c)
			return context.WithValue(ctx, drainKey{}, (<-chan struct{})(s.draining))
		},
	}
	if !s.plain {
		h.TLSConfig = &tls.Config{MinVersion: s.minVersion(), GetConfigForClient: s.configFor, SessionTicketsDisabled: true}
	}
	h.RegisterOnShutdown(s.beginDrain)
	return h
}

func (s *Server) beginDrain() { s.drain.Do(func() { close(s.draining) }) }

func (s *Server) minVersion() uint16 {
	if s.opts.Mode == Users {
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}

// configFor makes the TLS settings of one connection from the files as they
// are now.
func (s *Server) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	g, ok := hello.Conn.(*guard)
	if !ok {
		return nil, errors.New("a connection came past the gate")
	}
	state := s.opts.Credentials.current()
	c := &tls.Config{
		MinVersion:   s.minVersion(),
		CipherSuites: aeadSuites(),
		Certificates: []tls.Certificate{*state.cert},
		NextProtos:   []string{"h2", "http/1.1"},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    state.roots,
		Time:         s.opts.Credentials.clock.Now,
		// A resumed session would skip the checks below and survive a revocation.
		SessionTicketsDisabled: true,
		VerifyConnection:       func(cs tls.ConnectionState) error { return g.verify(state, cs) },
	}
	if s.opts.Mode == Users {
		c.ClientAuth = tls.VerifyClientCertIfGiven
		if state.roots == nil {
			c.ClientAuth = tls.NoClientCert
		}
	}
	return c, nil
}

// judge is asked in every handshake, and again when the files have changed.
func (s *Server) judge(state *snapshot, chain []*x509.Certificate, now time.Time) (pki.Identity, error) {
	if s.opts.Mode == Parts {
		return state.identify(chain, s.opts.Subjects, s.opts.Peers, now)
	}
	if len(chain) == 0 {
		return pki.Identity{}, nil
	}
	id, err := pki.CheckUser(chain, state.roots, state.crls, now)
	if err != nil {
		return pki.Identity{}, err
	}
	if s.opts.Peers != nil && !s.opts.Peers(id) {
		return pki.Identity{}, fault.New(fault.Untrusted, "UnknownPeer", "%s may not connect here", id)
	}
	return id, nil
}

// aeadSuites returns the cipher suites for TLS 1.2 that authenticate what they
// encrypt. TLS 1.3 has no others.
func aeadSuites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// stopTimeout is how long Serve lets requests finish when its context ends.
const stopTimeout = 5 * time.Second

// Serve answers requests until ctx ends or the server is shut down, then
// returns nil, or until the listener fails. Handlers' contexts end with ctx.
// Call it once.
func (s *Server) Serve(ctx context.Context) error {
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	s.http.BaseContext = func(net.Listener) context.Context { return base }
	stopped := make(chan error, 1)
	unhook := context.AfterFunc(ctx, func() {
		timeout, release := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer release()
		stopped <- s.Shutdown(timeout)
	})
	err := s.serve()
	if !unhook() {
		return <-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		<-s.shut // the requests that Shutdown waits for keep their contexts
		return nil
	}
	return fault.Wrap(fault.Unavailable, "ListenerFailed", err, "the listener on %s failed", s.Addr())
}

func (s *Server) serve() error {
	if s.plain {
		return s.http.Serve(s.listener)
	}
	return s.http.ServeTLS(s.listener, "", "")
}

// Shutdown stops listening, tells streams to end, waits until requests are
// answered or ctx ends, and closes all connections. Further calls do nothing.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.shutOnce.Do(func() { close(s.shut) })
	s.beginDrain()
	err := s.http.Shutdown(ctx)
	if err != nil {
		// Time is up: those that still work are cut off.
		err = s.http.Close()
	}
	// Before Serve, the listener isn't the http.Server's yet.
	if cerr := s.listener.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}

type (
	peerKey  struct{}
	drainKey struct{}
)

// PeerOf returns the identity that the handshake found at the other end of the
// request's connection, the zero value for a user without a certificate.
func PeerOf(r *http.Request) pki.Identity {
	switch p := r.Context().Value(peerKey{}).(type) {
	case *guard:
		if v := p.peer.Load(); v != nil {
			return v.id
		}
	case pki.Identity:
		return p
	}
	return pki.Identity{}
}

// WithPeer returns a context whose requests come from id, for handlers behind
// something else than a Server that has verified id (tests among them).
func WithPeer(ctx context.Context, id pki.Identity) context.Context {
	return context.WithValue(ctx, peerKey{}, id)
}

// Handshakes that fail are logged; these bound how much of the log a stranger
// can fill.
const (
	logRate  = 5
	logBurst = 50
)

// limitedHandler drops records beyond a rate.
type limitedHandler struct {
	slog.Handler
	limiter *rate.Limiter
}

// Handle passes a record on while the rate allows it.
func (h *limitedHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.limiter.Allow() {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the limit.
func (h *limitedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limitedHandler{h.Handler.WithAttrs(attrs), h.limiter}
}

// WithGroup keeps the limit.
func (h *limitedHandler) WithGroup(name string) slog.Handler {
	return &limitedHandler{h.Handler.WithGroup(name), h.limiter}
}

// hasRole tells whether id may use a route for roles.
func hasRole(roles []pki.Role, id pki.Identity) bool {
	return id != (pki.Identity{}) && slices.Contains(roles, id.Role)
}
