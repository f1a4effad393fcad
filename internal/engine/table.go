package engine

import (
	"cmp"
	"maps"
	"slices"
)

// undoLog remembers how to take back every change that isn't committed yet.
// All state that a machine remembers lives in tables that write to it.
type undoLog struct{ steps []func() }

func (u *undoLog) add(f func()) { u.steps = append(u.steps, f) }

// rollback takes back everything after the first n changes.
func (u *undoLog) rollback(n int) {
	for i := len(u.steps) - 1; i >= n; i-- {
		u.steps[i]()
	}
	clear(u.steps[n:])
	u.steps = u.steps[:n]
}

// forget drops the first n pre-images: those changes are committed.
func (u *undoLog) forget(n int) {
	rest := copy(u.steps, u.steps[n:])
	clear(u.steps[rest:])
	u.steps = u.steps[:rest]
}

// table is a map of immutable values whose changes can be taken back.
type table[K cmp.Ordered, V any] struct {
	m       map[K]V
	undo    *undoLog
	changed func(key K, old, now V, had, has bool) // keeps indexes; may be nil
}

func newTable[K cmp.Ordered, V any](u *undoLog) *table[K, V] {
	return &table[K, V]{m: map[K]V{}, undo: u}
}

func (t *table[K, V]) get(k K) (V, bool) {
	v, ok := t.m[k]
	return v, ok
}

func (t *table[K, V]) set(k K, v V) {
	old, had := t.m[k]
	t.put(k, v, true)
	t.undo.add(func() { t.put(k, old, had) })
}

func (t *table[K, V]) del(k K) {
	old, had := t.m[k]
	if !had {
		return
	}
	var none V
	t.put(k, none, false)
	t.undo.add(func() { t.put(k, old, true) })
}

func (t *table[K, V]) put(k K, v V, has bool) {
	old, had := t.m[k]
	if has {
		t.m[k] = v
	} else {
		delete(t.m, k)
	}
	if t.changed != nil {
		t.changed(k, old, v, had, has)
	}
}

// keys returns the keys in ascending order.
func (t *table[K, V]) keys() []K { return slices.Sorted(maps.Keys(t.m)) }

// variable is a single value whose changes can be taken back.
type variable[V any] struct {
	v    V
	undo *undoLog
}

func (x *variable[V]) set(v V) {
	old := x.v
	x.v = v
	x.undo.add(func() { x.v = old })
}
