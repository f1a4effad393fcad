package app

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// replacement puts new content into a folder in one step, as seen after any
// interruption: all is written aside and made durable, then a list of renames
// is, and then they are carried out. Whoever opens the folder next finishes
// what the list says (finishReplacement); without a list nothing has happened.
type replacement struct {
	dir  string
	disk fsys.FS
}

// Names in the folder that are never replaced.
const (
	asideName      = ".restore"
	replacedPrefix = "replaced-"
	lockName       = "lock"
	movesName      = "moves.json"
)

// move is one rename, of names below the folder.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// beginReplacement makes an empty place aside. The folder is locked.
func beginReplacement(dir string) (*replacement, error) {
	r := &replacement{dir, fsys.Real{}}
	if err := fsys.RemoveAll(r.disk, filepath.Join(dir, asideName)); err != nil {
		return nil, err
	}
	return r, r.disk.MkdirAll(r.path("."))
}

// path returns where what is to be called name is written.
func (r *replacement) path(name string) string { return filepath.Join(r.dir, asideName, "new", name) }

// scratch returns a place for what is needed only meanwhile.
func (r *replacement) scratch(name string) string { return filepath.Join(r.dir, asideName, name) }

// abandon removes what was written aside.
func (r *replacement) abandon() error {
	return fsys.RemoveAll(r.disk, filepath.Join(r.dir, asideName))
}

// commit makes what was written the folder's content. What was there goes to a
// folder of its own, whose name it returns; "" if there was nothing.
func (r *replacement) commit(now time.Time, keep string) (replaced string, err error) {
	if replaced, err = r.decide(now, keep); err != nil {
		return "", err
	}
	return replaced, finishReplacement(r.dir)
}

// decide makes the list of renames, durably: from now on they will be made.
func (r *replacement) decide(now time.Time, keep string) (replaced string, err error) {
	if err := syncTree(r.disk, r.path(".")); err != nil {
		return "", err
	}
	fresh, err := r.disk.List(r.path("."))
	if err != nil {
		return "", err
	}
	old, err := contents(r.disk, r.dir, keep)
	if err != nil {
		return "", err
	}
	var moves []move
	if len(old) > 0 {
		replaced = replacedPrefix + now.UTC().Format("20060102T150405.000Z")
		if err := r.disk.MkdirAll(filepath.Join(r.dir, replaced)); err != nil {
			return "", err
		}
		for _, name := range old {
			moves = append(moves, move{name, filepath.Join(replaced, name)})
		}
	}
	for _, i := range fresh {
		moves = append(moves, move{filepath.Join(asideName, "new", i.Name), i.Name})
	}
	data, err := json.Marshal(moves)
	if err != nil {
		return "", err
	}
	if err := fsys.WriteFileAtomic(r.disk, r.scratch(movesName), data); err != nil {
		return "", err
	}
	if replaced != "" {
		replaced = filepath.Join(r.dir, replaced)
	}
	return replaced, nil
}

// contents returns the names in a folder that are data: all but the lock, what
// was replaced earlier, and the file to keep.
func contents(disk fsys.FS, dir, keep string) (names []string, err error) {
	list, err := disk.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, i := range list {
		if i.Name == lockName || i.Name == asideName || i.Name == keep || i.Dir && strings.HasPrefix(i.Name, replacedPrefix) {
			continue
		}
		names = append(names, i.Name)
	}
	return names, nil
}

// finishReplacement carries out the renames of a replacement that was
// interrupted, if there is one. The folder is locked. It may be called again.
func finishReplacement(dir string) error {
	disk := fsys.Real{}
	file := filepath.Join(dir, asideName, movesName)
	data, err := fsys.ReadFile(disk, file, 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var moves []move
	if err == nil {
		err = json.Unmarshal(data, &moves)
	}
	for _, m := range moves {
		if err == nil {
			err = carryOut(disk, dir, m)
		}
	}
	if err == nil {
		err = syncDirs(disk, dir, moves)
	}
	if err == nil {
		err = disk.Remove(file)
	}
	if err == nil {
		err = fsys.RemoveAll(disk, filepath.Join(dir, asideName))
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, "RestoreUnfinished", err, "what `signet restore` began in %s can't be finished: %s", dir, err)
	}
	return nil
}

// carryOut makes a rename, unless it was made before: then what is there now
// under the old name is new, and stays.
func carryOut(disk fsys.FS, dir string, m move) error {
	if !filepath.IsLocal(m.From) || !filepath.IsLocal(m.To) {
		return fault.New(fault.Invalid, "BadMove", "a name isn't below the folder: %q, %q", m.From, m.To)
	}
	from, to := filepath.Join(dir, m.From), filepath.Join(dir, m.To)
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	err := disk.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDirs(disk fsys.FS, dir string, moves []move) error {
	dirs := map[string]bool{dir: true}
	for _, m := range moves {
		dirs[filepath.Dir(filepath.Join(dir, m.From))] = true
		dirs[filepath.Dir(filepath.Join(dir, m.To))] = true
	}
	for d := range dirs {
		if err := disk.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// syncTree makes a folder durable with all that is in it.
func syncTree(disk fsys.FS, dir string) error {
	list, err := disk.List(dir)
	if err != nil {
		return err
	}
	for _, i := range list {
		name := filepath.Join(dir, i.Name)
		if i.Dir {
			err = syncTree(disk, name)
		} else {
			err = syncFile(disk, name)
		}
		if err != nil {
			return err
		}
	}
	return disk.SyncDir(dir)
}

func syncFile(disk fsys.FS, name string) error {
	f, err := disk.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
