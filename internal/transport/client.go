package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Timeouts bounds how long a client waits. A zero field means its default.
type Timeouts struct {
	Connect time.Duration // for TCP, and for the handshake, 5 s each
	Answer  time.Duration // for the header of an answer, 30 s
	Call    time.Duration // for a whole GetJSON or PostJSON whose context has no deadline, 60 s
	Idle    time.Duration // a connection without requests is kept, 90 s
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&t.Connect, 5*time.Second)
	set(&t.Answer, 30*time.Second)
	set(&t.Call, 60*time.Second)
	set(&t.Idle, 90*time.Second)
	return t
}

// ClientOptions describes a client.
type ClientOptions struct {
	Credentials *Credentials
	// Expect tells whether the server found at the other end is the one that
	// was meant, by role and name. It is asked in the handshake, before anything
	// is sent. Host names in certificates play no part, so a part can move.
	Expect func(pki.Identity) bool
	// Subjects are servers that are known by the subjects of their certificates;
	// nil: none.
	Subjects *pki.Subjects
	// Plain lets http URLs be called, too; nil: only https.
	Plain *Plain
	// Dial opens the TCP connection; nil means by net.Dialer.
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Timeouts  Timeouts
	MaxAnswer int64 // bytes of an answer that GetJSON and PostJSON take, 16 MiB if 0
	Log       *slog.Logger
}

// Plain is how a server without TLS is called: it isn't known who that is, and
// everybody on the way can read and change what is said.
type Plain struct {
	User     string // goes with the password in each request
	Password pki.Secret
	Anywhere bool // otherwise only on this machine
}

// Client calls one server, or several that Expect allows. It keeps connections
// open. Safe for concurrent use.
type Client struct {
	opts ClientOptions
	http *http.Client
	base *http.Transport

	mu     sync.Mutex
	open   map[*guard]struct{}
	closed bool
}

// NewClient returns a client. It connects when it is first used.
func NewClient(o ClientOptions) (*Client, error) {
	if o.Credentials == nil || o.Expect == nil {
		return nil, fault.New(fault.Internal, "InvalidOptions", "a client needs credentials and whom to expect")
	}
	if state := o.Credentials.current(); state.roots == nil || state.cert == nil {
		return nil, fault.New(fault.Invalid, "NoRoots", "no trusted authorities are configured, or no key, so no server could be trusted or called")
	}
	o.Timeouts = o.Timeouts.withDefaults()
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = 16 << 20
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{opts: o, open: map[*guard]struct{}{}}
	c.base = &http.Transport{
		DialTLSContext: c.dial,
		DialContext:    c.dialPlain,
		// HTTP/1.1: a part makes few requests at once, and every frame of HTTP/2
		// takes several goroutines on both sides. It was half of a Controller's CPU.
		ForceAttemptHTTP2:      false,
		DisableCompression:     true, // an answer takes as much memory as it has bytes
		ResponseHeaderTimeout:  o.Timeouts.Answer,
		IdleConnTimeout:        o.Timeouts.Idle,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    16,
	}
	c.http = &http.Client{
		Transport:     c.base,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// dial opens a connection and finds out who is at the other end.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	tcpCtx, cancel := context.WithTimeout(ctx, c.opts.Timeouts.Connect)
	defer cancel()
	raw, err := c.opts.Dial(tcpCtx, network, address)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "CannotConnect", err, "%s can't be reached", address)
	}
	g := &guard{Conn: raw, creds: c.opts.Credentials, judge: c.judge, lost: func(id pki.Identity, err error) {
		c.opts.Log.Warn("a server is no longer trusted; its connection was closed", "peer", id.String(), "remote", address, "error", err)
	}}
	tracked := &trackedConn{guard: g, client: c}
	if !c.track(g) {
		_ = raw.Close()
		return nil, errClosed()
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	state := c.opts.Credentials.current()
	conn := tls.Client(tracked, &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"http/1.1"},
		ServerName: host, // for whoever routes by it; see below
		Time:       c.opts.Credentials.clock.Now,
		// Not the host name says who the server is but the identity in its
		// certificate; VerifyConnection checks chain, usages, identity and
		// revocation, and runs in every handshake, as sessions are not resumed.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyConnection:   func(cs tls.ConnectionState) error { return g.verify(state, cs) },
		// Always ours: by itself, crypto/tls would send none if the server's list
		// of authorities lacks ours, and the refusal would name the wrong reason.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return state.cert, nil },
	})
	handshake, cancel := context.WithTimeout(ctx, c.opts.Timeouts.Connect)
	defer cancel()
	if err := conn.HandshakeContext(handshake); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// dialPlain opens a connection for an http URL.
func (c *Client) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeouts.Connect)
	defer cancel()
	raw, err := c.opts.Dial(ctx, network, address)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "CannotConnect", err, "%s can't be reached", address)
	}
	// Where a name leads to shows only now, and nothing was sent yet.
	if ip, ok := raw.RemoteAddr().(*net.TCPAddr); !c.opts.Plain.Anywhere && (!ok || !ip.IP.IsLoopback()) {
		_ = raw.Close()
		return nil, fault.New(fault.Invalid, "PlainHTTP", "%s is not on this machine: without TLS, only that is called", address)
	}
	g := &guard{Conn: raw}
	if !c.track(g) {
		_ = raw.Close()
		return nil, errClosed()
	}
	return &trackedConn{guard: g, client: c}, nil
}

// trackedConn lets go of the client's record of a connection when it closes.
type trackedConn struct {
	*guard
	client *Client
}

// Close closes the connection.
func (t *trackedConn) Close() error {
	t.client.untrack(t.guard)
	return t.guard.Close()
}

func (c *Client) track(g *guard) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.open[g] = struct{}{}
	return true
}

func (c *Client) untrack(g *guard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, g)
}

// judge is asked in every handshake, and again when the files have changed.
func (c *Client) judge(s *snapshot, chain []*x509.Certificate, now time.Time) (pki.Identity, error) {
	id, _, err := pki.CheckNodeNamed(chain, s.roots, s.crls, now, c.opts.Subjects)
	if err != nil {
		return pki.Identity{}, err
	}
	if !c.opts.Expect(id) {
		return pki.Identity{}, fault.New(fault.Untrusted, "UnexpectedServer", "the server is %s, not the one that was meant", id)
	}
	return id, nil
}

// Close closes all connections, those in use too, and ends the client. Further
// calls do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	open := c.open
	c.open = map[*guard]struct{}{}
	c.mu.Unlock()
	for g := range open {
		_ = g.Close()
	}
	c.base.CloseIdleConnections()
	return nil
}

func errClosed() error {
	return fault.New(fault.Unavailable, "ClientClosed", "the connection is being shut down")
}

// Do sends a request, to an https URL only unless there is Options.Plain, and
// returns the answer whatever its status; its body is the caller's to close. Redirects are not followed. A
// server that can't be reached is an Unavailable fault, time that ran out
// Timeout, a refusal of certificates, on either side, Untrusted.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	switch {
	case req.URL != nil && req.URL.Scheme == "https":
	case req.URL != nil && req.URL.Scheme == "http" && c.opts.Plain != nil:
		req.SetBasicAuth(c.opts.Plain.User, string(c.opts.Plain.Password))
	default:
		return nil, fault.New(fault.Invalid, "PlainHTTP", "parts are called by https only, not %q", clip(req.URL.Redacted()))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, callFault(req, err)
	}
	return resp, nil
}

// callFault makes a fault of what net/http and crypto/tls report.
func callFault(req *http.Request, err error) error {
	host := req.URL.Host
	var known *fault.Error
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &known) && known.Kind == fault.Untrusted:
		return fault.Wrap(fault.Untrusted, known.Code, err, "%s is not trusted: %s", host, known.Message)
	case errors.Is(req.Context().Err(), context.DeadlineExceeded):
		return fault.Wrap(fault.Timeout, "NoAnswerInTime", err, "%s did not answer in time", host)
	case req.Context().Err() != nil:
		return fault.Wrap(fault.Unavailable, "Canceled", err, "the call to %s was given up", host)
	case known != nil:
		// Not connected at all: what was asked for surely didn't happen.
		return fault.Wrap(known.Kind, known.Code, err, "%s", known.Message)
	case errors.As(err, &op) && op.Op == "remote error":
		return fault.Wrap(fault.Untrusted, "RefusedByServer", err,
			"%s refuses the connection (%v); its log tells why", host, op.Err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fault.Wrap(fault.Timeout, "NoAnswerInTime", err, "%s did not answer in time", host)
	}
	return fault.Wrap(fault.Unavailable, "CannotConnect", err, "the connection to %s failed", host)
}

// GetJSON asks for url and decodes the answer into out: a *json.RawMessage or
// *[]byte takes the bytes as they are, nil drops them. An answer with an error
// status is returned as the fault it carries.
func (c *Client) GetJSON(ctx context.Context, url string, out any) error {
	return c.call(ctx, http.MethodGet, url, nil, out)
}

// PostJSON is GetJSON with a request body: in as JSON; a []byte or
// json.RawMessage as it is.
func (c *Client) PostJSON(ctx context.Context, url string, in, out any) error {
	body, err := encode(in)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, url, body, out)
}

func encode(in any) ([]byte, error) {
	switch v := in.(type) {
	case []byte:
		return v, nil
	case json.RawMessage:
		return v, nil
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "EncodingFailed", err, "the request can't be encoded")
	}
	return body, nil
}

func (c *Client) call(ctx context.Context, method, url string, body []byte, out any) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.opts.Timeouts.Call)
		defer cancel()
	}
	// Without a body there must be no reader at all, or a GET would announce one.
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return fault.Wrap(fault.Invalid, "InvalidURL", err, "%q is no address", clip(url))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return ReadProblem(resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, c.opts.MaxAnswer+1))
	if err != nil {
		return callFault(req, err)
	}
	if int64(len(data)) > c.opts.MaxAnswer {
		return fault.New(fault.TooLarge, "AnswerTooLarge", "the answer of %s has more than %d bytes", req.URL.Host, c.opts.MaxAnswer)
	}
	return decode(data, out, req.URL.Host)
}

func decode(data []byte, out any, host string) error {
	switch v := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*v = data
		return nil
	case *json.RawMessage:
		*v = data
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fault.Wrap(fault.Unavailable, "UnreadableAnswer", err, "the answer of %s can't be understood", host)
	}
	return nil
}

// Stream asks for url and returns the answer as a stream of lines of at most
// maxLine bytes. It fails when nothing, not even a heartbeat, came for idle.
// Close it, or end ctx.
func (c *Client) Stream(ctx context.Context, url string, maxLine int, idle time.Duration) (*StreamReader, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, fault.Wrap(fault.Invalid, "InvalidURL", err, "%q is no address", clip(url))
	}
	req.Header.Set("Accept", ndjsonType)
	resp, err := c.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != ndjsonType {
		defer cancel()
		defer resp.Body.Close()
		return nil, ReadProblem(resp)
	}
	s := NewStreamReader(&streamBody{resp.Body, cancel}, maxLine)
	s.SetIdle(idle)
	return s, nil
}

// streamBody is an answer's body whose Close interrupts a Read that waits.
type streamBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the request.
func (b *streamBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
