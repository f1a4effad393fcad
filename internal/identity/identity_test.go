package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

var cheap = HashOptions{MemoryKiB: 64, Passes: 1}

const good = "a good password"

// memory keeps accounts and sessions.
type memory struct {
	mu       sync.Mutex
	accounts map[string]Account
	sessions map[[32]byte]Session
	rehashed int
	touch    error // of TouchSession
}

func (m *memory) Account(_ context.Context, name string) (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.accounts[name]
	if !ok {
		return a, fault.New(fault.NotFound, "UnknownAccount", "none")
	}
	return a, nil
}

func (m *memory) Rehash(_ context.Context, name, old, hash string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.accounts[name]; a.Hash == old {
		a.Hash = hash
		m.accounts[name] = a
		m.rehashed++
	}
	return nil
}

func (m *memory) Session(_ context.Context, hash [32]byte) (Session, error) {
	s, ok := m.sessions[hash]
	if !ok {
		return s, fault.New(fault.NotFound, "UnknownSession", "none")
	}
	s.Account = m.accounts[s.Account.Name]
	return s, nil
}

func (m *memory) AddSession(_ context.Context, s Session) error {
	m.sessions[s.Hash] = s
	return nil
}

func (m *memory) TouchSession(_ context.Context, hash [32]byte, at time.Time) error {
	if m.touch != nil {
		return m.touch
	}
	s := m.sessions[hash]
	s.LastUsed = at
	m.sessions[hash] = s
	return nil
}

func setup(t *testing.T, o HashOptions) (*Logins, *memory, *clock.Fake) {
	t.Helper()
	h := NewHasher(o)
	hash, err := h.Hash(context.Background(), good)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{sessions: map[[32]byte]Session{}, accounts: map[string]Account{
		"anna": {Name: "anna", Role: Operator, Hash: hash}, "off": {Name: "off", Role: Viewer, Hash: hash, Disabled: true}, "card": {Name: "card", Role: Viewer},
	}}
	c := clock.NewFake(time.Unix(1_790_000_000, 0))
	return &Logins{Accounts: m, Hasher: h, Throttle: NewThrottle(), Clock: c}, m, c
}

func TestPassword(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l, _, _ := setup(t, cheap)
	if a, err := l.Password(ctx, "anna", good, "x"); err != nil || a.Role != Operator {
		t.Fatalf("%v %v", a, err)
	}
	var first string
	for i, c := range []struct{ name, password string }{
		{"anna", "wrong"}, {"anna", ""}, {"nobody", good}, {"off", good}, {"card", ""}, {"card", good}, {"Anna", good}, {"anna ", good}, {"", ""},
	} {
		_, err := l.Password(ctx, c.name, c.password, fmt.Sprint("address", i))
		if !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%q %q: %v", c.name, c.password, err)
			continue
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%q %q tells something: %v", c.name, c.password, err)
		}
	}
	if _, err := l.Password(ctx, "anna", strings.Repeat("x", MaxPassword+1), "y"); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a huge password: %v", err)
	}
}

// The work of a login doesn't depend on whether the account exists: both compute
// one hash of the same parameters.
func TestUnknownAccountsCostTheSame(t *testing.T) {
	t.Parallel()
	h := NewHasher(HashOptions{})
	known, err := decode(h.encode(random(saltSize), random(keySize)))
	if err != nil {
		t.Fatal(err)
	}
	dummy, err := decode(h.dummy)
	if err != nil {
		t.Fatal(err)
	}
	if dummy.memory != known.memory || dummy.passes != known.passes || len(dummy.salt) != len(known.salt) || len(dummy.key) != len(known.key) ||
		dummy.memory != 64<<10 || dummy.passes != 3 {
		t.Errorf("%+v differs from %+v", dummy, known)
	}
	if ok, _, err := NewHasher(cheap).Verify(context.Background(), "", ""); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestRehash(t *testing.T) {
	t.Parallel()
	l, m, _ := setup(t, cheap)
	l.Hasher = NewHasher(HashOptions{MemoryKiB: 128, Passes: 2})
	for range 2 {
		if _, err := l.Password(context.Background(), "anna", good, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if m.rehashed != 1 || !strings.Contains(m.accounts["anna"].Hash, "m=128,t=2") {
		t.Errorf("%d times, %s", m.rehashed, m.accounts["anna"].Hash)
	}
}

func TestHashes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := NewHasher(cheap)
	for _, bad := range []string{"", "short", strings.Repeat("x", MaxPassword+1), "\xff" + good} {
		if _, err := h.Hash(ctx, bad); !fault.HasCode(err, "WeakPassword") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	one, err := h.Hash(ctx, good)
	if err != nil {
		t.Fatal(err)
	}
	if two, _ := h.Hash(ctx, good); one == two {
		t.Error("no salt")
	}
	parts := strings.Split(one, "$")
	for _, bad := range []string{
		"x", "$argon2i$" + strings.Join(parts[2:], "$"), strings.Replace(one, "v=19", "v=16", 1), strings.Replace(one, "m=64", "m=99999999", 1),
		strings.Replace(one, "t=1", "t=0", 1), strings.Replace(one, "p=1", "p=4", 1), strings.Replace(one, "m=64", "m=x", 1), one + "$", one[:len(one)-2],
		strings.Join(append(append([]string{}, parts[:4]...), "!", parts[5]), "$"),
	} {
		if ok, _, err := h.Verify(ctx, bad, good); ok || !fault.Is(err, fault.Corrupt) {
			t.Errorf("%q: %v %v", bad, ok, err)
		}
	}
	if p := RandomPassword(); CheckPassword(p) != nil || p == RandomPassword() {
		t.Errorf("random password %q", p)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := decode(text); err == nil && (p.memory > maxMemoryKiB || p.passes > maxPasses || len(p.key) != keySize) {
			t.Errorf("%q: %+v", text, p)
		}
	})
}

// A flood of logins waits, and is refused beyond a bound.
func TestGate(t *testing.T) {
	t.Parallel()
	h := NewHasher(HashOptions{MemoryKiB: 64, Passes: 1, AtOnce: 1, Waiting: 1})
	ctx, cancel := context.WithCancel(context.Background())
	if err := h.enter(ctx); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	go func() { waiting <- h.enter(ctx) }()
	for len(h.queue) < 2 {
		runtime.Gosched()
	}
	if err := h.enter(ctx); !fault.HasCode(err, "TooManyLogins") {
		t.Errorf("a third one: %v", err)
	}
	cancel()
	if err := <-waiting; !fault.Is(err, fault.Timeout) {
		t.Errorf("the one that waited: %v", err)
	}
	h.leave()
	if err := h.enter(context.Background()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_790_000_000, 0)
	th := NewThrottle()
	fails := 0
	for i := range 3600 { // an hour, one guess a second
		if th.Begin("anna", "evil", now.Add(time.Duration(i)*time.Second)) == 0 {
			fails++
		}
	}
	if fails > 25 {
		t.Errorf("%d guesses in an hour", fails)
	}
	end := now.Add(time.Hour)
	if w := th.Begin("anna", "home", end); w > accountRule.most {
		t.Errorf("the owner waits for %s", w)
	}
	th = NewThrottle()
	tried := 0
	for i := range 10_000 { // one guess at each of many accounts
		if th.Begin(fmt.Sprint("user", i), "evil", now) == 0 {
			tried++
		}
	}
	if tried > addressRule.free+1 {
		t.Errorf("%d accounts tried at once", tried)
	}
	for i := range 30_000 {
		th.Begin(fmt.Sprint("user", i), fmt.Sprint("address", i), now)
	}
	if n := th.pairs.order.Len(); n > maxTracked || n != len(th.pairs.byKey) {
		t.Errorf("%d keys are tracked, %d known", n, len(th.pairs.byKey))
	}
}

// Whoever always gives the right password never waits.
func TestThrottleForgivesSuccess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		th := NewThrottle()
		now := time.Unix(1_790_000_000, 0)
		for range rapid.IntRange(1, 500).Draw(t, "logins") {
			if w := th.Begin("anna", "home", now); w != 0 {
				t.Fatalf("waits for %s", w)
			}
			th.Succeeded("Anna", "home")
			now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
		}
	})
}

func TestTooEarly(t *testing.T) {
	t.Parallel()
	l, _, c := setup(t, cheap)
	var early *TooEarlyError
	for range 10 {
		if _, err := l.Password(context.Background(), "anna", "wrong", "x"); errors.As(err, &early) {
			break
		}
	}
	if early == nil || early.Wait != time.Second || !fault.HasCode(early, CodeTooManyAttempts) || early.Error() == "" {
		t.Fatalf("%+v", early)
	}
	c.Advance(early.Wait)
	if _, err := l.Password(context.Background(), "anna", good, "x"); err != nil {
		t.Error(err)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	l, _, _ := setup(t, cheap)
	user := func(name string) pki.Identity { return pki.Identity{Role: pki.RoleUser, Name: name} }
	if a, err := l.Certificate(context.Background(), user("card")); err != nil || a.Name != "card" {
		t.Errorf("%v %v", a, err)
	}
	for _, p := range []pki.Identity{{}, user("off"), user("nobody"), user("Card"), {Role: pki.RoleAgent, Name: "card"}, {Role: pki.RoleSigner, Name: "card"}} {
		if _, err := l.Certificate(context.Background(), p); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%v: %v", p, err)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	token, hash := NewToken()
	if got, ok := HashToken(token); !ok || got != hash {
		t.Error("a token isn't known again")
	}
	if other, _ := NewToken(); other == token {
		t.Error("two tokens are equal")
	}
	last := token[:len(token)-1]
	for _, bad := range []string{"", "x", token[1:], last, token + "A", strings.ToUpper(token), token + "=", last + "\n"} {
		if _, ok := HashToken(bad); ok {
			t.Errorf("%q passes", bad)
		}
	}
	// The last character has unused bits: only one spelling counts.
	spellings := 0
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if got, ok := HashToken(last + string(c)); ok && got == hash {
			spellings++
		}
	}
	if spellings != 1 {
		t.Errorf("%d spellings of one token", spellings)
	}
}

// On a full disk sessions go on, up to the time that was last written.
func TestSessionsOnAFullDisk(t *testing.T) {
	t.Parallel()
	_, m, c := setup(t, cheap)
	s := &Sessions{Store: m, Clock: c, Idle: 10 * time.Minute, Max: time.Hour}
	token, _, err := s.Begin(context.Background(), m.accounts["anna"], ByPassword)
	if err != nil {
		t.Fatal(err)
	}
	m.touch = fault.New(fault.NoSpace, "NoSpace", "full")
	for range 2 {
		c.Advance(4 * time.Minute)
		if _, err := s.Check(context.Background(), token, pki.Identity{}); err != nil {
			t.Errorf("with a full disk: %v", err)
		}
	}
	c.Advance(4 * time.Minute)
	if _, err := s.Check(context.Background(), token, pki.Identity{}); !fault.HasCode(err, "SessionExpired") {
		t.Errorf("after the time was over: %v", err)
	}
	m.touch = fault.New(fault.Unavailable, "DatabaseUnreachable", "gone")
	if token, _, err = s.Begin(context.Background(), m.accounts["anna"], ByPassword); err != nil {
		t.Fatal(err)
	}
	c.Advance(4 * time.Minute)
	if _, err := s.Check(context.Background(), token, pki.Identity{}); !fault.HasCode(err, "DatabaseUnreachable") {
		t.Errorf("with a database that is gone: %v", err)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	_, m, c := setup(t, cheap)
	s := &Sessions{Store: m, Clock: c, Idle: 10 * time.Minute, Max: time.Hour}
	anna := m.accounts["anna"]
	token, _, err := s.Begin(ctx, anna, ByPassword)
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if _, err := s.Check(ctx, token, pki.Identity{}); err != nil {
			t.Fatal(err)
		}
		c.Advance(9 * time.Minute)
	}
	c.Advance(6 * time.Minute)
	if _, err := s.Check(ctx, token, pki.Identity{}); !fault.HasCode(err, "SessionExpired") {
		t.Errorf("after an hour: %v", err)
	}
	token, _, _ = s.Begin(ctx, anna, ByPassword)
	c.Advance(10 * time.Minute)
	if _, err := s.Check(ctx, token, pki.Identity{}); !fault.HasCode(err, "SessionExpired") {
		t.Errorf("after a pause: %v", err)
	}
	token, _, _ = s.Begin(ctx, anna, ByCertificate)
	if _, err := s.Check(ctx, token, pki.Identity{}); !fault.HasCode(err, "CertificateMissing") {
		t.Errorf("without its certificate: %v", err)
	}
	if _, err := s.Check(ctx, token, pki.Identity{Role: pki.RoleUser, Name: "anna"}); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	token, _, _ = s.Begin(ctx, anna, ByPassword)
	anna.Disabled = true
	m.accounts["anna"] = anna
	if _, err := s.Check(ctx, token, pki.Identity{}); !fault.HasCode(err, "SessionUnknown") {
		t.Errorf("disabled: %v", err)
	}
	if _, err := s.Check(ctx, "sgn_x", pki.Identity{}); !fault.HasCode(err, "SessionUnknown") {
		t.Errorf("garbage: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"a": true, "A.b-c_9": true, "": false, "a b": false, "a/b": false, "ä": false, strings.Repeat("x", 129): false, "a\n": false} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, r := range Roles() {
		if got, err := ParseRole(string(r)); err != nil || got != r {
			t.Errorf("%s: %v", r, err)
		}
	}
	if _, err := ParseRole("Viewer"); err == nil {
		t.Error("a role in capitals passes")
	}
}
