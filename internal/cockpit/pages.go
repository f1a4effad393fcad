package cockpit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// pages serves the files that browsers need. Every address that is no file is a
// view of the one page, which finds out by itself what to show.
type pages struct {
	files fs.FS
	index []byte // nil: the program was built without pages
}

// noncePlaceholder is what stands in the page where each answer gets a value of
// its own.
var noncePlaceholder = []byte("__NONCE__")

func newPages(files fs.FS) (*pages, error) {
	index, err := fs.ReadFile(files, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return &pages{files: files}, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "BadPages", err, "the pages can't be read")
	}
	return &pages{files, index}, nil
}

// policy is the Content-Security-Policy of the page: nothing from elsewhere, no
// script in the page, no markup made of texts (Trusted Types). The component
// library and the editor put style elements into the page, which carry the nonce.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; style-src-elem 'self' 'nonce-" + nonce + "'; " +
		"style-src-attr 'none'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; " +
		"form-action 'none'; require-trusted-types-for 'script'; trusted-types default"
}

// ServeHTTP serves a file or the page.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), usb=()")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		transport.WriteProblem(&withStatus{w, http.StatusMethodNotAllowed}, fault.New(fault.Invalid, "MethodNotAllowed", "pages can only be read"))
		return
	}
	if strings.HasPrefix(r.URL.Path, "/assets/") {
		p.asset(w, r)
		return
	}
	p.page(w, r)
}

// page sends the one page, with a nonce that was never used before.
func (p *pages) page(w http.ResponseWriter, r *http.Request) {
	if p.index == nil {
		transport.WriteProblem(w, fault.New(fault.NotFound, "NoPages", "this program was built without pages; \"make build\" builds them. The API is at %s", basePath))
		return
	}
	nonce := rand.Text()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(nonce))
	sendBytes(w, r, bytes.ReplaceAll(p.index, noncePlaceholder, []byte(nonce)))
}

// kinds are the types of files there are; not those of the machine, which may say
// anything.
var kinds = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".png": "image/png",
}

// asset sends a file whose name changes with its content, compressed as it is kept
// where the browser takes that.
func (p *pages) asset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	kind, known := kinds[path.Ext(name)]
	if !known {
		p.missing(w)
		return
	}
	h := w.Header()
	for _, c := range []struct{ encoding, ending string }{{"br", ".br"}, {"gzip", ".gz"}, {"", ""}} {
		if !accepts(r.Header.Get("Accept-Encoding"), c.encoding) {
			continue
		}
		data, err := fs.ReadFile(p.files, name+c.ending)
		if err != nil {
			continue
		}
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		if c.encoding != "" {
			h.Set("Content-Encoding", c.encoding)
		}
		sendBytes(w, r, data)
		return
	}
	p.missing(w)
}

func (p *pages) missing(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	transport.WriteProblem(w, fault.New(fault.NotFound, "UnknownFile", "there is no such file; was the Cockpit updated? Load the page again"))
}

// accepts tells whether an Accept-Encoding names an encoding, and not with q=0.
func accepts(header, encoding string) bool {
	if encoding == "" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			return strings.TrimSpace(quality) != "q=0"
		}
	}
	return false
}

func sendBytes(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method == http.MethodHead {
		return
	}
	// That the browser is gone is noticed by the server itself.
	_, _ = io.Copy(w, bytes.NewReader(data))
}
