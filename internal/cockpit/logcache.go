package cockpit

import (
	"container/list"
	"context"
	"sync"

	"github.com/signet-scheduler/signet/internal/store"
)

// logCache keeps indexes of logs that were looked at, those looked at last. Safe
// for concurrent use.
type logCache struct {
	mu    sync.Mutex
	known map[logKey]*list.Element // of *cachedIndex
	order list.List                // the one used last in front
	bytes int64
}

// Bounds of the cache.
const (
	cacheBytes = 16 << 20
	cacheLogs  = 20_000
)

// logKey names a log as it is read: the pieces of a stored one aren't those of
// the Agent's file.
type logKey struct {
	step   store.StepKey
	stored bool
	chunks int
}

// cachedIndex is a place in the cache. Who holds busy may make or grow the index.
type cachedIndex struct {
	key   logKey
	busy  chan struct{} // capacity 1
	index *logIndex     // nil: not made yet; guarded by logCache.mu
	bytes int64
}

func newLogCache() *logCache { return &logCache{known: map[logKey]*list.Element{}} }

// get returns a log's index as grow leaves it. Only one caller at a time grows
// one; those who wait get what it made, grown again.
func (c *logCache) get(ctx context.Context, key logKey, grow func(*logIndex) (*logIndex, error)) (*logIndex, error) {
	e := c.place(key)
	select {
	case e.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-e.busy }()
	c.mu.Lock()
	old := e.index
	c.mu.Unlock()
	if old != nil && key.stored {
		return old, nil
	}
	x, err := grow(old)
	if err != nil {
		return nil, err
	}
	c.put(e, x)
	return x, nil
}

func (c *logCache) place(key logKey) *cachedIndex {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.known[key]; ok {
		c.order.MoveToFront(at)
		e, _ := at.Value.(*cachedIndex)
		return e
	}
	e := &cachedIndex{key: key, busy: make(chan struct{}, 1)}
	c.known[key] = c.order.PushFront(e)
	return e
}

// put keeps an index, and drops those that were used longest ago.
func (c *logCache) put(e *cachedIndex, x *logIndex) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.known[e.key]; !ok || at.Value != e {
		return // dropped meanwhile
	}
	size := x.size()
	c.bytes += size - e.bytes
	e.index, e.bytes = x, size
	for c.order.Len() > 1 && (c.bytes > cacheBytes || c.order.Len() > cacheLogs) {
		last := c.order.Back()
		old, _ := last.Value.(*cachedIndex)
		if old == e {
			break
		}
		c.order.Remove(last)
		delete(c.known, old.key)
		c.bytes -= old.bytes
	}
}
