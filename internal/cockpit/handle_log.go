package cockpit

import (
	"context"
	"math"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/logline"
)

const (
	logLines    = 500
	maxLogLines = 2000
	// logWait is the longest that a call waits for more of a log.
	logWait = 30 * time.Second
	// maxLogHits is how many lines one search names.
	maxLogHits = 10_000
)

// logQuery is what all calls about the lines of a log say.
type logQuery struct {
	*query
	h    *history
	o    logOf
	from int64
}

// logOf reads which log a call is about.
func (k *call) aboutLog(others ...string) (l logQuery, err error) {
	l.query = k.query(append([]string{"controller", "task", "from"}, others...)...)
	if l.err != nil {
		return l, l.err
	}
	l.from, l.o.task = l.number("from", 0, 1, math.MaxInt64), l.text("task")
	if l.err != nil {
		return l, l.err
	}
	if l.h, err = k.history(l.text("controller")); err != nil {
		return l, err
	}
	id := k.r.PathValue("id")
	// What is known already is quickly found; only a new order is waited for.
	if l.o.Order, err = l.h.order(k.r.Context(), id); fault.Is(err, fault.NotFound) {
		l.o.Order, err = k.known(l.h, id)
	}
	return l, err
}

func (k *call) getLogLines() error {
	q, err := k.aboutLog("lines", "full", "seen", "wait")
	if err != nil {
		return err
	}
	count := int(q.number("lines", logLines, 0, maxLogLines))
	wait := time.Duration(q.number("wait", 0, 0, logWait.Milliseconds())) * time.Millisecond
	full, seen := q.flag("full"), q.text("seen")
	if q.err == nil && full && (count != 1 || q.from == 0) {
		q.err = fault.New(fault.Invalid, "InvalidQuery", "full is for one line: give from, and lines=1")
	}
	if q.err != nil {
		return q.err
	}
	ctx := k.r.Context()
	v, err := q.h.awaitLog(ctx, q.o, seen, wait)
	if err != nil {
		return err
	}
	out := api.LogLines{Total: v.lines, Complete: v.complete, More: v.more, Seen: v.seen(), KnownSections: int64(v.known(seen)), Sections: []api.LogSection{}}
	for i := range v.sections[out.KnownSections:] {
		out.Sections = append(out.Sections, v.sections[int(out.KnownSections)+i].tell())
	}
	if q.from == 0 {
		opening, err := v.opening(ctx)
		if err != nil {
			return err
		}
		out.Open = &opening
		q.from = max(1, min(opening.Line-int64(count)/2, v.lines-int64(count)+1))
	}
	keep := shownLine
	if full {
		keep = wholeLine
	}
	if out.Lines, err = v.read(ctx, q.from, count, keep); err != nil {
		return err
	}
	return k.answer(out)
}

func (k *call) searchLog() error {
	q, err := k.aboutLog("q", "regex", "case", "limit", "text")
	if err != nil {
		return err
	}
	m, err := logline.NewMatcher(logline.Query{Text: q.text("q"), Regex: q.flag("regex"), Case: q.flag("case")})
	if q.err != nil {
		return q.err
	}
	if err != nil {
		return err
	}
	return k.answerHits(q, func(l logline.Line) bool { return m.Match(l.Text) }, nil)
}

func (k *call) listLogErrors() error {
	q, err := k.aboutLog("limit", "text")
	if err != nil {
		return err
	}
	return k.answerHits(q, logline.IsError, func(p *pieceStart) bool { return p.errors > 0 })
}

func (k *call) answerHits(q logQuery, good func(logline.Line) bool, worth func(*pieceStart) bool) error {
	limit := int(q.number("limit", pageSize, 0, maxLogHits))
	text := q.flag("text")
	if q.err != nil {
		return q.err
	}
	ctx := k.r.Context()
	v, err := q.h.viewLog(ctx, q.o)
	if err != nil {
		return err
	}
	out, err := v.search(ctx, max(1, q.from), limit, text, good, worth)
	if err != nil {
		return err
	}
	return k.answer(out)
}

// maxWatched is how many growing logs a waiting call listens to; of others it
// hears when their steps end, or after a while.
const maxWatched = 16

// watchPause is how often a waiting call looks by itself.
const watchPause = 2 * time.Second

// awaitLog returns an order's log once it isn't as the caller has seen it, or when
// the time is over.
func (h *history) awaitLog(ctx context.Context, o logOf, seen string, wait time.Duration) (*orderLogView, error) {
	if wait == 0 || seen == "" {
		return h.viewLog(ctx, o)
	}
	changes := h.signals.subscribe([]string{o.Root}, false)
	defer changes.end()
	over := h.clock.NewTimer(wait)
	defer over.Stop()
	for {
		v, err := h.viewLog(ctx, o)
		if err != nil || v.seen() != seen || v.complete {
			return v, err
		}
		grown, end := h.watch(ctx, v)
		pause := h.clock.NewTimer(watchPause)
		timeOver := false
		select {
		case <-grown:
		case <-changes.news:
		case <-pause.C():
		case <-over.C():
			timeOver = true
		case <-ctx.Done():
		}
		pause.Stop()
		end()
		if timeOver || ctx.Err() != nil {
			return v, ctx.Err()
		}
	}
}

// watch listens at the Agents for more of the logs that grow. end ends that, and
// waits until nobody listens any more.
func (h *history) watch(ctx context.Context, v *orderLogView) (grown <-chan struct{}, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	news := make(chan struct{}, maxWatched)
	watched := 0
	done := make(chan struct{}, maxWatched)
	for i := range v.sections {
		s := &v.sections[i]
		if s.stored || s.index.ended || s.index.end.offset == 0 || watched == maxWatched {
			continue
		}
		watched++
		go func() {
			defer func() { done <- struct{}{} }()
			body, err := h.controller.TaskLog(ctx, s.step.Agent, s.step.Task, s.index.end.offset, true)
			if err != nil {
				return
			}
			defer func() { _ = body.Close() }()
			if n, _ := body.Read(make([]byte, 1)); n > 0 {
				news <- struct{}{}
			}
		}()
	}
	return news, func() {
		cancel()
		for range watched {
			<-done
		}
	}
}
