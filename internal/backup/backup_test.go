package backup

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// content is what is in the sample's parts.
func content(kind string) string {
	return strings.Repeat(kind+" ", map[string]int{CockpitPart: 3000, ControllerPart: 1, AgentPart: 128, FilePart: 0}[kind])
}

// sample writes a backup with a part of each kind.
func sample(disk fsys.FS) (*Manifest, int64, error) {
	w, err := Create(disk, "/b", Manifest{Time: 1_795_329_118_408, Program: "1", Cockpit: "https://localhost"})
	if err != nil {
		return nil, 0, err
	}
	for _, p := range []Part{
		{Kind: ControllerPart, Name: "controller"},
		{Kind: AgentPart, Name: "a/b", Controller: "controller"},
		{Kind: CockpitPart, Name: "cockpit", Bytes: int64(len(content(CockpitPart)))},
		{Kind: FilePart, Name: "ca/root.pem", Mode: 0o640},
	} {
		if err := w.Add(p, strings.NewReader(content(p.Kind))); err != nil {
			return nil, 0, errors.Join(err, w.Abort())
		}
	}
	return w.Finish([]Missing{{Kind: AgentPart, Name: "gone", Controller: "controller", Reason: "away"}})
}

func TestWrittenIsRead(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	m, size, err := sample(disk)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), disk, "/b")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != size || r.Manifest.ID != m.ID || m.ID == "" || len(r.Manifest.Missing) != 1 || r.Manifest.Missing[0].Name != "gone" {
		t.Errorf("%d bytes, manifest %+v", r.Size(), r.Manifest)
	}
	var names []string
	err = r.Each(t.Context(), func(p *Part, body io.Reader) error {
		b, err := io.ReadAll(body)
		if string(b) != content(p.Kind) || int64(len(b)) != p.Bytes || p.SHA256 != fmt.Sprintf("%x", sha256.Sum256(b)) {
			t.Errorf("%s: %d bytes, %v", p, len(b), err)
		}
		names = append(names, p.File)
		return err
	})
	want := []string{"controller/controller.copy", "agent/controller/a%2Fb.copy", "cockpit/cockpit.db", "files/ca/root.pem"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("files %q, %v", names, err)
	}
	if len(r.Manifest.Find(AgentPart, "a/b")) != 1 || len(r.Manifest.Find(AgentPart, "")) != 1 || len(r.Manifest.Find(FilePart, "x")) != 0 {
		t.Error("Find doesn't")
	}
	if list, err := disk.List("/"); err != nil || len(list) != 1 {
		t.Errorf("there is more than the file: %v, %v", list, err)
	}
}

// Any change of any byte, and any end that is too early, is found.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	if _, _, err := sample(disk); err != nil {
		t.Fatal(err)
	}
	whole, err := fsys.ReadFile(disk, "/b", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		if err := fsys.WriteFileAtomic(disk, "/bad", b); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), disk, "/bad")
		if err == nil {
			_ = r.Close() // it is only read
		}
		if !fault.HasCode(err, "BackupDamaged") && !fault.HasCode(err, "BackupTooNew") || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d of %d flipped", i, len(whole)), b)
		try(fmt.Sprintf("%d bytes of %d", i, len(whole)), whole[:i])
	}
	try("more", append(bytes.Clone(whole), 0))
}

// Whatever operation of the disk fails, there is the whole file or none, and
// nothing beside it.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		mem := fsys.NewMem()
		disk := fsys.NewFailing(mem, fsys.Rule{Nth: n, Err: syscall.ENOSPC})
		_, _, err := sample(disk)
		if err == nil {
			if n < 10 {
				t.Errorf("only %d operations", n)
			}
			return
		}
		if !fault.HasCode(err, "NoSpace") && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("operation %d: %v", n, err)
		}
		if r, err := Open(t.Context(), mem, "/b"); err == nil {
			_ = r.Close() // it is only read
		} else if list, lerr := mem.List("/"); lerr == nil && slices.ContainsFunc(list, func(i fsys.Info) bool { return i.Name == "b" }) {
			t.Errorf("operation %d left a file that isn't one: %v", n, err)
		}
	}
}

// A stream's parts arrive as they were sent; one that is cut anywhere isn't whole.
func TestStream(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := NewSender(&b)
	for _, kind := range []string{ControllerPart, AgentPart, CockpitPart} {
		if err := s.Send(Part{Kind: kind, Name: "n"}, func(w io.Writer) error { _, err := io.WriteString(w, content(kind)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.End([]Missing{{Kind: AgentPart, Name: "gone"}}); err != nil {
		t.Fatal(err)
	}
	receive := func(b []byte, skip bool) (kinds []string, missing []Missing, err error) {
		r := NewReceiver(bytes.NewReader(b))
		for {
			p, err := r.Next()
			if errors.Is(err, io.EOF) {
				return kinds, r.Missing, nil
			}
			if err != nil {
				return kinds, nil, err
			}
			kinds = append(kinds, p.Kind)
			if skip {
				continue
			}
			got, err := io.ReadAll(r)
			if err != nil {
				return kinds, nil, err
			}
			if string(got) != content(p.Kind) {
				t.Errorf("%s has %d bytes", p.Kind, len(got))
			}
		}
	}
	for _, skip := range []bool{false, true} {
		kinds, missing, err := receive(b.Bytes(), skip)
		if err != nil || len(kinds) != 3 || len(missing) != 1 {
			t.Errorf("got %q, %v, %v", kinds, missing, err)
		}
	}
	for n := 0; n < b.Len(); n++ {
		if n > 200 && n < b.Len()-200 {
			n += 50
		}
		if _, _, err := receive(b.Bytes()[:n], false); !fault.HasCode(err, "BackupCut") {
			t.Fatalf("%d bytes of %d: %v", n, b.Len(), err)
		}
	}
	b.Reset()
	why := fault.New(fault.NoSpace, "NoSpace", "the disk is full")
	if err := s.Send(Part{Kind: AgentPart, Name: "n"}, func(io.Writer) error { return why }); !errors.Is(err, why) {
		t.Errorf("sending: %v", err)
	}
	if err := s.Fail(why); err != nil {
		t.Fatal(err)
	}
	if _, _, err := receive(b.Bytes(), true); !fault.HasCode(err, "NoSpace") || !fault.Is(err, fault.NoSpace) {
		t.Errorf("received: %v", err)
	}
}

func TestManifestIsChecked(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct{ text, code string }{
		"no JSON":         {`{`, "BackupDamaged"},
		"later":           {`{"format":2}`, "BackupTooNew"},
		"empty":           {`{"format":1}`, "BackupDamaged"},
		"unknown kind":    {`{"format":1,"id":"x","time":1,"parts":[{"kind":"x","name":"n","file":"x/n.copy"}]}`, "BackupDamaged"},
		"another file":    {`{"format":1,"id":"x","time":1,"parts":[{"kind":"agent","name":"n","file":"agent/x/n.copy"}]}`, "BackupDamaged"},
		"twice":           {`{"format":1,"id":"x","time":1,"parts":[{"kind":"file","name":"n","file":"files/n"},{"kind":"file","name":"n","file":"files/n"}]}`, "BackupDamaged"},
		"outside":         {`{"format":1,"id":"x","time":1,"parts":[{"kind":"file","name":"../n","file":"n"}]}`, "BackupDamaged"},
		"absolute":        {`{"format":1,"id":"x","time":1,"parts":[{"kind":"file","name":"/n","file":"files/n"}]}`, "BackupDamaged"},
		"negative length": {`{"format":1,"id":"x","time":1,"parts":[{"kind":"file","name":"n","file":"files/n","bytes":-1}]}`, "BackupDamaged"},
	} {
		if _, err := readManifest([]byte(k.text)); !fault.HasCode(err, k.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReceiver(f *testing.F) {
	var b bytes.Buffer
	s := NewSender(&b)
	_ = s.Send(Part{Kind: AgentPart, Name: "n"}, func(w io.Writer) error { _, err := io.WriteString(w, "abc"); return err })
	_ = s.End(nil)
	f.Add(b.Bytes())
	f.Add([]byte{2, '{', '}'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(_ *testing.T, data []byte) {
		r := NewReceiver(bytes.NewReader(data))
		for {
			if _, err := r.Next(); err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				return
			}
		}
	})
}

// FuzzOpen gives a file's archive any content, with a sum that fits.
func FuzzOpen(f *testing.F) {
	disk := fsys.NewMem()
	if _, _, err := sample(disk); err != nil {
		f.Fatal(err)
	}
	whole, err := fsys.ReadFile(disk, "/b", 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	first := len(skipFrame([]byte(magic)))
	f.Add(whole[first : len(whole)-skipHead-sha256.Size])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, archive []byte) {
		b := append(skipFrame([]byte(magic)), archive...)
		sum := sha256.Sum256(b)
		disk := fsys.NewMem()
		if err := fsys.WriteFileAtomic(disk, "/b", append(b, skipFrame(sum[:])...)); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), disk, "/b")
		if err != nil {
			return
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
