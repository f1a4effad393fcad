package cockpit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/mirror"
)

// news tells browsers what has changed, so that they ask again for what they
// show: changes are gathered for a moment, made into one frame, and kept for those
// who are a little behind. Readers have no queues: each has its own place in the
// ring, and one that is too slow is told that it has missed something. Safe for
// concurrent use.
type news struct {
	clock clock.Clock
	boot  string // tells frames of this process from those of another

	mu      sync.Mutex
	pending *headlines
	wake    chan struct{} // capacity 1: there is something pending
	frames  [newsKept]newsFrame
	next    int64         // number of the next frame
	moved   chan struct{} // closed when there is a new frame
}

const (
	newsKept   = 512
	newsGather = 100 * time.Millisecond
	// newsNames is how many names one frame has of each kind; beyond it, "more"
	// tells that anything may have changed.
	newsNames = 100
)

// The topics that no event of a Controller tells about: whoever changes them tells
// the browsers here, and the transaction those of other Cockpits.
const (
	topicAudit     = "audit"
	topicInventory = "inventory"
)

// newsFrame is what one event of the stream carries.
type newsFrame struct {
	number int64
	event  []byte // as it is sent, made once for all browsers
	data   []byte // the JSON in it
}

// headlines is what has changed. Names are those of roots: whoever shows a child
// looks for its root.
type headlines struct {
	Orders    []string `json:"orders,omitempty"`
	Workflows []string `json:"workflows,omitempty"`
	More      bool     `json:"more,omitempty"`   // of orders or workflows
	Topics    []string `json:"topics,omitempty"` // items, agents, inventory, audit ...

	orders, workflows, topics map[string]bool
}

func newNews(c clock.Clock) *news {
	return &news{clock: c, boot: strings.ToLower(rand.Text()[:10]), wake: make(chan struct{}, 1), next: 1, moved: make(chan struct{})}
}

// changed takes a change of a Controller's orders.
func (n *news) changed(_ string, c mirror.Change) {
	if len(c.Orders) == 0 && !c.Items && !c.Agents && !c.All {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.open()
	for id, workflow := range c.Orders {
		h.add(h.orders, string(id.Root()))
		h.add(h.workflows, workflow)
	}
	h.More = h.More || c.All
	if c.Items || c.All {
		h.topics["items"] = true
	}
	if c.Agents || c.All {
		h.topics["agents"] = true
	}
	n.signal()
}

// tell takes a change of something that isn't an order.
func (n *news) tell(topic string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open().topics[topic] = true
	n.signal()
}

// open returns what is pending. It needs the lock.
func (n *news) open() *headlines {
	if n.pending == nil {
		n.pending = &headlines{orders: map[string]bool{}, workflows: map[string]bool{}, topics: map[string]bool{}}
	}
	return n.pending
}

func (n *news) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (h *headlines) add(names map[string]bool, name string) {
	if len(names) >= newsNames && !names[name] {
		h.More = true
		return
	}
	names[name] = true
}

// run makes frames until ctx ends.
func (n *news) run(ctx context.Context) {
	for {
		select {
		case <-n.wake:
		case <-ctx.Done():
			return
		}
		sleep(ctx, n.clock, newsGather)
		n.publish()
	}
}

// publish makes a frame of what is pending.
func (n *news) publish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.pending
	if h == nil {
		return
	}
	n.pending = nil
	h.Orders, h.Workflows, h.Topics = slices.Sorted(maps.Keys(h.orders)), slices.Sorted(maps.Keys(h.workflows)), slices.Sorted(maps.Keys(h.topics))
	data, err := json.Marshal(h)
	if err != nil {
		return // texts only: it can't be
	}
	event := fmt.Appendf(nil, "event: news\nid: %s\ndata: %s\n\n", n.id(n.next), data)
	end := len(event) - len("\n\n")
	n.frames[n.next%newsKept] = newsFrame{n.next, event, event[end-len(data) : end]}
	n.next++
	close(n.moved)
	n.moved = make(chan struct{})
}

// id returns the name of a frame.
func (n *news) id(number int64) string { return n.boot + "-" + strconv.FormatInt(number, 10) }

// place returns the number of the last frame that somebody has seen. ok is false
// when what follows it is no longer here.
func (n *news) place(id string) (number int64, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := n.next - 1
	if id == "" {
		return last, true
	}
	boot, text, _ := strings.Cut(id, "-")
	number, err := strconv.ParseInt(text, 10, 64)
	if boot != n.boot || err != nil || number > last || number < last-newsKept+1 {
		return last, false
	}
	return number, true
}

// after returns the frames behind one, and a channel that is closed when there are
// more. ok is false when some of them are no longer here.
func (n *news) after(number int64) (frames []newsFrame, moved <-chan struct{}, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if number < n.next-1-newsKept {
		return nil, n.moved, false
	}
	for i := number + 1; i < n.next; i++ {
		frames = append(frames, n.frames[i%newsKept])
	}
	return frames, n.moved, true
}
