package fsys_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/fsys"
)

// both runs a check on the real disk and on the one in memory.
func both(t *testing.T, check func(t *testing.T, disk fsys.FS, dir string)) {
	t.Helper()
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		check(t, fsys.Real{}, t.TempDir())
	})
	t.Run("mem", func(t *testing.T) {
		t.Parallel()
		disk := fsys.NewMem()
		must(t, disk.MkdirAll("/d"))
		check(t, disk, "/d")
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, disk fsys.FS, name, text string) {
	t.Helper()
	f, err := disk.Create(name)
	must(t, err)
	_, err = f.Write([]byte(text))
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func read(t testing.TB, disk fsys.FS, name string) string {
	t.Helper()
	b, err := fsys.ReadFile(disk, name, 1<<20)
	must(t, err)
	return string(b)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, disk fsys.FS, dir string) {
		name := filepath.Join(dir, "a")
		write(t, disk, name, "hello world")
		f, err := disk.OpenWrite(name)
		must(t, err)
		_, err = f.WriteAt([]byte("W"), 6)
		must(t, err)
		must(t, f.Truncate(7))
		must(t, f.Truncate(9))
		size, err := f.Size()
		if err != nil || size != 9 {
			t.Errorf("size %d, %v", size, err)
		}
		must(t, f.Allocate(4))
		must(t, f.Allocate(10))
		b := make([]byte, 20)
		n, err := f.ReadAt(b, 0)
		if n != 10 || !errors.Is(err, io.EOF) || string(b[:n]) != "hello W\x00\x00\x00" {
			t.Errorf("read %q, %v", b[:n], err)
		}
		must(t, f.Close())
		if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("writing to a closed file: %v", err)
		}
		f, err = disk.Append(name)
		must(t, err)
		_, err = f.Write([]byte("end"))
		must(t, err)
		must(t, f.Close())
		if got := read(t, disk, name); got != "hello W\x00\x00\x00end" {
			t.Errorf("after appending: %q", got)
		}
		f, err = disk.Open(name)
		must(t, err)
		if _, err := f.Write([]byte("x")); err == nil {
			t.Error("a file opened for reading was written")
		}
		must(t, f.Close())
		if _, err := fsys.ReadFile(disk, name, 3); err == nil {
			t.Error("a file longer than allowed was read")
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, disk fsys.FS, dir string) {
		a, b, sub := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "x", "y")
		if _, err := disk.Open(a); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("opening what isn't there: %v", err)
		}
		must(t, disk.MkdirAll(sub))
		must(t, disk.MkdirAll(sub))
		write(t, disk, a, "1")
		write(t, disk, b, "2")
		must(t, disk.Rename(a, b))
		must(t, disk.SyncDir(dir))
		if got := read(t, disk, b); got != "1" {
			t.Errorf("after renaming: %q", got)
		}
		must(t, disk.Rename(b, filepath.Join(sub, "c")))
		list, err := disk.List(dir)
		if err != nil || len(list) != 1 || list[0].Name != "x" || !list[0].Dir {
			t.Errorf("list: %+v, %v", list, err)
		}
		info, err := disk.Stat(filepath.Join(sub, "c"))
		if err != nil || info.Size != 1 || info.Dir || info.Name != "c" {
			t.Errorf("stat: %+v, %v", info, err)
		}
		if err := disk.Remove(sub); err == nil {
			t.Error("a folder with a file in it was removed")
		}
		if err := disk.MkdirAll(filepath.Join(sub, "c", "d")); err == nil {
			t.Error("a folder was made below a file")
		}
		if _, err := disk.Create(filepath.Join(dir, "no", "file")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file in a folder that isn't there: %v", err)
		}
		other := filepath.Join(dir, "z")
		must(t, disk.Rename(filepath.Join(dir, "x"), other))
		must(t, disk.SyncDir(dir))
		if got := read(t, disk, filepath.Join(other, "y", "c")); got != "1" {
			t.Errorf("in a folder that was renamed: %q", got)
		}
		if _, err := disk.Stat(filepath.Join(dir, "x")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a folder's old name: %v", err)
		}
		must(t, disk.MkdirAll(sub))
		if err := disk.Rename(filepath.Join(dir, "x"), other); err == nil {
			t.Error("a folder took the name of one that holds something")
		}
		must(t, fsys.RemoveAll(disk, other))
		must(t, fsys.RemoveAll(disk, filepath.Join(dir, "x")))
		must(t, fsys.RemoveAll(disk, filepath.Join(dir, "x")))
		if list, err := disk.List(dir); err != nil || len(list) != 0 {
			t.Errorf("list at the end: %+v, %v", list, err)
		}
		if free, err := disk.Free(dir); err != nil || free <= 0 {
			t.Errorf("free: %d, %v", free, err)
		}
	})
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	t.Parallel()
	lost, torn := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		disk := fsys.NewMem()
		must(t, disk.MkdirAll("/d"))
		synced := bytes.Repeat([]byte{1}, 2000)
		f, err := disk.Create("/d/a")
		must(t, err)
		_, err = f.Write(synced)
		must(t, err)
		must(t, f.Sync())
		must(t, disk.SyncDir("/d"))
		_, err = f.WriteAt(bytes.Repeat([]byte{2}, 3000), 1000)
		must(t, err)
		write(t, disk, "/d/b", "never durable by name")
		disk.Crash(r)
		got := []byte(read(t, disk, "/d/a"))
		if len(got) < 2000 || !bytes.Equal(got[:1000], synced[:1000]) {
			t.Fatalf("seed %d: synced bytes are gone", seed)
		}
		ones, twos := bytes.Count(got[1000:], []byte{1}), bytes.Count(got[1000:], []byte{2})
		if twos > 0 && twos < 3000 {
			torn++
		}
		if twos == 0 && ones != 1000 {
			t.Fatalf("seed %d: a lost write left %d bytes of the old content", seed, ones)
		}
		if _, err := disk.Stat("/d/b"); err != nil {
			lost++
		} else if got := read(t, disk, "/d/b"); got != "never durable by name" {
			t.Fatalf("seed %d: a synced file has %q", seed, got)
		}
	}
	if lost == 0 || lost == 300 || torn == 0 {
		t.Errorf("of 300 power cuts, %d lost a name and %d tore a write", lost, torn)
	}
}

func TestWriteFileAtomic(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, disk fsys.FS, dir string) {
		name := filepath.Join(dir, "conf")
		for _, text := range []string{"one", "two, longer", "3"} {
			must(t, fsys.WriteFileAtomic(disk, name, []byte(text)))
			if got := read(t, disk, name); got != text {
				t.Errorf("got %q, want %q", got, text)
			}
		}
	})
	// Every operation failed once, and then the power cut: old or new, whole.
	for n := 1; ; n++ {
		mem := fsys.NewMem()
		must(t, fsys.WriteFileAtomic(mem, "/conf", []byte("old")))
		failing := fsys.NewFailing(mem, fsys.Rule{Nth: n, Err: syscall.EIO, Short: n%2 == 0})
		err := fsys.WriteFileAtomic(failing, "/conf", []byte("new"))
		if failing.Hits() == 0 {
			must(t, err)
			break
		}
		mem.Crash(rand.New(rand.NewPCG(uint64(n), 0)))
		got := read(t, mem, "/conf")
		if err == nil && got != "new" || got != "old" && got != "new" {
			t.Errorf("operation %d failed (%v): the file has %q", n, err, got)
		}
		if err == nil {
			t.Errorf("operation %d failed, and nobody was told", n)
		}
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	disk.SetCapacity(1000)
	f, err := disk.Create("/a")
	must(t, err)
	must(t, f.Allocate(600))
	if err := f.Allocate(1200); !fsys.IsNoSpace(err) {
		t.Errorf("allocating more than there is: %v", err)
	}
	disk.Fill(400)
	if free, _ := disk.Free("/"); free != 0 {
		t.Errorf("%d bytes free on a full disk", free)
	}
	if n, err := f.WriteAt(make([]byte, 600), 0); n != 600 || err != nil {
		t.Errorf("writing to space that was allocated: %d, %v", n, err)
	}
	if n, err := f.WriteAt(make([]byte, 100), 550); n != 50 || !fsys.IsNoSpace(err) {
		t.Errorf("writing past it: %d, %v", n, err)
	}
	must(t, disk.Remove("/a"))
	if disk.Used() != 0 {
		t.Errorf("%d bytes used by nothing", disk.Used())
	}
}

func TestFailing(t *testing.T) {
	t.Parallel()
	mem := fsys.NewMem()
	disk := fsys.NewFailing(mem,
		fsys.Rule{Ops: []fsys.Op{fsys.OpWrite}, Glob: "a*", Nth: 2, Err: syscall.ENOSPC, Short: true},
		fsys.Rule{Ops: []fsys.Op{fsys.OpSync}, Nth: 1, Forever: true, Err: syscall.EIO})
	a, err := disk.Create("/a1")
	must(t, err)
	b, err := disk.Create("/b1")
	must(t, err)
	_, err = b.Write([]byte("12345678"))
	must(t, err)
	_, err = a.Write([]byte("12345678"))
	must(t, err)
	if n, err := a.Write([]byte("12345678")); n != 4 || !fsys.IsNoSpace(err) {
		t.Errorf("second write: %d, %v", n, err)
	}
	_, err = a.Write([]byte("x"))
	must(t, err)
	for range 2 {
		if err := b.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync: %v", err)
		}
	}
	if disk.Hits() != 3 {
		t.Errorf("%d operations failed, want 3", disk.Hits())
	}
	wait := make(chan struct{})
	disk.SetRules(fsys.Rule{Ops: []fsys.Op{fsys.OpSync}, Wait: wait})
	done := make(chan error)
	go func() { done <- b.Sync() }()
	close(wait)
	must(t, <-done)
}
