package journal

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// recover reads the segments that the manifest names, cuts the torn tail of
// the last, removes what a crash left beside the log, and goes on in a new
// segment.
func (j *Journal) recover() error {
	if err := j.checkSnapshot(); err != nil {
		return err
	}
	var tail scanned
	if !j.recovered.Born {
		for _, s := range j.manifest.sealed {
			if _, err := j.load(s.number, &s); err != nil {
				return err
			}
		}
		var err error
		if tail, err = j.load(j.manifest.active, nil); err != nil {
			return err
		}
	}
	if j.orphan != nil {
		return j.orphan
	}
	if err := j.clean(); err != nil {
		return err
	}
	j.recovered.Torn, j.recovered.Entries = tail.torn, len(j.slots)
	return j.resume(tail)
}

// load opens a segment and folds its records into the index.
func (j *Journal) load(number uint64, seal *sealedSegment) (scanned, error) {
	name := filepath.Join(j.dir, logDir, segmentName(number))
	f, err := j.disk.OpenWrite(name)
	if errors.Is(err, fs.ErrNotExist) {
		return scanned{}, damaged(name, 0, "the manifest names a log file that is missing")
	}
	if err != nil {
		return scanned{}, err
	}
	s := newSegment(number, name, f, j.manifest.id)
	j.segments = append(j.segments, s)
	if seal != nil {
		s.sealed, s.size, s.chain = true, seal.size, seal.chain
		if size, err := f.Size(); err != nil || size < s.size {
			return scanned{}, damaged(name, size, "the file is shorter than the %d bytes it had", s.size)
		}
	} else {
		// What a killed process wrote and didn't sync reads well from the
		// cache and is gone after a power cut: nothing may rest on it before.
		if err := f.Sync(); err != nil {
			return scanned{}, err
		}
	}
	j.entries = 0
	seen := 0
	r, err := s.scan(func(h header, body []byte, off int64, before uint32) error {
		seen++
		if (seen == 1) != (h.typ == typeHead) {
			return damaged(name, off, "it doesn't begin as a log file does")
		}
		return j.fold(s, h, body, off, before)
	})
	if err == nil && seen < 3 {
		err = damaged(name, r.end, "its first records are missing")
	}
	return r, err
}

// fold takes a record of the log as it was found.
func (j *Journal) fold(s *segment, h header, body []byte, off int64, before uint32) error {
	ok := true
	switch h.typ {
	case typeHead:
		var head segmentHead
		head, ok = decodeHead(body)
		ok = ok && head.number == s.number && head.id == j.manifest.id
		if ok && head.format != segmentFormat {
			return damaged(s.name, off, "it has format %d, which this version doesn't know", head.format)
		}
	case typeHard:
		j.hard, ok = decodeHard(body)
	case typeBase:
		var m Meta
		m, _, ok = decodeBase(body)
		ok = ok && m.Index <= j.manifest.snapshot.Index
	case typeEntry:
		var e Entry
		if e, ok = decodeEntry(body); ok {
			j.entries++
			return j.foldEntry(s, e, h, off, before)
		}
	}
	if !ok {
		return damaged(s.name, off, "a record of type %d has a content it can't have", h.typ)
	}
	return nil
}

func (j *Journal) foldEntry(s *segment, e Entry, h header, off int64, before uint32) error {
	if e.Index <= j.before.index {
		// It was dropped since; but as any entry it voids those after it.
		j.slots, j.orphan = j.slots[:0], nil
		return nil
	}
	if len(j.slots) == 0 && e.Index > j.before.index+1 {
		// What it followed was voided later, together with it, and so its
		// segment could go. If nothing voids it, it is damage.
		if j.orphan == nil {
			j.orphan = damaged(s.name, off, "entry %d is the first after entry %d; those between are missing", e.Index, j.before.index)
		}
		return nil
	}
	j.orphan = nil
	err := j.put(e.Index, slot{term: e.Term, seq: e.Seq, seg: s, off: off, size: h.size(), before: before})
	if err != nil {
		return damaged(s.name, off, "an entry doesn't follow the one before it (%s)", err)
	}
	return nil
}

// checkSnapshot looks whether the snapshot that the manifest names is there.
func (j *Journal) checkSnapshot() error {
	if j.snapFile == "" {
		return nil
	}
	info, err := j.disk.Stat(j.snapFile)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged(j.snapFile, 0, "the manifest names a snapshot that is missing")
	}
	if err != nil {
		return err
	}
	if info.Size != j.manifest.bytes {
		return damaged(j.snapFile, info.Size, "the snapshot has %d bytes and not the %d it had", info.Size, j.manifest.bytes)
	}
	return j.readSnapshot()
}

// readSnapshot reads the whole snapshot: nobody may begin with a state whose
// end turns out to be missing.
func (j *Journal) readSnapshot() error {
	f, err := j.disk.Open(j.snapFile)
	if err != nil {
		return err
	}
	defer f.Close()
	in := newFrameReader(f)
	for {
		_, _, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if fault.Is(err, fault.Corrupt) {
			return damaged(j.snapFile, in.bytes, "the snapshot isn't what was written (%s)", err)
		}
		if err != nil {
			return err
		}
	}
	if m := &j.manifest.snapshot; in.meta.Index != m.Index || in.meta.Term != m.Term || in.meta.Seq != m.Seq {
		return damaged(j.snapFile, 0, "the snapshot isn't the one that the manifest names")
	}
	return nil
}

// clean removes what no manifest names: leftovers of unfinished work.
func (j *Journal) clean() error {
	known := map[string]bool{j.manifest.file: true}
	for _, s := range j.segments {
		known[filepath.Base(s.name)] = true
	}
	for _, d := range []string{logDir, snapDir, asideDir} {
		list, err := j.disk.List(filepath.Join(j.dir, d))
		if err != nil {
			return err
		}
		for _, i := range list {
			name := filepath.Join(j.dir, d, i.Name)
			if known[i.Name] && d != asideDir {
				continue
			}
			if d == logDir && i.Name > segmentName(j.manifest.active) && i.Name != spareFile && j.holdsEntries(name) {
				return damaged(name, 0, "there are entries in a log file that the manifest doesn't know: the manifest is older than the log")
			}
			if err := fsys.RemoveAll(j.disk, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume closes the recovered segment where its good records end, and goes on
// in a new one.
func (j *Journal) resume(tail scanned) error {
	last := j.before
	if n := len(j.slots); n > 0 {
		last = position{j.before.index + uint64(n), j.slots[n-1].term, j.slots[n-1].seq}
	}
	if last.index < j.snapshot.Index || last.seq < j.snapshot.Seq {
		return damaged(filepath.Join(j.dir, manifestFile), 0, "the log ends at entry %d, before the snapshot's %d", last.index, j.snapshot.Index)
	}
	m := j.manifest
	number := m.active + 1
	if j.recovered.Born {
		number = 1
	} else {
		old := j.active()
		if err := old.file.Truncate(tail.end); err != nil {
			return err
		}
		if err := old.file.Sync(); err != nil {
			return err
		}
		old.sealed, old.size, old.chain = true, tail.end, tail.chain
		if j.entries > 0 {
			m.sealed = append(slices.Clip(m.sealed), sealedSegment{old.number, tail.end, tail.chain})
		}
	}
	seg, out, capacity, err := j.firstSegment(number)
	if err != nil {
		return err
	}
	m.active = number
	if err := j.replaceManifest(&m); err != nil {
		return err
	}
	j.manifest = m
	if n := len(j.segments); n > 0 && j.entries == 0 {
		void := j.segments[n-1]
		j.segments = j.segments[:n-1]
		if err := j.discard(void); err != nil {
			return err
		}
	}
	j.segments = append(j.segments, seg)
	j.use(out, capacity)
	return nil
}
