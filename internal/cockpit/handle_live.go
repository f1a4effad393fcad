package cockpit

import (
	"fmt"
	"net/http"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

const (
	// liveBeat is how often a stream says that it is alive. It has to be an event:
	// pages don't see comments.
	liveBeat = 10 * time.Second
	// newsPatience is how long a browser may take none of what it is sent; a third
	// less, where the limit was set for an event before.
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
	out := &eventWriter{w: k.w, rc: http.NewResponseController(k.w)}
	if err := out.write(text); err != nil {
		return err
	}
	beat := k.clock.NewTimer(liveBeat)
	defer beat.Stop()
	for {
		frames, moved, ok := k.news.after(at)
		if !ok {
			return fault.New(fault.Unavailable, "TooSlow", "the reader has missed news; it will ask again")
		}
		if len(frames) > 0 {
			events := make([][]byte, len(frames))
			for i, f := range frames {
				events[i], at = f.event, f.number
			}
			if err := out.write(events...); err != nil {
				return err
			}
			continue
		}
		select {
		case <-moved:
		case <-beat.C():
			if err := out.write([]byte("event: beat\ndata: {}\n\n")); err != nil {
				return err
			}
			beat.Reset(liveBeat)
		case <-k.r.Context().Done():
			return nil
		}
	}
}

// eventWriter sends events to one browser.
type eventWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	until time.Time // the browser has to take something
}

func (e *eventWriter) write(events ...[]byte) error {
	if now := time.Now(); e.until.Sub(now) < newsPatience*2/3 {
		e.until = now.Add(newsPatience)
		if err := e.rc.SetWriteDeadline(e.until); err != nil {
			return err
		}
	}
	for _, event := range events {
		if _, err := e.w.Write(event); err != nil {
			return err
		}
	}
	return e.rc.Flush()
}
