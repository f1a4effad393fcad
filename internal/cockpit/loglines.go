package cockpit

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/store"
)

// maxLogLine is how long a line grows before it is passed on in pieces.
const maxLogLine = 64 << 10

// stepLog gives the lines of one step's log. Owned by one goroutine.
type stepLog struct {
	step  store.Step
	next  func(context.Context) (frame, error) // io.EOF or errLogEnded at the end
	close func()

	begun [4]partial // by channel
	ready []api.LogLine
	err   error
}

// partial is a line that isn't at its end.
type partial struct {
	text []byte
	time int64
}

// line returns the next line; io.EOF behind the last.
func (l *stepLog) line(ctx context.Context) (api.LogLine, error) {
	for len(l.ready) == 0 && l.err == nil {
		fr, err := l.next(ctx)
		if err != nil {
			l.end(err)
			break
		}
		l.take(fr)
	}
	if len(l.ready) == 0 {
		return api.LogLine{}, l.err
	}
	line := l.ready[0]
	l.ready = l.ready[1:]
	return line, nil
}

// take cuts a frame into lines.
func (l *stepLog) take(fr frame) {
	if fr.channel == joblog.Mark {
		l.add(fr.channel, fr.time, string(fr.data)+"\n")
		return
	}
	p := &l.begun[fr.channel]
	for rest := fr.data; len(rest) > 0; {
		if len(p.text) == 0 {
			p.time = fr.time
		}
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		p.text = append(p.text, rest[:n]...)
		if rest[n-1] == '\n' || len(p.text) >= maxLogLine {
			l.add(fr.channel, p.time, string(p.text))
			p.text = p.text[:0]
		}
		rest = rest[n:]
	}
}

func (l *stepLog) add(c joblog.Channel, time int64, text string) {
	s := &l.step
	l.ready = append(l.ready, api.LogLine{
		OrderId: s.OrderID, Position: json.RawMessage(s.Position), Label: s.Label, Job: s.Job, Agent: s.Agent, Task: s.Task,
		Channel: c.String(), Time: time, Text: text,
	})
}

// end gives out what has begun, and a remark when the end isn't the log's own.
func (l *stepLog) end(err error) {
	for c := range l.begun {
		if p := &l.begun[c]; len(p.text) > 0 {
			l.add(joblog.Channel(c), p.time, string(p.text))
			p.text = nil
		}
	}
	l.err = io.EOF
	if !errors.Is(err, io.EOF) && !errors.Is(err, errLogEnded) {
		l.add(joblog.Mark, max(l.step.Start, l.step.End), "the log of this step can't be read: "+fault.Of(err).Message+"\n")
	}
}

// storedLog returns the lines that are in the database.
func (h *history) storedLog(s store.Step) *stepLog {
	var r *frameReader
	nr := 0
	l := &stepLog{step: s, close: func() {}}
	l.next = func(ctx context.Context) (frame, error) {
		for {
			if r != nil {
				fr, err := r.next()
				if !errors.Is(err, io.EOF) {
					return fr, err
				}
				r = nil
			}
			if nr >= s.Log.Chunks {
				return frame{}, h.storedEnd(&s)
			}
			var packed []byte
			err := h.db.Read(ctx, func(rd store.Reader) (err error) {
				packed, err = rd.LogChunk(s.StepKey, nr)
				return err
			})
			if err != nil {
				return frame{}, err
			}
			piece, err := h.pack.expand(packed)
			if err != nil {
				return frame{}, err
			}
			nr++
			if r, err = newFrameReader(bytes.NewReader(piece), s.Log.Created, false); err != nil {
				return frame{}, err
			}
		}
	}
	return l
}

// storedEnd tells why a stored log ends where it does.
func (h *history) storedEnd(s *store.Step) error {
	switch {
	case s.Log.State == store.LogMissing && s.Log.Problem == "UnknownTaskLog" && s.Log.Chunks == 0:
		return fault.New(fault.NotFound, "UnknownTaskLog", "its Agent has no such log (any more)")
	case s.Log.State == store.LogMissing:
		return fault.New(fault.NotFound, "TaskLogIncomplete", "it could not be fetched from its Agent (%s)", s.Log.Problem)
	case s.Log.Problem != "":
		return fault.New(fault.TooLarge, s.Log.Problem, "it is longer than what is kept")
	}
	return io.EOF
}

// liveLog returns the lines of a log that is at its Agent. With follow it waits
// for more until the log is finished.
func (h *history) liveLog(s store.Step, follow bool) *stepLog {
	live := &liveReader{h: h, step: s, follow: follow}
	return &stepLog{step: s, next: live.next, close: live.close}
}

// liveReader reads a log through the Controller. When the way there breaks it
// goes on where it was.
type liveReader struct {
	h       *history
	step    store.Step
	follow  bool
	body    io.ReadCloser
	frames  *frameReader
	created int64
	offset  int64     // in the Agent's file; 0: before the header
	since   time.Time // without progress
}

const (
	livePatience = 30 * time.Second // without any progress
	livePause    = 200 * time.Millisecond
)

func (l *liveReader) close() {
	if l.body != nil {
		_ = l.body.Close()
	}
	l.body, l.frames = nil, nil
}

func (l *liveReader) next(ctx context.Context) (frame, error) {
	if l.since.IsZero() {
		l.since = l.h.clock.Now()
	}
	for {
		fr, err := l.read(ctx)
		if err == nil {
			l.offset += int64(len(fr.raw))
			l.since = l.h.clock.Now()
			return fr, nil
		}
		if errors.Is(err, errLogEnded) || !l.follow || ctx.Err() != nil || fault.Is(err, fault.Corrupt) {
			return frame{}, err
		}
		// With follow, an end that isn't the log's own is an interruption, and a
		// log that isn't there is about to be: the process is just being started.
		if l.h.clock.Now().Sub(l.since) > livePatience {
			return frame{}, err
		}
		if fault.Is(err, fault.NotFound) && l.isSilent(ctx) {
			return frame{}, errLogEnded
		}
		l.close()
		sleep(ctx, l.h.clock, livePause)
	}
}

// isSilent tells whether the process has ended meanwhile and left no log.
func (l *liveReader) isSilent(ctx context.Context) bool {
	var s store.Step
	err := l.h.db.Read(ctx, func(r store.Reader) (err error) {
		s, err = r.Step(l.step.StepKey)
		return err
	})
	return err == nil && s.Log.State == store.LogComplete && s.Log.Bytes == 0
}

func (l *liveReader) read(ctx context.Context) (frame, error) {
	if l.frames == nil {
		body, err := l.h.controller.TaskLog(ctx, l.step.Agent, l.step.Task, l.offset, l.follow)
		if fault.Is(err, fault.NotFound) && l.step.End == 0 && !l.follow {
			return frame{}, io.EOF // the process is just being started
		}
		if err != nil {
			return frame{}, err
		}
		l.body = body
		if l.frames, err = newFrameReader(body, l.created, l.offset == 0); err != nil {
			return frame{}, err
		}
		if l.offset == 0 {
			l.created, l.offset = l.frames.created, int64(logHeader)
		}
	}
	return l.frames.next()
}

// merged gives the lines of many logs in the order of their times. A log is
// opened when its time comes, so that few are open at once.
type merged struct {
	waiting []*stepLog // by start
	open    lineHeap
}

func newMerged(logs []*stepLog) *merged {
	slices.SortStableFunc(logs, func(a, b *stepLog) int {
		return cmp.Or(cmp.Compare(a.step.Start, b.step.Start), cmp.Compare(a.step.Event, b.step.Event))
	})
	return &merged{waiting: logs}
}

// line returns the next line; io.EOF behind the last.
func (m *merged) line(ctx context.Context) (api.LogLine, error) {
	for len(m.waiting) > 0 && (len(m.open) == 0 || m.waiting[0].step.Start <= m.open[0].line.Time) {
		l := m.waiting[0]
		m.waiting = m.waiting[1:]
		m.push(ctx, l)
	}
	if len(m.open) == 0 {
		return api.LogLine{}, io.EOF
	}
	first, _ := heap.Pop(&m.open).(head)
	m.push(ctx, first.log)
	return first.line, nil
}

func (m *merged) push(ctx context.Context, l *stepLog) {
	line, err := l.line(ctx)
	if err != nil { // io.EOF: all else has become a remark
		l.close()
		return
	}
	heap.Push(&m.open, head{line, l})
}

func (m *merged) close() {
	for _, h := range m.open {
		h.log.close()
	}
}

// head is the next line of a log.
type head struct {
	line api.LogLine
	log  *stepLog
}

type lineHeap []head

func (h lineHeap) Len() int { return len(h) }
func (h lineHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].line.Time, h[j].line.Time), cmp.Compare(h[i].log.step.Event, h[j].log.step.Event)) < 0
}
func (h lineHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *lineHeap) Push(x any) {
	if v, ok := x.(head); ok {
		*h = append(*h, v)
	}
}

// Pop implements heap.Interface.
func (h *lineHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
