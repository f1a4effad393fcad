package identity

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

// rule says how guesses that share something are slowed down.
type rule struct {
	free int           // so many failures cost nothing
	most time.Duration // the longest wait; it doubles from one second on
}

// The rules. The one for an account alone is mild: whoever knows a name must not
// be able to lock its owner out.
var (
	pairRule    = rule{free: 4, most: 5 * time.Minute}
	addressRule = rule{free: 40, most: time.Minute}
	accountRule = rule{free: 20, most: 5 * time.Second}
)

const (
	forgetAfter = 15 * time.Minute // without a failure
	maxTracked  = 10_000           // keys of each kind; the longest quiet is forgotten
)

// Throttle slows down guessing of passwords, by account and address together and
// each alone. Names count without regard to capitals, and whether they exist or
// not. Safe for concurrent use.
type Throttle struct {
	mu                         sync.Mutex
	pairs, addresses, accounts *tally
}

// NewThrottle returns a throttle that has seen nothing.
func NewThrottle() *Throttle {
	return &Throttle{pairs: newTally(pairRule), addresses: newTally(addressRule), accounts: newTally(accountRule)}
}

// Begin tells how long this attempt is too early, or 0: then it counts as failed
// until Succeeded is called, so that many at once gain nothing.
func (t *Throttle) Begin(account, address string, now time.Time) time.Duration {
	account = strings.ToLower(account)
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := max(t.pairs.wait(account+" "+address, now), t.addresses.wait(address, now), t.accounts.wait(account, now))
	if wait > 0 {
		return wait
	}
	t.pairs.fail(account+" "+address, now)
	t.addresses.fail(address, now)
	t.accounts.fail(account, now)
	return 0
}

// Succeeded takes back that an attempt counts as failed.
func (t *Throttle) Succeeded(account, address string) {
	account = strings.ToLower(account)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pairs.forget(account + " " + address)
	t.accounts.forget(account)
	// Not forgotten: one's own account must not help to guess others'.
	t.addresses.forgive(address)
}

// tally counts failures by key.
type tally struct {
	rule  rule
	byKey map[string]*list.Element
	order *list.List // of *record, the newest failure in front
}

type record struct {
	key      string
	failures int
	last     time.Time
}

func newTally(r rule) *tally {
	return &tally{rule: r, byKey: map[string]*list.Element{}, order: list.New()}
}

func (t *tally) get(key string, now time.Time) *record {
	e, ok := t.byKey[key]
	if !ok {
		return nil
	}
	r, _ := e.Value.(*record)
	if now.Sub(r.last) >= forgetAfter {
		t.forget(key)
		return nil
	}
	return r
}

// wait returns how long it is until another attempt is allowed.
func (t *tally) wait(key string, now time.Time) time.Duration {
	r := t.get(key, now)
	if r == nil || r.failures <= t.rule.free {
		return 0
	}
	delay := t.rule.most
	if n := r.failures - t.rule.free - 1; n < 16 {
		delay = min(delay, time.Second<<n)
	}
	return max(0, delay-now.Sub(r.last))
}

func (t *tally) fail(key string, now time.Time) {
	r := t.get(key, now)
	if r == nil {
		if t.order.Len() >= maxTracked {
			if old, ok := t.order.Back().Value.(*record); ok {
				t.forget(old.key)
			}
		}
		r = &record{key: key}
		t.byKey[key] = t.order.PushFront(r)
	} else {
		t.order.MoveToFront(t.byKey[key])
	}
	r.failures++
	r.last = now
}

func (t *tally) forgive(key string) {
	if e, ok := t.byKey[key]; ok {
		if r, _ := e.Value.(*record); r.failures > 0 {
			r.failures--
		}
	}
}

func (t *tally) forget(key string) {
	if e, ok := t.byKey[key]; ok {
		t.order.Remove(e)
		delete(t.byKey, key)
	}
}
