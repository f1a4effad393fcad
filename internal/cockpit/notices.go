package cockpit

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	trustpolicy "github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/store"
)

// topicTrust is told to the other Cockpits when there is new trust material.
const topicTrust = "trust"

// openBoard opens what this Cockpit holds of trust material. The database has it
// for all Cockpits; the files are what connections are judged by.
func (c *Cockpit) openBoard() (err error) {
	c.notices, err = bulletin.Open(bulletin.Options{Dir: filepath.Join(c.settings.DataDir, "trust"), FS: c.deps.FS, Clock: c.clock, Shelves: []bulletin.Shelf{
		{Name: bulletin.Connections, Anchors: func() []*x509.Certificate {
			if c.nodeFiles == nil {
				return nil
			}
			_, trusted := c.nodeFiles.Certificates()
			return trusted
		}},
		{Name: bulletin.Users, Local: true, Anchors: func() []*x509.Certificate {
			_, trusted := c.userFiles.Certificates()
			return trusted
		}},
		{Name: bulletin.Others},
		// It has no root keys: what it publishes was verified by a Controller.
		{Name: bulletin.Policies, Accept: func(trustpolicy.Bundle) error { return nil }},
	}})
	return err
}

// publish puts trust material up here and in the database.
func (c *Cockpit) publish(ctx context.Context, n bulletin.Notice) error {
	changed, err := c.notices.Post(n)
	if err != nil || !changed {
		return err
	}
	c.log.Info("new trust material is sent to all parts", "kind", string(n.Kind))
	return c.syncNotices(ctx)
}

// syncNotices brings board and database to the same state: the newest of each.
func (c *Cockpit) syncNotices(ctx context.Context) error {
	var stored []store.Bulletin
	err := c.db.Read(ctx, func(r store.Reader) (err error) {
		stored, err = r.Bulletins()
		return err
	})
	if err != nil {
		return err
	}
	for _, b := range stored {
		if _, err := c.notices.Post(bulletin.Notice{Kind: bulletin.Kind(b.Kind), Text: b.Text}); err != nil && !bulletin.IsOlder(err) {
			c.log.Warn("trust material in the database isn't taken", "kind", b.Kind, "id", b.ID, "error", err)
		}
	}
	if len(newerHere(c.notices.All(), stored)) == 0 {
		return nil
	}
	return c.db.Write(ctx, func(w store.Writer) error {
		stored, err := w.Bulletins()
		if err != nil {
			return err
		}
		for _, b := range newerHere(c.notices.All(), stored) {
			if err := w.PutBulletin(b); err != nil {
				return err
			}
		}
		return w.Tell(topicTrust)
	})
}

// newerHere returns what is on the board and not, or older, in the database.
func newerHere(here []bulletin.Entry, stored []store.Bulletin) []store.Bulletin {
	there := map[string]string{}
	for _, b := range stored {
		there[b.Kind+" "+b.ID] = b.Version
	}
	var newer []store.Bulletin
	for _, e := range here {
		if version, ok := there[string(e.Kind)+" "+e.ID]; !ok || bulletin.Newer(e.Version, version) {
			newer = append(newer, store.Bulletin{Kind: string(e.Kind), ID: e.ID, Version: e.Version, Text: e.Text})
		}
	}
	return newer
}

// How often board and database are compared without being told to, how often a
// member is asked what it holds, and how soon one that couldn't be reached is tried
// again.
const (
	syncEvery   = 30 * time.Second
	askMember   = 10 * time.Second
	memberAgain = time.Second
	olderAgain  = 5 * time.Minute
)

// shareNotices keeps board and database alike until ctx ends.
func (c *Cockpit) shareNotices(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.syncNotices(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("trust material in the database can't be read or written", "error", err)
		}
		timer := c.clock.NewTimer(syncEvery)
		select {
		case <-c.trustNews:
		case <-timer.C():
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// hearTrust notes that another Cockpit has new trust material.
func (c *Cockpit) hearTrust() {
	select {
	case c.trustNews <- struct{}{}:
	default:
	}
}

// sendNotices brings a member of a Controller what is on the board, until ctx ends.
func (c *Cockpit) sendNotices(ctx context.Context, controller Controller, member string) {
	for ctx.Err() == nil {
		err := c.notices.Keep(ctx, askMember, func(ctx context.Context, d bulletin.Delivery) (bulletin.Receipt, error) {
			return controller.Deliver(ctx, member, d)
		}, func(x bulletin.Refusal) {
			c.log.Warn("a Controller refuses trust material", "member", member, "kind", string(x.Kind), "id", x.ID, "code", x.Code, "problem", x.Message)
		})
		switch {
		case ctx.Err() != nil:
		case fault.HasCode(err, "UnknownRoute"):
			c.log.Warn("the Controller's program takes no revocation lists and trust policies: bring them to its files, or upgrade it", "member", member)
			sleep(ctx, c.clock, olderAgain)
		default:
			c.log.Debug("trust material can't be sent", "member", member, "error", err)
			sleep(ctx, c.clock, memberAgain)
		}
	}
}
