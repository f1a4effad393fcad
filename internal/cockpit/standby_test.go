package cockpit

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/store"
)

// another starts a second Cockpit on the same database and Controllers.
func (b *bench) another(t *testing.T) *bench {
	t.Helper()
	settings := *b.settings
	settings.Name = "cockpit-2"
	other := &bench{TB: t, fake: b.fake, settings: &settings, deps: b.deps, token: b.token, signer: b.signer}
	other.deps.Settings = &settings
	other.start()
	t.Cleanup(func() { other.stop() })
	return other
}

// knows tells whether a session has calls that take long.
func (l *liveCalls) knows(token string) bool {
	hash, _ := identity.HashToken(token)
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.by[hash]) > 0
}

// Of two Cockpits on a database one writes; at the other, everything that waits is
// woken, too. When the one stops, the other goes on.
func TestTwoCockpits(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{postgres: true})
	b.deploy(map[string]string{"W": job("rc 0"), "L": job("out one\nhold")})
	b.await(b.add(api.AddOrdersRequest{Workflow: "W", Id: "first"})...) // b has the lease
	other := b.another(t)

	// Orders that are awaited there, added here and there.
	other.await(b.add(api.AddOrdersRequest{Workflow: "W", Id: "here"})...)
	other.await(other.add(api.AddOrdersRequest{Workflow: "W", Id: "there", Count: 20})...)
	b.await("there-1", "there-20")

	// A log that is read there while it grows, and its end; and the overview there.
	b.add(api.AddOrdersRequest{Workflow: "L", Id: "live"})
	b.check(other.c.histories[0].catchUp(t.Context()))
	for deadline := time.Now().Add(time.Minute); other.c.histories[0].mirror.Row("live") == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the overview lacks an order")
		}
		runtime.Gosched()
	}
	lines := make(chan string)
	go func() {
		w := other.do(request{method: "GET", path: orderPath("live", "/log?follow=true"), token: other.token})
		lines <- w.Body.String()
	}()
	b.check(other.c.histories[0].catchUp(t.Context()))
	b.fake.release("live", "two")
	if got := <-lines; got != "one\ntwo\n" {
		t.Errorf("log: %q", got)
	}
	other.await("live")

	// What lost the lease may not write.
	if err := other.c.services.Write(t.Context(), func(store.Writer) error { return nil }); !fault.HasCode(err, "LeaseLost") {
		t.Errorf("the Cockpit that stands by can write as a service: %v", err)
	}
	// Events are confirmed under one name, whoever runs the services.
	readers := func() string {
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		return strings.Join(b.fake.readers, " ")
	}

	b.stop()
	other.await(other.add(api.AddOrdersRequest{Workflow: "W", Id: "after", Count: 20})...)
	seen := map[string]int{}
	for _, row := range other.history("") {
		seen[row.OrderId]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s has %d rows", id, n)
		}
	}
	if len(seen) != 43 {
		t.Errorf("%d orders have rows, want 43", len(seen))
	}
	other.stop()
	if got := readers(); got != "cockpit" {
		t.Errorf("readers: %s", got)
	}
}

// A session that ends at one Cockpit ends at the other, with the calls it has there.
func TestLogoutAtTheOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{postgres: true})
	b.deploy(map[string]string{"L": job("out one\nhold")})
	b.add(api.AddOrdersRequest{Workflow: "L", Id: "live"})
	other := b.another(t)
	token := b.login("admin", adminPassword)
	if w := other.do(request{method: "GET", path: "/me", token: token}); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		other.do(request{method: "GET", path: orderPath("live", "/log?follow=true"), token: token, ctx: ctx})
	}()
	go func() {
		defer close(began)
		for !other.c.live.knows(token) && ctx.Err() == nil {
			b.check(other.c.histories[0].catchUp(ctx))
		}
	}()
	<-began
	if w := b.do(request{method: "POST", path: "/logout", token: token}); w.Code/100 != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	<-ended
	w := other.do(request{method: "GET", path: "/me", token: token})
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	b.fake.release("live", "")
}

// Drafts are deployed at a Cockpit that doesn't run the services: the other takes
// over what the events tell, and this one's browsers hear of it.
func TestDeployingAtTheOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{postgres: true})
	b.settled() // b has the lease
	other := b.another(t)
	other.settled()
	other.draft("Workflow:w", empty)
	if out := other.deployDrafts("Workflow:w"); len(out.Deploys) != 1 {
		t.Fatalf("deployed %+v", out)
	}
	for name, c := range map[string]*bench{"here": other, "there": b} {
		o := c.object("Workflow:w")
		if o.Object.State != "deployed" || len(o.Deployments) != 1 || o.Deployments[0].Account != "admin" {
			t.Errorf("%s: %+v", name, o)
		}
	}
	other.hears("items", 0)
}

// hears returns when the browsers are told of a topic behind a frame.
func (b *bench) hears(topic string, after int64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		frames, moved, _ := b.c.news.after(after)
		for _, f := range frames {
			if strings.Contains(string(f.data), `"`+topic+`"`) {
				return
			}
		}
		select {
		case <-moved:
		case <-ctx.Done():
			b.Fatalf("no news of %s in %d frames", topic, len(frames))
		}
	}
}

// What no event of a Controller tells, saved drafts and audit entries, the browsers
// of both Cockpits hear of.
func TestTopicsAtTheOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{postgres: true})
	other := b.another(t)
	// Each begins to listen with all topics.
	for _, c := range []*bench{b, other} {
		c.hears(topicAudit, 0)
		c.hears(topicInventory, 0)
	}
	for _, here := range []*bench{other, b} {
		var last [2]int64
		for i, c := range []*bench{b, other} {
			last[i], _ = c.c.news.place("")
		}
		here.draft("Workflow:w", empty)
		for i, c := range []*bench{b, other} {
			c.hears(topicInventory, last[i])
			c.hears(topicAudit, last[i])
		}
	}
}
