package transport

import (
	"container/list"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// judge decides about a peer's certificates.
type judge func(s *snapshot, chain []*x509.Certificate, now time.Time) (pki.Identity, error)

// guard is the TCP connection below TLS. It knows whom the handshake found at
// the other end, and asks again whenever something passes after the files
// changed: a peer that is no longer trusted loses the connection before its next
// byte is decrypted, a stream that is written to it included.
type guard struct {
	net.Conn
	creds *Credentials
	judge judge
	lost  func(peer pki.Identity, err error) // tells that trust was withdrawn
	peer  atomic.Pointer[peer]               // nil: no handshake yet, or nobody (a listener of users)

	gate    *gate         // nil at a client
	waiting *list.Element // in gate.waiting while the handshake isn't over; guarded by gate.mu
	once    sync.Once
	closing error
}

// peer is a verdict about the other end, and how long it holds.
type peer struct {
	id         pki.Identity
	chain      []*x509.Certificate
	generation uint64
	until      time.Time
}

// recheckAfter bounds how long a verdict holds: roots expire, too.
const recheckAfter = time.Hour

// verify is called at the end of a handshake with what the other end presented.
func (g *guard) verify(s *snapshot, cs tls.ConnectionState) error {
	now := g.creds.clock.Now()
	id, err := g.judge(s, cs.PeerCertificates, now)
	if err != nil {
		return err
	}
	if len(cs.PeerCertificates) > 0 {
		g.peer.Store(newPeer(id, cs.PeerCertificates, s, now))
	}
	if g.gate != nil {
		g.gate.admit(g)
	}
	return nil
}

func newPeer(id pki.Identity, chain []*x509.Certificate, s *snapshot, now time.Time) *peer {
	p := &peer{id: id, chain: chain, generation: s.generation, until: now.Add(recheckAfter)}
	for _, c := range chain {
		if c.NotAfter.Before(p.until) {
			p.until = c.NotAfter
		}
	}
	return p
}

// trusted returns an Untrusted fault and closes the connection when the peer
// isn't trusted any more.
func (g *guard) trusted() error {
	p := g.peer.Load()
	if p == nil {
		return nil
	}
	s := g.creds.current()
	now := g.creds.clock.Now()
	if s.generation == p.generation && !now.After(p.until) {
		return nil
	}
	id, err := g.judge(s, p.chain, now)
	if err == nil && id != p.id {
		err = fault.New(fault.Untrusted, "PeerChanged", "the peer was %s and is %s now", p.id, id)
	}
	if err != nil {
		g.once.Do(func() {
			g.lost(p.id, err)
			g.shut()
		})
		return err
	}
	g.peer.Store(newPeer(id, p.chain, s, now))
	return nil
}

// Read reads what the peer sent, if the peer is still trusted.
func (g *guard) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n > 0 {
		if refused := g.trusted(); refused != nil {
			return 0, refused
		}
	}
	return n, err
}

// Write writes to the peer, if it is still trusted.
func (g *guard) Write(b []byte) (int, error) {
	if err := g.trusted(); err != nil {
		return 0, err
	}
	return g.Conn.Write(b)
}

// Close closes the connection; further calls return what the first did.
func (g *guard) Close() error {
	g.once.Do(g.shut)
	return g.closing
}

func (g *guard) shut() {
	g.closing = g.Conn.Close()
	if g.gate != nil {
		g.gate.leave(g)
	}
}

// gate is the listener below TLS. It bounds the number of connections; when
// they are all taken, the one that has been longest in its handshake makes room
// for the next, so that whoever can't show a certificate can't keep those out
// who can.
type gate struct {
	net.Listener
	make func(net.Conn) *guard
	max  int
	full func() // tells that a connection was turned away

	mu      sync.Mutex
	open    map[*guard]struct{}
	waiting list.List // *guard, oldest first
}

// Accept waits for the next connection.
func (t *gate) Accept() (net.Conn, error) {
	for {
		c, err := t.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g := t.make(c)
		g.gate = t
		out := t.enter(g)
		if out != nil {
			t.full()
			_ = out.Close()
		}
		if out != g {
			return g, nil
		}
	}
}

// enter takes g in. It returns the connection that has to go, which is g itself
// when all others have passed their handshake.
func (t *gate) enter(g *guard) (out *guard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) >= t.max {
		oldest := t.waiting.Front()
		if oldest == nil {
			return g
		}
		out = oldest.Value.(*guard)
		t.drop(out)
	}
	t.open[g] = struct{}{}
	g.waiting = t.waiting.PushBack(g)
	return out
}

// admit notes that g's handshake is over.
func (t *gate) admit(g *guard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g.waiting != nil {
		t.waiting.Remove(g.waiting)
		g.waiting = nil
	}
}

func (t *gate) leave(g *guard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(g)
}

func (t *gate) drop(g *guard) {
	if g.waiting != nil {
		t.waiting.Remove(g.waiting)
		g.waiting = nil
	}
	delete(t.open, g)
}
