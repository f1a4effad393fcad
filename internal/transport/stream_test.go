package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// screen is a ResponseWriter that a test looks at. Write waits for hold to be
// closed, if there is one.
type screen struct {
	header  http.Header
	mu      sync.Mutex
	hold    chan struct{}
	sent    bytes.Buffer
	flushes int
	broken  error
}

func newScreen() *screen { return &screen{header: http.Header{}} }

func (s *screen) Header() http.Header { return s.header }
func (s *screen) WriteHeader(int)     {}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return 0, s.broken
	}
	return s.sent.Write(p)
}

func (s *screen) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes++
}

// stop makes Write wait until the function returned is called.
func (s *screen) stop() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hold := make(chan struct{})
	s.hold = hold
	return func() { close(hold) }
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent.String()
}

func request(ctx context.Context) *http.Request {
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/stream", nil)
}

func TestStreamSendsAtOnceAndBeatsWhenIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := newScreen()
		s := transport.NewStreamWriter(out, request(t.Context()), transport.StreamOptions{Heartbeat: time.Second})
		synctest.Wait()
		if out.flushes != 1 || out.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("header: %d flushes, %v", out.flushes, out.header)
		}
		if err := s.Write([]byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := out.text(); got != "{\"a\":1}\n" {
			t.Errorf("sent %q", got)
		}
		<-time.After(2500 * time.Millisecond)
		if got := out.text(); got != "{\"a\":1}\n\n\n" {
			t.Errorf("sent %q after 2.5 s", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Write([]byte("1")); err == nil {
			t.Error("a closed stream takes lines")
		}
	})
}

func TestStreamGathersWhileSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := newScreen()
		s := transport.NewStreamWriter(out, request(t.Context()), transport.StreamOptions{})
		synctest.Wait()
		release := out.stop()
		for i := range 100 {
			if err := s.Write(fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // the first is on its way
		release()
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.text(), "\n"); n != 100 || out.flushes > 4 {
			t.Errorf("%d lines in %d flushes", n, out.flushes)
		}
		_ = s.Close()
	})
}

func TestStreamHoldsItsWriterWhenTheReaderIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := newScreen()
		s := transport.NewStreamWriter(out, request(t.Context()), transport.StreamOptions{Buffer: 1000})
		synctest.Wait()
		release := out.stop()
		n := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for s.Write(bytes.Repeat([]byte{'1'}, 99)) == nil && n < 1000 {
				n++
			}
		}()
		synctest.Wait()
		if n > 20 {
			t.Errorf("%d lines of 100 bytes were taken into a buffer of 1000", n)
		}
		release()
		<-done
		if err := s.Close(); err != nil || n != 1000 {
			t.Errorf("%d lines, %v", n, err)
		}
	})
}

func TestStreamEndsWithItsReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		for name, end := range map[string]func(*screen, context.CancelFunc){
			"context": func(_ *screen, cancel context.CancelFunc) { cancel() },
			"write":   func(s *screen, _ context.CancelFunc) { s.mu.Lock(); s.broken = gone; s.mu.Unlock() },
		} {
			out := newScreen()
			ctx, cancel := context.WithCancel(t.Context())
			s := transport.NewStreamWriter(out, request(ctx), transport.StreamOptions{Heartbeat: time.Second})
			synctest.Wait()
			end(out, cancel)
			<-s.Done()
			if err := s.Write([]byte("1")); !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: Write: %v", name, err)
			}
			if err := s.Flush(); !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: Flush: %v", name, err)
			}
			if err := s.Close(); !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: Close: %v", name, err)
			}
			cancel()
		}
	})
}

func TestStreamRefusesWhatIsNoLine(t *testing.T) {
	t.Parallel()
	s := transport.NewStreamWriter(newScreen(), request(t.Context()), transport.StreamOptions{MaxLine: 10})
	for _, line := range []string{"", "a\nb", "\n", "12345678901"} {
		if err := s.Write([]byte(line)); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	if err := s.WriteJSON(func() {}); err == nil {
		t.Error("a function was taken")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestReaderReturnsLines(t *testing.T) {
	t.Parallel()
	cut := errors.New("cut")
	long := strings.Repeat("x", 100)
	tests := map[string]struct {
		body  io.Reader
		lines string
		code  string // empty: io.EOF
	}{
		"lines":            {strings.NewReader("1\n2\n"), "1,2", ""},
		"heartbeats":       {strings.NewReader("\n\n1\n\n\n2\n\n"), "1,2", ""},
		"empty":            {strings.NewReader(""), "", ""},
		"cut in a line":    {strings.NewReader("1\n2"), "1", "StreamCut"},
		"broken":           {io.MultiReader(strings.NewReader("1\n"), iotest.ErrReader(cut)), "1", "StreamCut"},
		"longest":          {strings.NewReader(long + "\n"), long, ""},
		"too long":         {strings.NewReader("1\n" + long + "x\n"), "1", "LineTooLong"},
		"endless":          {io.MultiReader(strings.NewReader("1\n"), zeros{}), "1", "LineTooLong"},
		"one byte a time":  {iotest.OneByteReader(strings.NewReader("12\n\n34\n")), "12,34", ""},
		"data with an EOF": {iotest.DataErrReader(strings.NewReader("12\n34\n")), "12,34", ""},
	}
	for name, test := range tests {
		s := transport.NewStreamReader(test.body, 100)
		var lines []string
		var err error
		for {
			var line []byte
			if line, err = s.Next(); err != nil {
				break
			}
			lines = append(lines, string(line))
		}
		if got := strings.Join(lines, ","); got != test.lines {
			t.Errorf("%s: lines %s", name, got)
		}
		if test.code == "" && !errors.Is(err, io.EOF) || test.code != "" && !fault.HasCode(err, test.code) {
			t.Errorf("%s: got %v, want %q", name, err, test.code)
		}
		if _, again := s.Next(); !errors.Is(again, err) && again != err {
			t.Errorf("%s: then %v", name, again)
		}
	}
}

func TestReaderGivesUpOnSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := transport.NewStreamReader(r, 100)
		s.SetIdle(9 * time.Second)
		go func() {
			for range 5 { // heartbeats keep it alive
				<-time.After(8 * time.Second)
				_, _ = w.Write([]byte("\n"))
			}
			_, _ = w.Write([]byte("1\n"))
		}()
		if line, err := s.Next(); err != nil || string(line) != "1" {
			t.Fatalf("%s, %v", line, err)
		}
		<-time.After(time.Minute) // the caller's own time doesn't count
		start := time.Now()
		if _, err := s.Next(); !fault.HasCode(err, "StreamSilent") {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d != 9*time.Second {
			t.Errorf("gave up after %s", d)
		}
	})
}

// Whatever lines are written in whatever pieces come out the same.
func TestStreamRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[a-z"{}\\ \r]{1,200}`)).Draw(t, "lines")
		out := newScreen()
		s := transport.NewStreamWriter(out, request(context.Background()), transport.StreamOptions{
			Buffer: rapid.IntRange(1, 500).Draw(t, "buffer"), Heartbeat: time.Duration(rapid.IntRange(1, 100).Draw(t, "µs")) * time.Microsecond,
		})
		for _, l := range lines {
			if err := s.Write([]byte(l)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		r := transport.NewStreamReader(strings.NewReader(out.text()), 200)
		for i, want := range lines {
			if got, err := r.Next(); err != nil || string(got) != want {
				t.Fatalf("line %d: %q, %v; want %q", i, got, err, want)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// A reader that doesn't take what is sent is dropped, over real connections.
func TestStuckReaderIsDropped(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	p := newPair(t, transport.Mux([]transport.Route{{Method: "GET", Pattern: "/stream", Roles: []pki.Role{pki.RoleController}, Handler: func(w http.ResponseWriter, r *http.Request) {
		s := transport.NewStreamWriter(w, r, transport.StreamOptions{WriteTimeout: 100 * time.Millisecond})
		line := bytes.Repeat([]byte{'1'}, 10_000)
		for s.Write(line) == nil {
		}
		ended <- s.Close()
	}}}), nil)
	s, err := p.call.Stream(t.Context(), p.url("/stream"), 20_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := <-ended; !fault.Is(err, fault.Unavailable) {
		t.Errorf("the stream ended with %v", err)
	}
}

// An idle stream outlives the server's time for a request.
func TestStreamOutlivesRequestTimeout(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	p := newPair(t, transport.Mux([]transport.Route{streamRoute(ended)}), func(so *transport.Options, _ *transport.ClientOptions) {
		so.Limits = transport.Limits{RequestTimeout: 300 * time.Millisecond}
	})
	s, err := p.call.Stream(t.Context(), p.url("/stream"), 100, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Second, func() { _ = s.Close() })
	defer late.Stop()
	start := time.Now()
	if _, err := s.Next(); err == nil || time.Since(start) < 900*time.Millisecond {
		t.Errorf("the stream ended after %s: %v", time.Since(start), err)
	}
	if err := <-ended; err == nil {
		t.Error("the writer wasn't told that its reader is gone")
	}
}

// servedAlone starts a server of h that the test shuts down itself, and returns
// it with what Serve will return and a client of it.
func servedAlone(t *testing.T, h http.Handler) (*transport.Server, <-chan error, *transport.Client) {
	t.Helper()
	w := theWorld()
	server, err := transport.NewServer(transport.Options{
		Listen: "127.0.0.1:0", Handler: h,
		Credentials: load(t, w.files(t, w.node("signet://agent/agent-1"), w.nodeRoot.cert), transport.CredentialOptions{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		defer close(served)
		served <- server.Serve(context.Background())
	}()
	return server, served, client(t, transport.ClientOptions{
		Expect:      expect(pki.RoleAgent, "agent-1"),
		Credentials: load(t, w.files(t, w.node("signet://controller/controller-1"), w.nodeRoot.cert), transport.CredentialOptions{}),
	})
}

// Shutdown ends streams and waits for their handlers.
func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	server, served, c := servedAlone(t, transport.Mux([]transport.Route{streamRoute(ended)}))
	s, err := c.Stream(t.Context(), "https://"+server.Addr().String()+"/stream", 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown again: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("the stream's handler got %v", err)
	}
}

// A request that is being answered when Shutdown begins is answered: Serve
// doesn't return before, which would end the request's context.
func TestShutdownLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}), make(chan struct{})
	server, served, c := servedAlone(t, transport.Mux([]transport.Route{{
		Method: http.MethodGet, Pattern: "/slow", Roles: []pki.Role{pki.RoleController},
		Handler: func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-goOn
			_, _ = fmt.Fprint(w, r.Context().Err() == nil)
		},
	}}))
	type answer struct {
		alive bool
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		a.err = c.GetJSON(context.Background(), "https://"+server.Addr().String()+"/slow", &a.alive)
		answered <- a
	}()
	<-begun
	down := make(chan error, 1)
	go func() { down <- server.Shutdown(context.Background()) }()
	// The listener is closed before requests are waited for.
	for {
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-served:
		t.Errorf("Serve returned %v while a request was being answered", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if a := <-answered; a.err != nil || !a.alive {
		t.Errorf("the request: context alive %v, %v", a.alive, a.err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestProblemsRoundTrip(t *testing.T) {
	t.Parallel()
	for k := fault.Internal; k <= fault.NoSpace; k++ {
		rec := httptest.NewRecorder()
		in := fault.Wrap(k, "SomeCode", errors.New("secret cause"), "it is so").About("Order:1")
		in.Problems = []fault.Problem{{Where: "$.a", Message: "wrong"}}
		transport.WriteProblem(rec, fmt.Errorf("while working: %w", in))
		resp := rec.Result()
		if strings.Contains(rec.Body.String(), "secret") || resp.StatusCode != k.HTTPStatus() {
			t.Errorf("%s: status %d, body %s", k, resp.StatusCode, rec.Body)
		}
		out := fault.Of(transport.ReadProblem(resp))
		if out.Kind != k || out.Code != in.Code || out.Message != in.Message || out.Subject != in.Subject || len(out.Problems) != 1 {
			t.Errorf("%s came back as %+v", k, out)
		}
	}
	for status, kind := range map[int]fault.Kind{
		401: fault.Unauthenticated, 403: fault.Forbidden, 404: fault.NotFound, 409: fault.Conflict, 400: fault.Invalid,
		413: fault.TooLarge, 431: fault.TooLarge, 500: fault.Internal, 502: fault.Unavailable, 503: fault.Unavailable, 504: fault.Timeout, 302: fault.Internal,
	} {
		rec := httptest.NewRecorder()
		rec.WriteHeader(status)
		_, _ = rec.WriteString("<html>")
		if err := transport.ReadProblem(rec.Result()); !fault.Is(err, kind) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	rec := httptest.NewRecorder()
	transport.WriteProblem(rec, &http.MaxBytesError{Limit: 7})
	if err := transport.ReadProblem(rec.Result()); !fault.HasCode(err, "BodyTooLarge") {
		t.Errorf("got %v", err)
	}
}

// Invariant 9: nothing that a peer says gets out of hand.
func FuzzReadProblem(f *testing.F) {
	f.Add([]byte(`{"code":"X","kind":"notFound","detail":"a\u001b[31mb","problems":[{"where":"$","message":"m"}]}`), 404)
	f.Add([]byte(`{"code":""}`), 500)
	f.Add([]byte(`[]`), 200)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/problem+json; charset=utf-8"}}, Body: io.NopCloser(bytes.NewReader(body))}
		err := fault.Of(transport.ReadProblem(resp))
		if err == nil || err.Code == "" || len(err.Public()) > 10<<20 {
			t.Fatalf("%+v", err)
		}
		if strings.ContainsAny(err.Error(), "\x1b\x00\r\u009b") {
			t.Fatalf("control characters in %q", err.Error())
		}
	})
}

func FuzzStreamReader(f *testing.F) {
	f.Add([]byte("1\n\n2\n"), 10)
	f.Add([]byte("1234567890\n12345678901\n"), 10)
	f.Fuzz(func(t *testing.T, body []byte, maxLine int) {
		maxLine = maxLine&0xfff + 1
		s := transport.NewStreamReader(bytes.NewReader(body), maxLine)
		for {
			line, err := s.Next()
			if err != nil {
				return
			}
			if len(line) == 0 || len(line) > maxLine || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("line %q", line)
			}
		}
	})
}
