package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/gitsource"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/trust"
)

// gitFlags say that the files come from a commit, not from the disk.
type gitFlags struct {
	commit, repository, folder, trusted string
}

func (f *gitFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.commit, "commit", "", "take the files of this Git commit, branch or tag, not those that lie here")
	flags.StringVar(&f.repository, "repository", ".", "a folder of the Git repository")
	flags.StringVar(&f.folder, "folder", "", "the folder in the repository that holds the object files (default: its root)")
	flags.StringVar(&f.trusted, "trusted-signers", "", "only if the commit, or the annotated tag, is signed by a key in this folder, which is like config/private of a part: trusted-ssh-keys, trusted-pgp-keys")
}

func (f *gitFlags) given() bool { return f.commit != "" }

// check tells whether the flags fit the arguments: files are named, or a commit.
func (f *gitFlags) check(args []string) error {
	switch {
	case f.given() && len(args) > 0:
		return Usage("--commit says where the files are: no PATH beside it; --folder names the folder in the repository")
	case f.given():
		return nil
	case f.folder != "" || f.trusted != "" || f.repository != ".":
		return Usage("--repository, --folder and --trusted-signers are for the files of a --commit")
	case len(args) == 0:
		return Usage("there is nothing to take files from: name files or folders, or a Git commit by --commit")
	}
	return nil
}

// gitFiles are the files of a commit.
type gitFiles struct {
	parcel
	commit *gitsource.Commit
	signer string // who has signed it; "": that wasn't looked at
}

// origin tells where the files come from, for the reason of a deployment.
func (g *gitFiles) origin() string {
	text := "from commit " + g.commit.Short() + " of " + g.from
	if g.commit.Tag != nil {
		text += ", tag " + g.commit.Tag.Name
	}
	text += ", by " + g.commit.Author
	if g.signer != "" {
		text += ", signed by " + g.signer
	}
	return printable(text)
}

// read takes the files of the commit, after its signature was found good, if that is
// asked for.
func (f *gitFlags) read(ctx context.Context, s *session) (files *gitFiles, err error) {
	var trusted *trust.Set
	if f.trusted != "" {
		if trusted, err = trustedSigners(f.trusted); err != nil {
			return nil, err
		}
	}
	repository, err := gitsource.Open(ctx, f.repository, s.env["PATH"])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, repository.Close()) }()
	commit, err := repository.Commit(ctx, f.commit)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Abs(f.repository)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "CannotRead", err, "%s", err)
	}
	files = &gitFiles{commit: commit, parcel: parcel{from: filepath.Base(name)}}
	if trusted != nil {
		if files.signer, err = commitSigner(trusted, commit); err != nil {
			return nil, err
		}
	}
	l := archive.DefaultLimits()
	files.files, err = repository.Files(commit, f.folder, gitsource.Limits{Entries: l.Entries, Entry: l.Entry, Total: l.Total})
	return files, err
}

// trustedSigners reads the keys that commits must be signed with.
func trustedSigners(dir string) (*trust.Set, error) {
	if !exists(dir) {
		return nil, fault.New(fault.NotFound, "FileNotFound", "the folder %s with trusted signers doesn't exist", dir)
	}
	set, err := trust.Load(trust.Dirs{PGP: filepath.Join(dir, "trusted-pgp-keys"), SSH: filepath.Join(dir, "trusted-ssh-keys")}, trust.Policy{})
	if err != nil {
		return nil, err
	}
	if len(set.Signers()) == 0 {
		return nil, fault.New(fault.Invalid, "NoTrustedSigners", "%s holds no key that can sign commits: public keys belong into its folders trusted-ssh-keys (*.pub) and trusted-pgp-keys (*.asc)", dir)
	}
	return set, nil
}

// commitSigner returns who has signed a commit, or the tag by which it was named. A
// tag that is signed must be signed well, even where its commit is, too.
func commitSigner(trusted *trust.Set, c *gitsource.Commit) (string, error) {
	what, signed := "the commit "+c.Short(), c.Signed
	if c.Tag != nil && len(c.Tag.Signed.Signature) > 0 {
		what, signed = "the tag "+printable(c.Tag.Name), c.Tag.Signed
	}
	v, err := trusted.VerifyGit(signed.Payload, signed.Signature, time.Now())
	if err != nil {
		return "", fault.Of(err).About(what)
	}
	return v.Signer().Name, nil
}

// fileSource is where a verb takes object files from.
type fileSource struct {
	objectfile.Source
	paths  []string
	origin string // of a commit; else ""
}

// source returns what the flags and arguments name.
func (f *gitFlags) source(ctx context.Context, s *session, args []string) (*fileSource, error) {
	if err := f.check(args); err != nil {
		return nil, err
	}
	if !f.given() {
		return &fileSource{Source: objectfile.Disk{}, paths: args}, nil
	}
	files, err := f.read(ctx, s)
	if err != nil {
		return nil, err
	}
	return &fileSource{Source: newTree(files.files), paths: []string{treeRoot}, origin: files.origin()}, nil
}

// collect returns the object files of the source; there is at least one.
func (f *fileSource) collect(code string) ([]objectfile.Object, error) {
	objects, err := objectfile.Collect(f.paths, f.Source)
	if err == nil && len(objects) == 0 {
		err = fault.New(fault.Invalid, code, "there are no object files in what was named; they are called like NAME.workflow.json")
	}
	return objects, err
}

// reason returns the reason of a deployment with where its files come from.
func (f *fileSource) reason(given string) string { return reasonFrom(given, f.origin) }

// maxReason is how long a reason may be that was put together, in bytes.
const maxReason = 2000

func reasonFrom(given, origin string) string {
	if origin == "" {
		return given
	}
	text := strings.TrimPrefix(given+"; "+origin, "; ")
	for len(text) > maxReason {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// treeRoot is the folder that all files of a tree lie in.
const treeRoot = "."

// tree is the Source of files that are in memory, in folders.
type tree struct {
	files   map[string][]byte
	folders map[string][]fs.DirEntry // sorted
}

func newTree(files map[string][]byte) *tree {
	t := &tree{files: files, folders: map[string][]fs.DirEntry{treeRoot: nil}}
	for name, data := range files {
		t.folders[path.Dir(name)] = append(t.folders[path.Dir(name)], fs.FileInfoToDirEntry(treeFile{path.Base(name), int64(len(data)), false}))
	}
	known := map[string]bool{treeRoot: true}
	for name := range files {
		for dir := path.Dir(name); !known[dir]; dir = path.Dir(dir) {
			known[dir] = true
			t.folders[path.Dir(dir)] = append(t.folders[path.Dir(dir)], fs.FileInfoToDirEntry(treeFile{path.Base(dir), 0, true}))
		}
	}
	for _, entries := range t.folders {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	}
	return t
}

func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// Open implements objectfile.Source.
func (t *tree) Open(name string) (fs.File, error) {
	data, ok := t.files[filepath.ToSlash(name)]
	if !ok {
		return nil, missing("open", name)
	}
	return &openFile{strings.NewReader(string(data)), treeFile{path.Base(name), int64(len(data)), false}}, nil
}

// ReadDir implements objectfile.Source.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, ok := t.folders[filepath.ToSlash(name)]
	if !ok {
		return nil, missing("readdir", name)
	}
	return slices.Clone(entries), nil
}

// Lstat implements objectfile.Source.
func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	name = filepath.ToSlash(name)
	if data, ok := t.files[name]; ok {
		return treeFile{path.Base(name), int64(len(data)), false}, nil
	}
	if _, ok := t.folders[name]; ok {
		return treeFile{path.Base(name), 0, true}, nil
	}
	return nil, missing("lstat", name)
}

type openFile struct {
	*strings.Reader
	info treeFile
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// treeFile is a file or folder of a tree.
type treeFile struct {
	name   string
	size   int64
	folder bool
}

func (f treeFile) Name() string     { return f.name }
func (f treeFile) Size() int64      { return f.size }
func (treeFile) ModTime() time.Time { return time.Time{} }
func (f treeFile) IsDir() bool      { return f.folder }
func (treeFile) Sys() any           { return nil }

func (f treeFile) Mode() fs.FileMode {
	if f.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
