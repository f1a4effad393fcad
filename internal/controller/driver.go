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
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/handover"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/transport"
)

// The bounds of what an Agent may send at once, and how long it may be silent.
const (
	maxEventFrame = 64 << 20
	maxGathered   = 4 << 20
	agentIdle     = 15 * time.Second
)

// driver drives one Agent for one term: it carries out what its link says.
type driver struct {
	c      *Controller
	uri    string
	link   *handover.Link // owned by the driver while it runs
	client *transport.Client
	cancel context.CancelFunc
	task   sync.WaitGroup
}

func (c *Controller) newDriver(ctx context.Context, uri string, link *handover.Link) (*driver, error) {
	client, err := c.agentClient(link.Agent())
	if err != nil {
		return nil, err
	}
	d := &driver{c: c, uri: strings.TrimSuffix(uri, "/"), link: link, client: client}
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
	for ctx.Err() == nil {
		began := d.c.clock.Now()
		err := d.couple(ctx)
		if ctx.Err() != nil {
			return
		}
		d.c.log.Warn("the Agent is not coupled", "agent", d.link.Agent(), "error", err)
		_, _ = d.c.decide(ctx, d.link.Failed(err)) // a lost leadership ends the driver anyway
		t := d.c.clock.NewTimer(d.link.Pause(d.c.clock.Now().Sub(began)))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C():
		}
	}
}

// agentStatus is what an Agent says about itself.
type agentStatus struct {
	Agent        string      `json:"agentPath"`
	LogID        string      `json:"logId"`
	ControllerID string      `json:"controllerId"`
	Report       part.Report `json:"report"`
}

// couple connects, and follows and commands the Agent until something fails.
func (d *driver) couple(ctx context.Context) error {
	if err := d.c.callable(d.link.Agent(), d.uri); err != nil {
		return err
	}
	var st agentStatus
	if err := d.client.GetJSON(ctx, d.uri+"/agent/api/status", &st); err != nil {
		return err
	}
	d.c.heard.set(d.link.Agent(), st.Report, d.c.clock.Now())
	v, err := d.c.decide(ctx, d.link.Dedicate(st.LogID))
	if err != nil {
		return err
	}
	d.link.Begin(st.LogID, v)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 3)
	var tasks sync.WaitGroup
	tasks.Go(func() { failed <- d.follow(ctx) })
	tasks.Go(func() { failed <- d.command(ctx) })
	tasks.Go(func() { failed <- d.passNotices(ctx) })
	tasks.Go(func() { d.keepReport(ctx) })
	err = <-failed
	cancel()
	tasks.Wait()
	return err
}

// reportEvery is how often an Agent is asked for its report: certificates are
// renewed while it runs.
const reportEvery = 10 * time.Minute

// keepReport asks for the Agent's report now and then. What can't be had isn't
// reported here: the streams tell that the Agent is gone.
func (d *driver) keepReport(ctx context.Context) {
	ticker := d.c.clock.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		d.askReport(ctx)
	}
}

func (d *driver) askReport(ctx context.Context) {
	var st agentStatus
	if err := d.client.GetJSON(ctx, d.uri+"/agent/api/status", &st); err == nil {
		d.c.heard.set(d.link.Agent(), st.Report, d.c.clock.Now())
	}
}

// command sends what stands on the board, one batch at a time.
func (d *driver) command(ctx context.Context) error {
	work := d.link.Work()
	ticker := d.c.clock.NewTicker(handover.ConfirmEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-work:
		case <-ticker.C():
		}
		if err := d.sendNext(ctx); err != nil {
			return err
		}
	}
}

// sendNext sends a batch if there is one, and it is the Agent's turn.
func (d *driver) sendNext(ctx context.Context) error {
	turns, agent := &d.c.backups.turns, d.link.Agent()
	if !turns.take(ctx, agent) {
		return ctx.Err()
	}
	defer turns.give(agent)
	b, err := d.link.Next()
	if b == nil {
		return err
	}
	if err := d.send(ctx, b); err != nil {
		return err
	}
	d.link.Sent()
	return nil
}

func (d *driver) send(ctx context.Context, b *engine.AgentBatch) error {
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
func (d *driver) follow(ctx context.Context) error {
	where := fmt.Sprintf("%s/agent/api/event?after=%d&logId=%s", d.uri, d.link.After(), url.QueryEscape(d.link.LogID()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, http.NoBody)
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
	if _, err := d.c.decide(ctx, d.link.Coupled()); err != nil {
		return err
	}
	d.c.log.Info("the Agent is coupled", "agent", d.link.Agent())
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
		if err := d.adopt(ctx, events); err != nil {
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

func (d *driver) adopt(ctx context.Context, events []engine.Stamped) error {
	if len(events) == 0 {
		return nil
	}
	v, err := d.c.decide(ctx, d.link.Adopt(events))
	d.link.Adopted(v)
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
