package cockpit

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/signet-scheduler/signet/api"
)

var pageFiles = fstest.MapFS{
	"index.html":        {Data: []byte(`<meta name="csp-nonce" nonce="__NONCE__">`)},
	"assets/a.js":       {Data: []byte("plain")},
	"assets/a.js.br":    {Data: []byte("brotli")},
	"assets/a.js.gz":    {Data: []byte("gzip")},
	"assets/font.woff2": {Data: []byte("font")},
	"assets/secret.txt": {Data: []byte("not a kind that is served")},
}

func get(h http.Handler, path, encodings string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Header.Set("Accept-Encoding", encodings)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPagesAreServed(t *testing.T) {
	t.Parallel()
	p, err := newPages(pageFiles)
	if err != nil {
		t.Fatal(err)
	}
	nonces := map[string]bool{}
	for _, path := range []string{"/", "/login", "/orders/a%2Fb%7Cc", "/workflows/x/y"} {
		w := get(p, path, "")
		nonce := regexp.MustCompile(`nonce="(\w{26,})"`).FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusOK || len(nonce) != 2 || nonces[nonce[1]] {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		nonces[nonce[1]] = true
		policy := w.Header().Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "'nonce-" + nonce[1] + "'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy has no %s: %s", path, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
	for _, c := range []struct{ path, accept, body, encoding, kind string }{
		{"/assets/a.js", "gzip, br", "brotli", "br", "text/javascript; charset=utf-8"},
		{"/assets/a.js", "gzip, br;q=0", "gzip", "gzip", "text/javascript; charset=utf-8"},
		{"/assets/a.js", "identity", "plain", "", "text/javascript; charset=utf-8"},
		{"/assets/font.woff2", "br", "font", "", "font/woff2"},
	} {
		w := get(p, c.path, c.accept)
		h := w.Header()
		if w.Code != http.StatusOK || w.Body.String() != c.body || h.Get("Content-Encoding") != c.encoding || h.Get("Content-Type") != c.kind ||
			!strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s for %q: %d %s %v", c.path, c.accept, w.Code, w.Body, h)
		}
	}
	for _, path := range []string{"/assets/no.js", "/assets/secret.txt", "/assets/a.js.br", "/assets/../index.html", "/assets/"} {
		if w := get(p, path, "br"); w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	w := httptest.NewRecorder()
	if p.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	r.Method = http.MethodHead
	w = httptest.NewRecorder()
	if p.ServeHTTP(w, r); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestAProgramWithoutPagesSaysSo(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	w := get(b.handler, "/", "")
	b.isRefused(404, "NoPages", w)
}

func bodyFor(method string) io.Reader {
	if method == http.MethodGet {
		return http.NoBody
	}
	return strings.NewReader("{}")
}

// A browser's session is a cookie that no script sees and no other page can use.
func TestCookieSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	var methods api.LoginMethods
	b.call("GET", "/login/methods", nil, &methods)
	if methods.Session == nil || methods.Session.Account != "admin" {
		t.Errorf("with a token: %+v", methods)
	}
	w := b.do(request{method: "POST", path: "/login", body: api.LoginRequest{Account: "admin", Password: adminPassword, Cookie: true}})
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "sgn_") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	cookie := w.Result().Cookies()[0]
	if cookie.Name != "__Host-signet" || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("cookie %+v", cookie)
	}
	try := func(method, path string, header map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://cockpit.example"+basePath+path, bodyFor(method))
		r.AddCookie(cookie)
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	if w := try("GET", "/me", nil); w.Code != http.StatusOK {
		t.Errorf("GET: %d %s", w.Code, w.Body)
	}
	b.isRefused(403, "CrossOrigin", try("POST", "/orders/cancel", map[string]string{"Sec-Fetch-Site": "cross-site"}))
	b.isRefused(403, "CrossOrigin", try("POST", "/orders/cancel", map[string]string{"Sec-Fetch-Site": "same-site"}))
	b.isRefused(403, "CrossOrigin", try("POST", "/orders/cancel", map[string]string{"Origin": "https://evil.example"}))
	b.isRefused(422, "NotJson", try("POST", "/orders/cancel", map[string]string{"Origin": "https://cockpit.example"}))
	b.isRefused(422, "NotJson", try("POST", "/orders/cancel", map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}))
	// What a header says counts, also when there is a cookie.
	b.isRefused(401, "SessionUnknown", try("GET", "/me", map[string]string{"Authorization": "Bearer x"}))
	b.isRefused(401, "NotLoggedIn", try("GET", "/me", map[string]string{"Authorization": "Basic x"}))
	w = try("POST", "/logout", map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"})
	if gone := w.Result().Cookies(); w.Code != http.StatusNoContent || len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("logout: %d %v", w.Code, gone)
	}
	b.isRefused(401, "SessionUnknown", try("GET", "/me", nil))
	methods = api.LoginMethods{}
	b.check(json.Unmarshal(try("GET", "/login/methods", nil).Body.Bytes(), &methods))
	if methods.Session != nil || methods.SecurityLevel != "low" {
		t.Errorf("after the logout: %+v", methods)
	}
}
