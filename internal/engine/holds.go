package engine

import (
	"maps"
	"slices"

	"github.com/signet-scheduler/signet/internal/order"
)

// holds remembers which orders can't go on because of a document: one in
// quarantine, a disabled Agent, a suspended workflow. They look again when that
// document changes. Derived: an order is in it at most until it changes, and a
// new leader finds out anew.
type holds struct {
	why  map[order.ID]string
	by   map[string]map[order.ID]bool
	lost map[order.ID]string // released in this transaction
}

func newHolds() holds {
	return holds{why: map[order.ID]string{}, by: map[string]map[order.ID]bool{}, lost: map[order.ID]string{}}
}

// add notes that the order waits for the document to change.
func (h *holds) add(id order.ID, why string) {
	h.release(id)
	delete(h.lost, id)
	h.why[id] = why
	if h.by[why] == nil {
		h.by[why] = map[order.ID]bool{}
	}
	h.by[why][id] = true
}

// release forgets an order that has changed.
func (h *holds) release(id order.ID) {
	why, ok := h.why[id]
	if !ok {
		return
	}
	h.lost[id] = why
	delete(h.why, id)
	delete(h.by[why], id)
	if len(h.by[why]) == 0 {
		delete(h.by, why)
	}
}

// hold notes that an order can't go on before a document changes.
func (m *machine) hold(id order.ID, ref ItemRef) { m.held.add(id, ref.String()) }

// unhold lets the orders look again that wait for a document to change.
func (m *machine) unhold(ref ItemRef) {
	for _, id := range slices.Sorted(maps.Keys(m.held.by[ref.String()])) {
		m.touch(id)
	}
}

// quarantined tells whether a document is in quarantine, or is here in an older
// revision while the newer was refused; then the order waits until that changes.
func (m *machine) quarantined(id order.ID, refs ...ItemRef) bool {
	for _, ref := range refs {
		it, ok := m.items.get(ref.String())
		if ok && (it.Quarantine != nil || !ref.Kind.Versioned() && m.rules.refusal(ref.String()) != nil) {
			m.hold(id, ref)
			return true
		}
	}
	return false
}
