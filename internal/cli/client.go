package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// Client calls the Cockpit's web API as the user of a profile. Safe for
// concurrent use.
type Client struct {
	base  string // https://HOST:PORT/api/v1
	token string
	http  *http.Client
	// Patience is how long a call that surely had no effect, or may be repeated,
	// is tried again while the Cockpit can't be reached.
	Patience time.Duration
}

// maxAnswer bounds an answer that is read as a whole, in bytes.
const maxAnswer = 256 << 20

// NewClient returns a client for a profile. It connects when it is first used.
func NewClient(p *Profile) (*Client, error) {
	pool, err := p.pool()
	if err != nil {
		return nil, err
	}
	// HTTP/1.1: one request after the other gains nothing from HTTP/2, whose frames
	// take several goroutines on both sides.
	t := &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 90 * time.Second,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
	}
	return &Client{
		base: p.URL + "/api/v1", token: p.Token, Patience: 3 * time.Second,
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get asks for a path below /api/v1 and decodes the answer into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.call(ctx, http.MethodGet, path, nil, true, out)
}

// Post sends in as JSON and decodes the answer into out. A repeatable request
// is sent again after a failure whose effect is unknown.
func (c *Client) Post(ctx context.Context, path string, in any, repeatable bool, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing a request: %w", err)
	}
	return c.call(ctx, http.MethodPost, path, body, repeatable, out)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, repeatable bool, out any) error {
	resp, err := c.patiently(ctx, repeatable, func() (*http.Response, error) {
		return c.send(ctx, method, path, "application/json", body)
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.unreachable(err)
	case len(data) > maxAnswer:
		return fault.New(fault.TooLarge, "AnswerTooLarge", "the Cockpit's answer to %s has more than %d bytes", path, maxAnswer)
	case out == nil || len(data) == 0:
		return nil
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fault.Wrap(fault.Unavailable, "StrangeAnswer", err, "the answer to %s is not what the API describes: %s; is %s a Signet Cockpit of this version?", path, err, c.base)
	}
	return nil
}

// Stream asks for lines of JSON. The caller closes it.
func (c *Client) Stream(ctx context.Context, path string, query url.Values, maxLine int) (*transport.StreamReader, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	resp, err := c.patiently(ctx, true, func() (*http.Response, error) { //nolint:bodyclose // the stream closes it
		return c.send(ctx, http.MethodGet, path, "application/x-ndjson", nil)
	})
	if err != nil {
		return nil, err
	}
	r := transport.NewStreamReader(resp.Body, maxLine) // closes the body
	r.SetIdle(time.Minute)
	return r, nil
}

// send makes one request, with names and values of further headers, those without
// a value left out; an answer with an error status is an error.
func (c *Client) send(ctx context.Context, method, path, accept string, body []byte, headers ...string) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, Usage("%s %s is no request: %s", method, path, err)
	}
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, c.unreachable(err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, transport.ReadProblem(resp)
	}
	return resp, nil
}

// patiently repeats a call while the Cockpit can't be reached.
func (c *Client) patiently(ctx context.Context, repeatable bool, call func() (*http.Response, error)) (*http.Response, error) {
	deadline := time.Now().Add(c.Patience)
	pause := 50 * time.Millisecond
	for {
		resp, err := call()
		if err == nil || !(repeatable && fault.Is(err, fault.Unavailable) || neverSent(err)) || time.Now().Add(pause).After(deadline) {
			return resp, err
		}
		if fault.HasCode(err, "TooManyAttempts") {
			return nil, err
		}
		if !wait(ctx, pause) {
			return nil, context.Cause(ctx)
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// neverSent tells whether no connection came about, so that nothing was asked.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// wait returns false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// unreachable makes a fault of an error of the connection.
func (c *Client) unreachable(err error) error {
	var unknown x509.UnknownAuthorityError
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return fault.Wrap(fault.Untrusted, "UnknownAuthority", err, "the certificate of %s isn't issued by a CA that the profile or this system trusts: give the CA's certificate by `signet login --ca FILE URL`", c.base)
	case errors.As(err, &host):
		return fault.Wrap(fault.Untrusted, "WrongHostName", err, "the certificate of %s is for another host: %s", c.base, host)
	case errors.As(err, &verify):
		return fault.Wrap(fault.Untrusted, "CertificateRefused", err, "the certificate of %s isn't valid: %s", c.base, verify.Err)
	case os.IsTimeout(err):
		return fault.Wrap(fault.Timeout, "NoAnswer", err, "%s didn't answer in time", c.base)
	}
	return fault.Wrap(fault.Unavailable, "CannotConnect", err, "%s can't be reached: %s", c.base, innermost(err))
}

// innermost returns the text of the error that a connection failed by.
func innermost(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}

// checkURL returns the address of a Cockpit as https://HOST[:PORT].
func checkURL(text string) (string, error) {
	if text == "" {
		return "", Usage("the Cockpit's address is missing; it is like https://localhost:4446")
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", Usage("%q is not the address of a Cockpit; it is like https://localhost:4446", text)
	}
	return "https://" + u.Host, nil
}

// newRequestID makes a repetition of a request recognizable.
func newRequestID() string { return rand.Text() }

// client returns a client for the profile of this run.
func (s *session) client() (*Client, error) {
	p, err := s.loadProfile()
	if err != nil {
		return nil, err
	}
	return NewClient(p)
}

// query returns a query with the Controller that --controller names, if any,
// and the pairs given whose value isn't empty.
func (s *session) query(pairs ...string) url.Values {
	q := url.Values{}
	if s.controller != "" {
		q.Set("controller", s.controller)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// at returns a path with the query that names the Controller, if any.
func (s *session) at(path string) string {
	if q := s.query(); len(q) > 0 {
		return path + "?" + q.Encode()
	}
	return path
}
