package fsys

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
)

type memMode uint8

const (
	readOnly memMode = iota
	readWrite
	appendOnly
)

// memFile is an open file of a Mem; all fields but closed and pos are fixed,
// and those are guarded by the disk's lock.
type memFile struct {
	disk   *Mem
	node   *memNode
	name   string
	mode   memMode
	pos    int64
	closed bool
}

var _ File = (*memFile)(nil)

func (f *memFile) lock(op string, writes bool) error {
	f.disk.mu.Lock()
	if f.closed {
		return fail(op, f.name, fs.ErrClosed)
	}
	if writes && f.mode == readOnly {
		return fail(op, f.name, syscall.EBADF)
	}
	return nil
}

// Name implements File.
func (f *memFile) Name() string { return f.name }

// Read implements io.Reader.
func (f *memFile) Read(p []byte) (int, error) {
	err := f.lock("read", false)
	defer f.disk.mu.Unlock()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n := f.read(p, f.pos)
	f.pos += int64(n)
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadAt implements io.ReaderAt.
func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	err := f.lock("read", false)
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n := f.read(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) read(p []byte, off int64) int {
	if off >= int64(len(f.node.data)) {
		return 0
	}
	return copy(p, f.node.data[off:])
}

// Write implements io.Writer.
func (f *memFile) Write(p []byte) (int, error) {
	err := f.lock("write", true)
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if f.mode == appendOnly {
		f.pos = int64(len(f.node.data))
	}
	n, err := f.write(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// WriteAt implements io.WriterAt.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.lock("write", true)
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if f.mode == appendOnly {
		return 0, fail("write", f.name, syscall.EINVAL)
	}
	return f.write(p, off)
}

// write stores what there is space for, as a real disk does.
func (f *memFile) write(p []byte, off int64) (int, error) {
	var full error
	if err := f.charge(off + int64(len(p))); err != nil {
		room := f.node.charged + max(f.disk.free(), 0) - off
		p, full = p[:min(max(room, 0), int64(len(p)))], err
		if len(p) == 0 {
			return 0, full
		}
		if err := f.charge(off + int64(len(p))); err != nil {
			return 0, err
		}
	}
	f.node.apply(memWrite{off: off, data: slices.Clone(p)})
	return len(p), full
}

// charge takes the disk's space for a file of that length.
func (f *memFile) charge(size int64) error {
	more := size - f.node.charged
	if more <= 0 || f.node.links == 0 {
		return nil
	}
	if more > f.disk.free() {
		return fail("write", f.name, syscall.ENOSPC)
	}
	f.disk.used += more
	f.node.charged = size
	return nil
}

// apply changes the content as the running system sees it, and keeps the
// change for Sync or a crash.
func (n *memNode) apply(w memWrite) {
	n.data = w.on(n.data)
	n.pending = append(n.pending, w)
}

// on returns data with the change made.
func (w memWrite) on(data []byte) []byte {
	if w.resize {
		if w.off <= int64(len(data)) {
			return data[:w.off]
		}
		return grow(data, w.off)
	}
	data = grow(data, w.off+int64(len(w.data)))
	copy(data[w.off:], w.data)
	return data
}

// grow makes data at least size long; what is added is zero, also where the
// slice held something before it was cut.
func grow(data []byte, size int64) []byte {
	have := int64(len(data))
	if size <= have {
		return data
	}
	data = slices.Grow(data, int(size-have))[:size]
	clear(data[have:])
	return data
}

// Size implements File.
func (f *memFile) Size() (int64, error) {
	err := f.lock("stat", false)
	defer f.disk.mu.Unlock()
	return int64(len(f.node.data)), err
}

// Truncate implements File.
func (f *memFile) Truncate(size int64) error {
	err := f.lock("truncate", true)
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	return f.resize(size)
}

// resize gives the space behind a shorter length back; a longer one is sparse.
func (f *memFile) resize(size int64) error {
	if f.node.charged > size {
		f.disk.used -= f.node.charged - size
		f.node.charged = size
	}
	f.node.apply(memWrite{off: size, resize: true})
	return nil
}

// Allocate implements File.
func (f *memFile) Allocate(size int64) error {
	err := f.lock("allocate", true)
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	if err := f.charge(size); err != nil {
		return err
	}
	if size > int64(len(f.node.data)) {
		f.node.apply(memWrite{off: size, resize: true})
	}
	return nil
}

// Sync implements File.
func (f *memFile) Sync() error {
	err := f.lock("sync", false)
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	for _, w := range f.node.pending {
		f.node.durable = w.on(f.node.durable)
	}
	f.node.pending = nil
	return nil
}

// Close implements io.Closer.
func (f *memFile) Close() error {
	err := f.lock("close", false)
	defer f.disk.mu.Unlock()
	f.closed = true
	return err
}
