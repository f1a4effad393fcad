package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
)

const (
	wantNews  = 500 * time.Millisecond // from a change to the last browser
	probes    = 60
	ordersAt  = 20 // orders that are added a second while browsers listen
	probePath = "probe-"
	cutFor    = time.Second
)

// browsers measures the streams of news of many browsers, each on a connection of
// its own, while orders run.
func (b *bench) browsers(ctx context.Context) error {
	raiseFiles()
	crowd, err := newCrowd(b.inst)
	if err != nil {
		return err
	}
	defer crowd.leave()
	load := b.inst.steady(ctx)
	defer load.stop()
	if err := crowd.join(ctx, 1); err != nil {
		return err
	}
	alone, err := b.listen(ctx, crowd, "alone")
	if err != nil {
		return err
	}
	began := time.Now()
	if err := crowd.join(ctx, b.o.browsers); err != nil {
		return err
	}
	joined := time.Since(began)
	all, err := b.listen(ctx, crowd, "all")
	if err != nil {
		return err
	}
	crowd.askFor("/overview/dashboard")
	asked, err := b.listen(ctx, crowd, "asked")
	if err != nil {
		return err
	}
	crowd.askFor("")
	cut := b.o.browsers / 10
	resumed, err := crowd.cut(ctx, cut)
	if err != nil {
		return err
	}
	if _, err := b.listen(ctx, crowd, "again"); err != nil { // all hear what comes now, with what they missed before
		return err
	}
	if err := load.stop(); err != nil {
		return err
	}
	if err := crowd.leave(); err != nil {
		return err
	}
	complete := b.o.browsers >= 1000
	name := number(float64(b.o.browsers)) + " browsers: "
	each := (all.memory - alone.memory) / int64(b.o.browsers-1)
	b.report.add(
		row{
			figure: name + "news of a change at the last of them, p95", value: millis(all.p95), floor: millis(alone.p95) + " with one", target: "<= " + millis(wantNews), ok: onlyIf(complete, all.p95 <= wantNews),
			note: fmt.Sprintf("from the sending of an order, request included, while %d orders a second run; median %s, slowest of %d %s; all had come after %s", ordersAt, millis(all.p50), probes, millis(all.most), millis(joined)),
		},
		row{
			figure: name + "the dashboard with that change at the last of them, p95", value: millis(asked.p95), target: "<= " + millis(wantNews), ok: onlyIf(complete, asked.p95 <= wantNews),
			note: fmt.Sprintf("each asks for it as soon as it has the news; median %s, slowest of %d %s; %.2f of a core", millis(asked.p50), probes, millis(asked.most), asked.cpu.Seconds()),
		},
		row{figure: name + "memory of the Cockpit for each", value: number(float64(each)/(1<<10)) + " KiB", note: mib(alone.memory) + " with one, " + mib(all.memory) + " with all"},
		row{
			figure: name + "the Cockpit's CPU for each, a second", value: millis((all.cpu - alone.cpu) / time.Duration(b.o.browsers-1)), note: fmt.Sprintf("%.2f of a core in all, %.2f with one; news come up to ten times a second", all.cpu.Seconds(), alone.cpu.Seconds()),
		},
		row{
			figure: fmt.Sprintf("%d of them cut off for %s: frames missed after they came back", cut, cutFor), value: strconv.Itoa(crowd.holes()), target: "0", ok: onlyIf(complete, crowd.holes() == 0),
			note: "all were there again after " + millis(resumed) + ", and named the last frame they had seen",
		})
	return nil
}

// heard is what listening gave.
type heard struct {
	p50, p95, most time.Duration // until the last browser knew
	cpu            time.Duration // of the Cockpit, a second
	memory         int64         // of the Cockpit
}

// listen changes something again and again, and waits each time until all know.
func (b *bench) listen(ctx context.Context, c *crowd, name string) (h heard, err error) {
	pid, err := b.inst.pidOf("cockpit")
	if err != nil {
		return h, err
	}
	before, err := statOf(pid)
	if err != nil {
		return h, err
	}
	began := time.Now()
	took := make([]time.Duration, probes)
	for n := range took {
		id := fmt.Sprintf("%s%s-%d", probePath, name, n)
		c.expect(id)
		start := time.Now()
		if err := b.inst.addOne(ctx, oneStep, id); err != nil {
			return h, err
		}
		last, err := c.known(ctx)
		if err != nil {
			return h, err
		}
		took[n] = last.Sub(start)
		// Not in step with the frames, which come every 100 ms.
		if !wait(ctx, time.Duration(50+37*n%100)*time.Millisecond) {
			return h, ctx.Err()
		}
	}
	after, err := statOf(pid)
	if err != nil {
		return h, err
	}
	h.cpu = time.Duration(float64(after.cpu.minus(before.cpu).self) / time.Since(began).Seconds())
	if h.memory, err = rss(pid); err != nil {
		return h, err
	}
	slices.Sort(took)
	h.p50, h.p95, h.most = took[len(took)/2], took[len(took)*95/100], took[len(took)-1]
	return h, nil
}

// steadyLoad adds orders until it is stopped.
type steadyLoad struct {
	cancel context.CancelFunc
	done   chan error
	ended  bool
	err    error
}

func (i *installation) steady(ctx context.Context) *steadyLoad {
	ctx, cancel := context.WithCancel(ctx)
	l := &steadyLoad{cancel: cancel, done: make(chan error, 1)}
	go func() { // ends with stop, which waits for it
		var err error
		for n := 0; err == nil && wait(ctx, time.Second/ordersAt); n++ {
			err = i.addOne(ctx, oneStep, fmt.Sprintf("steady-%d", n))
		}
		if ctx.Err() != nil {
			err = nil
		}
		l.done <- err
	}()
	return l
}

// stop ends the load; it may be called twice.
func (l *steadyLoad) stop() error {
	if !l.ended {
		l.cancel()
		l.err, l.ended = <-l.done, true
	}
	return l.err
}

// crowd is many browsers.
type crowd struct {
	url, token string // of the API
	roots      *x509.CertPool
	all        []*browser
	running    sync.WaitGroup
	arrived    chan arrival

	mu    sync.Mutex
	probe string
	asks  string // what is asked for when news of it come
	wrong error  // what a stream ended by
}

// arrival tells that a browser knows of a probe.
type arrival struct {
	browser *browser
	probe   string
	at      time.Time
}

// browser is one of them. Its fields are those of the goroutine that reads.
type browser struct {
	number int
	cancel context.CancelFunc
	ended  chan struct{}
	boot   string
	last   int64 // the frame that came last
	holes  int   // frames that are missing
	knows  string
}

func newCrowd(i *installation) (*crowd, error) {
	p, err := cli.ReadProfile(i.profile())
	if err != nil {
		return nil, err
	}
	ca := []byte(p.CA)
	if !strings.Contains(p.CA, "-----BEGIN") {
		if ca, err = os.ReadFile(p.CA); err != nil {
			return nil, err
		}
	}
	c := &crowd{url: p.URL + "/api/v1", token: p.Token, roots: x509.NewCertPool(), arrived: make(chan arrival, 1000)}
	if !c.roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the profile has no certificate of a CA")
	}
	return c, nil
}

// join opens browsers until there are so many.
func (c *crowd) join(ctx context.Context, want int) error {
	for len(c.all) < want {
		b := &browser{number: len(c.all)}
		c.all = append(c.all, b)
		if err := c.open(ctx, b); err != nil {
			return fmt.Errorf("browser %d: %w", b.number, err)
		}
	}
	return nil
}

// open begins a browser's stream, where the one before ended.
func (c *crowd) open(ctx context.Context, b *browser) error {
	ctx, b.cancel = context.WithCancel(ctx)
	b.ended = make(chan struct{})
	req, err := c.request(ctx, "/live")
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if b.boot != "" {
		req.Header.Set("Last-Event-ID", b.boot+"-"+strconv.FormatInt(b.last, 10))
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP2(true)
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}, Protocols: protocols}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(make([]byte, 0, 4<<10), 1<<20)
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("the stream is refused with status %d", resp.StatusCode), resp.Body.Close())
	}
	first, id, _, ok := nextEvent(in)
	if !ok || first != "ready" {
		return errors.Join(fmt.Errorf("the stream begins with %q, not with \"ready\"", first), resp.Body.Close())
	}
	b.take(id)
	c.running.Go(func() {
		defer close(b.ended)
		defer t.CloseIdleConnections()
		defer resp.Body.Close()
		if err := c.read(ctx, b, in, t); ctx.Err() == nil {
			c.fail(fmt.Errorf("browser %d: %w", b.number, err))
		}
	})
	return nil
}

func (c *crowd) request(ctx context.Context, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, http.NoBody)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, err
}

// ask asks for what a page shows, on the connection of the stream.
func (c *crowd) ask(ctx context.Context, t *http.Transport, path string) error {
	req, err := c.request(ctx, path)
	if err != nil {
		return err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s is answered with status %d", path, resp.StatusCode))
	}
	return errors.Join(err, resp.Body.Close())
}

// take notes a frame. Its id is that of the Cockpit's process and a number.
func (b *browser) take(id string) {
	boot, text, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(text, 10, 64)
	if b.boot != "" && (boot != b.boot || err != nil || n > b.last+1) {
		b.holes++
	}
	b.boot, b.last = boot, n
}

// nextEvent reads one server-sent event.
func nextEvent(in *bufio.Scanner) (name, id string, data string, ok bool) {
	for in.Scan() {
		line := in.Text()
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "":
			return name, id, data, true
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		}
	}
	return name, id, data, false
}

// read takes what comes until the stream ends, which it does by an error.
func (c *crowd) read(ctx context.Context, b *browser, in *bufio.Scanner, t *http.Transport) error {
	for {
		name, id, data, ok := nextEvent(in)
		if !ok {
			return fmt.Errorf("the stream ended: %w", in.Err())
		}
		if name != "news" {
			continue
		}
		b.take(id)
		if probe, asks := c.expected(); probe != b.knows && strings.Contains(data, `"`+probe+`"`) {
			b.knows = probe
			if asks != "" {
				if err := c.ask(ctx, t, asks); err != nil {
					return err
				}
			}
			c.arrived <- arrival{b, probe, time.Now()}
		}
	}
}

func (c *crowd) expect(probe string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probe = probe
}

// askFor makes all browsers ask for a page's data when they hear of a probe.
func (c *crowd) askFor(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asks = path
}

func (c *crowd) expected() (probe, asks string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probe, c.asks
}

func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = errors.Join(c.wrong, err)
}

// known returns when the last browser knew of the probe.
func (c *crowd) known(ctx context.Context) (last time.Time, err error) {
	const patience = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	probe, _ := c.expected()
	for n := 0; n < len(c.all); {
		select {
		case a := <-c.arrived:
			if a.probe == probe {
				n, last = n+1, a.at
			}
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			return last, errors.Join(fmt.Errorf("%d of %d browsers know of %s: %w", n, len(c.all), probe, ctx.Err()), c.wrong)
		}
	}
	return last, nil
}

// cut ends the connections of some browsers and opens them again a little later;
// it returns how long that took.
func (c *crowd) cut(ctx context.Context, n int) (time.Duration, error) {
	some := c.all[:n]
	for _, b := range some {
		b.cancel()
	}
	for _, b := range some {
		<-b.ended
	}
	if !wait(ctx, cutFor) {
		return 0, ctx.Err()
	}
	began := time.Now()
	for _, b := range some {
		if err := c.open(ctx, b); err != nil {
			return 0, fmt.Errorf("browser %d, after it was cut off: %w", b.number, err)
		}
	}
	return time.Since(began), nil
}

// holes returns how many frames are missing. All browsers have to have left.
func (c *crowd) holes() int {
	n := 0
	for _, b := range c.all {
		n += b.holes
	}
	return n
}

// leave closes all browsers, and tells whether a stream ended by itself before. It
// may be called twice.
func (c *crowd) leave() error {
	for _, b := range c.all {
		if b.cancel != nil {
			b.cancel()
		}
	}
	c.running.Wait()
	return c.wrong
}
