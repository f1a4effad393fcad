package ledger

import (
	"context"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// How long a stream is silent at most, unless the reader is told otherwise, and
// how long a reader may leave what was written unread.
const (
	heartbeat = 3 * time.Second
	writeTime = 4 * heartbeat
)

// Reader is what of a node is read.
type Reader interface {
	Entries(from uint64, maxBytes int) ([]consensus.Entry, error)
	Status() consensus.Status
}

// Stream is one reader's way through the committed events.
type Stream struct {
	node   Reader
	index  *Index
	clock  clock.Clock
	end    <-chan struct{}
	after  int64
	past   bool // an event behind after was met
	seq    uint64
	follow bool
	beat   time.Duration
	pacer  *clock.Pacer // nil: nothing is held
}

// Open begins a stream behind event after; 0 is the oldest kept. It ends when
// end is closed. The error EventSeqTorn says that events after that one are
// not kept any more.
func Open(node Reader, x *Index, c clock.Clock, end <-chan struct{}, after int64, follow bool) (*Stream, error) {
	if !x.isWhole() {
		return nil, fault.New(fault.Unavailable, "NotReady", "the index of events is being built; try again")
	}
	seq := max(x.FirstAfter(after), 1)
	if oldest := node.Status().OldestSeq; seq < oldest || x.torn(after) {
		if after != 0 {
			return nil, fault.New(fault.NotFound, "EventSeqTorn", "events after %d are not kept any more; read from 0 for the oldest kept", after)
		}
		seq = max(seq, oldest)
	}
	return &Stream{node: node, index: x, clock: c, end: end, after: after, seq: seq, follow: follow, beat: heartbeat}, nil
}

// Beat makes the stream silent for at most d: its reader is to notice soon when
// nobody is there any more.
func (s *Stream) Beat(d time.Duration) { s.beat = d }

// Gather makes the stream hold what comes for a moment while there is much of
// it, counted in events: its reader is woken once for all that comes meanwhile.
func (s *Stream) Gather(o clock.PacerOptions) { s.pacer = clock.NewPacer(s.clock, o) }

// Ready calls send with what is committed and not yet sent, and doesn't wait for more.
func (s *Stream) Ready(send func([]engine.Stamped) error) error {
	committed, _, _ := s.index.Position()
	return s.drain(committed, decoded(send))
}

// decoded takes the binary form of events, for a reader of events.
func decoded(send func([]engine.Stamped) error) func([]byte) error {
	return func(data []byte) error {
		events, err := engine.ReadEvents(data)
		if err != nil {
			return err
		}
		return send(events)
	}
}

// sink is where a stream goes.
type sink interface {
	send(events []byte) error // takes in the events of an entry
	flush() error             // brings to the reader what was taken in
	idle() error              // is called when nothing came for a heartbeat's time
}

// each calls out with what is committed, again and again; it ends when the
// reader doesn't follow, when ctx ends or a call fails.
func (s *Stream) each(ctx context.Context, out sink) error {
	for {
		committed, _, grown := s.index.Position()
		before, events := s.seq, 0
		err := s.drain(committed, func(data []byte) error {
			events += engine.CountEvents(data)
			return out.send(data)
		})
		if err != nil {
			return err
		}
		if s.seq != before {
			if err := out.flush(); err != nil {
				return err
			}
			if s.pacer != nil {
				s.pacer.Wait(ctx, events)
			}
		}
		if s.seq <= committed {
			if err := s.lag(ctx); err != nil {
				return err
			}
			continue
		}
		if !s.follow {
			return nil
		}
		if err := s.wait(ctx, grown, out.idle); err != nil {
			return err
		}
	}
}

// drain sends what is committed up to an entry, in binary form.
func (s *Stream) drain(committed uint64, send func(events []byte) error) error {
	for s.seq <= committed {
		entries, err := s.node.Entries(s.seq, 1<<20)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if e.Seq > committed {
				return nil
			}
			data, err := s.behind(e.Data)
			if err != nil {
				return err
			}
			s.seq = e.Seq + 1
			if len(data) > 0 {
				if err := send(data); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// behind returns an entry's events behind the one that the stream begins
// behind. Only the first entries may hold others: event ids rise.
func (s *Stream) behind(data []byte) ([]byte, error) {
	data, err := unpack(data)
	if err != nil || s.past {
		return data, err
	}
	events, err := engine.ReadEvents(data)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	if s.past = events[len(events)-1].ID > s.after; !s.past {
		return nil, nil
	}
	if events[0].ID > s.after {
		return data, nil
	}
	for events[0].ID <= s.after {
		events = events[1:]
	}
	return engine.AppendEvents(nil, events), nil
}

// publishLag is how long to wait for an entry that is told to be committed
// but can't be read yet: the node tells its machine first, and its readers then.
const publishLag = 2 * time.Millisecond

func (s *Stream) lag(ctx context.Context) error {
	t := s.clock.NewTimer(publishLag)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.end:
		return context.Canceled
	case <-t.C():
		return nil
	}
}

func (s *Stream) wait(ctx context.Context, grown <-chan struct{}, idle func() error) error {
	for {
		t := s.clock.NewTimer(s.beat)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-s.end:
			t.Stop()
			return context.Canceled
		case <-grown:
			t.Stop()
			return nil
		case <-t.C():
			if err := idle(); err != nil {
				return err
			}
		}
	}
}

// Lines answers with NDJSON, one event a line.
func (s *Stream) Lines(w http.ResponseWriter, r *http.Request) error {
	out := &lines{StreamWriter: transport.NewStreamWriter(w, r, transport.StreamOptions{Heartbeat: s.beat})}
	err := s.each(r.Context(), out)
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}

// lines is the sink of a stream of NDJSON, which flushes and beats by itself.
type lines struct {
	*transport.StreamWriter
	line []byte
}

func (l *lines) send(data []byte) error {
	events, err := engine.ReadEvents(data)
	if err != nil {
		return err
	}
	for i := range events {
		l.line = events[i].AppendJSON(l.line[:0])
		if err := l.Write(l.line); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) flush() error { return nil }

func (l *lines) idle() error { return nil }

// Binary answers with frames of a length and the binary form of events; a
// frame of length 0 is a heartbeat.
func (s *Stream) Binary(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &frames{w: w, rc: http.NewResponseController(w), clock: s.clock}
	if err := out.flush(); err != nil {
		return err
	}
	return s.each(r.Context(), out)
}

// frames is the sink of a stream in binary form.
type frames struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	clock clock.Clock
	buf   []byte
}

func (f *frames) send(data []byte) error {
	f.buf = append(binary.AppendUvarint(f.buf[:0], uint64(len(data))), data...)
	return f.write(f.buf)
}

func (f *frames) write(b []byte) error {
	if err := f.begin(); err != nil {
		return err
	}
	_, err := f.w.Write(b)
	return err
}

// begin gives the reader its time for what is sent next.
func (f *frames) begin() error { return f.rc.SetWriteDeadline(f.clock.Now().Add(writeTime)) }

func (f *frames) flush() error {
	if err := f.begin(); err != nil {
		return err
	}
	return f.rc.Flush()
}

func (f *frames) idle() error {
	if err := f.write([]byte{0}); err != nil {
		return err
	}
	return f.flush()
}
