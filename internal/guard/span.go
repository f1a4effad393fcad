package guard

import (
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

// span is the arrivals for which a verdict was found. A document that may have come at
// two moments may have come between them: certificates and policies count from one
// moment to another.
type span struct{ from, to time.Time }

// spanOf returns the span of a document that arrived at a moment, in milliseconds
// since the epoch; 0: now.
func (g *Guard) spanOf(arrived int64) span {
	at := arrival(arrived, g.clock).Truncate(time.Millisecond)
	return span{at, at}
}

// arrival returns when a document arrived: at a moment, in milliseconds since the
// epoch; 0: now.
func arrival(arrived int64, c clock.Clock) time.Time {
	if arrived > 0 {
		return time.UnixMilli(arrived)
	}
	return c.Now()
}

// holds tells whether a verdict counts for another arrival: within the span, or so
// little after it that it needn't be found again.
func (s span) holds(other span) bool {
	return !other.from.Before(s.from) && !other.to.After(s.to.Add(recheck))
}

// with returns a span that has another in it.
func (s span) with(other span) span {
	if other.from.Before(s.from) {
		s.from = other.from
	}
	if other.to.After(s.to) {
		s.to = other.to
	}
	return s
}
