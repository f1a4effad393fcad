package cockpit

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

const (
	// liveBeat is how often a stream says that it is alive. It has to be an event:
	// pages don't see comments.
	liveBeat = 10 * time.Second
	// newsPatience is how long a browser may take none of what it is sent.
	newsPatience = 30 * time.Second
)

// getLive sends news as server-sent events (HTML Living Standard, section 9.2):
// "ready" first, or "gap" where the browser has missed some; then "news" with
// headlines, each with its id, and "beat" in between.
func (k *call) getLive() error {
	q := k.query("after")
	if q.err != nil {
		return q.err
	}
	// A new stream names the place in its address, a broken one that is made again
	// by the browser in the header: there the address is out of date.
	last := k.r.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.text("after")
	}
	if len(last) > 64 {
		return fault.New(fault.Invalid, "InvalidQuery", "after isn't the id of an event of this stream")
	}
	leave, err := k.audience.enter(k.session.Account.Name)
	if err != nil {
		return err
	}
	defer leave()
	at, ok := k.news.place(last)
	first := "ready"
	if !ok {
		first = "gap"
	}
	h := k.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // for proxies that would wait for more
	k.streamed(k.sendNews(at, fmt.Appendf(nil, "retry: 1000\nevent: %s\nid: %s\ndata: {}\n\n", first, k.news.id(at))))
	return nil
}

// sendNews sends text and then what comes, until the caller has gone.
func (k *call) sendNews(at int64, text []byte) error {
	rc := http.NewResponseController(k.w)
	beat := k.clock.NewTimer(liveBeat)
	defer beat.Stop()
	for {
		if len(text) > 0 {
			if err := rc.SetWriteDeadline(time.Now().Add(newsPatience)); err != nil {
				return err
			}
			if _, err := k.w.Write(text); err != nil {
				return err
			}
			if err := rc.Flush(); err != nil {
				return err
			}
		}
		frames, moved, ok := k.news.after(at)
		if !ok {
			return fault.New(fault.Unavailable, "TooSlow", "the reader has missed news; it will ask again")
		}
		var out bytes.Buffer
		for _, f := range frames {
			fmt.Fprintf(&out, "event: news\nid: %s\ndata: %s\n\n", k.news.id(f.number), f.data)
			at = f.number
		}
		if text = out.Bytes(); len(text) > 0 {
			continue
		}
		select {
		case <-moved:
		case <-beat.C():
			text = []byte("event: beat\ndata: {}\n\n")
			beat.Reset(liveBeat)
		case <-k.r.Context().Done():
			return nil
		}
	}
}
