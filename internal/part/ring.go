package part

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/signet-scheduler/signet/internal/clock"
)

// The bounds of what is kept of a log, and of one answer.
const (
	mostLines     = 2000
	mostBytes     = 1 << 20
	mostLineBytes = 4 << 10
)

// Line is one line of a part's log.
type Line struct {
	ID    int64  `json:"id"`   // grows, over restarts too, unless the clock is set back
	Time  int64  `json:"time"` // milliseconds
	Level string `json:"level"`
	Text  string `json:"text"` // the message, and what belongs to it as name=value
}

// Lines is an answer with lines, the oldest first.
type Lines struct {
	Lines []Line `json:"lines"`
	// Missed tells that lines between the reader's last and the first of these
	// are no longer kept.
	Missed bool `json:"missed,omitempty"`
}

// Ring keeps the last lines of a log. Safe for concurrent use; a nil Ring has
// none.
type Ring struct {
	clock clock.Clock

	mu      sync.Mutex
	lines   []Line
	bytes   int
	last    int64 // id of the newest
	dropped int64 // id of the newest that is no longer kept
	buf     bytes.Buffer
}

// NewRing returns an empty ring.
func NewRing(c clock.Clock) *Ring { return &Ring{clock: c} }

// Handler returns a handler that keeps what next writes.
func (g *Ring) Handler(next slog.Handler) slog.Handler {
	plain := slog.NewTextHandler(&g.buf, &slog.HandlerOptions{
		Level: slog.LevelDebug, // next decides
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{} // they stand in fields of their own
			}
			return a
		},
	})
	return &keeper{next: next, plain: plain, ring: g}
}

// keeper keeps records on their way.
type keeper struct {
	next, plain slog.Handler
	ring        *Ring
}

// Enabled implements slog.Handler.
func (k *keeper) Enabled(ctx context.Context, l slog.Level) bool { return k.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	k.ring.keep(ctx, k.plain, r)
	return k.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (k *keeper) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &keeper{k.next.WithAttrs(attrs), k.plain.WithAttrs(attrs), k.ring}
}

// WithGroup implements slog.Handler.
func (k *keeper) WithGroup(name string) slog.Handler {
	return &keeper{k.next.WithGroup(name), k.plain.WithGroup(name), k.ring}
}

func (g *Ring) keep(ctx context.Context, plain slog.Handler, r slog.Record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.buf.Reset()
	text := r.Message
	if err := plain.Handle(ctx, r); err == nil {
		text = strings.TrimSpace(text + " " + g.buf.String())
	}
	if g.buf.Cap() > 4*mostLineBytes {
		g.buf = bytes.Buffer{} // one long line must not hold memory for ever
	}
	now := g.clock.Now()
	g.last = max(now.UnixMicro(), g.last+1)
	l := Line{ID: g.last, Time: now.UnixMilli(), Level: strings.ToLower(r.Level.String()), Text: clip(text)}
	g.lines = append(g.lines, l)
	g.bytes += len(l.Text)
	drop := 0
	for len(g.lines)-drop > mostLines || g.bytes > mostBytes {
		g.bytes -= len(g.lines[drop].Text)
		g.dropped = g.lines[drop].ID
		drop++
	}
	if g.lines = g.lines[drop:]; drop > 0 && cap(g.lines) == len(g.lines) {
		g.lines = append(make([]Line, 0, 2*mostLines), g.lines...)
	}
}

// clip shortens a line that is too long, between characters.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= mostLineBytes {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:mostLineBytes-3], "") + "..."
}

// After returns the lines behind the one with id after, at most limit of them
// and the first; with 0, the last there are. A reader whose line this part never
// had gets the last, too: it read an earlier life, before a clock was set back.
func (g *Ring) After(after int64, limit int) Lines {
	out := Lines{Lines: []Line{}}
	if g == nil {
		return out
	}
	if limit <= 0 || limit > mostLines {
		limit = mostLines
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if after <= 0 || after > g.last {
		out.Missed = after > 0
		out.Lines = append(out.Lines, g.lines[max(0, len(g.lines)-limit):]...)
		return out
	}
	out.Missed = after < g.dropped
	for i, l := range g.lines {
		if l.ID > after {
			out.Lines = append(out.Lines, g.lines[i:min(len(g.lines), i+limit)]...)
			break
		}
	}
	return out
}

// ReadQuery reads what a reader asks for: after and limit.
func ReadQuery(q url.Values) (after int64, limit int, err error) {
	if s := q.Get("after"); s != "" {
		if after, err = strconv.ParseInt(s, 10, 64); err != nil {
			return 0, 0, err
		}
	}
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil {
			return 0, 0, err
		}
	}
	return after, limit, nil
}
