package sim

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/ledger"
)

// folded is a machine that is folded again from a host's own disk.
type folded interface {
	Apply(events []engine.Stamped) error
	Freeze() *engine.Frozen
}

// again folds a host's snapshot and what follows it in its log.
func again(h *host, empty folded, restore func(io.Reader) (folded, error)) (digest [32]byte, err error) {
	r, err := h.step.OpenSnapshot()
	if err != nil {
		return digest, err
	}
	m, seq := empty, uint64(0)
	if r != nil {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return digest, err
		}
		seq = binary.BigEndian.Uint64(head[:])
		if m, err = restore(r); err != nil {
			return digest, err
		}
		if err := r.Close(); err != nil {
			return digest, err
		}
	}
	for seq < h.step.Applied() {
		list, err := h.step.Entries(seq+1, 1<<20)
		if err != nil {
			return digest, err
		}
		for _, e := range list {
			events, err := ledger.Events(e.Data)
			if err != nil {
				return digest, err
			}
			if err := m.Apply(events); err != nil {
				return digest, err
			}
			seq = e.Seq
		}
	}
	return m.Freeze().Digest(), nil
}

func (c *controller) refold() ([32]byte, error) {
	cfg := c.config()
	return again(&c.host, engine.NewController(cfg), func(r io.Reader) (folded, error) { return engine.RestoreController(cfg, r) })
}

// compareAgent compares an Agent's state with the fold of its log.
func (w *world) compareAgent(a *agent) error {
	cfg := a.config()
	fold := engine.NewAgent(cfg)
	for i, data := range w.record.agents[a.name].entries {
		events, err := ledger.Events(data)
		if err != nil {
			return err
		}
		if err := fold.Apply(events); err != nil {
			return fmt.Errorf("%s: folding entry %d: %w", a.name, i+1, err)
		}
	}
	want := fold.Freeze().Digest()
	if a.eng.Freeze().Digest() != want {
		return fmt.Errorf("%s: its state isn't the fold of its log (invariant 5)", a.name)
	}
	got, err := again(&a.host, engine.NewAgent(cfg), func(r io.Reader) (folded, error) { return engine.RestoreAgent(cfg, r) })
	if err != nil {
		return fmt.Errorf("%s: folding its log again: %w", a.name, err)
	}
	if got != want {
		return fmt.Errorf("%s: its snapshot and log fold to another state (invariant 5)", a.name)
	}
	return nil
}
