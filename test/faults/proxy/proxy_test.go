package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/test/faults/proxy"
)

// echo is a server that answers with what it reads, and counts it.
type echo struct {
	l     net.Listener
	tasks sync.WaitGroup

	mu   sync.Mutex
	read bytes.Buffer
	grew chan struct{}
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{l: l, grew: make(chan struct{}, 1000)}
	e.tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.tasks.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(e.tasks.Wait)
	t.Cleanup(func() { l.Close() })
	return e
}

func (e *echo) serve(c net.Conn) {
	defer c.Close()
	b := make([]byte, 1<<10)
	for {
		n, err := c.Read(b)
		e.mu.Lock()
		e.read.Write(b[:n])
		e.mu.Unlock()
		if n > 0 {
			select {
			case e.grew <- struct{}{}:
			default:
			}
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func setup(t *testing.T) (*echo, *proxy.Proxy, *net.TCPConn) {
	t.Helper()
	e := newEcho(t)
	p, err := proxy.New(e.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return e, p, c.(*net.TCPConn)
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads as many bytes as text has.
func hear(t *testing.T, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Fatalf("heard %q, %v, not %q", b, err, text)
	}
}

// silent tells whether nothing comes for a moment.
func silent(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if n, err := c.Read(b[:]); n > 0 || !isTimeout(err) {
		t.Fatalf("heard %q, %v", b[:n], err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestPassesAndHalfCloses(t *testing.T) {
	t.Parallel()
	_, _, c := setup(t)
	text := strings.Repeat("0123456789", 20_000)
	go func() { _, _ = io.WriteString(c, text); _ = c.CloseWrite() }() // ends when all is read
	all, err := io.ReadAll(c)
	if err != nil || string(all) != text {
		t.Fatalf("%d bytes of %d, %v", len(all), len(text), err)
	}
}

func TestHoldKeepsBytes(t *testing.T) {
	t.Parallel()
	e, p, c := setup(t)
	say(t, c, "one")
	hear(t, c, "one")
	<-e.grew
	p.Set(proxy.Down, proxy.Fault{Hold: true})
	say(t, c, "two")
	<-e.grew // this direction is open
	silent(t, c)
	p.Cut()
	say(t, c, "three")
	silent(t, c)
	select {
	case <-e.grew:
		t.Error("bytes came through")
	default:
	}
	p.Heal()
	hear(t, c, "twothree")
}

func TestSwallowedBytesBreakTheConnection(t *testing.T) {
	t.Parallel()
	e, p, c := setup(t)
	p.Set(proxy.Up, proxy.Fault{Swallow: true})
	say(t, c, "lost")
	silent(t, c)
	p.Heal()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.read.Len() > 0 {
		t.Errorf("the server got %q", e.read.String())
	}
}

func TestDelayAndRate(t *testing.T) {
	t.Parallel()
	_, p, c := setup(t)
	p.Set(proxy.Up, proxy.Fault{Delay: 80 * time.Millisecond})
	p.Set(proxy.Down, proxy.Fault{Delay: 80 * time.Millisecond})
	began := time.Now()
	say(t, c, "late")
	hear(t, c, "late")
	if took := time.Since(began); took < 160*time.Millisecond {
		t.Errorf("there and back in %s", took)
	}
	p.Heal()
	p.Set(proxy.Up, proxy.Fault{Rate: 1000})
	began = time.Now()
	say(t, c, strings.Repeat("x", 100))
	say(t, c, "y")
	hear(t, c, strings.Repeat("x", 100)+"y")
	if took := time.Since(began); took < 90*time.Millisecond {
		t.Errorf("100 bytes in %s", took)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	_, p, c := setup(t)
	say(t, c, "one")
	hear(t, c, "one")
	p.Reset()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	again, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	say(t, again, "two")
	hear(t, again, "two")
}

func TestServerThatIsGone(t *testing.T) {
	t.Parallel()
	e, p, _ := setup(t)
	e.l.Close()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return // that soon
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("got %v", err)
	}
}
