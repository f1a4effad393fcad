package journal

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// FuzzSegment scans arbitrary bytes as a segment: no panic, no record that the
// chain doesn't cover, and no memory beyond the file's length.
func FuzzSegment(f *testing.F) {
	var id [16]byte
	out := appender{seed: seedOf(id, 1)}
	out.chain = out.seed
	out.add(typeHead, encodeHead(segmentFormat, originRoll, id, 1))
	out.add(typeHard, encodeHard(HardState{Term: 1}))
	out.add(typeBase, encodeBase(Meta{}, position{}))
	out.add(typeEntry, encodeEntryHead(&Entry{Index: 1, Term: 1, Seq: 1}), []byte("data"))
	out.mark = out.off
	out.add(typeMark)
	f.Add(out.buf)
	f.Add(append(bytes.Clone(out.buf), make([]byte, 100)...))
	f.Add(out.buf[:70])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		disk := fsys.NewMem()
		file, err := disk.Create("/s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(data); err != nil {
			t.Fatal(err)
		}
		s := newSegment(1, "/s", file, id)
		last := int64(0)
		r, err := s.scan(func(h header, body []byte, off int64, _ uint32) error {
			if off != last || len(body) != h.body {
				t.Fatalf("a record at %d after %d, of %d bytes for %d", off, last, len(body), h.body)
			}
			last = off + h.size()
			_, _ = decodeEntry(body)
			_, _ = decodeHead(body)
			_, _, _ = decodeBase(body)
			_, _ = decodeHard(body)
			return nil
		})
		if err != nil && !fault.Is(err, fault.Corrupt) {
			t.Fatal(err)
		}
		if r.end != last || r.end > int64(len(data)) {
			t.Fatalf("good up to %d of %d, the last record ends at %d", r.end, len(data), last)
		}
	})
}

// FuzzManifest decodes arbitrary bytes: what is taken is what encode writes.
func FuzzManifest(f *testing.F) {
	m := &manifest{
		active: 3, file: "0001.snapshot", bytes: 10,
		snapshot: Meta{Index: 5, Term: 1, Seq: 4, Conf: []byte{1, 2}},
		sealed:   []sealedSegment{{1, 4096, 7}, {2, 100, 8}},
	}
	f.Add(m.encode())
	f.Add((&manifest{}).encode())
	f.Add((&manifest{owner: 1 << 62, retired: true}).encode())
	f.Add([]byte(manifestMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeManifest(data)
		if err == nil && !bytes.Equal(m.encode(), data) {
			t.Fatal("another manifest than was read")
		}
	})
}

// FuzzContainer reads arbitrary bytes as a snapshot: no panic, and nothing
// taken that doesn't end as it should.
func FuzzContainer(f *testing.F) {
	var b bytes.Buffer
	w := frameWriter{w: &b}
	for _, frame := range []struct {
		typ  uint32
		body []byte
	}{
		{frameHello, []byte(containerHello)},
		{frameEntry, append(encodeEntryHead(&Entry{Index: 1, Term: 1, Seq: 1}), "data"...)},
		{frameState, []byte("state")},
		{frameMeta, encodeBase(Meta{Index: 1, Term: 1, Seq: 1}, position{})},
	} {
		if err := w.frame(frame.typ, frame.body); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:40])
	f.Add([]byte{0, 0, 0, 4, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		disk := fsys.NewMem()
		j, err := Open(Options{FS: disk, Dir: "/j", SegmentBytes: 4 << 10})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if d, err := j.Receive(bytes.NewReader(data)); err == nil {
			if err := j.Install(d, HardState{}); err != nil {
				t.Fatalf("what was received can't be installed: %v", err)
			}
		}
		r := &stateReader{frames: newFrameReader(bytes.NewReader(data))}
		if _, err := io.Copy(io.Discard, r); err != nil && !fault.Is(err, fault.Corrupt) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}
