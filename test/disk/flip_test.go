package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/journal"
	"github.com/signet-scheduler/signet/test/cluster"
)

// folder is a folder's files, by path from the folder.
type folder map[string][]byte

// readFolder reads a journal's files, without the space they only hold.
func readFolder(t *testing.T, dir string) folder {
	t.Helper()
	files := folder{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "spare" || d.Name() == "manifest.next" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if filepath.Ext(name) == ".seg" {
			b = append(bytes.TrimRight(b, "\x00"), make([]byte, 64)...)
		}
		files[name] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// disk returns the folder as a disk of its own.
func (f folder) disk(t *testing.T) *fsys.Mem {
	t.Helper()
	mem := fsys.NewMem()
	for _, d := range []string{"log", "snapshots", "tmp"} {
		if err := mem.MkdirAll(filepath.Join("/j", d)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range f {
		file, err := mem.Create(filepath.Join("/j", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return mem
}

// content is all that a journal holds.
type content struct {
	ID       string
	Hard     journal.HardState
	Meta     journal.Meta
	Entries  []journal.Entry
	Snapshot []byte
}

// readJournal opens a journal and reads all of it.
func readJournal(disk fsys.FS) (c content, err error) {
	j, err := journal.Open(journal.Options{FS: disk, Dir: "/j", SegmentBytes: 64 << 10})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	c.ID, c.Hard = j.ID(), j.HardState()
	c.Meta, _ = j.Snapshot()
	for next := j.First(); next <= j.Last(); {
		list, err := j.Entries(next, j.Last()+1, 1<<20)
		if err != nil {
			return c, err
		}
		c.Entries = append(c.Entries, list...)
		next += uint64(len(list))
	}
	r, err := j.OpenSnapshot()
	if err != nil || r == nil {
		return c, err
	}
	defer r.Close()
	c.Snapshot, err = io.ReadAll(r)
	return c, err
}

// partsFolders runs a Controller and an Agent for a while, and returns their
// journals.
func partsFolders(t *testing.T) map[string]folder {
	t.Helper()
	c := cluster.New(t, 1, 1)
	if err := c.DeployAgents(); err != nil {
		t.Fatal(err)
	}
	if err := c.Deploy(`{"TYPE":"Workflow","path":"W","versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"echo hello"}}}]}`); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		id := fmt.Sprintf("O-%d", i)
		order := map[string]any{"id": id, "workflowPath": "W"}
		if err := c.Command("AddOrders", map[string]any{"orders": []any{order}}); err != nil {
			t.Fatal(err)
		}
		c.Eventually("the order ends", func() bool { return c.State(id) == "Finished" })
		if i == 3 {
			if err := c.Command("TakeSnapshot", nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(c.Controllers[0].Running.Close(), c.Agents[0].Running.Close()); err != nil {
		t.Fatal(err)
	}
	c.Controllers[0].Running, c.Agents[0].Running = nil, nil
	return map[string]folder{
		"controller": readFolder(t, filepath.Join(c.Controllers[0].Data, "journal")),
		"agent":      readFolder(t, filepath.Join(c.Agents[0].Data, "journal")),
	}
}

// Whatever bit flips in a journal or a snapshot: it isn't opened, with an error
// that names the file, or nothing of it is missing or different.
func TestFlippedBitInJournals(t *testing.T) {
	t.Parallel()
	for part, files := range partsFolders(t) {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			want, err := readJournal(files.disk(t))
			if err != nil || len(want.Entries) == 0 || part == "controller" && len(want.Snapshot) == 0 {
				t.Fatalf("%d entries, %d bytes of snapshot, %v", len(want.Entries), len(want.Snapshot), err)
			}
			tried, harmless := 0, 0
			for name, b := range files {
				for at := range b {
					tried++
					if flip(t, files, name, at, &want) {
						harmless++
					}
				}
			}
			t.Logf("%d bytes; %d changed nothing that counts", tried, harmless)
			if 10*harmless > tried {
				t.Error("that are too many")
			}
		})
	}
}

// flip flips a bit and tells whether it made no difference.
func flip(t *testing.T, files folder, name string, at int, want *content) bool {
	t.Helper()
	bit := byte(1) << (at % 8)
	files[name][at] ^= bit
	disk := files.disk(t)
	files[name][at] ^= bit
	got, err := readJournal(disk)
	var f *fault.Error
	switch {
	case err == nil:
		if !reflect.DeepEqual(got, *want) {
			t.Errorf("byte %d of %s: another content is taken for good", at, name)
		}
		return true
	case !errors.As(err, &f) || f.Kind != fault.Corrupt:
		t.Errorf("byte %d of %s: %v", at, name, err)
	case !strings.Contains(err.Error(), "/j/"):
		t.Errorf("byte %d of %s: the error names no file: %v", at, name, err)
	}
	return false
}

// A flipped bit in a task's log ends what can be read of it, or changes nothing.
func TestFlippedBitInTaskLogs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "task.log")
	c, err := joblog.Create(file, joblog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := fmt.Fprintf(c.Stdout(), "line %d of the output\n", i); err != nil {
			t.Fatal(err)
		}
		c.Mark("a mark")
	}
	if _, err := c.Finish(time.Minute); err != nil {
		t.Fatal(err)
	}
	whole := readFile(t, file)
	want, err := readLog(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[at] ^= 1 << bit
			writeFile(t, file, b)
			got, err := readLog(file)
			if !strings.HasPrefix(want, got) || err == nil && got != want {
				t.Errorf("bit %d of byte %d: read %q, %v", bit, at, got, err)
			}
		}
	}
}

// readLog returns what a task's log says; the error tells that it isn't whole.
func readLog(file string) (string, error) {
	r, err := joblog.Open(file)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var text strings.Builder
	for {
		f, err := r.Next()
		if errors.Is(err, joblog.ErrEnded) {
			return text.String() + "end", nil
		}
		if err != nil {
			return text.String(), err
		}
		fmt.Fprintf(&text, "%d %d %s\n", f.Channel, f.Time.UnixMilli(), f.Data)
	}
}
