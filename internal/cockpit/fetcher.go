package cockpit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// fetcher brings the logs of tasks that have ended from their Agents into the
// database, where they stay when the Agent has deleted them.
type fetcher struct {
	id         string // of the Controller
	controller Controller
	db         store.Store
	clock      clock.Clock
	log        *slog.Logger
	signals    *signals
	pack       *packer
	wake       chan struct{} // capacity 1
}

// Bounds of fetching.
const (
	fetchAtOnce  = 8
	dueAtOnce    = 2 * MaxTaskLogs
	fetchTime    = time.Minute        // one try
	fetchGiveUp  = 7 * 24 * time.Hour // after the step's end
	fetchRecheck = 30 * time.Second
	chunkSize    = 256 << 10 // bytes of a log that make one piece in the database
	maxTaskLog   = 256 << 20 // bytes of one log; what follows is left out
)

// wakeUp tells that there may be something to fetch.
func (f *fetcher) wakeUp() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// fetched tells that a worker is done with a log, and when to try again (0: never).
type fetched struct {
	key     store.StepKey
	retryAt int64
}

// run fetches until ctx ends.
func (f *fetcher) run(ctx context.Context) {
	work := make(chan []store.Step)
	done := make(chan []fetched, fetchAtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(work)
	for range fetchAtOnce {
		wg.Go(func() {
			for steps := range work {
				results := f.fetchAll(ctx, steps)
				select {
				case done <- results:
				case <-ctx.Done():
				}
			}
		})
	}
	pacer := clock.NewPacer(f.clock, manyOrders())
	busy := map[store.StepKey]bool{}
	again := int64(0) // the earliest retry
	take := func(list []fetched) {
		for _, d := range list {
			delete(busy, d.key)
			if d.retryAt != 0 && (again == 0 || d.retryAt < again) {
				again = d.retryAt
			}
		}
	}
	for found := 0; ; {
		pacer.Wait(ctx, found)
		due, err := f.due(ctx, busy)
		found = len(due)
		if err != nil && ctx.Err() == nil {
			f.log.Error("task logs: looking for work", "controller", f.id, "error", err)
		}
		for _, steps := range together(due) {
			for i := range steps {
				busy[steps[i].StepKey] = true
			}
			for sent := false; !sent; {
				select {
				case work <- steps:
					sent = true
				case d := <-done:
					take(d)
				case <-ctx.Done():
					return
				}
			}
		}
		if len(due) > 0 {
			continue
		}
		wait := fetchRecheck
		if again != 0 {
			wait = min(wait, max(time.Millisecond, time.UnixMilli(again).Sub(f.clock.Now())))
		}
		timer := f.clock.NewTimer(wait)
		select {
		case <-f.wake:
		case d := <-done:
			take(d)
		case <-timer.C():
			again = 0
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// together arranges steps as they are fetched: what was never tried goes
// together with others of its Agent, the rest alone.
func together(due []store.Step) [][]store.Step {
	var all [][]store.Step
	open := map[string]int{} // index of an Agent's last group
	for _, s := range due {
		if s.Log.Bytes > 0 || s.Log.Problem != "" {
			all = append(all, []store.Step{s})
			continue
		}
		i, ok := open[s.Agent]
		if !ok || len(all[i]) >= MaxTaskLogs {
			i = len(all)
			open[s.Agent] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], s)
	}
	return all
}

// fetchAll brings the logs of one Agent here: the small ones by one request,
// the others one by one.
func (f *fetcher) fetchAll(ctx context.Context, steps []store.Step) []fetched {
	results := make([]fetched, 0, len(steps))
	if len(steps) > 1 {
		var rest []store.Step
		for i, ok := range f.fetchSmall(ctx, steps) {
			if ok {
				results = append(results, fetched{key: steps[i].StepKey})
			} else {
				rest = append(rest, steps[i])
			}
		}
		steps = rest
	}
	for _, s := range steps {
		results = append(results, fetched{s.StepKey, f.fetch(ctx, s)})
	}
	return results
}

// fetchSmall brings logs by one request and stores them at once. It tells which
// of them are done; what is wrong with the others is found out one by one.
func (f *fetcher) fetchSmall(ctx context.Context, steps []store.Step) []bool {
	done := make([]bool, len(steps))
	tasks := make([]string, len(steps))
	for i := range steps {
		tasks[i] = steps[i].Task
	}
	timed, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	logs, err := f.controller.TaskLogs(timed, steps[0].Agent, tasks)
	if err != nil {
		f.log.Debug("task logs: not fetched together", "agent", steps[0].Agent, "tasks", len(tasks), "error", err)
		return done
	}
	pieces, statuses := make([][]byte, len(steps)), make([]store.LogStatus, len(steps))
	in := bufio.NewReaderSize(nil, 4<<10)
	for i, log := range logs {
		if log != nil {
			pieces[i], statuses[i], done[i] = f.whole(in, log)
		}
	}
	err = f.db.Write(ctx, func(w store.Writer) error {
		for i := range steps {
			if !done[i] {
				continue
			}
			if pieces[i] != nil {
				if err := w.AddLogChunk(steps[i].StepKey, 0, pieces[i]); err != nil {
					return err
				}
			}
			if err := w.SetLog(steps[i].StepKey, statuses[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.log.Error("task logs: storing", "tasks", len(tasks), "error", err)
		return make([]bool, len(steps))
	}
	for i := range steps {
		if done[i] {
			f.signals.changed(steps[i].Root, true)
		}
	}
	return done
}

// whole reads a finished log, and returns its frames packed; false when it
// isn't finished, or not as it should be.
func (f *fetcher) whole(in *bufio.Reader, log []byte) (packed []byte, status store.LogStatus, ok bool) {
	in.Reset(bytes.NewReader(log))
	r, err := newBufferedFrameReader(in, 0, true)
	if err != nil {
		return nil, status, false
	}
	size := logHeader
	for {
		fr, err := r.next()
		if errors.Is(err, errLogEnded) {
			break
		}
		if err != nil {
			return nil, status, false
		}
		size += len(fr.raw)
	}
	status = store.LogStatus{State: store.LogComplete, Created: r.created, Bytes: int64(size)}
	if size > logHeader {
		status.Chunks = 1
		packed = f.pack.compress(log[logHeader:size])
	}
	return packed, status, true
}

// due returns steps whose log is to be fetched now and that nobody fetches.
func (f *fetcher) due(ctx context.Context, busy map[store.StepKey]bool) ([]store.Step, error) {
	var fresh []store.Step
	err := f.db.Read(ctx, func(r store.Reader) error {
		all, err := r.PendingLogs(f.id, f.clock.Now().UnixMilli(), dueAtOnce+len(busy))
		for _, s := range all {
			if !busy[s.StepKey] {
				fresh = append(fresh, s)
			}
		}
		return err
	})
	return fresh, err
}

// fetch brings one log here, or tells when to try again.
func (f *fetcher) fetch(ctx context.Context, s store.Step) (retryAt int64) {
	timed, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	err := f.copyLog(timed, &s)
	if err == nil {
		f.signals.changed(s.Root, true)
		return 0
	}
	if ctx.Err() != nil {
		return 0
	}
	now := f.clock.Now()
	age := now.Sub(time.UnixMilli(s.EndedHere))
	s.Log.Problem = fault.Of(err).Code
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Corrupt) || age > fetchGiveUp {
		// What came before it stays.
		s.Log.State, s.Log.RetryAt = store.LogMissing, 0
	} else {
		// The longer it hasn't worked, the longer the pause.
		s.Log.RetryAt = now.Add(max(200*time.Millisecond, min(age/4, 10*time.Minute))).UnixMilli()
	}
	if err := f.db.Write(ctx, func(w store.Writer) error { return w.SetLog(s.StepKey, s.Log) }); err != nil {
		f.log.Error("task logs: noting a failure", "task", s.Task, "error", err)
	}
	f.log.Debug("task logs: not fetched", "task", s.Task, "agent", s.Agent, "retry", s.Log.State == store.LogPending, "error", err)
	f.signals.changed(s.Root, true)
	return s.Log.RetryAt
}

// copyLog copies a log from where it was left off to its end.
func (f *fetcher) copyLog(ctx context.Context, s *store.Step) error {
	body, err := f.controller.TaskLog(ctx, s.Agent, s.Task, s.Log.Bytes, true)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	r, err := newFrameReader(body, s.Log.Created, s.Log.Bytes == 0)
	if err != nil {
		return unfinished(err)
	}
	var piece []byte
	var index *indexer // of a log that comes in one go; of others it is made when it is needed
	log := s.Log
	log.Problem = ""
	if log.Bytes == 0 {
		log.Created, log.Bytes = r.created, int64(logHeader)
		index = newIndexer(r.created)
	}
	for {
		fr, err := r.next()
		ended := errors.Is(err, errLogEnded)
		if err == nil {
			if index != nil {
				if len(piece) == 0 {
					index.begin()
				}
				index.frame(fr.channel, fr.time, fr.data)
			}
			piece = append(piece, fr.raw...)
		}
		if log.Bytes+int64(len(piece)) > maxTaskLog {
			ended, log.Problem = true, "TaskLogTooLong"
		}
		if len(piece) >= chunkSize || ended || err != nil && len(piece) > 0 {
			log.Bytes += int64(len(piece))
			if ended {
				log.State, log.RetryAt = store.LogComplete, 0
			}
			if err := f.keep(ctx, s.StepKey, &log, piece, index); err != nil {
				return err
			}
			s.Log, piece = log, piece[:0]
		}
		switch {
		case errors.Is(err, errLogEnded):
			r.drain()
			return nil
		case ended:
			return nil
		case err != nil:
			return unfinished(err)
		}
	}
}

// unfinished is the error of a log that isn't finished yet: its Agent is about
// to, or has to be started again.
func unfinished(err error) error {
	if errors.Is(err, io.EOF) {
		return fault.New(fault.Unavailable, "TaskLogUnfinished", "the task's log isn't finished yet")
	}
	return err
}

// keep writes a piece and how far the log has come; with the last of several
// pieces also the index of their lines.
func (f *fetcher) keep(ctx context.Context, key store.StepKey, log *store.LogStatus, piece []byte, index *indexer) error {
	var packed, packedIndex []byte
	nr := log.Chunks
	if len(piece) > 0 {
		packed = f.pack.compress(piece)
		log.Chunks++
	}
	if index != nil && log.State == store.LogComplete && log.Chunks > 1 {
		packedIndex = f.pack.compress(index.index().encode())
	}
	return f.db.Write(ctx, func(w store.Writer) error {
		if packedIndex != nil {
			if err := w.AddLogChunk(key, indexChunk, packedIndex); err != nil {
				return err
			}
		}
		if packed != nil {
			if err := w.AddLogChunk(key, nr, packed); err != nil {
				return err
			}
		}
		return w.SetLog(key, *log)
	})
}

// packer compresses pieces of logs. Safe for concurrent use.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(512<<10))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "CompressionFailed", err, "the compressor can't be made")
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(chunkSize+2*maxPayload), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "CompressionFailed", err, "the decompressor can't be made")
	}
	return &packer{enc, dec}, nil
}

func (p *packer) compress(b []byte) []byte { return p.enc.EncodeAll(b, nil) }

func (p *packer) expand(b []byte) ([]byte, error) {
	out, err := p.dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fault.Wrap(fault.Corrupt, "TaskLogCorrupt", err, "a stored piece of a task's log is damaged")
	}
	return out, nil
}

func (p *packer) close() { p.dec.Close() }
