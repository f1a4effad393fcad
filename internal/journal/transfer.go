package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Export returns the newest snapshot as a stream for another member, what it
// includes, and in front of the state the entries from index from on that the
// snapshot includes: those that readers of the log still need. A from that the
// log doesn't have any more stands for its first.
func (j *Journal) Export(from uint64) (Meta, io.ReadCloser, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.snapFile == "" {
		return Meta{}, nil, fault.New(fault.NotFound, "NoSnapshot", "there is no snapshot yet")
	}
	from = min(max(from, j.before.index+1), j.snapshot.Index+1)
	before, err := j.at(from - 1)
	if err != nil {
		return Meta{}, nil, err
	}
	f, err := j.disk.Open(j.snapFile)
	if err != nil {
		return Meta{}, nil, err
	}
	e := &export{
		journal: j, state: &stateReader{frames: newFrameReader(f), file: f},
		meta: j.snapshot, before: before, next: from,
	}
	e.out.w = &e.buf
	return j.snapshot, e, nil
}

// export makes the frames of a transfer as they are read.
type export struct {
	journal *Journal
	state   *stateReader
	meta    Meta
	before  position
	next    uint64 // entry to send next
	greeted bool
	done    bool
	out     frameWriter
	buf     bytes.Buffer
	piece   []byte
}

// Read implements io.Reader.
func (e *export) Read(p []byte) (int, error) {
	for e.buf.Len() == 0 {
		if e.done {
			return 0, io.EOF
		}
		if err := e.step(); err != nil {
			return 0, err
		}
	}
	return e.buf.Read(p)
}

// step makes the next frames.
func (e *export) step() error {
	switch {
	case !e.greeted:
		e.greeted = true
		return e.out.frame(frameHello, []byte(containerHello))
	case e.next <= e.meta.Index:
		list, err := e.journal.Entries(e.next, e.meta.Index+1, framePiece)
		if err != nil {
			return err
		}
		for i := range list {
			if err := e.out.frame(frameEntry, encodeEntryHead(&list[i]), list[i].Data); err != nil {
				return err
			}
		}
		e.next += uint64(len(list))
		return nil
	}
	if e.piece == nil {
		e.piece = make([]byte, framePiece)
	}
	n, err := io.ReadFull(e.state, e.piece)
	if n > 0 {
		if werr := e.out.frame(frameState, e.piece[:n]); werr != nil {
			return werr
		}
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	e.done = true
	return e.out.frame(frameMeta, encodeBase(e.meta, e.before))
}

// Close implements io.Closer.
func (e *export) Close() error { return e.state.Close() }

// Receive stores what another member's Export yields, checks it, and makes it
// durable, under a name aside. It may be called from any goroutine. The draft
// is for Install, or to be discarded.
func (j *Journal) Receive(body io.Reader) (*Draft, error) {
	d, err := j.newDraft()
	if err != nil {
		return nil, err
	}
	if err := d.receive(body, j.segBytes); err != nil {
		return nil, errors.Join(err, d.Discard())
	}
	return d, nil
}

func (d *Draft) receive(body io.Reader, segBytes int64) error {
	in := newFrameReader(body)
	var first, last Entry
	var seqs uint64
	var size int64
	for {
		typ, b, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if typ == frameEntry {
			e, ok := decodeEntry(b)
			if !ok || last.Index > 0 && e.Index != last.Index+1 || e.Term < last.Term {
				return in.bad("its entries aren't in order")
			}
			if first.Index == 0 {
				first = e
			}
			if e.Seq != 0 {
				seqs++
			}
			last = e
			size += e.size()
		}
		if err := d.out.frame(typ, b); err != nil {
			return err
		}
		if err := d.spaceFor(2 * segBytes); err != nil {
			return err
		}
		if err := d.syncSome(); err != nil {
			return err
		}
	}
	d.meta, d.before = in.meta, in.before
	if first.Index == 0 {
		last.Index, last.Term = d.before.index, d.before.term
	} else if first.Index != d.before.index+1 {
		return in.bad("its first entry isn't what its end says")
	}
	if m := d.meta; last.Index != m.Index || last.Term != m.Term || d.before.seq+seqs != m.Seq {
		return in.bad("its entries don't lead to what it includes")
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	// Installing must not fail for want of space, so it is taken now.
	var err error
	if d.segment, err = d.disk.Create(d.name + segmentExt); err != nil {
		return err
	}
	d.capacity = max(size+firstRecords(d.meta), segBytes)
	return d.segment.Allocate(d.capacity)
}

// spaceFor refuses to go on, whenever the next piece is due to be synced, when
// the disk has less than reserve left: a state must not fill it.
func (d *Draft) spaceFor(reserve int64) error {
	if d.out.bytes-d.synced < syncEvery {
		return nil
	}
	free, err := d.disk.Free(filepath.Dir(d.name))
	if err == nil && free < reserve {
		err = fault.New(fault.NoSpace, "OutOfSpace", "the disk is too full for a state of more than %d bytes", d.out.bytes)
	}
	return err
}

// segmentExt follows a received draft's name for the segment it is to become.
const segmentExt = ".seg"

// Install makes a received snapshot the log: its entries replace all that are
// here, all or nothing. Its state is what OpenSnapshot returns afterwards.
func (j *Journal) Install(d *Draft, h HardState) error {
	if j.failed != nil {
		return errors.Join(j.failed, d.Discard())
	}
	// The draft has its space; the manifest must have it, too, before the draft is used up.
	if err := j.reserveManifest(); fsys.IsNoSpace(err) {
		return err
	}
	return j.stop(j.install(d, h))
}

func (j *Journal) install(d *Draft, h HardState) error {
	number, segFile, segName := j.active().number+1, d.segment, d.name+segmentExt
	d.segment = nil
	name, err := d.place(filepath.Join(j.dir, snapDir), d.meta, true)
	if err != nil {
		return errors.Join(err, segFile.Close())
	}
	n := j.manifest
	n.snapshot, n.file, n.bytes = d.meta, name, d.out.bytes
	n.before, n.sealed, n.active = d.before, nil, number
	// A journal of its own folds the entries into a segment nobody knows yet.
	next := &Journal{disk: j.disk, dir: j.dir, hard: h, manifest: n, before: d.before, snapshot: d.meta}
	seg, out, err := next.fillSegment(segFile, segName, number, originInstall, d.capacity, d.before)
	if err != nil {
		return err
	}
	next.segments = []*segment{seg}
	next.use(out, d.capacity)
	if err := next.build(filepath.Join(j.dir, snapDir, name)); err != nil {
		return errors.Join(fmt.Errorf("storing a received state: %w", err), seg.release())
	}
	if err := j.replaceManifest(&n); err != nil {
		return errors.Join(err, seg.release())
	}
	j.mu.Lock()
	void := j.segments
	j.segments, j.slots, j.before, j.hard = next.segments, next.slots, next.before, next.hard
	j.cache, j.cached = nil, 0
	j.use(next.out, next.capacity)
	j.entries = next.entries
	j.mu.Unlock()
	for _, s := range void {
		err = errors.Join(err, j.discard(s))
	}
	return errors.Join(err, j.switchSnapshot(n))
}

// build writes the entries of a received snapshot into the segment.
func (j *Journal) build(file string) error {
	f, err := j.disk.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	in := newFrameReader(f)
	for {
		typ, body, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if typ != frameEntry {
			continue
		}
		e, ok := decodeEntry(body)
		if !ok {
			return in.bad("an entry can't be decoded")
		}
		s := slot{term: e.Term, seq: e.Seq, seg: j.active(), off: j.out.off, size: e.size(), before: j.out.chain}
		if err := j.put(e.Index, s); err != nil {
			return err
		}
		j.out.add(typeEntry, encodeEntryHead(&e), e.Data)
		j.entries++
		if len(j.out.buf) >= windowSize {
			if err := j.writeOut(); err != nil {
				return err
			}
		}
	}
	if err := j.writeOut(); err != nil {
		return err
	}
	return j.active().file.Sync()
}

// writeOut writes the records encoded so far.
func (j *Journal) writeOut() error {
	_, err := j.active().file.WriteAt(j.out.buf, j.out.off-int64(len(j.out.buf)))
	j.out.buf = j.out.buf[:0]
	return err
}
