package controller

import (
	"context"
	"crypto/x509"
	"net/http"
	"path/filepath"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/transport"
)

// openBoard opens what was sent here: revocation lists of those who sign
// certificates of parts, and of those who sign certificates of signers, and the
// trust policy.
func (c *Controller) openBoard(o Options) (err error) {
	c.notices, err = bulletin.Open(bulletin.Options{Dir: filepath.Join(o.DataDir, "trust"), Clock: c.clock, Shelves: []bulletin.Shelf{
		{Name: bulletin.Connections, Anchors: func() []*x509.Certificate {
			_, trusted := c.creds.Certificates()
			return trusted
		}},
		{Name: bulletin.Signers, Anchors: func() []*x509.Certificate { return c.guard.Authorities() }},
		{Name: bulletin.Policies, Accept: func(b policy.Bundle) error { return c.guard.CheckPolicy(b) }},
	}})
	return err
}

// postBulletin takes in what a Cockpit brings. The drivers pass it on.
func (c *Controller) postBulletin(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		c.problem(w, err)
		return
	}
	receipt, err := c.notices.Receive(body)
	c.guard.Look()
	for _, x := range receipt.Refused {
		c.log.Warn("trust material was refused", "kind", string(x.Kind), "from", transport.PeerOf(r).String(), "code", x.Code, "problem", x.Message)
	}
	c.answer(w, receipt, err)
}

// askHeld is how often a coupled Agent is asked what it holds, beside at coupling.
const askHeld = 10 * time.Minute

// fullPause is how long an Agent with a full disk is left alone.
const fullPause = 5 * time.Second

// passNotices brings the Agent what is on the board, until ctx ends or the Agent
// can't be reached. An Agent of an older program, which knows none, is left alone.
func (d *driver) passNotices(ctx context.Context) error {
	for {
		err := d.keepNotices(ctx)
		switch {
		case fault.HasCode(err, "UnknownRoute"):
			d.c.log.Warn("the Agent's program takes no revocation lists and trust policies: bring them to its files, or upgrade it", "agent", d.link.Agent())
			<-ctx.Done()
			return ctx.Err()
		case !fault.Is(err, fault.NoSpace):
			return err
		}
		t := d.c.clock.NewTimer(fullPause)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

func (d *driver) keepNotices(ctx context.Context) error {
	return d.c.notices.Keep(ctx, askHeld, func(ctx context.Context, delivery bulletin.Delivery) (r bulletin.Receipt, err error) {
		err = d.client.PostJSON(ctx, d.uri+"/agent/api/bulletin", delivery, &r)
		if err == nil && len(delivery.Notices) > 0 {
			d.askReport(ctx) // so that others can tell what it holds now
		}
		return r, err
	}, func(x bulletin.Refusal) {
		d.c.log.Warn("the Agent refuses trust material", "agent", d.link.Agent(), "kind", string(x.Kind), "id", x.ID, "code", x.Code, "problem", x.Message)
	})
}
