package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/agent"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// For returns the cluster for a subtest: what goes wrong is that one's fault.
func (c *Cluster) For(t testing.TB) *Cluster {
	d := *c
	d.t = t
	return &d
}

// CA returns the authority of the installation.
func (c *Cluster) CA() *pki.CA { return c.ca }

// Client returns the Cockpit's client.
func (c *Cluster) Client() *transport.Client { return c.client }

// ClientOf returns a client with the certificate of a part, by its
// configuration directory: what somebody can do who has stolen it.
func (c *Cluster) ClientOf(config string) *transport.Client {
	client := c.clientOf(config)
	c.t.Cleanup(func() { _ = client.Close() }) // nothing is lost with a connection
	return client
}

// NewNode makes a configuration directory with the certificate of another
// node of this installation, and tells the certificate's serial number.
func (c *Cluster) NewNode(role pki.Role, name string) (config, serial string) {
	c.t.Helper()
	issued, err := c.ca.IssueNode(pki.NodeParams{Role: role, Name: name, DNSNames: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Now: time.Now()})
	c.must(err)
	config = filepath.Join(c.Dir, string(role)+"-"+name, "config")
	private := filepath.Join(config, "private")
	c.must(os.MkdirAll(private, 0o700))
	c.must(pki.WriteKeyPEM(fsys.Real{}, filepath.Join(private, "https-key.pem"), issued.Key))
	c.must(pki.WriteCertsPEM(fsys.Real{}, filepath.Join(private, "https-cert.pem"), issued.Chain...))
	c.must(pki.WriteCertsPEM(fsys.Real{}, filepath.Join(private, "https-trust.pem"), c.ca.Root(pki.PurposeNode)))
	return config, issued.Serial
}

// TrustFile returns the file by which a part trusts somebody.
func TrustFile(config string, who trusttest.Identity) string {
	place := map[trust.Kind][2]string{
		trust.X509: {"trusted-x509-keys", ".pem"}, trust.PGP: {"trusted-pgp-keys", ".asc"}, trust.SSH: {"trusted-ssh-keys", ".pub"},
	}[who.Kind]
	return filepath.Join(config, "private", place[0], strings.ReplaceAll(who.Name, " ", "-")+place[1])
}

// Trust makes a part, by its configuration directory, trust somebody more. It
// returns the file, which is to be removed to take that back.
func Trust(t testing.TB, config string, who trusttest.Identity) string {
	t.Helper()
	file := TrustFile(config, who)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, who.Trusted, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// SignedBy returns a document with the evidence of somebody.
func SignedBy(t testing.TB, key trust.SignerKey, document string) engine.Document {
	t.Helper()
	ev, err := key.Sign([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Document{Text: document, Evidence: string(text)}
}

// Signer returns the key that every part trusts from the start.
func (c *Cluster) Signer() trust.SignerKey { return c.signer }

// PostAs posts to whichever Controller leads, as a Cockpit of some security level.
func (c *Cluster) PostAs(level, path string, in any) error {
	body, err := json.Marshal(in)
	c.must(err)
	return c.each(func(url string) error {
		req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, url+"/controller/api"+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(transport.LevelHeader, level)
		resp, err := c.client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode/100 == 2 {
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		}
		return transport.ReadProblem(resp)
	})
}

// AgentStatus is what an Agent tells Controllers about itself.
type AgentStatus struct {
	AgentPath    string
	LogID        string
	ControllerID string
	LastEventID  int64
	Running      int
}

// StatusOf asks an Agent, in the name of a Controller.
func (c *Cluster) StatusOf(as *transport.Client, p *Part[agent.Agent]) AgentStatus {
	c.t.Helper()
	var st AgentStatus
	c.must(as.GetJSON(c.t.Context(), p.URL+"/agent/api/status", &st))
	return st
}

// SendBatch gives commands to an Agent as a Controller would.
func (c *Cluster) SendBatch(as *transport.Client, p *Part[agent.Agent], b *engine.AgentBatch) error {
	c.t.Helper()
	return c.SendBytes(as, p.URL+"/agent/api/command", codec.Binary(nil, b))
}

// SendBytes posts any bytes.
func (c *Cluster) SendBytes(as *transport.Client, url string, body []byte) error {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, url, bytes.NewReader(body))
	c.must(err)
	resp, err := as.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return transport.ReadProblem(resp)
	}
	return nil
}

// AgentEvents reads an Agent's events from the beginning until one satisfies
// last, in the name of a Controller.
func (c *Cluster) AgentEvents(as *transport.Client, p *Part[agent.Agent], last func(engine.Stamped) bool) []engine.Stamped {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/agent/api/event?after=0", http.NoBody)
	c.must(err)
	resp, err := as.Do(req)
	c.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.t.Fatal(transport.ReadProblem(resp))
	}
	var all []engine.Stamped
	r := bufio.NewReader(resp.Body)
	for {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			c.t.Fatalf("the Agent's events: %v, after %d events", err, len(all))
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			continue
		}
		events, err := engine.ReadEvents(frame)
		c.must(err)
		for _, e := range events {
			all = append(all, e)
			if last(e) {
				return all
			}
		}
	}
}

// TaskOf returns the Agent and the task of an order's newest process.
func (c *Cluster) TaskOf(id string) (agentPath, task string) {
	c.t.Helper()
	for _, e := range c.Events() {
		if e["TYPE"] == "OrderProcessingStarted" && e["Key"] == id {
			agentPath, task = fmt.Sprint(e["subagentId"]), fmt.Sprint(e["taskId"])
		}
	}
	if task == "" {
		c.t.Fatalf("order %s has no task", id)
	}
	return agentPath, task
}

// OpenLog asks the Controller for a task's log.
func (c *Cluster) OpenLog(ctx context.Context, agentPath, task, query string) io.ReadCloser {
	c.t.Helper()
	url := c.Controllers[0].URL + "/controller/api/agent/" + agentPath + "/task/" + task + "/log?" + query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	c.must(err)
	resp, err := c.client.Do(req)
	c.must(err)
	if resp.StatusCode != http.StatusOK {
		c.t.Fatal(transport.ReadProblem(resp))
	}
	return resp.Body
}

// Log returns the log of an order's newest process as text.
func (c *Cluster) Log(id string) string {
	c.t.Helper()
	agentPath, task := c.TaskOf(id)
	body := c.OpenLog(c.t.Context(), agentPath, task, "")
	defer body.Close()
	file := filepath.Join(c.t.TempDir(), "log")
	f, err := os.Create(file)
	c.must(err)
	_, err = io.Copy(f, body)
	c.must(err)
	c.must(f.Close())
	r, err := joblog.Open(file)
	c.must(err)
	defer r.Close()
	var out strings.Builder
	text := joblog.Text{W: &out, Prefix: true}
	for frame, err := range r.Frames() {
		c.must(err)
		c.must(text.Write(frame))
	}
	return out.String()
}
