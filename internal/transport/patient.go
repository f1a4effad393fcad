package transport

import (
	"io"
	"net/http"
	"time"
)

// Patient returns a writer of an answer that may take as long as it wants, if
// only the reader goes on taking bytes: one that takes none for limit is
// dropped.
func Patient(w http.ResponseWriter, limit time.Duration) io.Writer {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the request was read; where it can't be set there is none
	_ = rc.SetWriteDeadline(time.Time{})
	return &patient{w, rc, limit}
}

type patient struct {
	w     io.Writer
	rc    *http.ResponseController
	limit time.Duration
}

// Write passes b on.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(p.limit)) // where it can't be set there is none
	return p.w.Write(b)
}
