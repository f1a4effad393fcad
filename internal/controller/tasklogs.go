package controller

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// maxLogsBody bounds the list of tasks whose logs are asked for at once, in bytes.
const maxLogsBody = 16 << 10

// getTaskLog passes on the log of one task, as its Agent sends it.
func (c *Controller) getTaskLog(w http.ResponseWriter, r *http.Request) {
	c.passOn(w, r, http.MethodGet, "/agent/api/task/"+url.PathEscape(r.PathValue("task"))+"/log?"+r.URL.RawQuery, nil)
}

// postTaskLogs passes on the logs of several tasks of one Agent.
func (c *Controller) postTaskLogs(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		c.problem(w, err)
		return
	}
	c.passOn(w, r, http.MethodPost, "/agent/api/logs", body)
}

// passOn asks the Agent that a request names, and passes its answer on.
func (c *Controller) passOn(w http.ResponseWriter, r *http.Request, method, path string, body []byte) {
	agent := r.PathValue("agent")
	v, err := c.decide(r.Context(), func(e *engine.Controller, _ int64) (any, error) {
		a, err := e.AgentItem(agent)
		if err != nil {
			return nil, fault.New(fault.NotFound, "UnknownKey", "there is no Agent %s", agent)
		}
		return a.URI, nil
	})
	if err != nil {
		c.problem(w, err)
		return
	}
	uri, _ := v.(string)
	resp, err := c.askAgent(r.Context(), agent, uri, method, path, body)
	if err != nil {
		c.problem(w, err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.problem(w, transport.ReadProblem(resp))
		return
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	pass(w, resp.Body)
}

// pass copies a stream as it comes.
func pass(w http.ResponseWriter, body io.Reader) {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // a followed log may be silent for long
	_ = rc.Flush()                       // the header goes at once
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			if err := rc.Flush(); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// askAgent asks an Agent for what is passed on.
func (c *Controller) askAgent(ctx context.Context, agent, uri, method, path string, body []byte) (*http.Response, error) {
	if err := c.callable(agent, uri); err != nil {
		return nil, err
	}
	client, err := c.logClient(agent)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(uri, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	return client.Do(req)
}

// logClient returns the connection by which an Agent is asked for what is passed on:
// one for each Agent, kept open, apart from the driver's own.
func (c *Controller) logClient(agent string) (*transport.Client, error) {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	if client := c.logs.clients[agent]; client != nil {
		return client, nil
	}
	client, err := c.agentClient(agent)
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
