package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/faults/proxy"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

// termsPerFault is how often the leader may change because of one fault that
// lasts: more would be elections without end.
const termsPerFault = 3

func TestPartitions(t *testing.T) {
	t.Parallel()
	rnd, cuts := campaign(t, "cuts", cutsFlag, 7)
	e := newEffects(t, ":0")
	n := newNetwork(t)
	r := rig.Start(t, rig.Options{Binary: &built, Controllers: 3, Prepared: n.lay})
	r.Deploy(map[string]string{"ONE.workflow.json": workflow(e.job("agent-1", "0"))})
	peer, err := r.Peer()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	h := hunter{evidence: &evidence{r: r, effects: e}, t: t, rnd: rnd, peer: peer}
	s := &splitter{hunter: &h, n: n, recovered: map[string][]time.Duration{}, during: map[string][]time.Duration{}}
	s.run(t.Context(), cuts)
	s.cancelRest(t.Context())
	s.rest(t)
	s.askMembers(t, peer)
	s.judge(t)
	s.report()
}

// splitter cuts the network, again and again, while orders are added and
// clients speak to all members.
type splitter struct {
	*hunter
	n         *network
	during    map[string][]time.Duration // by kind: until an order had ended that was added right after the fault
	recovered map[string][]time.Duration // the same for one that was added right after its end
}

// split is a fault of the network.
type split struct {
	name   string
	begin  func(s *splitter, leader string)
	goOn   bool // orders go on meanwhile: a majority with a leader can speak, and the Cockpit with it
	lonely bool // the leader is alone
	calm   bool // the leader doesn't change without end
}

var splits = []split{
	{name: "leader alone", goOn: true, lonely: true, calm: true, begin: func(s *splitter, leader string) {
		f := s.gone()
		for _, o := range others(leader) {
			s.n.between(leader, o, f)
		}
	}},
	{name: "follower alone", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		follower := s.follower(leader)
		f := s.gone()
		for _, o := range others(follower) {
			s.n.between(follower, o, f)
		}
	}},
	{name: "leader not heard by a follower", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		s.n.oneWay(leader, s.follower(leader), s.gone())
	}},
	{name: "follower not heard by the leader", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		s.n.oneWay(s.follower(leader), leader, s.gone())
	}},
	{name: "leader heard by nobody", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		f := s.gone()
		for _, o := range others(leader) {
			s.n.oneWay(leader, o, f)
		}
	}},
	{name: "leader hears nobody", goOn: true, lonely: true, calm: true, begin: func(s *splitter, leader string) {
		f := s.gone()
		for _, o := range others(leader) {
			s.n.oneWay(o, leader, f)
		}
	}},
	{name: "two don't see each other", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		s.n.between(leader, s.follower(leader), s.gone())
	}},
	{name: "followers don't see each other", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		o := others(leader)
		s.n.between(o[0], o[1], s.gone())
	}},
	{name: "everybody alone", begin: func(s *splitter, _ string) {
		for i, a := range controllers {
			for _, b := range controllers[i+1:] {
				s.n.between(a, b, proxy.Fault{Hold: true})
			}
		}
	}},
	{name: "Cockpit cut from the leader", calm: true, begin: func(s *splitter, leader string) { s.n.link("cockpit", leader).Cut() }},
	{name: "answers to clients lost", goOn: true, calm: true, begin: func(s *splitter, leader string) {
		s.n.link("client", leader).Set(proxy.Down, s.gone())
	}},
	{name: "short delay", goOn: true, calm: true, begin: func(s *splitter, leader string) { s.slow(leader, 30, 90) }},
	{name: "long delay", begin: func(s *splitter, leader string) { s.slow(leader, 500, 2000) }},
	{name: "narrow", begin: func(s *splitter, leader string) {
		for _, o := range others(leader) {
			s.n.between(leader, o, proxy.Fault{Rate: 4000 + s.rnd.IntN(20_000)})
		}
	}},
	{name: "resets", goOn: true, begin: func(s *splitter, _ string) {
		for _, name := range slices.Sorted(maps.Keys(s.n.links)) {
			if chance(s.rnd, 2) {
				s.n.links[name].Reset()
			}
		}
	}},
	{name: "flapping", begin: func(s *splitter, leader string) {
		for range 4 + s.rnd.IntN(6) {
			f := s.gone()
			for _, o := range others(leader) {
				s.n.between(leader, o, f)
			}
			pause(s.t.Context(), time.Duration(100+s.rnd.IntN(700))*time.Millisecond)
			s.n.heal()
			pause(s.t.Context(), time.Duration(100+s.rnd.IntN(500))*time.Millisecond)
		}
	}},
}

// gone is one of the two ways in which nothing comes through.
func (s *splitter) gone() proxy.Fault {
	if chance(s.rnd, 2) {
		return proxy.Fault{Swallow: true}
	}
	return proxy.Fault{Hold: true}
}

func (s *splitter) follower(leader string) string { return others(leader)[s.rnd.IntN(2)] }

// slow delays all that goes to and from a member, by so many milliseconds.
func (s *splitter) slow(member string, least, most int) {
	for _, o := range others(member) {
		s.n.between(member, o, proxy.Fault{Delay: time.Duration(least+s.rnd.IntN(most-least)) * time.Millisecond})
	}
}

func (s *splitter) run(ctx context.Context, cuts int) {
	var busy sync.WaitGroup
	defer busy.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.clients = newClients(func(member string) string { return s.n.url("client", member) })
	for i := range clientCount {
		peer, err := s.r.Peer()
		if err != nil {
			s.t.Fatal(err)
		}
		c := &client{clients: s.clients, name: fmt.Sprintf("client-%d", i+1), peer: peer, rnd: mathrand.New(mathrand.NewPCG(s.rnd.Uint64(), 0)), member: i}
		busy.Go(func() {
			defer peer.Close()
			c.run(ctx)
		})
	}
	busy.Go(func() { s.load(ctx, 0) })
	order := s.rnd.Perm(len(splits))
	for n := range cuts {
		s.cut(ctx, n, splits[order[n%len(order)]])
		if s.t.Failed() {
			return
		}
		if n%10 == 9 {
			s.t.Logf("%d faults", n+1)
			if err := s.stream.fetch(ctx, s.r); err != nil {
				s.t.Logf("reading events after %d faults was interrupted: %v", n+1, err)
			}
		}
	}
}

// cut begins a fault, lets it last, ends it, and looks meanwhile and afterwards
// whether orders go on.
func (s *splitter) cut(ctx context.Context, n int, f split) {
	leader := s.healthy(ctx)
	limit := goOn + 10*s.probe(ctx, fmt.Sprintf("U%d", n)).known
	before := s.terms(ctx)
	began := time.Now()
	f.begin(s, leader)
	if f.goOn {
		s.check(f, s.probe(ctx, fmt.Sprintf("D%d", n)), limit, s.during, "meanwhile")
	}
	pause(ctx, time.Duration(2500+s.rnd.IntN(2000))*time.Millisecond-time.Since(began))
	if f.lonely {
		s.silent(ctx, f, leader)
	}
	s.n.heal()
	s.check(f, s.probe(ctx, fmt.Sprintf("R%d", n)), limit, s.recovered, "afterwards")
	if rise := s.terms(ctx) - before; f.calm && rise > termsPerFault {
		s.t.Errorf("%s: the term rose by %d in %s: the group doesn't come to rest", f.name, rise, time.Since(began))
	}
}

func (s *splitter) check(f split, got recovery, limit time.Duration, to map[string][]time.Duration, when string) {
	to[f.name] = append(to[f.name], got.known)
	if got.known > limit {
		s.t.Errorf("%s: orders went on after %s %s, not within %s (accepted after %s, ran after %s)\n%s", f.name, got.known, when, limit, got.accepted, got.ran, s.r.Tail())
	}
}

// terms returns the newest term that a member knows.
func (s *splitter) terms(ctx context.Context) int64 {
	newest := int64(0)
	for _, name := range controllers {
		var st struct{ Term int64 }
		url := fmt.Sprintf("https://127.0.0.1:%d/controller/api/status", s.n.ports[name])
		if err := s.peer.GetJSON(ctx, url, &st); err == nil {
			newest = max(newest, st.Term)
		}
	}
	return newest
}

// silent checks that a leader that has lost the majority for longer than two
// elections answers no more: neither a query, which might tell old states, nor a
// command.
func (s *splitter) silent(ctx context.Context, f split, leader string) {
	ctx, cancel := context.WithTimeout(ctx, clientTry)
	defer cancel()
	base := fmt.Sprintf("https://127.0.0.1:%d/controller/api", s.n.ports[leader])
	var text []byte
	if err := s.peer.GetJSON(ctx, base+"/order/none", &text); err == nil || fault.Is(err, fault.NotFound) {
		s.t.Errorf("%s: %s, which is cut off, still answers queries: %s %v", f.name, leader, text, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/command", strings.NewReader(
		`{"TYPE":"CancelOrders","commandId":"none","by":{"account":"x","method":"test"},"orderIds":["none"],"mode":{"TYPE":"FreshOnly"}}`))
	if err != nil {
		s.t.Fatal(err)
	}
	if resp, err := s.peer.Do(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode < http.StatusInternalServerError {
			s.t.Errorf("%s: %s, which is cut off, still decides on commands: %s", f.name, leader, resp.Status)
		}
	}
}

// cancelRest cancels what clients have left: orders that wait, or are kept.
func (s *splitter) cancelRest(ctx context.Context) {
	err := rig.Poll(ctx, calm, func() error {
		left, err := s.left(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		// Some end by themselves meanwhile; kept ones that have ended are deleted.
		for _, verb := range []string{"cancel", "delete"} {
			if _, err := s.r.Run(ctx, append([]string{"order", verb}, left...)...); err != nil {
				return err
			}
		}
		return fmt.Errorf("%d orders of clients are left", len(left))
	})
	if err != nil {
		s.t.Error(err)
	}
}

// left returns the ids of orders of clients that are still there.
func (s *splitter) left(ctx context.Context) ([]string, error) {
	res, err := s.r.Run(ctx, "order", "list", "-o", "json")
	if err := errors.Join(err, res.Err()); err != nil {
		return nil, err
	}
	var list []struct{ ID string }
	if err := json.Unmarshal(res.Stdout, &list); err != nil {
		return nil, err
	}
	var ids []string
	for _, o := range list {
		if strings.HasPrefix(o.ID, clientOrder) {
			ids = append(ids, o.ID)
		}
	}
	return ids, nil
}

func (s *splitter) report() {
	s.t.Log(s.clients.figures())
	for _, f := range splits {
		for _, w := range []struct {
			when string
			d    []time.Duration
		}{{"meanwhile", s.during[f.name]}, {"afterwards", s.recovered[f.name]}} {
			if len(w.d) > 0 {
				s.t.Logf("%s: orders went on %s (%d): %s", f.name, w.when, len(w.d), spread(w.d))
			}
		}
	}
}
