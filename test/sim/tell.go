package sim

import (
	"context"
	"fmt"
	"log/slog"
)

// teller puts what the parts log into the story.
type teller struct {
	w     *world
	attrs string
}

// Enabled implements slog.Handler.
func (t teller) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (t teller) Handle(_ context.Context, r slog.Record) error {
	text := ""
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	t.w.tell("log%s: %s%s", t.attrs, r.Message, text)
	return nil
}

// WithAttrs implements slog.Handler.
func (t teller) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		t.attrs += fmt.Sprintf(" %v", a.Value)
	}
	return t
}

// WithGroup implements slog.Handler.
func (t teller) WithGroup(string) slog.Handler { return t }
