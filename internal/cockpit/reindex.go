package cockpit

import (
	"context"

	"github.com/signet-scheduler/signet/internal/store"
)

// reindexBatch is how many objects one transaction brings into the index.
const reindexBatch = 100

// findAll brings into the index of the search what isn't in it: a database that
// was filled with the rows of another has an empty one, as its engine's may be
// of another kind. It tries until it has come through, or ctx ends.
func (c *Cockpit) findAll(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		n, err := c.reindex(ctx)
		if err == nil {
			if n > 0 {
				c.log.Info("the index of the inventory's search was completed", "objects", n)
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		c.log.Warn("the index of the inventory's search can't be completed yet", "error", err)
		sleep(ctx, c.clock, pause)
		pause = min(2*pause, lastPause)
	}
}

// reindex does it once, and tells of how many objects.
func (c *Cockpit) reindex(ctx context.Context) (n int, err error) {
	for {
		var page []store.Object
		err := c.services.Read(ctx, func(r store.Reader) (err error) {
			page, err = r.Unindexed(reindexBatch)
			return err
		})
		if err != nil || len(page) == 0 {
			return n, err
		}
		err = c.services.Write(ctx, func(w store.Writer) error {
			s := &shelf{w: w}
			for i := range page {
				if err := s.reindex(page[i].Key()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(page)
	}
}

// reindex makes an object found by the text that its author goes on with. One
// that was renamed since is found in the next round.
func (s *shelf) reindex(key store.ObjectKey) error {
	o, err := s.w.Object(key)
	if err != nil {
		return ignoreMissing(err)
	}
	texts, err := s.w.ObjectTexts(o.ID)
	if err != nil {
		return err
	}
	var x *store.ObjectIndex
	if o.Format != "" {
		d := draft{texts.Draft, o.Format}
		x = s.index(&o, d.read(keyOf(&o)), d.text)
	} else {
		x = s.indexOf(&o, texts.Current)
	}
	return s.w.PutTexts(&o, x.Texts)
}
