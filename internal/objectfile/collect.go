package objectfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Source is where files are read from, in production Disk. Its ReadDir returns
// entries sorted by name.
type Source interface {
	Open(name string) (fs.File, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Lstat(name string) (fs.FileInfo, error)
}

// Disk is the Source of files on this machine. It doesn't open symbolic links
// and anything else that isn't a regular file.
type Disk struct{}

// Open opens a regular file.
func (Disk) Open(name string) (fs.File, error) {
	before, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		_ = f.Close() // nothing was written
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return f, nil
}

// ReadDir returns the entries of a folder, sorted by name.
func (Disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Lstat returns what is known of a file, not following a symbolic link.
func (Disk) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// Collect reads the object files that paths name: single files with the
// evidence beside them, and all files below folders, but for names that begin
// with a dot. Below a folder, the object's path is the file's place; for a
// single file it is the file's name, or the path that the document states,
// which must end with that name. Symbolic links are not followed.
//
// Everything wrong is reported at once, with the file's name: a file that is
// no object file, signature or certificate; two files for one object; YAML
// that can't be converted; evidence that is empty or belongs to nothing. The
// error is a *fault.Error: Untrusted, code InvalidEvidence, when all problems
// are about evidence; NotFound, code FileNotFound, when nothing but missing
// files is wrong; TooLarge, code TooManyFiles; else Invalid, code
// InvalidFiles. Objects are sorted by key. Whether the documents are valid is
// told by Validate.
func Collect(paths []string, source Source) ([]Object, error) {
	c := newCollector(source)
	for _, p := range paths {
		p = filepath.Clean(p)
		info, err := source.Lstat(p)
		switch {
		case err != nil:
			c.readError(p, err)
		case info.IsDir():
			c.folder(p, "", 0)
		case !info.Mode().IsRegular():
			c.report(fault.Invalid, p, "%s", notRegular(info.Mode()))
		default:
			c.single(p)
		}
		if c.tooLarge != nil {
			return nil, c.tooLarge
		}
	}
	c.attachEvidence()
	if c.tooLarge != nil {
		return nil, c.tooLarge
	}
	return c.result()
}

func newCollector(source Source) *collector {
	return &collector{source: source, byFile: map[string]*Object{}, byKey: map[item.Key]string{}, kinds: map[fault.Kind]bool{}}
}

type collector struct {
	source   Source
	byFile   map[string]*Object
	byKey    map[item.Key]string // the file of each key
	evidence []string            // files, in the order found
	problems []fault.Problem
	more     int
	kinds    map[fault.Kind]bool // of the problems
	files    int
	bytes    int64
	tooLarge error // ends everything
}

// maxProblems is how many problems Collect reports.
const maxProblems = 200

func (c *collector) report(kind fault.Kind, file, format string, args ...any) {
	c.kinds[kind] = true
	if len(c.problems) >= maxProblems {
		c.more++
		return
	}
	c.problems = append(c.problems, fault.Problem{Where: file, Message: fmt.Sprintf(format, args...)})
}

func (c *collector) result() ([]Object, error) {
	if len(c.problems) > 0 {
		e := fault.New(fault.Invalid, "InvalidFiles", "the files can't be used")
		switch {
		case len(c.kinds) > 1:
		case c.kinds[fault.Untrusted]:
			e = fault.New(fault.Untrusted, "InvalidEvidence", "the signature files can't be used")
		case c.kinds[fault.NotFound]:
			e = fault.New(fault.NotFound, "FileNotFound", "files are missing")
		}
		e.Problems = c.problems
		if c.more > 0 {
			e.Problems = append(e.Problems, fault.Problem{Message: fmt.Sprintf("and %d more problems", c.more)})
		}
		return nil, e
	}
	objects := make([]Object, 0, len(c.byFile))
	for _, o := range c.byFile {
		objects = append(objects, *o)
	}
	slices.SortFunc(objects, func(a, b Object) int { return a.Key.Compare(b.Key) })
	return objects, nil
}

// readError reports what the source says, in words for users.
func (c *collector) readError(file string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.report(fault.NotFound, file, "the file doesn't exist")
	case errors.Is(err, fs.ErrPermission):
		c.report(fault.Invalid, file, "the file can't be read: permission denied")
	default:
		c.report(fault.Invalid, file, "the file can't be read: %v", err)
	}
}

func notRegular(mode fs.FileMode) string {
	if mode&fs.ModeSymlink != 0 {
		return "this is a symbolic link, which is not followed; name the file itself"
	}
	return "this is neither a file nor a folder"
}

// folder takes everything in a folder; place is its path below the root.
func (c *collector) folder(dir, place string, depth int) {
	if depth > maxFolders {
		c.report(fault.Invalid, dir, "folders are nested deeper than %d", maxFolders)
		return
	}
	entries, err := c.source.ReadDir(dir)
	if err != nil {
		c.readError(dir, err)
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		file := filepath.Join(dir, name)
		switch {
		case c.tooLarge != nil:
			return
		case strings.HasPrefix(name, "."):
		case entry.IsDir():
			c.folder(file, path.Join(place, name), depth+1)
		case !entry.Type().IsRegular():
			c.report(fault.Invalid, file, "%s", notRegular(entry.Type()))
		default:
			c.file(file, path.Join(place, name))
		}
	}
}

// file takes a file by its place below the root.
func (c *collector) file(file, place string) {
	if _, _, ok := cutEvidence(file); ok {
		c.evidence = append(c.evidence, file)
		return
	}
	if key, isYAML, err := KeyOf(place); err != nil {
		c.report(fault.Invalid, file, "%s", fault.Of(err).Public())
	} else if o := c.read(file, key, isYAML); o != nil {
		c.add(o)
	}
}

// single takes a file that was named itself, and the evidence beside it.
func (c *collector) single(file string) {
	if _, _, ok := cutEvidence(file); ok {
		c.evidence = append(c.evidence, file)
		return
	}
	key, isYAML, err := KeyOf(filepath.Base(file))
	if err != nil {
		c.report(fault.Invalid, file, "%s", fault.Of(err).Public())
		return
	}
	o := c.read(file, key, isYAML)
	if o == nil {
		return
	}
	if stated, ok := statedPath(o.Bytes); ok && key.Kind != item.KindAgentRef {
		if path.Base(stated) != key.Path {
			c.report(fault.Invalid, o.Locate("$.path"), "the document states the path %s, but the file is named %s", excerpt(stated), filepath.Base(file))
			return
		}
		o.Key.Path = stated
		if err := o.Key.Check(); err != nil {
			c.report(fault.Invalid, o.Locate("$.path"), "%s", fault.Of(err).Public())
			return
		}
	}
	c.add(o)
	for _, suffix := range EvidenceSuffixes() {
		if _, err := c.source.Lstat(file + suffix); err == nil {
			c.evidence = append(c.evidence, file+suffix)
		}
	}
}

// statedPath returns the path in a document, as far as it can be read;
// Validate tells what is wrong with the rest.
func statedPath(document []byte) (string, bool) {
	n, err := strictjson.Parse(document, workflow.DocumentLimits())
	if err != nil {
		return "", false
	}
	p, ok := n.Get("path")
	if !ok || p.Kind != strictjson.String {
		return "", false
	}
	return p.Text, true
}

// read returns the object in a file, or nil after reporting why not.
func (c *collector) read(file string, key item.Key, isYAML bool) *Object {
	data, ok := c.contents(file, MaxDocument, fault.Invalid)
	if !ok {
		return nil
	}
	o := &Object{Key: key, File: file, Bytes: data, YAML: isYAML, Source: data}
	if !isYAML {
		return o
	}
	var err error
	if o.yaml, o.Bytes, err = readYAML(data); err != nil {
		for _, p := range o.located(err) {
			c.report(fault.Invalid, p.Where, "%s", p.Message)
		}
		return nil
	}
	return o
}

func (c *collector) add(o *Object) {
	if same := c.byFile[o.File]; same != nil {
		if same.Key != o.Key {
			c.report(fault.Invalid, o.File, "the file is named twice, once as %s and once as %s", same.Key, o.Key)
		}
		return
	}
	if other, taken := c.byKey[o.Key]; taken {
		c.report(fault.Invalid, o.File, "%s is already in the file %s", o.Key, other)
		return
	}
	c.byFile[o.File], c.byKey[o.Key] = o, o.File
}

// contents reads a file within the limits; kind is what a too large one is
// reported as.
func (c *collector) contents(file string, limit int64, kind fault.Kind) ([]byte, bool) {
	if c.files++; c.files > MaxFiles {
		c.tooLarge = fault.New(fault.TooLarge, "TooManyFiles", "more than %d files; deploy in smaller parts", MaxFiles)
		return nil, false
	}
	data, err := c.load(file, limit)
	if err != nil {
		c.readError(file, err)
		return nil, false
	}
	if int64(len(data)) > limit {
		c.report(kind, file, "the file is larger than %d bytes", limit)
		return nil, false
	}
	if c.bytes += int64(len(data)); c.bytes > MaxTotal {
		c.tooLarge = fault.New(fault.TooLarge, "TooManyFiles", "the files are larger than %d bytes together; deploy in smaller parts", MaxTotal)
		return nil, false
	}
	return data, true
}

// load reads a file, or one byte more than allowed.
func (c *collector) load(file string, limit int64) ([]byte, error) {
	if here, ok := c.source.(inMemory); ok {
		return here.bytes(file)
	}
	f, err := c.source.Open(file)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	_ = f.Close() // read only
	return data, err
}

// attachEvidence gives each evidence file to its document. A document that was
// refused has been reported already; its evidence isn't reported again.
func (c *collector) attachEvidence() {
	slices.Sort(c.evidence)
	for _, file := range slices.Compact(c.evidence) {
		document, suffix, _ := cutEvidence(file)
		o := c.byFile[document]
		switch {
		case c.tooLarge != nil:
			return
		case o == nil:
			if _, err := c.source.Lstat(document); err != nil {
				c.report(fault.Untrusted, file, "the signature belongs to no document: %s doesn't exist", filepath.Base(document))
			} else if len(c.problems) == 0 {
				c.report(fault.Untrusted, file, "the signature belongs to %s, which is not among the files named", filepath.Base(document))
			}
			continue
		case o.YAML:
			c.report(fault.Untrusted, file, "a YAML file can't carry a signature: sign its JSON form")
			continue
		}
		info, err := c.source.Lstat(file)
		if err == nil && !info.Mode().IsRegular() {
			c.report(fault.Untrusted, file, "%s", notRegular(info.Mode()))
			continue
		}
		data, ok := c.contents(file, MaxEvidence, fault.Untrusted)
		if !ok {
			continue
		}
		if len(data) == 0 {
			c.report(fault.Untrusted, file, "the file is empty")
			continue
		}
		if isPrivateKey(data) {
			c.report(fault.Untrusted, file, keyNotEvidence)
			continue
		}
		if o.Evidence == nil {
			o.Evidence = map[string][]byte{}
		}
		o.Evidence[suffix] = data
	}
}
