package cockpit

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of answers that are shared.
const (
	sharedFor  = time.Second // what follows from the time alone is no older
	maxShared  = 20          // questions
	sharedSize = 64 << 10    // bytes of one answer
)

// sharedAnswers keeps what browsers are told when news make all of them ask again
// for what they show: of a thousand that show the same, one is worked for. An
// answer is good until there are further news, or a call here has changed
// something, so whoever asks because of news gets an answer that has them. Only
// those who may see the same share one. Safe for concurrent use.
type sharedAnswers struct {
	mu    sync.Mutex
	frame int64 // of the news; the answers are no older
	by    map[string]*sharedAnswer
}

type sharedAnswer struct {
	begun  time.Time
	done   chan struct{} // closed when the rest is there
	header http.Header
	body   []byte // nil: it isn't to be shared
	left   bool   // who was to make it didn't wait for it
}

// take returns the answer to a question. It is the caller's to be made if mine is
// true; nil: it isn't shared.
func (s *sharedAnswers) take(key string, frame int64, now time.Time) (a *sharedAnswer, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frame != frame || s.by == nil {
		s.frame, s.by = frame, map[string]*sharedAnswer{}
	}
	if a := s.by[key]; a != nil && now.Sub(a.begun) < sharedFor {
		return a, false
	}
	if len(s.by) >= maxShared && s.by[key] == nil {
		return nil, false
	}
	a = &sharedAnswer{begun: now, done: make(chan struct{})}
	s.by[key] = a
	return a, true
}

// drop forgets all answers: something has changed.
func (s *sharedAnswers) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = nil
}

// shared is a handler whose answers are shared.
func shared(handle func(*call) error) func(*call) error {
	return func(k *call) error {
		key := strings.Join([]string{string(k.session.Account.Role), k.route.operation, k.r.URL.RawQuery}, "\n")
		for {
			frame, _ := k.news.place("")
			a, mine := k.answers.take(key, frame, k.clock.Now())
			switch {
			case a == nil:
				return handle(k)
			case mine:
				return k.makeShared(a, handle)
			}
			select {
			case <-a.done:
			case <-k.r.Context().Done():
				return fault.Wrap(fault.Timeout, "AnswerTimeout", k.r.Context().Err(), "the answer was not waited for")
			}
			switch {
			case a.body != nil:
				return k.sendShared(a)
			case !a.left:
				return handle(k) // it is too large, or failed, and may for another reason here
			}
		}
	}
}

// makeShared works for an answer. When the caller leaves meanwhile, another of those
// who wait goes on.
func (k *call) makeShared(a *sharedAnswer, handle func(*call) error) error {
	defer close(a.done)
	out := &recorder{header: http.Header{}}
	inner := *k
	inner.w = out
	if err := handle(&inner); err != nil {
		a.left = k.r.Context().Err() != nil
		k.answers.drop()
		return err
	}
	made := &sharedAnswer{header: out.header, body: out.body.Bytes()}
	if len(made.body) <= sharedSize {
		a.header, a.body = made.header, made.body
	}
	return k.sendShared(made)
}

func (k *call) sendShared(a *sharedAnswer) error {
	maps.Copy(k.w.Header(), a.header)
	_, _ = k.w.Write(a.body) // that the caller is gone is noticed by the server itself
	return nil
}

// recorder takes a whole answer.
type recorder struct {
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter: these answers have status 200.
func (r *recorder) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
