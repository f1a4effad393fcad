package controller

import (
	"net/http"
	"strconv"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/ledger"
)

// eventBeat is how long the event stream is silent at most. There are few
// Cockpits, and they leave a member that is silent for three times as long.
const eventBeat = time.Second

// manyEvents is when the events for a Cockpit are gathered: it writes those that
// come together at once, which costs much less for each.
func manyEvents() clock.PacerOptions {
	return clock.PacerOptions{Rate: 1000, Burst: 300, Alone: engine.EventsOfOne, Hold: 40 * time.Millisecond}
}

// getEvents streams committed events: NDJSON, or the entries in binary form. A
// reader that writes what it gets may ask for gathered ones.
func (c *Controller) getEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, err := strconv.ParseInt(q.Get("after"), 10, 64)
	if q.Get("after") != "" && (err != nil || after < 0) {
		c.problem(w, fault.New(fault.Invalid, "InvalidParameter", "after must be an event id"))
		return
	}
	follow, end := q.Get("follow") == "true", c.ctx.Done()
	if follow {
		if err := c.led(); err != nil {
			c.problem(w, err)
			return
		}
		watched, stop := c.whileLed()
		defer stop()
		end = watched
	}
	s, err := ledger.Open(c.node, c.m.Index, c.clock, end, after, follow)
	if err != nil {
		c.problem(w, err)
		return
	}
	s.Beat(eventBeat)
	if q.Get("gather") == "true" {
		s.Gather(manyEvents())
	}
	if q.Get("format") == "binary" {
		err = s.Binary(w, r)
	} else {
		err = s.Lines(w, r)
	}
	if err != nil && r.Context().Err() == nil {
		c.log.Debug("an event stream ended", "error", err)
	}
}
