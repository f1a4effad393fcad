package cockpit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
)

// Of many who ask the same because of the same news, one is worked for.
func TestAnswersAreShared(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true, clock: clock.NewFake(time.UnixMilli(1_790_000_000_000))})
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "vera", Role: "viewer", Password: "a good password"}, nil)
	admin := b.token
	viewer := b.login("vera", "a good password")
	asked := 0
	after := func(what string, want int) {
		t.Helper()
		b.fake.mu.Lock()
		n := b.fake.looks
		b.fake.mu.Unlock()
		if n-asked != want {
			t.Errorf("%s: the Controller was asked %d times, want %d", what, n-asked, want)
		}
		asked = n
	}
	ask := func(token string) {
		t.Helper()
		w := b.do(request{method: "GET", path: "/overview/dashboard", token: token})
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "{") || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	b.c.news.tell("x")
	b.c.news.publish()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { ask(admin) })
	}
	all.Wait()
	after("asked by 50", 1)
	ask(viewer)
	after("asked by one who may do less", 1)
	b.c.news.tell("x")
	b.c.news.publish()
	ask(admin)
	ask(admin)
	after("asked after news", 1)
	b.call("POST", "/inventory/drafts", `{"objects":[{"kind":"Workflow","path":"a/W","format":"json","text":"{}"}]}`, nil)
	ask(admin)
	after("asked after a change", 1)
	b.call("GET", "/overview/dashboard?folder=a", nil, nil)
	after("asked something else", 1)
	b.refused(422, "InvalidQuery", "GET", "/overview/dashboard?x=1", nil)
	b.refused(422, "InvalidQuery", "GET", "/overview/dashboard?x=1", nil)
}

func TestSharedAnswersEnd(t *testing.T) {
	t.Parallel()
	s := &sharedAnswers{}
	now := time.Unix(1_790_000_000, 0)
	is := func(what, key string, frame int64, at time.Time, wantShared, wantMine bool) {
		t.Helper()
		if a, mine := s.take(key, frame, at); (a != nil) != wantShared || mine != wantMine {
			t.Errorf("%s: shared %t, mine %t", what, a != nil, mine)
		}
	}
	is("the first", "a", 1, now, true, true)
	is("the second", "a", 1, now, true, false)
	is("a moment later", "a", 1, now.Add(sharedFor-1), true, false)
	is("too late", "a", 1, now.Add(sharedFor), true, true)
	is("news", "a", 2, now.Add(sharedFor), true, true)
	for i := range maxShared - 1 {
		is("another", string(rune('b'+i)), 2, now, true, true)
	}
	is("one too many", "zz", 2, now, false, false)
	is("one of those that are there", "b", 2, now, true, false)
	s.drop()
	is("all dropped", "zz", 2, now, true, true)
}

// Whoever waits for an answer that doesn't come about works for it.
func TestSharedAnswerThatFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	waiting, fails := make(chan struct{}), make(chan struct{})
	calls := 0
	handler := shared(func(k *call) error {
		if calls++; calls == 1 {
			close(waiting)
			<-fails
			return fault.New(fault.Unavailable, "Away", "it is away")
		}
		return k.answer(strings.Repeat("x", sharedSize))
	})
	ask := func() (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		return w, handler(&call{Cockpit: b.c, w: w, r: httptest.NewRequest(http.MethodGet, "/", nil), route: &route{}})
	}
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := ask(); !fault.HasCode(err, "Away") {
			t.Errorf("got %v", err)
		}
	})
	<-waiting
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := handler(&call{Cockpit: b.c, w: httptest.NewRecorder(), r: httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx), route: &route{}}); !fault.Is(err, fault.Timeout) {
		t.Errorf("got %v", err)
	}
	all.Go(func() {
		if w, err := ask(); err != nil || w.Body.Len() < sharedSize {
			t.Errorf("%d bytes, %v", w.Body.Len(), err)
		}
	})
	close(fails)
	all.Wait()
	if _, err := ask(); err != nil || calls != 3 { // too large to be kept
		t.Errorf("%d calls, %v", calls, err)
	}
}

// When the one leaves who works for an answer, one of those who wait goes on.
func TestSharedAnswerOfOneWhoLeaves(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true, clock: clock.NewFake(time.UnixMilli(1_790_000_000_000))})
	var calls atomic.Int32
	begun := make(chan struct{})
	handler := shared(func(k *call) error {
		if calls.Add(1) == 1 {
			close(begun)
			<-k.r.Context().Done()
			return k.r.Context().Err()
		}
		return k.answer("x")
	})
	ask := func(ctx context.Context) error {
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
		return handler(&call{Cockpit: b.c, w: httptest.NewRecorder(), r: r, route: &route{}})
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var all sync.WaitGroup
	all.Go(func() {
		if err := ask(ctx); err == nil {
			t.Error("the one who left has an answer")
		}
	})
	<-begun
	for range 20 {
		all.Go(func() {
			if err := ask(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	leave()
	all.Wait()
	if n := calls.Load(); n != 2 {
		t.Errorf("%d worked for it, want 2", n)
	}
}
