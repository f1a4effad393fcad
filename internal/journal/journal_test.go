package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, disk fsys.FS) *journal.Journal {
	t.Helper()
	j, err := journal.Open(options(disk))
	must(t, err)
	return j
}

func options(disk fsys.FS) journal.Options {
	return journal.Options{FS: disk, Dir: "/j", SegmentBytes: 4 << 10}
}

// entry makes an entry whose number is its index, as in a log of its own.
func entry(index, term uint64, size int) journal.Entry {
	data := bytes.Repeat([]byte{byte(index), byte(term)}, size/2+1)
	return journal.Entry{Index: index, Term: term, Seq: index, Data: data}
}

func entries(from, to, term uint64, size int) []journal.Entry {
	var list []journal.Entry
	for i := from; i <= to; i++ {
		list = append(list, entry(i, term, size))
	}
	return list
}

// content returns all entries as text, through the disk.
func content(t testing.TB, j *journal.Journal) string {
	t.Helper()
	var b strings.Builder
	for i := j.First(); i <= j.Last(); i++ {
		list, err := j.Entries(i, i+1, 0)
		must(t, err)
		e := list[0]
		term, err := j.Term(i)
		if err != nil || term != e.Term {
			t.Fatalf("entry %d has term %d and says %d, %v", i, term, e.Term, err)
		}
		fmt.Fprintf(&b, "%d/%d/%d:%x ", e.Index, e.Term, e.Seq, e.Data)
	}
	return b.String()
}

func TestAppendAndReopen(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	j := open(t, disk)
	if r := j.Recovered(); !r.Born || j.First() != 1 || j.Last() != 0 {
		t.Errorf("a new log: %+v, %d to %d", r, j.First(), j.Last())
	}
	must(t, j.Append(entries(1, 100, 1, 100)))
	must(t, j.SetHardState(journal.HardState{Term: 3, Vote: 2, Commit: 70}))
	must(t, j.Append(entries(90, 95, 2, 30))) // 96 to 100 are void
	must(t, j.Append([]journal.Entry{{Index: 96, Term: 3}, {Index: 97, Term: 3, Seq: 96, Data: []byte("x")}}))
	must(t, j.Sync())
	want, id := content(t, j), j.ID()
	must(t, j.Close())
	must(t, j.Close())
	for range 3 {
		j = open(t, disk)
		if got := content(t, j); got != want {
			t.Errorf("after reopening:\n%s\nwant\n%s", got, want)
		}
		if h := j.HardState(); h != (journal.HardState{Term: 3, Vote: 2, Commit: 70}) {
			t.Errorf("hard state %+v", h)
		}
		if j.ID() != id {
			t.Error("the log has another id")
		}
		if got := j.Index(96); got != 97 {
			t.Errorf("number 96 has index %d", got)
		}
		if seq, err := j.Seq(96); seq != 95 || err != nil {
			t.Errorf("up to index 96 the number is %d, %v", seq, err)
		}
		must(t, j.Close())
	}
}

func TestEntriesAreBounded(t *testing.T) {
	t.Parallel()
	j := open(t, fsys.NewMem())
	defer j.Close()
	must(t, j.Append(entries(1, 50, 1, 100)))
	for _, c := range []struct {
		max  uint64
		want int
	}{{0, 1}, {1, 1}, {310, 3}, {1 << 30, 50}} {
		list, err := j.Entries(1, 51, c.max)
		if err != nil || len(list) != c.want {
			t.Errorf("with %d bytes: %d entries, %v; want %d", c.max, len(list), err, c.want)
		}
	}
	if _, err := j.Entries(1, 52, 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("beyond the last: %v", err)
	}
	if err := j.Append([]journal.Entry{{Index: 60, Term: 1}}); err == nil {
		t.Error("an entry that leaves a gap was taken")
	}
}

// takeSnapshot publishes a state that includes the entries up to index.
func takeSnapshot(t testing.TB, j *journal.Journal, index uint64, state string) error {
	t.Helper()
	d, err := j.NewDraft()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(d, state); err != nil {
		return errors.Join(err, d.Discard())
	}
	if err := d.Flush(); err != nil {
		return errors.Join(err, d.Discard())
	}
	term, err := j.Term(index)
	must(t, err)
	return j.Publish(d, journal.Meta{Index: index, Term: term, Seq: index, Conf: []byte("conf")})
}

func state(t testing.TB, j *journal.Journal) (string, error) {
	t.Helper()
	r, err := j.OpenSnapshot()
	if err != nil || r == nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestSnapshotAndCompaction(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	j := open(t, disk)
	must(t, j.Append(entries(1, 200, 1, 100)))
	must(t, j.Sync())
	must(t, j.Compact(150))
	if j.First() != 1 {
		t.Errorf("entries went without a snapshot; the first is %d", j.First())
	}
	big := strings.Repeat("state ", 100_000)
	must(t, takeSnapshot(t, j, 120, big))
	must(t, takeSnapshot(t, j, 100, "older")) // is discarded
	must(t, j.Compact(80))
	if first := j.First(); first <= 1 || first > 80 {
		t.Errorf("the first entry is %d, wanted up to 80", first)
	}
	want := content(t, j)
	must(t, j.Close())
	j = open(t, disk)
	if got := content(t, j); got != want {
		t.Error("other entries after reopening")
	}
	if got, err := state(t, j); err != nil || got != big {
		t.Errorf("a state of %d bytes, %v", len(got), err)
	}
	if m, ok := j.Snapshot(); !ok || m.Index != 120 || m.Seq != 120 || string(m.Conf) != "conf" {
		t.Errorf("snapshot %+v", m)
	}
	if _, err := j.Entries(1, 2, 0); !fault.HasCode(err, "EntriesCompacted") {
		t.Errorf("reading what is gone: %v", err)
	}
	must(t, j.Compact(1<<40))
	if j.First() > 121 {
		t.Errorf("entries the snapshot doesn't include are gone: the first is %d", j.First())
	}
	must(t, j.Append(entries(201, 260, 2, 100)))
	must(t, j.Close())
	j = open(t, disk)
	defer j.Close()
	if j.Last() != 260 {
		t.Errorf("the last entry is %d", j.Last())
	}
	if list, err := disk.List("/j/tmp"); err != nil || len(list) != 0 {
		t.Errorf("left aside: %v, %v", list, err)
	}
}

func TestInstall(t *testing.T) {
	t.Parallel()
	from := open(t, fsys.NewMem())
	defer from.Close()
	must(t, from.Append(entries(1, 150, 1, 100)))
	must(t, from.Sync())
	must(t, takeSnapshot(t, from, 140, "the state"))
	for _, first := range []uint64{1, 60, 140, 141, 1000} {
		meta, body, err := from.Export(first)
		must(t, err)
		stream, err := io.ReadAll(body)
		must(t, err)
		must(t, body.Close())
		disk := fsys.NewMem()
		to := open(t, disk)
		must(t, to.Append(entries(1, 20, 1, 10)))
		must(t, to.Append(entries(15, 30, 2, 10)))
		d, err := to.Receive(bytes.NewReader(stream))
		must(t, err)
		must(t, to.Install(d, journal.HardState{Term: 4, Vote: 1, Commit: 140}))
		for round := range 2 {
			if to.First() != min(first, 141) || to.Last() != 140 {
				t.Errorf("from %d, round %d: the log goes from %d to %d", first, round, to.First(), to.Last())
			}
			for i := to.First(); i <= 140; i++ {
				got, err := to.Entries(i, i+1, 0)
				must(t, err)
				if !bytes.Equal(got[0].Data, entry(i, 1, 100).Data) || got[0].Term != 1 {
					t.Fatalf("from %d: entry %d isn't what was sent", first, i)
				}
			}
			if term, err := to.Term(to.First() - 1); err != nil || term != 1 && to.First() > 1 {
				t.Errorf("from %d: the term before is %d, %v", first, term, err)
			}
			if s, err := state(t, to); s != "the state" || err != nil {
				t.Errorf("from %d: state %q, %v", first, s, err)
			}
			if m, _ := to.Snapshot(); m.Index != meta.Index || m.Term != meta.Term || m.Seq != meta.Seq {
				t.Errorf("from %d: snapshot %+v", first, m)
			}
			if h := to.HardState(); h.Term != 4 || h.Commit != 140 {
				t.Errorf("from %d: hard state %+v", first, h)
			}
			must(t, to.Close())
			to = open(t, disk)
		}
		must(t, to.Append(entries(141, 200, 5, 50)))
		must(t, to.Close())
		// Any byte of the stream changed is found.
		for i := range stream {
			if i > 300 && i < len(stream)-300 && i%37 != 0 {
				continue
			}
			bad := bytes.Clone(stream)
			bad[i] ^= 1 << (i % 8)
			if _, err := open(t, fsys.NewMem()).Receive(bytes.NewReader(bad)); err == nil {
				t.Fatalf("from %d: a changed byte at %d wasn't found", first, i)
			}
		}
		for _, cut := range []int{0, 1, 20, len(stream) / 2, len(stream) - 1} {
			if _, err := open(t, fsys.NewMem()).Receive(bytes.NewReader(stream[:cut])); !fault.Is(err, fault.Corrupt) {
				t.Errorf("from %d: a stream cut at %d: %v", first, cut, err)
			}
		}
	}
}

// script is a run that uses all that writes: appending over several files,
// voiding, hard states, snapshots, dropping, installing, closing. It stops at
// the first error, and calls synced after each sync with what must survive.
func script(t testing.TB, disk fsys.FS, synced func(last uint64, term uint64)) error {
	j, err := journal.Open(options(disk))
	if err != nil {
		return err
	}
	defer j.Close() // an error is the point of the test
	steps := []func() error{
		func() error { return j.Append(entries(1, 30, 1, 100)) },
		func() error { return j.SetHardState(journal.HardState{Term: 2, Commit: 20}) },
		j.Sync, j.Mark,
		func() error { return j.Append(entries(25, 60, 2, 100)) },
		j.Sync,
		func() error { return takeSnapshot(t, j, 50, "state 50") },
		func() error { return j.Compact(45) },
		func() error { return j.Append(entries(61, 90, 2, 100)) },
		j.Sync,
		func() error { return takeSnapshot(t, j, 80, strings.Repeat("state 80 ", 3_000)) },
		func() error { return j.Compact(81) },
		func() error { return j.Append(entries(91, 95, 2, 9000)) },
		j.Sync, j.Mark, j.Close,
	}
	for _, f := range steps {
		if err := f(); err != nil {
			return err
		}
		if !j.Unsynced() {
			term, err := j.Term(j.Last())
			if err == nil {
				synced(j.Last(), term)
			}
		}
	}
	return nil
}

// TestEveryOperationFails fails each operation of the script once, cuts the
// power or only kills the process, and opens again (DESIGN.md, invariants 1, 2, 6).
func TestEveryOperationFails(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		hits := 0
		for variant := range 4 {
			mem := fsys.NewMem()
			rule := fsys.Rule{Nth: n, Err: syscall.EIO, Short: variant%2 == 1, Forever: variant == 3}
			failing := fsys.NewFailing(mem, rule)
			var last, term uint64
			err := script(t, failing, func(l, tm uint64) { last, term = l, tm })
			hits += failing.Hits()
			if failing.Hits() == 0 {
				must(t, err)
				continue
			}
			if variant < 2 {
				mem.Crash(rand.New(rand.NewPCG(uint64(n), uint64(variant))))
			}
			j, err := journal.Open(options(mem))
			if err != nil {
				t.Fatalf("operation %d failed, variant %d: the log can't be opened: %v", n, variant, err)
			}
			if j.Last() < last {
				t.Errorf("operation %d failed, variant %d: the log ends at %d, but %d was synced", n, variant, j.Last(), last)
			} else if got, err := j.Term(last); err != nil || got < term {
				t.Errorf("operation %d failed, variant %d: entry %d has term %d, %v; synced was %d", n, variant, last, got, err, term)
			}
			content(t, j)
			if _, err := state(t, j); err != nil {
				t.Errorf("operation %d failed, variant %d: the state can't be read: %v", n, variant, err)
			}
			must(t, j.Close())
		}
		if hits == 0 {
			if n < 60 {
				t.Errorf("only %d operations were tried", n)
			}
			return
		}
	}
}

// written are small logs as they lie on the disk, with all that a journal
// keeps, and what is in them: one that was closed, one whose process was killed
// when it had fallen idle, and one that came from another member.
func written(t *testing.T) map[string]struct {
	files map[string][]byte
	want  string
} {
	t.Helper()
	logs := map[string]struct {
		files map[string][]byte
		want  string
	}{}
	for name, finish := range map[string]func(*fsys.Mem, *journal.Journal){
		"closed": func(_ *fsys.Mem, j *journal.Journal) { must(t, j.Close()) },
		"killed": func(_ *fsys.Mem, j *journal.Journal) {
			must(t, j.Sync())
			must(t, j.Mark())
		},
		"received": func(mem *fsys.Mem, j *journal.Journal) {
			_, body, err := j.Export(1)
			must(t, err)
			for _, d := range []string{"/j/log", "/j/snapshots", "/j"} {
				list, err := mem.List(d)
				must(t, err)
				for _, i := range list {
					if !i.Dir {
						must(t, mem.Rename(filepath.Join(d, i.Name), "/"+i.Name))
					}
				}
			}
			to := open(t, mem)
			d, err := to.Receive(body)
			must(t, err)
			must(t, to.Install(d, journal.HardState{Term: 3, Commit: 10}))
			must(t, to.Append(entries(11, 14, 3, 50)))
			must(t, to.Close())
		},
	} {
		mem := fsys.NewMem()
		o := options(mem)
		o.Owner = 1 << 40
		j, err := journal.Open(o)
		must(t, err)
		last := uint64(12)
		if name == "closed" {
			last = 40 // several files
		}
		must(t, j.Append(entries(1, last, 1, 100)))
		must(t, j.SetHardState(journal.HardState{Term: 2, Commit: 10}))
		must(t, takeSnapshot(t, j, 10, "the state"))
		must(t, j.Append(entries(last+1, last+4, 1, 100)))
		finish(mem, j)
		files := map[string][]byte{}
		for _, dir := range []string{"/j", "/j/log", "/j/snapshots"} {
			list, err := mem.List(dir)
			must(t, err)
			for _, i := range list {
				if !i.Dir {
					name := filepath.Join(dir, i.Name)
					b, err := fsys.ReadFile(mem, name, 1<<20)
					must(t, err)
					files[name] = b
				}
			}
		}
		j, err = journal.Open(options(lay(t, files, "", 0)))
		must(t, err)
		logs[name] = struct {
			files map[string][]byte
			want  string
		}{files, fmt.Sprint(j.Owner(), j.HardState(), content(t, j))}
	}
	return logs
}

// lay returns a disk with files; in one of them the bits of one byte given are changed.
func lay(t *testing.T, files map[string][]byte, name string, off int) *fsys.Mem {
	t.Helper()
	disk := fsys.NewMem()
	for _, dir := range []string{"/j/log", "/j/snapshots"} {
		must(t, disk.MkdirAll(dir))
	}
	for n, b := range files {
		f, err := disk.Create(n)
		must(t, err)
		_, err = f.Write(b)
		must(t, err)
		if n == name {
			_, err = f.WriteAt([]byte{b[off] ^ 1<<(off%8)}, int64(off))
			must(t, err)
		}
		must(t, f.Close())
	}
	return disk
}

// unused tells that a file is space for later.
func unused(name string) bool {
	return filepath.Base(name) == "spare" || filepath.Base(name) == "manifest.next"
}

// TestEveryBit changes one bit of every byte of a log: it is found when it is
// opened, or nothing that was written is lost (invariant 3).
func TestEveryBit(t *testing.T) {
	t.Parallel()
	for name, log := range written(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyBit(t, log.files, log.want)
		})
	}
}

// TestEveryFile removes one file after the other: that is found, too.
func TestEveryFile(t *testing.T) {
	t.Parallel()
	for name, log := range written(t) {
		for n := range log.files {
			if unused(n) {
				continue
			}
			disk := lay(t, log.files, "", 0)
			must(t, disk.Remove(n))
			if _, err := journal.Open(options(disk)); !fault.HasCode(err, "JournalDamaged") || len(fault.Of(err).Problems) == 0 {
				t.Errorf("%s, without %s: %v", name, n, err)
			}
		}
	}
}

func everyBit(t *testing.T, files map[string][]byte, want string) {
	t.Helper()
	found, harmless := 0, 0
	for name, b := range files {
		for off := range b {
			if (unused(name) || b[off] == 0 && off > 3000) && off%64 != 0 {
				continue // space for later; a sample of it is enough
			}
			j, err := journal.Open(options(lay(t, files, name, off)))
			if err != nil {
				if !fault.Is(err, fault.Corrupt) || len(fault.Of(err).Problems) == 0 {
					t.Fatalf("%s, byte %d: %v", name, off, err)
				}
				found++
				continue
			}
			harmless++
			if got := fmt.Sprint(j.Owner(), j.HardState(), content(t, j)); got != want {
				t.Fatalf("%s, byte %d: the change wasn't found, and the log is another", name, off)
			}
		}
	}
	t.Logf("%d changes found, %d harmless (beyond the log's end)", found, harmless)
	if found < 1000 {
		t.Errorf("only %d changes were found", found)
	}
}

// TestCrashes writes, syncs and crashes at random: what was synced is there,
// and what is there is a run of what was written (invariants 1, 2).
func TestCrashes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		mem := fsys.NewMem()
		j, err := journal.Open(options(mem))
		if err != nil {
			t.Fatal(err)
		}
		var written []journal.Entry // by index, the newest version
		durable, term := uint64(0), uint64(1)
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2, 3:
				from := j.Last() + 1
				if r.IntN(4) == 0 && j.Last() > durable {
					from = durable + 1 + r.Uint64N(j.Last()-durable)
					term++
				}
				list := entries(from, from+r.Uint64N(20), term, r.IntN(300))
				if err := j.Append(list); err != nil {
					t.Fatal(err)
				}
				written = append(written[:from-1], list...)
			case 4, 5:
				if err := j.Sync(); err != nil {
					t.Fatal(err)
				}
				durable = j.Last()
			case 6:
				if err := j.Mark(); err != nil {
					t.Fatal(err)
				}
			default:
				if r.IntN(2) == 0 {
					mem.Crash(r)
				}
				if j, err = journal.Open(options(mem)); err != nil {
					t.Fatalf("opening again: %v", err)
				}
				if j.Last() < durable {
					t.Fatalf("the log ends at %d, but %d was synced", j.Last(), durable)
				}
				durable = j.Last()
				for i := j.First(); i <= j.Last(); i++ {
					got, err := j.Entries(i, i+1, 0)
					if err != nil {
						t.Fatal(err)
					}
					if i > uint64(len(written)) {
						// An unsynced void didn't survive; what it voided did.
						written = append(written, got[0])
					}
					if i <= durable && got[0].Term == written[i-1].Term && !bytes.Equal(got[0].Data, written[i-1].Data) {
						t.Fatalf("entry %d isn't what was written", i)
					}
					written[i-1] = got[0]
				}
				written = written[:j.Last()]
			}
		}
	})
}

// TestReceiveLeavesSpace stops a state that would fill the disk.
func TestReceiveLeavesSpace(t *testing.T) {
	t.Parallel()
	from := open(t, fsys.NewMem())
	defer from.Close()
	must(t, from.Append(entries(1, 3, 1, 10)))
	must(t, from.Sync())
	must(t, takeSnapshot(t, from, 3, strings.Repeat("x", 9<<20)))
	disk := fsys.NewMem()
	to := open(t, disk)
	defer to.Close()
	disk.SetCapacity(disk.Used() + 4<<20 + 8<<10)
	used := disk.Used()
	_, body, err := from.Export(1)
	must(t, err)
	defer body.Close()
	if _, err := to.Receive(body); !fault.Is(err, fault.NoSpace) && !fsys.IsNoSpace(err) {
		t.Errorf("a state greater than the disk: %v", err)
	}
	if disk.Used() != used {
		t.Errorf("%d bytes are left of it", disk.Used()-used)
	}
}

// TestVoidedStart drops a segment whose last entries were voided after the
// next one began: that begins with entries which follow nothing that is left.
func TestVoidedStart(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	j := open(t, disk)
	next := uint64(1)
	for ; j.Room() > 5000; next++ {
		must(t, j.Append([]journal.Entry{entry(next, 1, 200)}))
	}
	for i := next; i < next+12; i++ { // over the segment's end
		must(t, j.Append([]journal.Entry{entry(i, 1, 200)}))
	}
	must(t, j.Append(entries(2, 40, 2, 20)))
	must(t, j.Sync())
	must(t, takeSnapshot(t, j, 30, "state"))
	must(t, j.Compact(31))
	if j.First() == 1 {
		t.Fatal("nothing was dropped")
	}
	want := content(t, j)
	must(t, j.Close())
	j = open(t, disk)
	defer j.Close()
	if got := content(t, j); got != want {
		t.Errorf("after reopening:\n%s\nwant\n%s", got, want)
	}
}

func TestManifestMissing(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	j := open(t, mem)
	must(t, j.Append(entries(1, 3, 1, 10)))
	must(t, j.Close())
	must(t, mem.Remove("/j/manifest"))
	if _, err := journal.Open(options(mem)); !fault.HasCode(err, "JournalDamaged") {
		t.Errorf("a log without its manifest: %v", err)
	}
}

func TestOldManifest(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	j := open(t, mem)
	old, err := fsys.ReadFile(mem, "/j/manifest", 1<<20)
	must(t, err)
	must(t, j.Append(entries(1, 100, 1, 200)))
	must(t, j.Close())
	must(t, fsys.WriteFileAtomic(mem, "/j/manifest", old))
	if _, err := journal.Open(options(mem)); !fault.HasCode(err, "JournalDamaged") {
		t.Errorf("a manifest older than the log: %v", err)
	}
}

func TestFullDiskIsNotTheEnd(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	j := open(t, mem)
	defer j.Close()
	mem.SetCapacity(mem.Used())
	if j.Low() || j.Room() < 4<<10 {
		t.Fatalf("low %v, room %d", j.Low(), j.Room())
	}
	next := uint64(1)
	for j.Room() > 500 {
		must(t, j.Append([]journal.Entry{entry(next, 1, 100)}))
		next++
	}
	must(t, j.Sync())
	if !j.Low() {
		t.Error("the reserve is used up, and the log doesn't say so")
	}
	if err := j.Refill(); !fsys.IsNoSpace(err) {
		t.Errorf("refilling on a full disk: %v", err)
	}
	mem.SetCapacity(1 << 40)
	must(t, j.Refill())
	must(t, j.Append(entries(next, next+100, 1, 200)))
	must(t, j.Sync())
}

// TestOpensOnAFullDisk: the log opens although there is no space for a whole
// segment, again and again, and takes what must not wait.
func TestOpensOnAFullDisk(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	options := journal.Options{FS: mem, Dir: "/j", SegmentBytes: 1 << 20}
	j, err := journal.Open(options)
	must(t, err)
	next := uint64(1)
	for range 4 {
		must(t, j.Append([]journal.Entry{entry(next, 1, 10)}))
		must(t, j.Sync())
		next++
		mem.SetCapacity(mem.Used())
		must(t, j.Close())
		j, err = journal.Open(options)
		must(t, err)
		if j.Last() != next-1 {
			t.Fatalf("the log ends at %d, not at %d", j.Last(), next-1)
		}
	}
	if !j.Low() {
		t.Error("there is no reserve, and the log doesn't say so")
	}
	mem.SetCapacity(1 << 40)
	must(t, j.Refill())
	must(t, j.Append(entries(next, next+100, 1, 20_000)))
	must(t, j.Close())
	j, err = journal.Open(options)
	must(t, err)
	if j.Last() != next+100 {
		t.Errorf("the log ends at %d, not at %d", j.Last(), next+100)
	}
	must(t, j.Close())
}

// TestNoSpaceToOpen: where there is no space at all, the error says so.
func TestNoSpaceToOpen(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	mem.SetCapacity(4 << 10)
	_, err := journal.Open(journal.Options{FS: mem, Dir: "/j"})
	if !fault.Is(err, fault.NoSpace) || !fault.HasCode(err, "OutOfSpace") {
		t.Errorf("opening without space: %v", err)
	}
}

// TestWaitsForSpace: a log that needs another file, and has neither reserve nor
// space, says so and goes on when there is space, as if nothing had been.
func TestWaitsForSpace(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	j := open(t, mem)
	mem.Fill(math.MaxInt64)
	var err error
	next := uint64(1)
	for err == nil && next < 1000 {
		if err = j.Append([]journal.Entry{entry(next, 1, 100)}); err == nil {
			next++
		}
	}
	for range 2 {
		if err := j.Append([]journal.Entry{entry(next, 1, 100)}); !fsys.IsNoSpace(err) || j.Failed() != nil {
			t.Fatalf("appending without space: %v, failed: %v", err, j.Failed())
		}
		if err := j.SetHardState(journal.HardState{Term: 7}); err != nil && !fsys.IsNoSpace(err) || j.Failed() != nil {
			t.Fatalf("promising without space: %v, failed: %v", err, j.Failed())
		}
	}
	if !j.Low() || j.Last() != next-1 {
		t.Errorf("low %v, the log ends at %d, not at %d", j.Low(), j.Last(), next-1)
	}
	must(t, j.Sync())
	mem.Fill(0)
	must(t, j.Append([]journal.Entry{entry(next, 1, 100)}))
	must(t, j.SetHardState(journal.HardState{Term: 8}))
	must(t, j.Close())
	j = open(t, mem)
	if j.Last() != next || j.HardState().Term != 8 {
		t.Errorf("opened again, the log ends at %d, not at %d, in term %d", j.Last(), next, j.HardState().Term)
	}
	must(t, j.Close())
}
