package cockpit

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/store"
)

// takeOver compares, each time that the services begin, what the inventory says to be
// deployed with what the Controller has, and takes over what differs. The events tell the
// same, but those of before there was an inventory are passed, and a database may
// have been restored.
type takeOver struct {
	id         string // of the Controller
	controller Controller
	db         store.Store
	clock      clock.Clock
	log        *slog.Logger
	catchUp    func(context.Context) error
}

const (
	takePage  = 1000 // rows
	takeBatch = 100  // documents of one transaction
	takePause = 30 * time.Second
)

// unknownDeployment stands for the command that brought what was taken over.
const unknownDeployment = "unknown"

// run tries until it has come through, or ctx ends.
func (t *takeOver) run(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := t.all(ctx)
		if err == nil {
			if n > 0 {
				t.log.Info("the inventory has taken over what the Controller has", "controller", t.id, "objects", n)
			}
			return
		}
		if ctx.Err() == nil {
			t.log.Info("the inventory can't be compared with the Controller yet", "controller", t.id, "error", err)
		}
		sleep(ctx, t.clock, takePause)
	}
}

// all compares everything and tells how many objects differed.
func (t *takeOver) all(ctx context.Context) (int, error) {
	different, _, err := t.compare(ctx)
	if err != nil || len(different) == 0 {
		return 0, err
	}
	// What is deployed just then differs at first, and is told by events.
	still, have, err := t.compare(ctx)
	if err != nil {
		return 0, err
	}
	different = both(different, still)
	for batch := range slices.Chunk(different, takeBatch) {
		if err := t.take(ctx, batch, have); err != nil {
			return 0, err
		}
	}
	return len(different), nil
}

// compare returns what differs, and what the inventory says to be deployed.
func (t *takeOver) compare(ctx context.Context) (different []item.Key, have map[item.Key]store.DeployedObject, err error) {
	if err := t.catchUp(ctx); err != nil {
		return nil, nil, err
	}
	if have, err = t.known(ctx); err != nil {
		return nil, nil, err
	}
	items, err := t.controller.Items(ctx, item.Key{}, 0)
	if err != nil {
		return nil, nil, err
	}
	return differing(items, have), have, nil
}

// known returns what the inventory says to be deployed there.
func (t *takeOver) known(ctx context.Context) (map[item.Key]store.DeployedObject, error) {
	have := map[item.Key]store.DeployedObject{}
	for after := int64(0); ; {
		var page []store.DeployedObject
		err := t.db.Read(ctx, func(r store.Reader) (err error) {
			page, err = r.DeployedAt(t.id, after, takePage)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			have[item.Key{Kind: item.Kind(d.Kind), Path: d.Path}] = d
			after = d.Object
		}
		if len(page) < takePage {
			return have, nil
		}
	}
}

// differing returns the keys of which the Controller says something else.
func differing(items []ItemInfo, have map[item.Key]store.DeployedObject) []item.Key {
	var different []item.Key
	there := map[item.Key]bool{}
	for i := range items {
		it := &items[i]
		if !it.Newest || it.Removed {
			continue
		}
		key := item.Key{Kind: item.Kind(it.Kind), Path: it.Path}
		there[key] = true
		d, ok := have[key]
		if !ok || d.Version.Version != it.VersionID || it.Revision != 0 && d.Version.Event != it.Revision {
			different = append(different, key)
		}
	}
	for key := range have {
		if !there[key] {
			different = append(different, key)
		}
	}
	slices.SortFunc(different, item.Key.Compare)
	return different
}

// take takes over what the Controller has under some keys. What the events have
// changed meanwhile is left alone.
func (t *takeOver) take(ctx context.Context, keys []item.Key, have map[item.Key]store.DeployedObject) error {
	found := make([]ItemInfo, len(keys))
	for i, key := range keys {
		var err error
		if found[i], err = t.controller.Item(ctx, key); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return t.db.Write(ctx, func(w store.Writer) error {
		s := &shelf{w: w, now: t.clock.Now().UnixMilli(), deployment: unknownDeployment}
		for i, key := range keys {
			at, err := s.deployedAt(key, t.id)
			switch {
			case err != nil:
				return err
			case at != have[key].Version.ID: // somebody was faster
			case found[i].Document == "":
				err = s.withdraw(t.id, key)
			default:
				it := &found[i]
				e := &engine.ItemAdded{
					Item: engine.ItemRef{Kind: key.Kind, Path: key.Path, VersionID: it.VersionID}, Signer: it.Signer, Document: engine.Document{Text: it.Document},
				}
				err = s.adopt(t.id, e, &engine.Stamped{ID: it.Added, Event: e})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// deployedAt returns the version of an object that is deployed at a Controller; 0:
// none.
func (s *shelf) deployedAt(key item.Key, controller string) (int64, error) {
	o, err := s.w.Object(storeKey(key))
	if err != nil {
		return 0, ignoreMissing(err)
	}
	return versionAt(s.w, o.ID, controller)
}

func ignoreMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// both returns what is in two lists.
func both(a, b []item.Key) []item.Key {
	in := make(map[item.Key]bool, len(b))
	for _, k := range b {
		in[k] = true
	}
	return slices.DeleteFunc(a, func(k item.Key) bool { return !in[k] })
}
