package objectfile

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// metaFile is the entry by which an archive of JS7's JOC Cockpit is known.
const metaFile = "meta_inf"

// maxMeta bounds that entry, in bytes.
const maxMeta = 64 << 10

// Entries are the files of an archive, by their names in it.
type Entries struct {
	files map[string][]byte
	same  map[string][]byte // certificates, which many documents have in common
}

// Add takes a file. The data is kept.
func (e *Entries) Add(name string, data []byte) {
	if e.files == nil {
		e.files, e.same = map[string][]byte{}, map[string][]byte{}
	}
	if strings.HasSuffix(name, ".pem") {
		if known, ok := e.same[string(data)]; ok {
			data = known
		} else {
			e.same[string(data)] = data
		}
	}
	e.files[name] = data
}

// Contents is what stands in an archive.
type Contents struct {
	Objects []Object // by key; File is the name in the archive
	// Bare has, for an archive of JS7, the keys by which documents name objects
	// that lie in folders: JS7's names have no folder.
	Bare map[item.Key]item.Key
	// Release is the manifest that lists the documents without evidence; nil: there
	// is none.
	Release *Release
}

// Contents reads the files: documents, each with its evidence beside it, and
// nothing else. Names of files give paths as below a folder that Collect reads.
//
// An archive of JS7's JOC Cockpit is known by its entry meta_inf. A document in it
// may state its name as its path, as JS7's Controllers want it: then that is its
// path, whatever folder it lies in.
//
// The error is that of Collect, with the names of entries.
func (e *Entries) Contents() (Contents, error) {
	c := newCollector(inMemory{e})
	meta, foreign := e.files[metaFile]
	var releases []string // manifests, and evidence of such
	for _, name := range slices.Sorted(maps.Keys(e.files)) {
		switch {
		case c.tooLarge != nil:
			return Contents{}, c.tooLarge
		case name == metaFile:
		case isRelease(name):
			releases = append(releases, name)
		case strings.HasPrefix(name, ".") || strings.Contains(name, "/."):
			c.report(fault.Invalid, name, "a hidden file is no object file, signature or certificate")
		default:
			c.file(name, name)
		}
	}
	if foreign {
		if _, err := strictjson.Parse(meta, strictjson.Limits{MaxBytes: maxMeta}); err != nil {
			c.report(fault.Invalid, metaFile, "%s", fault.Of(err).Public())
		}
		c.stated()
	}
	c.attachEvidence()
	if c.tooLarge != nil {
		return Contents{}, c.tooLarge
	}
	brought := c.release(releases, e.files)
	objects, err := c.result()
	if err != nil {
		return Contents{}, err
	}
	out := Contents{Objects: objects, Release: brought}
	if foreign {
		out.Bare = bare(objects)
	}
	return out, nil
}

// stated gives documents that state their own name as their path that path.
func (c *collector) stated() {
	taken := map[item.Key]string{}
	for _, file := range slices.Sorted(maps.Keys(c.byFile)) {
		o := c.byFile[file]
		if p, ok := statedPath(o.Bytes); ok && p == path.Base(o.Key.Path) {
			o.Key.Path = p
		}
		if other, twice := taken[o.Key]; twice {
			c.report(fault.Invalid, file, "%s is already in the file %s", o.Key, other)
		}
		taken[o.Key] = file
	}
}

// bare returns the keys without folders of those that have one, as far as they
// tell objects apart.
func bare(objects []Object) map[item.Key]item.Key {
	names, taken := map[item.Key]item.Key{}, map[item.Key]int{}
	for i := range objects {
		key := objects[i].Key
		name := item.Key{Kind: key.Kind, Path: path.Base(key.Path)}
		taken[name]++
		if name != key {
			names[name] = key
		}
	}
	maps.DeleteFunc(names, func(name, _ item.Key) bool { return taken[name] > 1 })
	return names
}

// inMemory is the Source of files that are here already.
type inMemory struct{ *Entries }

func (m inMemory) bytes(name string) ([]byte, error) {
	if data, ok := m.files[name]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

// Open implements Source. The files are taken by bytes.
func (m inMemory) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// ReadDir implements Source. All files are named.
func (m inMemory) ReadDir(name string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
}

// Lstat implements Source.
func (m inMemory) Lstat(name string) (fs.FileInfo, error) {
	data, ok := m.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return fileInfo{path.Base(name), int64(len(data))}, nil
}

// fileInfo is that of a regular file.
type fileInfo struct {
	name string
	size int64
}

func (f fileInfo) Name() string     { return f.name }
func (fileInfo) Mode() fs.FileMode  { return 0o444 }
func (f fileInfo) Size() int64      { return f.size }
func (fileInfo) ModTime() time.Time { return time.Time{} }
func (fileInfo) IsDir() bool        { return false }
func (fileInfo) Sys() any           { return nil }
