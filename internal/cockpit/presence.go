package cockpit

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/part"
)

// Cockpits on one database tell each other that they are there.
const (
	presentEvery = 5 * time.Second
	aliveFor     = 15 * time.Second // after it was heard last
	presentFor   = time.Hour        // then it is forgotten
	mostCockpits = 50
	// Of more lists it isn't told which: PostgreSQL bounds a message.
	mostAnnounced = 40
)

// presence is what one Cockpit tells of itself.
type presence struct {
	Name     string      `json:"name"`
	Services bool        `json:"services"`
	Report   part.Report `json:"report"`

	heard int64
}

// neighbours are the other Cockpits on the database. Safe for concurrent use.
type neighbours struct {
	mu  sync.Mutex
	all map[string]presence
}

// hear takes in what another tells of itself. What can't be read comes from
// another version, and is nobody.
func (n *neighbours) hear(text string, now time.Time) {
	var p presence
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Name == "" {
		return
	}
	p.heard = now.UnixMilli()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[string]presence{}
	}
	for name, other := range n.all {
		if other.heard < now.Add(-presentFor).UnixMilli() {
			delete(n.all, name)
		}
	}
	if _, there := n.all[p.Name]; there || len(n.all) < mostCockpits {
		n.all[p.Name] = p
	}
}

// list returns them by name.
func (n *neighbours) list(now time.Time) []presence {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []presence
	for _, p := range n.all {
		if p.heard >= now.Add(-presentFor).UnixMilli() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b presence) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// present is what this Cockpit tells of itself.
func (c *Cockpit) present() presence {
	return presence{Name: c.settings.Name, Services: c.leading.Load(), Report: c.report(), heard: c.clock.Now().UnixMilli()}
}

// report tells of this Cockpit's own files.
func (c *Cockpit) report() part.Report {
	var groups [][]part.Certificate
	if c.nodeFiles != nil {
		chain, trusted := c.nodeFiles.Certificates()
		groups = append(groups, part.Certificates(part.ForParts, chain, trusted))
	}
	if c.userFiles != nil {
		chain, trusted := c.userFiles.Certificates()
		groups = append(groups, part.Certificates(part.ForUsers, chain, trusted))
	}
	groups = append(groups, c.signing)
	r := c.deps.Self.Report(groups...)
	r.Trust = &part.Trust{Holds: c.notices.Holdings()}
	return r
}

// announcement is what the others are told; nil: it can't be encoded. It is short: the
// authorities are the same for all, and of many lists nothing is said.
func (p presence) announcement() []byte {
	p.Report.Certificates = slices.DeleteFunc(slices.Clone(p.Report.Certificates), func(x part.Certificate) bool { return x.Use == part.ForAuthority })
	if t := p.Report.Trust; t != nil && len(t.Holds) > mostAnnounced {
		p.Report.Trust = nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil
	}
	return text
}

// announce tells the others that this Cockpit is there, until ctx ends.
func (c *Cockpit) announce(ctx context.Context) {
	for ctx.Err() == nil {
		p := c.present()
		if text := p.announcement(); text != nil {
			telling, cancel := context.WithTimeout(ctx, presentEvery)
			if err := c.db.Announce(telling, string(text)); err != nil && ctx.Err() == nil {
				c.log.Debug("the other Cockpits weren't told that this one is there", "error", err)
			}
			cancel()
		}
		sleep(ctx, c.clock, presentEvery)
	}
}
