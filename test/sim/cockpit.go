package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// cockpit follows the Controller's events: it stores rows and position in one
// step on its own disk, and confirms. It plays internal/cockpit's follower; its
// database is a file to which batches of events are appended.
type cockpit struct {
	*part
	file   fsys.File
	reader *oracle.Reader

	position  int64 // stored
	taken     int64 // taken from a feed, and perhaps not stored yet
	worth     int64 // up to here there is something worth confirming
	confirmed int64
	before    int64 // of a Cockpit with a bug: what it finds at its next start

	follow  int // number of the present feed
	heard   int64
	queue   []engine.Stamped
	storing bool
	pending bool // a confirmation is under way
}

func newCockpit(w *world) *cockpit {
	c := &cockpit{reader: w.stream.Reader("cockpit", 0)}
	c.part = newPart(w, 21, "cockpit")
	c.part.begin, c.part.ended = c.openHistory, c.close
	return c
}

const historyFile = "/history"

func (c *cockpit) close() { c.file = nil }

// openHistory reads what is stored, and follows from there.
func (c *cockpit) openHistory() error {
	c.position, c.worth, c.queue = 0, 0, nil
	c.storing, c.pending, c.heard = false, false, c.w.now
	data, err := fsys.ReadFile(c.weak, historyFile, 1<<30)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	whole := 0
	for {
		events, n := readBatch(data[whole:])
		if n == 0 {
			break
		}
		whole += n
		c.stored(events)
	}
	if c.file, err = c.weak.Append(historyFile); err != nil {
		return err
	}
	if err := c.file.Truncate(int64(whole)); err != nil {
		return err
	}
	if err := c.file.Sync(); err != nil {
		return err
	}
	if err := c.weak.SyncDir("/"); err != nil {
		return err
	}
	c.reader.Again(c.position)
	if c.w.cfg.Bug == HistoryTwice && c.before < c.position {
		c.position = c.before
	}
	c.taken = c.position
	c.w.tell("cockpit is at %d", c.position)
	c.connect()
	c.tick()
	return nil
}

// readBatch reads one batch from the front of the file; 0 when there is no
// whole one.
func readBatch(data []byte) ([]engine.Stamped, int) {
	if len(data) < 8 {
		return nil, 0
	}
	n := int(binary.BigEndian.Uint32(data))
	if len(data) < 8+n || crc32.ChecksumIEEE(data[8:8+n]) != binary.BigEndian.Uint32(data[4:]) {
		return nil, 0
	}
	events, err := engine.ReadEvents(data[8 : 8+n])
	if err != nil {
		return nil, 0
	}
	return events, 8 + n
}

// connect opens a feed at any member.
func (c *cockpit) connect() {
	c.follow++
	n := c.follow
	again := func(err error) {
		if c.follow != n {
			return
		}
		if fault.HasCode(err, "EventSeqTorn") {
			c.w.fail(fmt.Errorf("the Cockpit has stored and confirmed events up to %d (%d), and can't read on: %w", c.position, c.confirmed, err))
			return
		}
		c.follow++
		c.after(between(c.rand, 20*time.Millisecond, 2*time.Second), "connect", c.connect)
	}
	m := c.w.controllers[c.rand.IntN(len(c.w.controllers))]
	c.heard = c.w.now
	after := c.taken
	c.w.net.call(c.part, m.part, "events", callTimeout, func(reply func(any, error)) {
		reply(nil, m.openFeed(m.m.Index, after, c.part, func(events []engine.Stamped) {
			if c.follow == n {
				c.arrive(events)
			}
		}, again))
	}, func(_ any, err error) {
		if err != nil {
			again(err)
		}
	})
}

// tick gives up a feed that is silent, and confirms what is stored.
func (c *cockpit) tick() {
	c.after(time.Second, "cockpit", func() {
		if c.w.now-c.heard > idle.Microseconds() {
			c.connect()
		}
		c.confirm()
		c.tick()
	})
}

func (c *cockpit) arrive(events []engine.Stamped) {
	c.heard = c.w.now
	for i := range events {
		if events[i].ID > c.taken {
			c.taken = events[i].ID
			c.queue = append(c.queue, events[i])
		}
	}
	c.store()
}

// store writes what has come and its position, in one step.
func (c *cockpit) store() {
	if c.storing || len(c.queue) == 0 {
		return
	}
	batch := c.queue
	c.queue, c.storing = nil, true
	body := engine.AppendEvents(nil, batch)
	head := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	head = binary.BigEndian.AppendUint32(head, crc32.ChecksumIEEE(body))
	if _, err := c.file.Write(append(head, body...)); err != nil {
		c.broken("storing", err)
		return
	}
	if c.w.cfg.Bug == ConfirmEarly {
		c.worth = max(c.worth, worth(batch))
		c.confirm()
	}
	c.sync(batch)
}

func (c *cockpit) sync(batch []engine.Stamped) {
	c.after(between(c.rand, 100*time.Microsecond, 3*time.Millisecond), "store", func() {
		if c.hung {
			c.sync(batch)
			return
		}
		if err := c.file.Sync(); err != nil {
			c.broken("syncing", err)
			return
		}
		c.storing = false
		c.before = c.position
		for i := range batch {
			if err := c.reader.Event(&batch[i]); err != nil {
				c.w.fail(err)
				return
			}
		}
		c.stored(batch)
		c.store()
	})
}

// worth returns the newest event of a batch that isn't a confirmation itself.
func worth(batch []engine.Stamped) int64 {
	for _, s := range slices.Backward(batch) {
		if _, ok := s.Event.(*engine.EventsReleased); !ok {
			return s.ID
		}
	}
	return 0
}

// confirm tells the Controller what is stored.
func (c *cockpit) confirm() {
	if c.pending || c.worth <= c.confirmed {
		return
	}
	until := c.worth
	c.pending = true
	cmd := engine.Command{Body: &engine.ReleaseEvents{Reader: "cockpit", Until: until}}
	data := codec.JSON(nil, &cmd)
	m := c.w.leader()
	if m == nil || chance(c.rand, 10) {
		m = c.w.controllers[c.rand.IntN(len(c.w.controllers))]
	}
	c.w.net.call(c.part, m.part, "confirm", callTimeout, func(reply func(any, error)) { m.command(data, reply) }, func(_ any, err error) {
		c.pending = false
		if err == nil || fault.HasCode(err, "ReverseReleaseEvents") {
			c.w.reach("command ReleaseEvents")
			c.confirmed = max(c.confirmed, until)
		}
	})
}

// stored takes note of a batch that is on the disk.
func (c *cockpit) stored(batch []engine.Stamped) {
	c.position, c.worth = batch[len(batch)-1].ID, max(c.worth, worth(batch))
}
