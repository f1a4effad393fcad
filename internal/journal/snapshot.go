package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// syncEvery is how much of a snapshot is written before it is synced, so that
// the disk never has a mountain to sync at once beside the log.
const syncEvery = 4 << 20

// Draft is a snapshot being written, under a name aside. One goroutine uses
// it; Publish or Discard ends it.
type Draft struct {
	disk    fsys.FS
	file    fsys.File
	name    string
	out     frameWriter
	buf     *bufio.Writer // of pieces of the state
	synced  int64
	meta    Meta     // of a draft that was received
	before  position // what precedes its entries
	retired bool

	segment  fsys.File // of a received one: space for its entries
	capacity int64     // of that
}

// NewDraft begins a snapshot. It may be called from any goroutine.
func (j *Journal) NewDraft() (*Draft, error) {
	d, err := j.newDraft()
	if err != nil {
		return nil, err
	}
	d.buf = bufio.NewWriterSize(pieces{d}, framePiece)
	if err := d.out.frame(frameHello, []byte(containerHello)); err != nil {
		return nil, errors.Join(err, d.Discard())
	}
	return d, nil
}

func (j *Journal) newDraft() (*Draft, error) {
	j.mu.Lock()
	j.asides++
	name := filepath.Join(j.dir, asideDir, fmt.Sprintf("snapshot-%d", j.asides))
	j.mu.Unlock()
	f, err := j.disk.Create(name)
	if err != nil {
		return nil, err
	}
	d := &Draft{disk: j.disk, file: f, name: name}
	d.out.w = f
	return d, nil
}

// pieces makes each write a frame.
type pieces struct{ d *Draft }

func (p pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), framePiece)
		if err := p.d.out.frame(frameState, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), p.d.syncSome()
}

func (d *Draft) syncSome() error {
	if d.out.bytes-d.synced < syncEvery {
		return nil
	}
	d.synced = d.out.bytes
	return d.file.Sync()
}

// Write takes the next bytes of the state.
func (d *Draft) Write(b []byte) (int, error) { return d.buf.Write(b) }

// Flush makes what was written durable; all that is missing is its end, which
// Publish writes.
func (d *Draft) Flush() error {
	if err := d.buf.Flush(); err != nil {
		return err
	}
	return d.file.Sync()
}

// Bytes returns the length so far.
func (d *Draft) Bytes() int64 { return d.out.bytes }

// Meta returns what a received snapshot includes.
func (d *Draft) Meta() Meta { return d.meta }

// Discard closes the draft and removes its file. It does nothing after it was
// published.
func (d *Draft) Discard() error {
	if d.retired {
		return nil
	}
	d.retired = true
	err := errors.Join(d.file.Close(), d.disk.Remove(d.name))
	if d.segment != nil {
		err = errors.Join(err, d.segment.Close(), d.disk.Remove(d.name+segmentExt))
	}
	return err
}

// snapshotName returns the name a snapshot gets. No two of one log are alike,
// as the index rises; a received one may repeat it.
func snapshotName(m Meta, received bool) string {
	ext := "snapshot"
	if received {
		ext = "received"
	}
	return fmt.Sprintf("%020d-%010d.%s", m.Index, m.Term, ext)
}

// place gives the draft its name in the log's folder, durably.
func (d *Draft) place(dir string, m Meta, received bool) (string, error) {
	name := snapshotName(m, received)
	d.retired = true
	err := d.file.Close()
	if err == nil {
		err = d.disk.Rename(d.name, filepath.Join(dir, name))
	}
	if err == nil {
		err = d.disk.SyncDir(dir)
	}
	return name, err
}

// Publish makes a flushed draft the log's newest snapshot; it includes what m
// says. One that isn't newer than the present one is discarded. When finishing
// its file fails, or the disk is too full, it is discarded and all is as it
// was; any other error finishes the journal (see Failed).
func (j *Journal) Publish(d *Draft, m Meta) error {
	if j.failed != nil {
		return errors.Join(j.failed, d.Discard())
	}
	if m.Index <= j.snapshot.Index {
		return d.Discard()
	}
	if m.Index > j.last() || len(m.Conf) > maxConf {
		return errors.Join(fault.New(fault.Internal, "SnapshotAhead", "a snapshot of entry %d, but the log ends at %d", m.Index, j.last()), d.Discard())
	}
	err := d.out.frame(frameMeta, encodeBase(m, position{m.Index, m.Term, m.Seq}))
	if err == nil {
		err = d.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("finishing a snapshot: %w", err), d.Discard())
	}
	name, err := d.place(filepath.Join(j.dir, snapDir), m, false)
	if err != nil {
		return j.stop(err)
	}
	n := j.manifest
	n.snapshot, n.file, n.bytes = m, name, d.out.bytes
	if err := j.replaceManifest(&n); err != nil {
		if errors.Is(err, errNoManifest) {
			return errors.Join(err, j.disk.Remove(filepath.Join(j.dir, snapDir, name)))
		}
		return j.stop(err)
	}
	return j.stop(j.switchSnapshot(n))
}

// switchSnapshot makes the manifest's snapshot the present one, and removes
// the one before.
func (j *Journal) switchSnapshot(n manifest) error {
	old := j.snapFile
	j.mu.Lock()
	j.manifest = n
	j.setSnapshot(n.snapshot, n.file)
	j.mu.Unlock()
	if old != "" && old != j.snapFile {
		if err := j.disk.Remove(old); err != nil {
			return err
		}
	}
	_ = j.Refill()
	return nil
}

// OpenSnapshot returns the state in the newest snapshot, or nil when that is
// the empty state of the log's birth. Reading to its end without error proves
// that all is what was written.
func (j *Journal) OpenSnapshot() (io.ReadCloser, error) {
	j.mu.RLock()
	name := j.snapFile
	j.mu.RUnlock()
	if name == "" {
		return nil, nil
	}
	f, err := j.disk.Open(name)
	if err != nil {
		return nil, err
	}
	return &stateReader{frames: newFrameReader(f), file: f}, nil
}
