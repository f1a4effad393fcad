package fsys

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync"
)

// Op is a kind of operation that Failing can fail.
type Op string

// The kinds of operations.
const (
	OpCreate   Op = "create" // Create, Append
	OpOpen     Op = "open"   // Open, OpenWrite
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpTruncate Op = "truncate"
	OpAllocate Op = "allocate"
	OpRename   Op = "rename" // the new name is looked at
	OpRemove   Op = "remove"
	OpMkdir    Op = "mkdir"
	OpSyncDir  Op = "syncDir"
	OpList     Op = "list" // List, Stat
	OpFree     Op = "free"
)

// Rule chooses operations and says what becomes of them.
type Rule struct {
	Ops     []Op   // none: all that change or sync something
	Glob    string // matches the last element of the name the file was opened with; "": every name
	Nth     int    // the first operation chosen, counted from 1; 0 is 1
	Forever bool   // those after it, too

	Err   error           // what the operation returns
	Short bool            // a write stores half of its bytes first
	Wait  <-chan struct{} // the operation waits until this is closed, then fails by Err or, without one, is done
}

func (r *Rule) matches(op Op, name string) bool {
	if r.Glob != "" {
		if ok, err := filepath.Match(r.Glob, filepath.Base(name)); err != nil || !ok {
			return false
		}
	}
	if len(r.Ops) == 0 {
		switch op {
		case OpOpen, OpRead, OpList, OpFree:
			return false
		}
		return true
	}
	return slices.Contains(r.Ops, op)
}

// Failing wraps an FS and fails the operations that rules choose.
type Failing struct {
	FS
	mu     sync.Mutex
	rules  []Rule
	counts []int
	hits   int
}

var _ FS = (*Failing)(nil)

// NewFailing returns base with some operations failing.
func NewFailing(base FS, rules ...Rule) *Failing {
	f := &Failing{FS: base}
	f.SetRules(rules...)
	return f
}

// SetRules replaces the rules; counting starts anew.
func (f *Failing) SetRules(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.counts = rules, make([]int, len(rules))
}

// Hits returns how many operations a rule chose so far.
func (f *Failing) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// check returns the rule that op on name falls under, after its wait.
func (f *Failing) check(op Op, name string) (Rule, error) {
	rule, hit := f.choose(op, name)
	if !hit {
		return Rule{}, nil
	}
	if rule.Wait != nil {
		<-rule.Wait
	}
	if rule.Err == nil {
		return Rule{}, nil
	}
	return rule, fail(string(op), name, rule.Err)
}

func (f *Failing) choose(op Op, name string) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rules {
		r := &f.rules[i]
		if !r.matches(op, name) {
			continue
		}
		f.counts[i]++
		nth := max(r.Nth, 1)
		if f.counts[i] == nth || r.Forever && f.counts[i] > nth {
			f.hits++
			return *r, true
		}
	}
	return Rule{}, false
}

func (f *Failing) open(op Op, name string, open func(string) (File, error)) (File, error) {
	if _, err := f.check(op, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &failingFile{File: file, fs: f}, nil
}

// Create implements FS.
func (f *Failing) Create(name string) (File, error) { return f.open(OpCreate, name, f.FS.Create) }

// Append implements FS.
func (f *Failing) Append(name string) (File, error) { return f.open(OpCreate, name, f.FS.Append) }

// Open implements FS.
func (f *Failing) Open(name string) (File, error) { return f.open(OpOpen, name, f.FS.Open) }

// OpenWrite implements FS.
func (f *Failing) OpenWrite(name string) (File, error) { return f.open(OpOpen, name, f.FS.OpenWrite) }

// Rename implements FS.
func (f *Failing) Rename(from, to string) error {
	if _, err := f.check(OpRename, to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

// Remove implements FS.
func (f *Failing) Remove(name string) error {
	if _, err := f.check(OpRemove, name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// List implements FS.
func (f *Failing) List(dir string) ([]Info, error) {
	if _, err := f.check(OpList, dir); err != nil {
		return nil, err
	}
	return f.FS.List(dir)
}

// MkdirAll implements FS.
func (f *Failing) MkdirAll(dir string) error {
	if _, err := f.check(OpMkdir, dir); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

// Stat implements FS.
func (f *Failing) Stat(name string) (Info, error) {
	if _, err := f.check(OpList, name); err != nil {
		return Info{}, err
	}
	return f.FS.Stat(name)
}

// SyncDir implements FS.
func (f *Failing) SyncDir(dir string) error {
	if _, err := f.check(OpSyncDir, dir); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

// Free implements FS.
func (f *Failing) Free(dir string) (int64, error) {
	if _, err := f.check(OpFree, dir); err != nil {
		return 0, err
	}
	return f.FS.Free(dir)
}

type failingFile struct {
	File
	fs *Failing
}

func (f *failingFile) Read(p []byte) (int, error) {
	if _, err := f.fs.check(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *failingFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fs.check(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *failingFile) Write(p []byte) (int, error) {
	return f.write(p, f.File.Write)
}

func (f *failingFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *failingFile) write(p []byte, write func([]byte) (int, error)) (int, error) {
	rule, err := f.fs.check(OpWrite, f.Name())
	if err == nil {
		return write(p)
	}
	if !rule.Short {
		return 0, err
	}
	n, werr := write(p[:len(p)/2])
	if werr != nil && !errors.Is(werr, io.ErrShortWrite) {
		return n, werr
	}
	return n, err
}

func (f *failingFile) Truncate(size int64) error {
	if _, err := f.fs.check(OpTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *failingFile) Allocate(size int64) error {
	if _, err := f.fs.check(OpAllocate, f.Name()); err != nil {
		return err
	}
	return f.File.Allocate(size)
}

func (f *failingFile) Sync() error {
	if _, err := f.fs.check(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}
