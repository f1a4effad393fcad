package sim

import (
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/ledger"
)

// feed is an open event stream from a host to a reader: in order, until the
// connection breaks. The reader learns of that by a reset, or by silence.
type feed struct {
	h       *host
	s       *ledger.Stream
	to      *part
	life    *life // of the reader
	deliver func([]engine.Stamped)
	end     func(error)
	at      int64 // when the newest chunk arrives
	broken  bool
}

// heartbeat is how long a feed is silent at most.
const heartbeat = 3 * time.Second

// chunk is how many events go in one packet, about.
const chunk = 40

// openFeed begins a feed behind an event. deliver is called at the reader with
// events, or with none for a heartbeat.
func (h *host) openFeed(x *ledger.Index, after int64, to *part, deliver func([]engine.Stamped), end func(error)) error {
	s, err := ledger.Open(h.step, x, h.clock, nil, after, true)
	if err != nil {
		return err
	}
	f := &feed{h: h, s: s, to: to, life: to.life, deliver: deliver, end: end}
	h.feeds = append(h.feeds, f)
	f.pump()
	f.beat()
	return nil
}

func (f *feed) beat() {
	f.h.after(heartbeat, "beat", func() {
		if !f.broken {
			f.send(nil)
			f.beat()
		}
	})
}

// pump sends what is committed and not sent yet.
func (f *feed) pump() {
	if f.broken {
		return
	}
	var events []engine.Stamped
	err := f.s.Ready(func(list []engine.Stamped) error {
		if len(events) > chunk {
			f.send(events)
			events = nil
		}
		events = append(events, list...)
		return nil
	})
	if len(events) > 0 {
		f.send(events)
	}
	if err != nil {
		f.close(err)
	}
}

func (f *feed) send(events []engine.Stamped) {
	if f.broken {
		return
	}
	f.packet("chunk", func() { f.deliver(events) })
}

// packet brings something in order, or breaks the connection.
func (f *feed) packet(what string, arrive func()) {
	w := f.h.w
	if w.net.lose(f.h.part, f.to) {
		f.broken = true
		if chance(w.net.rand, 30) {
			f.reset(errLost)
		}
		return
	}
	f.at = max(f.at+1, w.now+w.net.delay().Microseconds())
	w.q.put(f.at, what, func() {
		if f.to.life == f.life {
			f.to.now(what, arrive)
		}
	})
}

// close ends the feed from the writer's side.
func (f *feed) close(err error) {
	if f.broken {
		return
	}
	f.packet("end", func() { f.end(err) })
	f.broken = true
}

// reset tells the reader that the connection is gone, if that gets through.
func (f *feed) reset(err error) {
	w := f.h.w
	w.net.send(f.h.part, f.to, "reset", func() {
		if f.to.life == f.life {
			f.end(err)
		}
	})
}

// pumpFeeds sends what is new to all readers.
func (h *host) pumpFeeds() {
	kept := h.feeds[:0]
	for _, f := range h.feeds {
		if f.to.life != f.life {
			f.broken = true
		}
		if f.pump(); !f.broken {
			kept = append(kept, f)
		}
	}
	h.feeds = kept
}
