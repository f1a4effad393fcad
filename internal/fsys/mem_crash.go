package fsys

import (
	"math/rand/v2"
	"slices"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// Crash cuts the power: what is left is all that was synced, and of what
// wasn't, file by file and at random: all, nothing, the first part, or any
// subset of 512-byte sectors. Names that weren't synced are there up to a
// random one per folder. Files that are open keep working on content nobody
// sees any more; open anew. A process that is killed leaves the disk as it is,
// so that needs no call.
func (m *Mem) Crash(r *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := map[*memNode]*memNode{} // two names of one file stay one file
	m.used = 0
	for _, path := range sortedKeys(m.dirs) {
		d := m.dirs[path]
		if n := len(d.pending); n > 0 {
			d.commit(r.IntN(n + 1))
		}
		d.pending = nil
		d.names = map[string]*memNode{}
		for _, name := range sortedKeys(d.durable) {
			old := d.durable[name]
			node := left[old]
			if node == nil {
				node = old.crash(r)
				left[old] = node
				node.charged = int64(len(node.data))
				m.used += node.charged
			}
			node.links++
			d.names[name], d.durable[name] = node, node
		}
	}
	m.foreign = min(m.foreign, max(m.capacity-m.used, 0))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// crash returns what a power cut leaves of a file.
func (n *memNode) crash(r *rand.Rand) *memNode {
	content := slices.Clone(n.durable)
	var sectors []memWrite
	for _, w := range n.pending {
		sectors = append(sectors, w.sectors()...)
	}
	switch r.IntN(4) {
	case 0: // all of it
	case 1:
		sectors = nil
	case 2:
		sectors = sectors[:r.IntN(len(sectors)+1)]
	default:
		sectors = slices.DeleteFunc(sectors, func(memWrite) bool { return r.IntN(2) == 0 })
	}
	for _, w := range sectors {
		content = w.on(content)
	}
	return &memNode{data: content, durable: slices.Clone(content), modTime: n.modTime}
}

// sectors splits a write where the disk does.
func (w memWrite) sectors() []memWrite {
	if w.resize {
		return []memWrite{w}
	}
	var list []memWrite
	for off, data := w.off, w.data; len(data) > 0; {
		n := min(int64(len(data)), sectorSize-off%sectorSize)
		list = append(list, memWrite{off: off, data: data[:n]})
		off, data = off+n, data[n:]
	}
	return list
}
