package cluster_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/controller"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/cluster"
)

// read reads the events after one from a member, to the present end.
func read(t *testing.T, c *cluster.Cluster, p *cluster.Part[controller.Controller], after int64) (ids []int64, names []string, err error) {
	t.Helper()
	s, err := c.Client().Stream(t.Context(), fmt.Sprintf("%s/controller/api/event?after=%d", p.URL, after), 1<<20, 20*time.Second)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	for {
		line, err := s.Next()
		if err != nil {
			return ids, names, nil
		}
		var e struct {
			EventID   int64
			TYPE, Key string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		ids, names = append(ids, e.EventID), append(names, e.TYPE+" "+e.Key)
	}
}

// reader follows the events, from whichever member answers, and goes on from
// the last event when a stream breaks.
type reader struct {
	mu  sync.Mutex
	ids []int64
	end chan struct{}
	wg  sync.WaitGroup
}

func follow(t *testing.T, c *cluster.Cluster) *reader {
	r := &reader{end: make(chan struct{})}
	r.wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-r.end:
				return
			default:
			}
			r.one(t, c, c.Controllers[i%len(c.Controllers)].URL)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *reader) stop() {
	select {
	case <-r.end:
	default:
		close(r.end)
	}
	r.wg.Wait()
}

// last returns the newest event that was read.
func (r *reader) last() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ids) == 0 {
		return 0
	}
	return r.ids[len(r.ids)-1]
}

func (r *reader) one(t *testing.T, c *cluster.Cluster, url string) {
	s, err := c.Client().Stream(t.Context(), fmt.Sprintf("%s/controller/api/event?follow=true&after=%d", url, r.last()), 1<<20, 10*time.Second)
	if err != nil {
		return
	}
	ended := make(chan struct{})
	defer close(ended)
	r.wg.Go(func() {
		select {
		case <-r.end:
		case <-ended:
		}
		_ = s.Close() // ends the reader
	})
	for {
		line, err := s.Next()
		if err != nil {
			return
		}
		var e struct{ EventID int64 }
		if json.Unmarshal(line, &e) != nil {
			return
		}
		r.mu.Lock()
		r.ids = append(r.ids, e.EventID)
		r.mu.Unlock()
	}
}

func leader(t *testing.T, c *cluster.Cluster) *cluster.Part[controller.Controller] {
	t.Helper()
	var st struct{ Leader string }
	c.Eventually("somebody leads", func() bool { return c.Get("/status", &st) == nil && st.Leader != "" })
	i := slices.IndexFunc(c.Controllers, func(p *cluster.Part[controller.Controller]) bool { return p.Name == st.Leader })
	return c.Controllers[i]
}

func closeController(t *testing.T, p *cluster.Part[controller.Controller]) {
	t.Helper()
	if err := p.Running.Close(); err != nil {
		t.Fatal(err)
	}
	p.Running = nil
}

// Over the loss of leaders and their return, a reader that goes on wherever it
// can sees what each member has, without gap and double. A member that was
// away while a snapshot was taken and old events were dropped serves the stream
// without gap, or says that it can't.
func TestReaderOverLeaders(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 3, 1, cluster.ControllerKey("signet.journal.keep-events", "100"))
	deploy(t, c, script("S", "1", "true"))
	r := follow(t, c)
	n := 0
	run := func(count int) {
		var ids []string
		for range count {
			n++
			ids = append(ids, fmt.Sprintf("S%d", n))
		}
		add(t, c, "S", ids...)
		for _, id := range ids {
			c.Eventually(id+" finishes", func() bool { return c.State(id) == "Finished" })
		}
	}
	for range 2 {
		run(10)
		p := leader(t, c)
		closeController(t, p)
		run(10)
		c.StartController(p)
	}
	away := c.Controllers[slices.IndexFunc(c.Controllers, func(p *cluster.Part[controller.Controller]) bool { return p != leader(t, c) })]
	closeController(t, away)
	run(20)
	if err := c.Command("TakeSnapshot", nil); err != nil {
		t.Fatal(err)
	}
	c.StartController(away)
	run(10)
	var st struct{ LastEventID int64 }
	if err := c.Get("/status", &st); err != nil {
		t.Fatal(err)
	}
	c.Eventually("the reader has all", func() bool { return r.last() >= st.LastEventID })
	r.stop()
	if !slices.IsSorted(r.ids) || len(slices.Compact(slices.Clone(r.ids))) != len(r.ids) {
		t.Error("the reader saw events twice, or in another order")
	}
	for _, p := range c.Controllers {
		c.Eventually(p.Name+" has all", func() bool {
			var st struct{ LastEventID int64 }
			return c.Client().GetJSON(t.Context(), p.URL+"/controller/api/status", &st) == nil && st.LastEventID >= r.last()
		})
		ids, _, err := read(t, c, p, 0)
		if err != nil || len(ids) == 0 {
			t.Fatalf("%s: %d events, %v", p.Name, len(ids), err)
		}
		sameTail(t, p.Name, r.ids, ids)
		for _, after := range []int64{r.ids[0], r.ids[len(r.ids)/2], r.ids[len(r.ids)-10]} {
			got, _, err := read(t, c, p, after)
			if fault.HasCode(err, "EventSeqTorn") {
				continue // it says so
			}
			if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
			i, _ := slices.BinarySearch(r.ids, after)
			if want := r.ids[i+1:]; len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
				t.Errorf("%s: a gap after event %d: %d events, not %d", p.Name, after, len(got), len(want))
			}
		}
	}
}

// sameTail tells whether what a member has is the end of what was read.
func sameTail(t *testing.T, who string, all, ids []int64) {
	t.Helper()
	i, found := slices.BinarySearch(all, ids[0])
	if !found {
		t.Errorf("%s: the reader didn't see event %d", who, ids[0])
		return
	}
	want := all[i:]
	if len(ids) < len(want) || !slices.Equal(ids[:len(want)], want) {
		t.Errorf("%s: its events aren't those that were read", who)
	}
}

// After snapshots and restarts the newest events are readable as configured,
// all that a registered reader hasn't confirmed, and never with a gap.
func TestRetention(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1, cluster.ControllerKey("signet.journal.keep-events", "100"))
	deploy(t, c, script("S", "1", "true"))
	p := c.Controllers[0]
	n := 0
	run := func(count int) {
		var ids []string
		for range count {
			n++
			ids = append(ids, fmt.Sprintf("S%d", n))
		}
		add(t, c, "S", ids...)
		for _, id := range ids {
			c.Eventually(id+" finishes", func() bool { return c.State(id) == "Finished" })
		}
	}
	run(10)
	all, _, err := read(t, c, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	confirmed := all[len(all)/2]
	if err := c.Command("ReleaseEvents", map[string]any{"userId": "cockpit", "untilEventId": confirmed}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		run(20)
		if err := c.Command("TakeSnapshot", nil); err != nil {
			t.Fatal(err)
		}
		before, _, err := read(t, c, p, confirmed)
		if err != nil {
			t.Fatalf("the reader's events are gone: %v", err)
		}
		closeController(t, p)
		c.StartController(p)
		c.Eventually("it leads", func() bool { return c.Get("/order?limit=1", &struct{}{}) == nil })
		after, _, err := read(t, c, p, confirmed)
		if err != nil {
			t.Fatalf("the reader's events are gone after a restart: %v", err)
		}
		if len(after) < len(before) || !slices.Equal(after[:len(before)], before) {
			t.Errorf("after a restart there are %d events, not at least %d", len(after), len(before))
		}
		i, _ := slices.BinarySearch(all, confirmed)
		if want := all[i+1:]; !slices.Equal(after[:len(want)], want) {
			t.Errorf("there is a gap after event %d", confirmed)
		}
		// From the beginning: all, or the refusal; never a gap.
		first, _, err := read(t, c, p, all[0])
		if err != nil && !fault.HasCode(err, "EventSeqTorn") {
			t.Fatal(err)
		}
		if err == nil && !slices.Equal(first[:len(all)-1], all[1:]) {
			t.Error("there is a gap at the beginning")
		}
	}
	if _, _, err := read(t, c, p, 1); err != nil && !fault.HasCode(err, "EventSeqTorn") {
		t.Errorf("an id before all: %v", err)
	}
}
