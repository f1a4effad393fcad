// Package proxy is a network that misbehaves: a TCP proxy for one way from one
// part to another, whose two directions can be cut, slowed down and reset while
// connections are open.
//
// It knows bytes, not messages. What a network does to packets can be played on
// bytes, but for two things: between parts that speak TLS nothing can be
// doubled, changed or put into another order without breaking the connection,
// as TCP and TLS together promise; a request is doubled only by a client that
// sends it again. And a connection is accepted here even when nothing passes:
// to its client the cut looks like one behind the first router.
//
// It is used by tests only (test/faults).
package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Direction is one of the two directions of a connection.
type Direction int

// The directions.
const (
	Up   Direction = iota // from the client to the server
	Down                  // from the server to the client
)

// Fault is what happens to the bytes of one direction; the zero value: nothing.
type Fault struct {
	// Hold keeps the bytes back until the fault is over: packets are lost, and TCP
	// sends them again.
	Hold bool
	// Swallow makes the bytes vanish. A connection that has lost some is reset when
	// the fault is over: nobody knows of it any more.
	Swallow bool
	Delay   time.Duration // of every byte
	Rate    int           // bytes a second, 0: as fast as possible
}

// maxWaiting bounds the pieces that are under way in one direction: a client
// that sends more has to wait, as it would for acknowledgements.
const (
	maxWaiting = 64
	maxPiece   = 16 << 10
)

// Proxy passes connections on to one server. Safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	ctx      context.Context
	cancel   context.CancelFunc
	tasks    sync.WaitGroup

	mu      sync.Mutex
	faults  [2]Fault
	changed chan struct{} // closed when faults change
	open    map[*connection]struct{}
}

// connection is a client's connection and the one to the server.
type connection struct {
	sides [2]*net.TCPConn // from which bytes come: the client's, the server's

	mu     sync.Mutex
	broken bool // bytes were swallowed
}

// New returns a proxy for a server at HOST:PORT that listens on a free port of
// the loopback interface.
func New(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, changed: make(chan struct{}), open: map[*connection]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.tasks.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy listens, as HOST:PORT.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes what happens in one direction, to open connections too.
func (p *Proxy) Set(d Direction, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[d] = f
	close(p.changed)
	p.changed = make(chan struct{})
	if !f.Swallow {
		p.reset(func(c *connection) bool { return c.isBroken() })
	}
}

// Cut keeps everything back, in both directions.
func (p *Proxy) Cut() {
	p.Set(Up, Fault{Hold: true})
	p.Set(Down, Fault{Hold: true})
}

// Heal ends all faults.
func (p *Proxy) Heal() {
	p.Set(Up, Fault{})
	p.Set(Down, Fault{})
}

// Reset breaks all open connections.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset(func(*connection) bool { return true })
}

func (p *Proxy) reset(which func(*connection) bool) {
	for c := range p.open {
		if which(c) {
			c.close()
		}
	}
}

// Close ends everything and waits for it. Further calls do nothing.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	p.Reset()
	p.tasks.Wait()
	return err
}

func (c *connection) isBroken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *connection) breakUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
}

// close resets both sides: what is under way is gone.
func (c *connection) close() {
	for _, side := range c.sides {
		_ = side.SetLinger(0) // it may be closed
		_ = side.Close()      // likewise
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.tasks.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	var dialer net.Dialer
	server, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		_ = client.(*net.TCPConn).SetLinger(0) // refused, as the server does
		_ = client.Close()                     // nothing was read
		return
	}
	c := &connection{sides: [2]*net.TCPConn{client.(*net.TCPConn), server.(*net.TCPConn)}} // we listen and dial by TCP
	p.mu.Lock()
	p.open[c] = struct{}{}
	ended := p.ctx.Err() != nil // Close has reset what was open before
	p.mu.Unlock()
	if ended {
		c.close()
	}
	var both sync.WaitGroup
	both.Go(func() { p.pass(c, Up) })
	both.Go(func() { p.pass(c, Down) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
	_ = client.Close() // may be closed
	_ = server.Close() // likewise
}

// piece is some bytes and when they came.
type piece struct {
	bytes []byte
	came  time.Time
}

// pass passes one direction on until it ends.
func (p *Proxy) pass(c *connection, d Direction) {
	from, to := c.sides[d], c.sides[1-d]
	pieces := make(chan piece, maxWaiting)
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	var failed error
	reading.Go(func() {
		defer close(pieces)
		for {
			b := make([]byte, maxPiece)
			n, err := from.Read(b)
			if n > 0 {
				select {
				case pieces <- piece{b[:n], time.Now()}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				failed = err
				return
			}
		}
	})
	for next := range pieces {
		if err := p.deliver(ctx, c, d, next); err != nil {
			c.close() // the reader too
			return
		}
	}
	if errors.Is(failed, io.EOF) {
		_ = to.CloseWrite() // it may be closed
		return
	}
	c.close() // as one side was reset, so is the other
}

// deliver passes a piece on, as the faults of the moment let it.
func (p *Proxy) deliver(ctx context.Context, c *connection, d Direction, next piece) error {
	for {
		p.mu.Lock()
		f, changed := p.faults[d], p.changed
		p.mu.Unlock()
		wait := time.Until(next.came.Add(f.Delay))
		switch {
		case f.Swallow:
			c.breakUp()
			return nil
		case f.Hold:
			wait = time.Hour // until it changes
		case wait <= 0:
			return p.write(ctx, c.sides[1-d], f.Rate, next.bytes)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// write writes at a rate: the bytes are there when they would be through.
func (p *Proxy) write(ctx context.Context, to *net.TCPConn, rate int, b []byte) error {
	if rate > 0 {
		t := time.NewTimer(time.Duration(len(b)) * time.Second / time.Duration(rate))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err := to.Write(b)
	return err
}
