package controller

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// The bounds of what members send each other at once.
const (
	maxPeerBody     = 64 << 20
	maxPeerQueue    = 32 << 20
	peerTimeout     = 10 * time.Second
	snapshotTimeout = 10 * time.Minute
	snapshotHeader  = "Signet-Snapshot"
)

// peers carries Raft's messages to the other members. It implements
// consensus.Transport: what can't be delivered is dropped.
type peers struct {
	c     *Controller
	links map[uint64]*link
	tasks sync.WaitGroup
}

// link is the way to one member: a queue and a goroutine that posts it.
type link struct {
	member conf.Member
	client *transport.Client
	mu     sync.Mutex
	queue  [][]byte
	size   int
	wake   chan struct{}
}

func newPeers(c *Controller) (*peers, error) {
	p := &peers{c: c, links: map[uint64]*link{}}
	for _, m := range c.set.Members {
		if m.ID == c.self.ID {
			continue
		}
		client, err := transport.NewClient(transport.ClientOptions{
			Credentials: c.creds, Log: c.log,
			Expect: func(id pki.Identity) bool { return id == pki.Identity{Role: pki.RoleController, Name: m.Name} },
		})
		if err != nil {
			return nil, err
		}
		p.links[m.ID] = &link{member: m, client: client, wake: make(chan struct{}, 1)}
	}
	return p, nil
}

// start begins to deliver.
func (p *peers) start() {
	for _, l := range p.links {
		p.tasks.Go(func() { p.deliver(l) })
	}
}

func (p *peers) close() {
	p.tasks.Wait()
	for _, l := range p.links {
		_ = l.client.Close() // nothing is lost with a connection
	}
}

// Send queues messages to a member.
func (p *peers) Send(to uint64, msgs [][]byte) {
	l := p.links[to]
	if l == nil {
		return
	}
	l.mu.Lock()
	for _, m := range msgs {
		if l.size+len(m) > maxPeerQueue {
			break
		}
		l.queue = append(l.queue, m)
		l.size += len(m)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var body []byte
	for _, m := range l.queue {
		body = binary.AppendUvarint(body, uint64(len(m)))
		body = append(body, m...)
	}
	l.queue, l.size = nil, 0
	return body
}

// deliver posts what waits, one request at a time. A member that can't be
// reached is tried again with the next messages.
func (p *peers) deliver(l *link) {
	for {
		select {
		case <-p.c.ctx.Done():
			return
		case <-l.wake:
		}
		body := l.take()
		if len(body) == 0 {
			continue
		}
		if err := p.post(l, body); err != nil && p.c.ctx.Err() == nil {
			p.c.log.Debug("a member can't be reached", "member", l.member.Name, "error", err)
		}
	}
}

func (p *peers) post(l *link, body []byte) error {
	ctx, cancel := context.WithTimeout(p.c.ctx, peerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.member.URL+"/controller/api/raft", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return transport.ReadProblem(resp)
	}
	return nil
}

// SendSnapshot streams a state to a member.
func (p *peers) SendSnapshot(to uint64, meta []byte, body io.Reader, done func(error)) {
	l := p.links[to]
	if l == nil {
		done(fault.New(fault.NotFound, "UnknownMember", "there is no member %d", to))
		return
	}
	p.tasks.Go(func() { done(p.postSnapshot(l, meta, body)) })
}

func (p *peers) postSnapshot(l *link, meta []byte, body io.Reader) error {
	ctx, cancel := context.WithTimeout(p.c.ctx, snapshotTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.member.URL+"/controller/api/raft/snapshot", body)
	if err != nil {
		return err
	}
	req.Header.Set(snapshotHeader, base64.StdEncoding.EncodeToString(meta))
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return transport.ReadProblem(resp)
	}
	return nil
}

// receive takes messages of another member.
func (c *Controller) receive(w http.ResponseWriter, r *http.Request) {
	from, ok := c.memberNamed(transport.PeerOf(r).Name)
	if !ok {
		transport.WriteProblem(w, fault.New(fault.Forbidden, "UnknownMember", "not a member of this group"))
		return
	}
	body, err := transport.ReadBody(r)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	for len(body) > 0 {
		n, used := binary.Uvarint(body)
		if used <= 0 || n > uint64(len(body)-used) {
			transport.WriteProblem(w, fault.New(fault.Invalid, "BadMessage", "the messages don't decode"))
			return
		}
		msg := body[used : used+int(n)]
		body = body[used+int(n):]
		if err := c.node.Receive(from.ID, msg); err != nil {
			c.log.Debug("a message of a member was dropped", "member", from.Name, "error", err)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// receiveSnapshot takes the state of another member.
func (c *Controller) receiveSnapshot(w http.ResponseWriter, r *http.Request) {
	from, ok := c.memberNamed(transport.PeerOf(r).Name)
	meta, err := base64.StdEncoding.Strict().DecodeString(r.Header.Get(snapshotHeader))
	if !ok || err != nil {
		transport.WriteProblem(w, fault.New(fault.Invalid, "BadMessage", "not a snapshot of a member"))
		return
	}
	if err := c.node.ReceiveSnapshot(from.ID, meta, r.Body); err != nil {
		transport.WriteProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
