package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
)

// written returns an archive of files.
func written(t testing.TB, f Format, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, f, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.Add(name, []byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// full returns an archive of n files that don't pack well.
func full(t testing.TB, f Format, n, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, f, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, size)
	for i := range data {
		data[i] = "0123456789abcdef {}\":,\n"[r.IntN(23)]
	}
	for i := range n {
		copy(data[r.IntN(max(1, size-40)):], fmt.Sprintf("%016x", r.Uint64()))
		if err := w.Add(fmt.Sprintf("folder-%03d/name-%07d.workflow.json", i/1000, i), data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// some are files with all that names may have.
func some() map[string]string {
	return map[string]string{
		"a.workflow.json": doc, "nightly/load.workflow.json": "", "nightly/load.workflow.json.sig": "MEUCIQ==\n", "größe/東京.jobresource.json": "{}",
		"tief/" + strings.Repeat("sehr/", 40) + "unten.workflow.json": doc, "long/" + strings.Repeat("n", 240) + ".workflow.json": doc,
		"big.workflow.json": strings.Repeat("0123456789 ", 100_000),
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{Zip, TarGz} {
		data := written(t, f, some())
		got, err := all(t, data, DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if d := cmp.Diff(some(), got); d != "" {
			t.Errorf("%s: %s", f, d)
		}
		if !bytes.Equal(data, written(t, f, some())) {
			t.Errorf("%s: the same files give other bytes", f)
		}
		// In pieces of a byte, as a slow connection gives them.
		n := 0
		if err := Read(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), DefaultLimits(), func(string, []byte) error { n++; return nil }); err != nil || n != len(some()) {
			t.Errorf("%s: in pieces: %d, %v", f, n, err)
		}
	}
}

// An empty archive is one.
func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{Zip, TarGz} {
		if got, err := all(t, written(t, f, nil), DefaultLimits()); err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v", f, got, err)
		}
	}
}

// 50,000 documents with evidence fit.
func TestManyDocuments(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	certificate := strings.Repeat("MIIBszCCAVmgAwIBAgIUdX7Yw0Rl9l2Nn0xJYbX1vD7u9wkwCgYIKoZIzj0EAwIw\n", 16)
	for _, f := range []Format{Zip, TarGz} {
		var b bytes.Buffer
		w, err := NewWriter(&b, f, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 50_000 / slowness {
			name := fmt.Sprintf("folder-%02d/workflow-%05d.workflow.json", i/1000, i)
			text := fmt.Sprintf(`{"TYPE":"Workflow","path":"folder-%02d/workflow-%05d","versionId":"20261130T120000Z-abcdef","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-%d","executable":{"TYPE":"ShellScriptExecutable","script":"echo %d"}}}]}`, i/1000, i, i%7, i)
			sig := make([]byte, 96)
			for j := range sig {
				sig[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[r.IntN(64)]
			}
			for _, file := range []struct{ suffix, text string }{{"", text}, {".pem", certificate}, {".sig", string(sig)}} {
				if err := w.Add(name+file.suffix, []byte(file.text)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := Read(t.Context(), bytes.NewReader(b.Bytes()), DefaultLimits(), func(string, []byte) error { n++; return nil }); err != nil || n != 150_000/slowness {
			t.Errorf("%s: %d entries of %d bytes: %v", f, n, b.Len(), err)
		}
		t.Logf("%s: %d MiB", f, b.Len()>>20)
	}
}

// What other programs write is read.
func TestForeignWriters(t *testing.T) {
	t.Parallel()
	want := map[string]string{"a.workflow.json": doc, "b/c.workflow.json": doc, "b/é.json": strings.Repeat(doc, 1000)}
	check := func(name string, data []byte) {
		t.Helper()
		got, err := all(t, data, DefaultLimits())
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b) // sizes stand behind the entries
	_, err := z.Create("b/")
	for name, text := range want {
		w, e := z.Create(name)
		if err = errors.Join(err, e); err == nil {
			_, err = io.WriteString(w, text)
		}
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	check("archive/zip", b.Bytes())
	for _, format := range []tar.Format{tar.FormatPAX, tar.FormatGNU} {
		b.Reset()
		g := gzip.NewWriter(&b)
		w := tar.NewWriter(g)
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./b/", Mode: 0o755, Format: format})
		for name, text := range want {
			err = errors.Join(err, w.WriteHeader(&tar.Header{Name: "./" + name, Size: int64(len(text)), Mode: 0o600, Uname: "anna", Uid: 3_000_000, Format: format}))
			_, e := io.WriteString(w, text)
			err = errors.Join(err, e)
		}
		if err := errors.Join(err, w.Close(), g.Close()); err != nil {
			t.Fatal(err)
		}
		check("archive/tar "+format.String(), b.Bytes())
	}
}

// What programs of the system make of our archives and their own comes back.
func TestSystemPrograms(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.workflow.json": doc, "b/c.workflow.json": strings.Repeat(doc, 500), "b/c.workflow.json.sig": "MEUC\n", "b/" + strings.Repeat("n", 200) + ".workflow.json": doc}
	for _, c := range []struct {
		program string
		format  Format
		unpack  []string
		pack    []string
	}{
		{"tar", TarGz, []string{"tar", "xzf", "in"}, []string{"tar", "czf", "../out", "a.workflow.json", "b"}},
		{"tar", TarGz, []string{"tar", "xzf", "in"}, []string{"tar", "--format=pax", "--exclude=./in", "-czf", "../out", "."}},
		{"tar", TarGz, []string{"tar", "xzf", "in"}, []string{"tar", "--format=ustar", "--exclude=b/nnn*", "-czf", "../out", "a.workflow.json", "b"}},
		{"zip", Zip, []string{"unzip", "-q", "in"}, []string{"zip", "-q", "-r", "../out", "a.workflow.json", "b"}},
		{"python3", Zip, []string{"python3", "-m", "zipfile", "-e", "in", "."}, []string{"python3", "-m", "zipfile", "-c", "../out", "a.workflow.json", "b"}},
	} {
		t.Run(strings.Join(c.pack, " "), func(t *testing.T) {
			t.Parallel()
			for _, program := range []string{c.unpack[0], c.pack[0]} {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s isn't installed", program)
				}
			}
			dir := filepath.Join(t.TempDir(), "d")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "in"), written(t, c.format, files), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{c.unpack, c.pack} {
				cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			name := filepath.Join(dir, "..", "out")
			if _, err := os.Stat(name); err != nil {
				name += ".zip"
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := all(t, data, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range got {
				if files[name] != text {
					t.Errorf("%s came back as %q", name, text)
				}
			}
			if len(got) < 3 {
				t.Errorf("got %d files", len(got))
			}
		})
	}
}

// The same zip64 forms that other programs write.
func TestZip64(t *testing.T) {
	t.Parallel()
	one := zfile{name: "a.workflow.json", data: []byte(doc)}
	packed := len(deflated(one.data))
	big := one
	big.extra = join(u16(extraZip64), u16(16), u64(len(doc)), u64(packed))
	big.local = func(h []byte) { le.PutUint32(h[18:], none32); le.PutUint32(h[22:], none32) }
	for name, z := range map[string]zipArchive{
		"end":           {files: []zfile{one}, zip64: func([]byte) {}},
		"end refers":    {files: []zfile{one}, zip64: func([]byte) {}, end: func(h []byte) { le.PutUint16(h[8:], 0xffff); le.PutUint32(h[16:], none32) }},
		"entry's sizes": {files: []zfile{big}},
		"size behind":   {files: []zfile{{name: one.name, data: one.data, behind: true}}},
	} {
		if got, err := all(t, z.bytes(), DefaultLimits()); err != nil || got[one.name] != doc {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{Zip, TarGz} {
		data := written(t, f, some())
		for name, change := range map[string]func(*Limits){
			"packed":  func(l *Limits) { l.Packed = int64(len(data)) - 1 },
			"entries": func(l *Limits) { l.Entries = len(some()) - 1 },
			"entry":   func(l *Limits) { l.Entry = 1_000_000 },
			"total":   func(l *Limits) { l.Total = 1_100_000 },
		} {
			l := DefaultLimits()
			change(&l)
			if _, err := all(t, data, l); !fault.HasCode(err, CodeTooLarge) || !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s, %s: %v", f, name, err)
			}
		}
	}
}

// It ends with its time, and with its source.
func TestEnds(t *testing.T) {
	t.Parallel()
	data := full(t, Zip, 50, 10_000)
	ctx, cancel := context.WithCancel(t.Context())
	err := Read(ctx, bytes.NewReader(data), DefaultLimits(), func(string, []byte) error { cancel(); return nil })
	if !fault.Is(err, fault.Timeout) {
		t.Errorf("out of time: %v", err)
	}
	broken := errors.New("the connection is gone")
	for _, f := range []Format{Zip, TarGz} {
		data := full(t, f, 3, 100_000)
		for _, at := range []int{0, 3, 100, len(data) / 2, len(data) - 1} {
			r := io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(broken))
			if err := Read(t.Context(), r, DefaultLimits(), func(string, []byte) error { return nil }); !errors.Is(err, broken) {
				t.Errorf("%s, broken at %d: %v", f, at, err)
			}
		}
		stop := errors.New("enough")
		if err := Read(t.Context(), bytes.NewReader(data), DefaultLimits(), func(string, []byte) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// Cut anywhere, an archive is refused; with a flipped bit, too, or gives the same
// files.
func TestDamage(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.workflow.json": doc, "b/c.workflow.json": doc, "b/c.workflow.json.sig": "MEUCIQ=="}
	for _, f := range []Format{Zip, TarGz} {
		data := written(t, f, files)
		for n := range data {
			if _, err := all(t, data[:n], DefaultLimits()); err == nil {
				t.Errorf("%s: cut at %d of %d it is read", f, n, len(data))
			}
		}
		for i := range data {
			for bit := range 8 {
				b := bytes.Clone(data)
				b[i] ^= 1 << bit
				got, err := all(t, b, DefaultLimits())
				if err == nil && !cmp.Equal(got, files) {
					t.Errorf("%s: with bit %d of byte %d flipped it gives %v", f, bit, i, got)
				}
			}
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{Zip, TarGz} {
		w, err := NewWriter(io.Discard, f, Limits{Entries: 2, Entry: 100, Total: 150})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add("../x", nil); !fault.HasCode(err, CodeName) {
			t.Errorf("%v", err)
		}
		if err := w.Add("a/", nil); !fault.HasCode(err, CodeName) {
			t.Errorf("%v", err)
		}
		if err := w.Add("M", make([]byte, 90)); err != nil {
			t.Errorf("%v", err)
		}
		if err := w.Add("A", nil); err == nil || !strings.Contains(err.Error(), "comes behind") {
			t.Errorf("out of order: %v", err)
		}
		if err := w.Add("m", nil); !fault.HasCode(err, CodeDuplicate) {
			t.Errorf("the same but for capitals: %v", err)
		}
		if err := w.Add("z", make([]byte, 90)); !fault.HasCode(err, CodeTooLarge) {
			t.Errorf("%v", err)
		}
	}
	if _, err := NewWriter(io.Discard, "rar", DefaultLimits()); !fault.HasCode(err, CodeUnknownFormat) {
		t.Errorf("%v", err)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a/b.json": "a/b.json", "größe": "größe", "a\nb": `"a\nb"`, "\xff": `"\xff"`, strings.Repeat("a", 300): strings.Repeat("a", 200) + "...",
	} {
		if got := Show(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

// Nothing makes it fail otherwise than by an error, and what is read once is read
// again from what the writer makes of it.
func FuzzRead(f *testing.F) {
	for _, format := range []Format{Zip, TarGz} {
		f.Add(written(f, format, map[string]string{"a.workflow.json": doc, "b/c.json.sig": "x"}))
	}
	for _, h := range append(hostileZips(), hostileTars()...) {
		if data := h.data(); len(data) < 4<<10 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := DefaultLimits()
		l.Total, l.Entry = 1<<20, 1<<20
		got, err := all(t, data, l)
		if err != nil {
			return
		}
		for name := range got {
			if err := checkName(name, name); err != nil {
				t.Errorf("%v", err)
			}
		}
		for _, format := range []Format{Zip, TarGz} {
			again, err := all(t, written(t, format, got), DefaultLimits())
			if err != nil || !cmp.Equal(again, got) {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}

// Who unpacks a private file is the only one who can read it.
func TestPrivateFiles(t *testing.T) {
	t.Parallel()
	want := map[string]int64{"a.pem": 0o644, "key.pem": 0o600}
	write := func(f Format) *bytes.Reader {
		var b bytes.Buffer
		w, err := NewWriter(&b, f, DefaultLimits())
		if err = errors.Join(err, w.Add("a.pem", nil), w.AddPrivate("key.pem", nil), w.Close()); err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(b.Bytes())
	}
	modes := map[string]int64{}
	packed := write(Zip)
	z, err := zip.NewReader(packed, packed.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		modes[f.Name] = int64(f.Mode())
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("zip: %s", diff)
	}
	gz, err := gzip.NewReader(write(TarGz))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != want[h.Name] {
			t.Errorf("tar.gz: %s has mode %o", h.Name, h.Mode)
		}
	}
}
