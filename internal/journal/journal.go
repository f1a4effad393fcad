package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Options say where a journal is and how it is born.
type Options struct {
	FS           fsys.FS
	Dir          string
	SegmentBytes int64     // default 16 MiB, at least 4 KiB
	Birth        Meta      // what the empty state stands for, when the log is made
	BirthHard    HardState // the hard state then
	Owner        uint64    // who writes the log, as the caller numbers it, when it is made; 0: nobody in particular
}

// Journal is an open log. One goroutine, its writer, may call Append,
// SetHardState, Sync, Mark, Compact, Publish, Install, Refill and Close; all
// other methods are safe for concurrent use. After an error of the disk the
// writer's methods return that error for ever: what was written is unknown.
type Journal struct {
	disk     fsys.FS
	dir      string
	segBytes int64
	id       string

	// Owned by the writer.
	out       appender // into the active segment
	capacity  int64    // of the active segment
	entries   int      // in the active segment
	durable   int64    // offset in the active segment up to which all is synced
	marked    bool     // the last record is a mark, and all before it is synced
	spare     fsys.File
	manifest  manifest
	failed    error
	closed    bool
	recovered Recovery
	orphan    error // during recovery: an entry whose predecessor isn't there

	mu       sync.RWMutex
	hard     HardState
	snapshot Meta     // the newest; guarded copy of the manifest's
	snapFile string   // its path; "" for the empty state
	before   position // what precedes slots[0]
	slots    []slot   // one for each entry
	cache    []Entry  // the newest entries
	cached   int      // bytes of their data
	segments []*segment
	room     int64 // see Room
	low      bool
	asides   int // names given in the folder for unfinished files
}

// slot says where an entry is.
type slot struct {
	term   uint64
	seq    uint64 // highest number up to here
	seg    *segment
	off    int64
	size   int64
	before uint32 // the chain before its record
}

// Recovery tells what opening a log found.
type Recovery struct {
	Born    bool  // the log was made
	Torn    int64 // bytes of unfinished records that were cut off
	Entries int   // in the log
}

// Bounds of the cache of newest entries.
const (
	cacheEntries = 4096
	cacheBytes   = 32 << 20
)

// segmentFormat is the number of the format of segments.
const segmentFormat = 1

// The origins of a segment.
const (
	originRoll    = 0 // follows the one before
	originInstall = 1 // part of a state that a peer sent
)

// Open opens the log in a folder, or makes it. What it found is durable when
// Open returns. Errors are Corrupt "JournalDamaged" with file and offset, or
// the disk's.
func Open(o Options) (*Journal, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 16 << 20
	}
	if o.SegmentBytes < 4<<10 || len(o.Birth.Conf) > maxConf {
		return nil, fault.New(fault.Internal, "JournalOptions", "log files of %d bytes are too small, or the configuration too long", o.SegmentBytes)
	}
	j := &Journal{disk: o.FS, dir: o.Dir, segBytes: o.SegmentBytes}
	if err := j.open(o); err != nil {
		j.failed = err
		_ = j.Close() // the first error is the one that counts
		if fsys.IsNoSpace(err) {
			err = fault.Wrap(fault.NoSpace, "OutOfSpace", err, "the disk is full; nothing was changed. Make space there, and start again")
		}
		return nil, fmt.Errorf("opening the log in %s: %w", o.Dir, err)
	}
	return j, nil
}

func (j *Journal) open(o Options) error {
	for _, d := range []string{logDir, snapDir, asideDir} {
		if err := j.disk.MkdirAll(filepath.Join(j.dir, d)); err != nil {
			return err
		}
	}
	m, err := readManifest(j.disk, j.dir)
	if err != nil {
		return err
	}
	if m == nil {
		if m, err = j.birth(o); err != nil {
			return err
		}
	}
	j.manifest = *m
	j.id = hex.EncodeToString(m.id[:])
	j.hard = o.BirthHard
	j.setSnapshot(m.snapshot, m.file)
	j.before = m.before
	if err := j.recover(); err != nil {
		return err
	}
	if err := j.Refill(); err != nil && !fsys.IsNoSpace(err) {
		return err
	}
	return nil
}

// birth checks that there was no log, and returns the manifest of an empty one
// with no segment yet.
func (j *Journal) birth(o Options) (*manifest, error) {
	m := &manifest{
		before:   position{o.Birth.Index, o.Birth.Term, o.Birth.Seq},
		snapshot: o.Birth,
		owner:    o.Owner,
	}
	if _, err := rand.Read(m.id[:]); err != nil {
		return nil, err
	}
	list, err := j.disk.List(filepath.Join(j.dir, logDir))
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		// A crash while the log was made leaves its first segment, empty.
		name := filepath.Join(j.dir, logDir, i.Name)
		if i.Name == spareFile || i.Name == segmentName(1) && !j.holdsEntries(name) {
			continue
		}
		return nil, damaged(filepath.Join(j.dir, manifestFile), 0, "the manifest is missing, but there is a log file %s", i.Name)
	}
	snaps, err := j.disk.List(filepath.Join(j.dir, snapDir))
	if err != nil {
		return nil, err
	}
	if len(snaps) > 0 {
		return nil, damaged(filepath.Join(j.dir, manifestFile), 0, "the manifest is missing, but there is a snapshot %s", snaps[0].Name)
	}
	j.recovered.Born = true
	return m, nil
}

// holdsEntries tells whether a segment nobody knows holds an entry that it got
// as the active one. It is asked before such a file is removed.
func (j *Journal) holdsEntries(name string) bool {
	f, err := j.disk.Open(name)
	if err != nil {
		return true
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return true
	}
	if size < headerSize {
		return false
	}
	w := &window{file: f, size: size}
	b, err := w.at(0, 64)
	if err != nil || len(b) < 64 {
		return err != nil
	}
	head, ok := decodeHead(b[headerSize : headerSize+26])
	if !ok || b[16] != typeHead || head.origin == originInstall {
		return false
	}
	s := newSegment(head.number, name, f, head.id)
	found := false
	_, err = s.scan(func(h header, _ []byte, _ int64, _ uint32) error {
		found = found || h.typ == typeEntry
		return nil
	})
	return found || err != nil
}

// ID returns the id made at the log's birth, in hexadecimal.
func (j *Journal) ID() string { return j.id }

// Recovered tells what Open found.
func (j *Journal) Recovered() Recovery { return j.recovered }

// stop keeps the first error of the disk; the writer is finished by it.
func (j *Journal) stop(err error) error {
	if j.failed == nil && err != nil {
		j.failed = err
	}
	return err
}

func (j *Journal) setSnapshot(m Meta, file string) {
	j.snapshot, j.snapFile = m, ""
	if file != "" {
		j.snapFile = filepath.Join(j.dir, snapDir, file)
	}
}

// Refill makes the reserve that lets the log go on when the disk is full: the
// next segment and the next manifest. It returns the disk's error when there
// is no space for it, and does nothing when it is there. A full disk is not
// final: call it again.
func (j *Journal) Refill() error {
	if j.failed != nil {
		return j.failed
	}
	err := j.refill()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.low = err != nil
	j.measure()
	return err
}

func (j *Journal) refill() error {
	if err := j.reserveManifest(); err != nil {
		return err
	}
	if j.spare != nil {
		return nil
	}
	f, err := j.disk.Create(filepath.Join(j.dir, logDir, spareFile))
	if err != nil {
		return err
	}
	if err := f.Allocate(j.segBytes); err != nil {
		// Give back what was taken; the disk is full.
		return errors.Join(err, f.Truncate(0), f.Close())
	}
	j.spare = f
	return nil
}

func (j *Journal) reserveManifest() error {
	name := filepath.Join(j.dir, manifestNext)
	need := max(manifestSpace, 2*int64(len(j.manifest.encode())))
	info, err := j.disk.Stat(name)
	if err == nil && info.Size >= need {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := j.disk.Create(name)
	if err != nil {
		return err
	}
	err = f.Allocate(need)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(err, j.disk.Remove(name))
	}
	return nil
}

// measure computes Room; the lock is held.
func (j *Journal) measure() {
	j.room = j.capacity - j.out.off
	if j.spare != nil && !j.low {
		j.room += j.segBytes - 1<<10
	}
}

// Room returns how many bytes of records can be written for certain, also if
// the disk is full.
func (j *Journal) Room() int64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.room
}

// Low tells that the reserve for a full disk is missing; Refill makes it.
func (j *Journal) Low() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.low
}

// Failed returns the error that finished the journal; nil while it works. It
// is the writer's method.
func (j *Journal) Failed() error { return j.failed }

// Free returns the free bytes of the log's disk.
func (j *Journal) Free() (int64, error) { return j.disk.Free(j.dir) }

// Close syncs what was written and closes the files.
func (j *Journal) Close() error {
	if j.closed {
		return nil
	}
	j.closed = true
	var err error
	if j.failed == nil {
		err = j.finish()
	}
	if j.spare != nil {
		err = errors.Join(err, j.spare.Close())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		err = errors.Join(err, s.release())
	}
	j.segments, j.slots, j.cache = nil, nil, nil
	if j.failed == nil {
		j.failed = fs.ErrClosed
	}
	return err
}

// finish makes all durable, and says so in a mark record.
func (j *Journal) finish() error {
	if err := j.Sync(); err != nil {
		return err
	}
	if err := j.Mark(); err != nil {
		return err
	}
	return j.active().file.Sync()
}

// active returns the segment that is written; the writer calls it.
func (j *Journal) active() *segment { return j.segments[len(j.segments)-1] }
