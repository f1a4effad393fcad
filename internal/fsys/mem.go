package fsys

import (
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a disk in memory that tells what was synced from what was only
// written. It holds files by name as the running system sees them, and beside
// them what a power cut would leave (see Crash).
//
// It is harsher than most disks: the bytes of a file, its length and its name
// become durable each on their own. It is milder in two things: folders are
// durable when made, and changes of names within one folder become durable in
// their order.
type Mem struct {
	mu       sync.Mutex
	dirs     map[string]*memDir
	capacity int64
	used     int64
	foreign  int64 // bytes taken by others, see Fill
}

var _ FS = (*Mem)(nil)

// memDir is a folder: its names now, the durable ones, and what lies between.
type memDir struct {
	names   map[string]*memNode
	durable map[string]*memNode
	pending []nameChange
}

// nameChange sets some names of a folder in one step; nil removes a name.
type nameChange map[string]*memNode

// memNode is a file's content. Open files keep it alive when its name is gone.
type memNode struct {
	data    []byte
	durable []byte
	pending []memWrite
	charged int64
	links   int
	modTime time.Time
}

// memWrite is a change that isn't synced: bytes at an offset, or a new length.
type memWrite struct {
	off    int64
	data   []byte
	resize bool // to off
}

// NewMem returns an empty disk without limit.
func NewMem() *Mem {
	return &Mem{dirs: map[string]*memDir{rootDir: newMemDir()}, capacity: math.MaxInt64}
}

// rootDir is what cleaning a path down to nothing leads to.
const rootDir = string(filepath.Separator)

func newMemDir() *memDir {
	return &memDir{names: map[string]*memNode{}, durable: map[string]*memNode{}}
}

// clean makes a name absolute, so that "a" and "/a" are one file.
func clean(name string) string { return filepath.Clean(rootDir + name) }

// SetCapacity limits the bytes that all files together may take.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// Fill has others take so many bytes of the disk; it replaces what an earlier
// call said. All that is free is taken when there is less.
func (m *Mem) Fill(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.foreign = min(bytes, m.capacity-m.used)
}

// Used returns the bytes that all files together take.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

func fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// dirOf returns the folder that holds name.
func (m *Mem) dirOf(op, name string) (*memDir, string, error) {
	p := clean(name)
	d := m.dirs[filepath.Dir(p)]
	if d == nil || p == rootDir {
		return nil, "", fail(op, name, fs.ErrNotExist)
	}
	return d, filepath.Base(p), nil
}

// set makes a change of names, and keeps it for SyncDir.
func (m *Mem) set(d *memDir, change nameChange) {
	for name, node := range change {
		if old := d.names[name]; old != nil {
			if old.links--; old.links == 0 {
				m.used -= old.charged
				old.charged = 0
			}
		}
		if node == nil {
			delete(d.names, name)
			continue
		}
		node.links++
		d.names[name] = node
	}
	d.pending = append(d.pending, change)
}

func (m *Mem) open(op, name string, create, truncate bool, mode memMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.dirOf(op, name)
	if err != nil {
		return nil, err
	}
	if m.dirs[clean(name)] != nil {
		return nil, fail(op, name, syscall.EISDIR)
	}
	node := d.names[base]
	if node == nil {
		if !create {
			return nil, fail(op, name, fs.ErrNotExist)
		}
		if m.free() <= 0 {
			return nil, fail(op, name, syscall.ENOSPC)
		}
		node = &memNode{}
		m.set(d, nameChange{base: node})
	}
	f := &memFile{disk: m, node: node, name: name, mode: mode}
	if truncate && len(node.data) > 0 {
		if err := f.resize(0); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) { return m.open("create", name, true, true, readWrite) }

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open("open", name, false, false, readOnly) }

// OpenWrite implements FS.
func (m *Mem) OpenWrite(name string) (File, error) {
	return m.open("open", name, false, false, readWrite)
}

// Append implements FS.
func (m *Mem) Append(name string) (File, error) {
	return m.open("append", name, true, false, appendOnly)
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	df, bf, err := m.dirOf("rename", from)
	if err != nil {
		return err
	}
	dt, bt, err := m.dirOf("rename", to)
	if err != nil {
		return err
	}
	if m.dirs[clean(from)] != nil {
		return m.renameDir(clean(from), clean(to))
	}
	node := df.names[bf]
	switch {
	case node == nil:
		return fail("rename", from, fs.ErrNotExist)
	case m.dirs[clean(to)] != nil:
		return fail("rename", to, syscall.EISDIR)
	case df == dt && bf == bt:
		return nil
	case df == dt:
		node.links++ // the name goes and comes in one step
		m.set(df, nameChange{bf: nil, bt: node})
		node.links--
	default:
		m.set(dt, nameChange{bt: node})
		m.set(df, nameChange{bf: nil})
	}
	return nil
}

// renameDir gives a folder another name; as all changes of folders, that is
// durable at once.
func (m *Mem) renameDir(from, to string) error {
	if m.dirs[to] != nil || m.dirs[filepath.Dir(to)].names[filepath.Base(to)] != nil {
		return fail("rename", to, fs.ErrExist)
	}
	for _, p := range sortedKeys(m.dirs) {
		if p == from || strings.HasPrefix(p, from+rootDir) {
			m.dirs[to+p[len(from):]] = m.dirs[p]
			delete(m.dirs, p)
		}
	}
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.dirs[clean(name)]; d != nil {
		if len(d.names) > 0 || len(m.below(clean(name))) > 0 {
			return fail("remove", name, syscall.ENOTEMPTY)
		}
		delete(m.dirs, clean(name))
		return nil
	}
	d, base, err := m.dirOf("remove", name)
	if err != nil {
		return err
	}
	if d.names[base] == nil {
		return fail("remove", name, fs.ErrNotExist)
	}
	m.set(d, nameChange{base: nil})
	return nil
}

// below returns the names of the folders in dir.
func (m *Mem) below(dir string) []string {
	var list []string
	for p := range m.dirs {
		if p != rootDir && filepath.Dir(p) == dir {
			list = append(list, filepath.Base(p))
		}
	}
	return list
}

// List implements FS.
func (m *Mem) List(dir string) ([]Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[clean(dir)]
	if d == nil {
		return nil, fail("list", dir, fs.ErrNotExist)
	}
	var list []Info
	for name, node := range d.names {
		list = append(list, node.info(name))
	}
	for _, name := range m.below(clean(dir)) {
		list = append(list, Info{Name: name, Dir: true, Mode: fs.ModeDir | 0o700})
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (n *memNode) info(name string) Info {
	return Info{Name: name, Size: int64(len(n.data)), Mode: 0o600, ModTime: n.modTime}
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := clean(dir); m.dirs[p] == nil; p = filepath.Dir(p) {
		if d := m.dirs[filepath.Dir(p)]; d != nil && d.names[filepath.Base(p)] != nil {
			return fail("mkdir", dir, errNotDir)
		}
		m.dirs[p] = newMemDir()
	}
	return nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := clean(name)
	if m.dirs[p] != nil {
		return Info{Name: filepath.Base(p), Dir: true, Mode: fs.ModeDir | 0o700}, nil
	}
	d, base, err := m.dirOf("stat", name)
	if err != nil {
		return Info{}, err
	}
	node := d.names[base]
	if node == nil {
		return Info{}, fail("stat", name, fs.ErrNotExist)
	}
	return node.info(base), nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[clean(dir)]
	if d == nil {
		return fail("sync", dir, fs.ErrNotExist)
	}
	d.commit(len(d.pending))
	return nil
}

// commit makes the first n changes of names durable.
func (d *memDir) commit(n int) {
	for _, change := range d.pending[:n] {
		for name, node := range change {
			if node == nil {
				delete(d.durable, name)
			} else {
				d.durable[name] = node
			}
		}
	}
	d.pending = slices.Clone(d.pending[n:])
}

// Free implements FS.
func (m *Mem) Free(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.free(), 0), nil
}

func (m *Mem) free() int64 { return m.capacity - m.used - m.foreign }
