package bulletin

import (
	"context"
	"encoding/json"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Delivery is what a sender brings. Without notices it only asks what is held.
type Delivery struct {
	Notices []Notice `json:"notices"`
}

// Receipt is a receiver's answer: what it holds now, and what it won't take.
type Receipt struct {
	Held    []Held    `json:"held"`
	Refused []Refusal `json:"refused,omitempty"`
}

// Refusal tells why a notice wasn't taken.
type Refusal struct {
	Held
	Code    string `json:"code"`
	Message string `json:"message"`
}

// maxHeld bounds what a receiver may say that it holds.
const maxHeld = 10 * maxNotices

// Receive takes a delivery in, as JSON. What is refused is told in the receipt;
// that the same or a newer version is here already is no refusal.
func (b *Board) Receive(body []byte) (Receipt, error) {
	var d Delivery
	if err := json.Unmarshal(body, &d); err != nil {
		return Receipt{}, fault.Wrap(fault.Invalid, "BadDelivery", err, "the delivery doesn't decode")
	}
	if len(d.Notices) > maxNotices {
		return Receipt{}, fault.New(fault.TooLarge, "TooManyNotices", "a delivery has at most %d notices", maxNotices)
	}
	var refused []Refusal
	for _, n := range d.Notices {
		c, err := read(n)
		var h Held
		if err == nil {
			h, _, err = b.post(c)
		}
		if err == nil || IsOlder(err) {
			continue
		}
		if f := fault.Of(err); f.Kind == fault.NoSpace || f.Kind == fault.Unavailable {
			return Receipt{}, err // it isn't the sender's fault, and is to be tried again
		}
		h.Kind = n.Kind
		refusal := Refusal{h, fault.Of(err).Code, fault.Of(err).Public()}
		b.refuse(refusal)
		refused = append(refused, refusal)
	}
	return Receipt{Held: b.Held(), Refused: refused}, nil
}

// refusedFor is how long what the other side refused isn't brought again; then it
// may trust more.
const refusedFor = 10 * time.Minute

// Keep brings another board up to date: now, whenever this one changes, and so
// often besides (0: never), until ctx ends or a delivery fails, whose error it
// returns. What the other refuses is told, and not brought again for a while.
func (b *Board) Keep(ctx context.Context, every time.Duration, deliver func(context.Context, Delivery) (Receipt, error), refused func(Refusal)) error {
	k := &keeping{board: b, deliver: deliver, refused: refused, ignore: map[Held]bool{}}
	if every <= 0 {
		every = 365 * 24 * time.Hour
	}
	ticker := b.o.Clock.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := k.ask(ctx); err != nil {
			return err
		}
		for again := true; again; {
			changed, err := k.bring(ctx)
			if err != nil {
				return err
			}
			select {
			case <-changed:
			case <-ticker.C():
				again = false
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// keeping is one run of Keep.
type keeping struct {
	board   *Board
	deliver func(context.Context, Delivery) (Receipt, error)
	refused func(Refusal)
	held    []Held
	ignore  map[Held]bool
	since   time.Time // of ignore
}

// ask finds out what the other board holds.
func (k *keeping) ask(ctx context.Context) error {
	if now := k.board.o.Clock.Now(); now.Sub(k.since) >= refusedFor {
		k.since = now
		clear(k.ignore)
	}
	r, err := k.deliver(ctx, Delivery{Notices: []Notice{}})
	if err != nil {
		return err
	}
	return k.note(r)
}

func (k *keeping) note(r Receipt) error {
	if len(r.Held) > maxHeld || len(r.Refused) > maxHeld {
		return fault.New(fault.TooLarge, "BadReceipt", "the other side holds more files than there can be")
	}
	k.held = r.Held
	return nil
}

// bring delivers what is newer here, and returns a channel that is closed when
// there is more.
func (k *keeping) bring(ctx context.Context) (<-chan struct{}, error) {
	news, changed := k.board.newer(k.held)
	var batch []*content
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := k.send(ctx, batch)
		batch, size = nil, 0
		return err
	}
	for _, c := range news {
		if c.local || k.ignore[c.held] {
			continue
		}
		if size+len(c.text) > maxBatch {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		batch, size = append(batch, c), size+len(c.text)
	}
	return changed, flush()
}

// send delivers some files. One that isn't held afterwards was refused.
func (k *keeping) send(ctx context.Context, batch []*content) error {
	d := Delivery{}
	for _, c := range batch {
		d.Notices = append(d.Notices, Notice{c.held.Kind, c.text})
	}
	r, err := k.deliver(ctx, d)
	if err != nil {
		return err
	}
	if err := k.note(r); err != nil {
		return err
	}
	for _, c := range batch {
		k.ignore[c.held] = true // it has it now, or won't
		for _, refusal := range r.Refused {
			if refusal.ID == c.held.ID && refusal.Kind == c.held.Kind {
				k.refused(Refusal{c.held, clip(refusal.Code, 80), clip(refusal.Message, 400)})
			}
		}
	}
	return nil
}
