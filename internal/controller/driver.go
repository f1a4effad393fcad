package controller

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// The bounds of what an Agent may send at once, and how often its events are
// confirmed.
const (
	maxEventFrame = 64 << 20
	maxGathered   = 4 << 20
	confirmEvery  = time.Second
	firstRetry    = 100 * time.Millisecond
	lastRetry     = 5 * time.Second
	agentIdle     = 15 * time.Second
)

// driver drives one Agent for one term: numbered batches of commands in one
// direction, one followed stream of events in the other.
type driver struct {
	c        *Controller
	name     string
	uri      string
	term     int64
	sequence *int64 // the newest batch of the term; owned by the driver while it runs
	client   *transport.Client
	cancel   context.CancelFunc
	task     sync.WaitGroup

	observed  atomic.Int64 // committed in our log
	confirmed int64        // and told to the Agent
}

func (c *Controller) newDriver(ctx context.Context, name, uri string, term int64, sequence *int64) (*driver, error) {
	client, err := transport.NewClient(transport.ClientOptions{
		Credentials: c.creds, Log: c.log,
		Expect: func(id pki.Identity) bool { return id == pki.Identity{Role: pki.RoleAgent, Name: name} },
	})
	if err != nil {
		return nil, err
	}
	d := &driver{c: c, name: name, uri: strings.TrimSuffix(uri, "/"), term: term, sequence: sequence, client: client}
	ctx, d.cancel = context.WithCancel(ctx)
	d.task.Go(func() { d.run(ctx) })
	return d, nil
}

func (d *driver) close() {
	d.cancel()
	d.task.Wait()
	_ = d.client.Close() // nothing is lost with a connection
}

// run couples with the Agent again and again.
func (d *driver) run(ctx context.Context) {
	wait := firstRetry
	for ctx.Err() == nil {
		began := d.c.clock.Now()
		err := d.couple(ctx)
		if ctx.Err() != nil {
			return
		}
		d.c.log.Warn("the Agent is not coupled", "agent", d.name, "error", err)
		_, _ = d.c.decide(ctx, func(e *engine.Controller, now int64) (any, error) { // a lost leadership ends the driver anyway
			return nil, e.AgentFailed(d.name, order.ProblemOf(err), now)
		})
		if d.c.clock.Now().Sub(began) > 10*time.Second {
			wait = firstRetry
		}
		t := d.c.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C():
		}
		wait = min(2*wait, lastRetry)
	}
}

// agentStatus is what an Agent says about itself.
type agentStatus struct {
	Agent        string `json:"agentPath"`
	LogID        string `json:"logId"`
	ControllerID string `json:"controllerId"`
}

// couple connects, and follows and commands the Agent until something fails.
func (d *driver) couple(ctx context.Context) error {
	var st agentStatus
	if err := d.client.GetJSON(ctx, d.uri+"/agent/api/status", &st); err != nil {
		return err
	}
	v, err := d.c.decide(ctx, func(e *engine.Controller, now int64) (any, error) {
		if err := e.AgentDedicated(d.name, st.LogID, now); err != nil {
			return nil, err
		}
		a, _ := e.Agent(d.name)
		return a.Observed, nil
	})
	if err != nil {
		return err
	}
	observed, _ := v.(int64)
	d.observed.Store(observed)
	d.confirmed = 0

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	var tasks sync.WaitGroup
	tasks.Go(func() { failed <- d.follow(ctx, st.LogID) })
	tasks.Go(func() { failed <- d.command(ctx, st.LogID) })
	err = <-failed
	cancel()
	tasks.Wait()
	return err
}

// command sends what stands on the board, one batch at a time.
func (d *driver) command(ctx context.Context, logID string) error {
	d.c.board.requeue(d.name)
	work := d.c.board.changed(d.name)
	ticker := d.c.clock.NewTicker(confirmEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-work:
		case <-ticker.C():
		}
		cmds, done := d.c.board.take(d.name, d.c.set.AgentBatch)
		observed := d.observed.Load()
		if observed > d.confirmed {
			cmds = append(cmds, &engine.ConfirmEvents{Until: observed})
		}
		if len(cmds) == 0 {
			continue
		}
		*d.sequence++
		if err := d.send(ctx, logID, cmds); err != nil {
			return err
		}
		done()
		d.confirmed = observed
	}
}

func (d *driver) send(ctx context.Context, logID string, cmds []engine.AgentCommand) error {
	b := &engine.AgentBatch{ControllerID: d.c.set.ID, LogID: logID, Term: d.term, Sequence: *d.sequence, Commands: cmds}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.uri+"/agent/api/command", bytes.NewReader(codec.Binary(nil, b)))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return transport.ReadProblem(resp)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return err
}

// follow reads the Agent's events and takes them over: what comes while one
// batch is being committed is the next batch.
func (d *driver) follow(ctx context.Context, logID string) error {
	url := fmt.Sprintf("%s/agent/api/event?after=%d", d.uri, d.observed.Load())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return transport.ReadProblem(resp)
	}
	if _, err := d.c.decide(ctx, func(e *engine.Controller, now int64) (any, error) { return nil, e.AgentCoupled(d.name, now) }); err != nil {
		return err
	}
	d.c.log.Info("the Agent is coupled", "agent", d.name)
	frames := make(chan []byte)
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	var readErr error
	tasks.Go(func() {
		defer close(frames)
		readErr = readFrames(ctx, d.c, resp.Body, frames)
	})
	for frame := range frames {
		events, err := gather(frame, frames)
		if err != nil {
			return err
		}
		if err := d.adopt(ctx, logID, events); err != nil {
			return err
		}
	}
	return readErr
}

// gather decodes a frame and all others that wait.
func gather(frame []byte, more <-chan []byte) ([]engine.Stamped, error) {
	events, err := engine.ReadEvents(frame)
	if err != nil {
		return nil, err
	}
	size := len(frame)
	for size < maxGathered {
		select {
		case next, ok := <-more:
			if !ok {
				return events, nil
			}
			e, err := engine.ReadEvents(next)
			if err != nil {
				return nil, err
			}
			events = append(events, e...)
			size += len(next)
		default:
			return events, nil
		}
	}
	return events, nil
}

func (d *driver) adopt(ctx context.Context, logID string, events []engine.Stamped) error {
	if len(events) == 0 {
		return nil
	}
	v, err := d.c.decide(ctx, func(e *engine.Controller, now int64) (any, error) {
		if err := e.AgentEvents(d.name, logID, events, now); err != nil {
			return nil, err
		}
		a, _ := e.Agent(d.name)
		return a.Observed, nil
	})
	if observed, ok := v.(int64); ok {
		d.observed.Store(observed)
	}
	return err
}

// readFrames reads length-prefixed frames; an empty one is a heartbeat. A
// stream that is silent for too long is given up.
func readFrames(ctx context.Context, c *Controller, body io.ReadCloser, out chan<- []byte) error {
	alive := make(chan struct{}, 1)
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { closeWhenSilent(ctx, c, body, alive, ended) })
	defer watch.Wait()
	defer close(ended)
	r := bufio.NewReaderSize(body, 1<<16)
	for {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return streamEnd(ctx, err)
		}
		select {
		case alive <- struct{}{}:
		default:
		}
		if n == 0 {
			continue
		}
		if n > maxEventFrame {
			return fault.New(fault.TooLarge, "FrameTooLarge", "the Agent sent a frame of %d bytes", n)
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return streamEnd(ctx, err)
		}
		select {
		case out <- frame:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func streamEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) {
		return fault.New(fault.Unavailable, "StreamEnded", "the Agent ended its event stream")
	}
	return fault.Wrap(fault.Unavailable, "StreamBroken", err, "the Agent's event stream broke")
}

func closeWhenSilent(ctx context.Context, c *Controller, body io.Closer, alive, ended <-chan struct{}) {
	for {
		t := c.clock.NewTimer(agentIdle)
		select {
		case <-alive:
			t.Stop()
			continue
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
		case <-ended:
			t.Stop()
			return
		}
		_ = body.Close() // ends the reader
		return
	}
}

// taskLog asks the Agent for a task's log.
func (c *Controller) taskLog(ctx context.Context, agent, uri, path string) (*http.Response, error) {
	client, err := c.logClient(agent)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(uri, "/")+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	return client.Do(req)
}

// logClient returns the connection by which an Agent's task logs are fetched:
// one for each Agent, kept open, apart from the driver's own.
func (c *Controller) logClient(agent string) (*transport.Client, error) {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	if client := c.logs.clients[agent]; client != nil {
		return client, nil
	}
	client, err := transport.NewClient(transport.ClientOptions{
		Credentials: c.creds, Log: c.log,
		Expect: func(id pki.Identity) bool { return id == pki.Identity{Role: pki.RoleAgent, Name: agent} },
	})
	if err != nil {
		return nil, err
	}
	if c.logs.clients == nil {
		c.logs.clients = map[string]*transport.Client{}
	}
	c.logs.clients[agent] = client
	return client, nil
}

// logClients are the connections for task logs, by Agent.
type logClients struct {
	mu      sync.Mutex
	clients map[string]*transport.Client
}

func (l *logClients) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, client := range l.clients {
		_ = client.Close() // nothing is lost with a connection
	}
	l.clients = nil
}
