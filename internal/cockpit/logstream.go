package cockpit

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
)

// lineWriter takes the lines of an answer. Owned by one goroutine.
type lineWriter interface {
	write(l api.LogLine) error
	// idle is called when no more lines are there for now.
	idle() error
}

// logOf names a log: that of an order with its children, or of one run of a step
// that is a task.
type logOf struct {
	store.Order
	task string
}

// has tells whether a step's output is in the log.
func (o *logOf) has(s *store.Step) bool { return o.task == "" || o.task == s.Task }

// orderLog writes the log of an order and its children.
func (k *call) orderLog(h *history, o logOf, follow bool) error {
	if strings.Contains(k.r.Header.Get("Accept"), "application/x-ndjson") {
		w := transport.NewStreamWriter(k.w, k.r, transport.StreamOptions{})
		err := h.writeLog(k.r.Context(), o, follow, ndjsonLog{w})
		k.streamed(errors.Join(err, w.Close()))
		return nil
	}
	w := newTextLog(k.w)
	k.streamed(errors.Join(h.writeLog(k.r.Context(), o, follow, w), w.idle()))
	return nil
}

// ndjsonLog writes a line as a JSON object.
type ndjsonLog struct{ *transport.StreamWriter }

func (n ndjsonLog) write(l api.LogLine) error {
	line, err := json.Marshal(l)
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "a line of a log can't be encoded")
	}
	return n.Write(line)
}

func (n ndjsonLog) idle() error { return nil } // it flushes by itself

// textLog writes what the jobs wrote, and remarks in brackets.
type textLog struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	task string // of the line that has no end yet
}

// textTime is how long a reader may take for a piece of text.
const textTime = 30 * time.Second

func newTextLog(w http.ResponseWriter) *textLog {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // that of a request is not a stream's
	return &textLog{w: w, rc: rc}
}

func (t *textLog) write(l api.LogLine) error {
	_ = t.rc.SetWriteDeadline(time.Now().Add(textTime))
	text := l.Text
	if l.Channel == "mark" {
		text = "[" + strings.TrimSuffix(text, "\n") + "]\n"
	}
	if t.task != "" && (t.task != l.Task || l.Channel == "mark") {
		text = "\n" + text
	}
	t.task = ""
	if !strings.HasSuffix(text, "\n") {
		t.task = l.Task
	}
	_, err := io.WriteString(t.w, text)
	return err
}

func (t *textLog) idle() error {
	_ = t.rc.SetWriteDeadline(time.Now().Add(textTime))
	if err := t.rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	// With HTTP/2, a deadline that passes ends the answer also while nothing is
	// being written.
	_ = t.rc.SetWriteDeadline(time.Time{})
	return nil
}

// here tells whether a step's log is in the database, as far as it ever will be.
func here(s *store.Step) bool {
	return s.Log.State == store.LogComplete || s.Log.State == store.LogMissing
}

// stepPage is how many steps are read at once.
const stepPage = 500

// newSteps returns the order as it is now, and its steps behind an event.
func (h *history) newSteps(ctx context.Context, o logOf, after int64) (now store.Order, steps []store.Step, err error) {
	run := o.Run
	if o.task != "" {
		run = 0 // of any run: the history leads here, too
	}
	err = h.db.Read(ctx, func(r store.Reader) error {
		if now, err = r.Order(h.id, o.ID); err != nil {
			return err
		}
		steps, err = r.Steps(store.StepQuery{
			Controller: h.id, Root: o.Root, Run: run, Order: o.ID,
			After: store.StepKey{Controller: h.id, Event: after}, Limit: stepPage,
		})
		return err
	})
	return now, steps, err
}

// writeLog writes an order's log: first what is there, in the order of time;
// with follow, then what comes until the order has ended.
func (h *history) writeLog(ctx context.Context, o logOf, follow bool, w lineWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := h.signals.subscribe([]string{o.Root}, false)
	defer changes.end()
	var after int64
	var past []*stepLog
	var live []store.Step
	var ended bool
	for {
		now, steps, err := h.newSteps(ctx, o, after)
		if err != nil {
			return err
		}
		for _, s := range steps {
			after = s.Event
			switch {
			case !o.has(&s):
			case here(&s):
				past = append(past, h.storedLog(s))
			case follow:
				live = append(live, s)
			default:
				past = append(past, h.liveLog(s, false))
			}
		}
		ended = now.Ended || now.Run != o.Run
		if len(steps) < stepPage {
			break
		}
	}
	m := newMerged(past)
	defer m.close()
	for {
		line, err := m.line(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err := w.write(line); err != nil {
			return err
		}
	}
	if err := w.idle(); err != nil || !follow {
		return err
	}
	return h.followLog(ctx, o, after, live, ended, changes.news, w)
}

// maxLive is how many logs one answer follows at once; others wait.
const maxLive = 64

// followLog writes lines as they come, until the order has ended and all its logs
// are written.
func (h *history) followLog(ctx context.Context, o logOf, after int64, waiting []store.Step, ended bool, news <-chan struct{}, w lineWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	lines := make(chan api.LogLine, 64)
	done := make(chan struct{}, maxLive)
	running := 0
	for {
		for len(waiting) > 0 && running < maxLive {
			s := waiting[0]
			waiting = waiting[1:]
			running++
			wg.Go(func() { h.feed(ctx, s, lines, done) })
		}
		if ended && running == 0 && len(waiting) == 0 && len(lines) == 0 {
			return w.idle()
		}
		if len(lines) == 0 {
			if err := w.idle(); err != nil {
				return err
			}
		}
		look := false
		select {
		case l := <-lines:
			if err := w.write(l); err != nil {
				return err
			}
		case <-done:
			running--
			look = true
		case <-news:
			look = true
		case <-ctx.Done():
			return ctx.Err()
		}
		if !look {
			continue
		}
		now, steps, err := h.newSteps(ctx, o, after)
		if err != nil {
			return err
		}
		for _, s := range steps {
			after = s.Event
			if o.has(&s) {
				waiting = append(waiting, s)
			}
		}
		ended = (now.Ended || now.Run != o.Run) && len(steps) < stepPage
	}
}

// feed passes on the lines of one log.
func (h *history) feed(ctx context.Context, s store.Step, lines chan<- api.LogLine, done chan<- struct{}) {
	l := h.liveLog(s, true)
	if here(&s) {
		l = h.storedLog(s)
	}
	defer l.close()
	for {
		line, err := l.line(ctx)
		if err != nil {
			break
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
	select {
	case done <- struct{}{}:
	case <-ctx.Done():
	}
}
