package gitsource

import (
	"bytes"
	"encoding/hex"
	"errors"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Modes of what stands in a folder.
const (
	modeFile       = "100644"
	modeExecutable = "100755"
	modeShared     = "100664" // of old versions of git
	modeFolder     = "40000"
	modeLink       = "120000"
	modeModule     = "160000"
)

// entry is one line of a folder.
type entry struct {
	mode, name, id string
}

// Files returns the files in a folder of a commit and below it, by their names
// below that folder; "" is the whole commit. Names that begin with a dot are passed
// over. Links and submodules are refused, and so are names that some system takes
// for others. The error is NotFound, code NoSuchFolder; TooLarge; Invalid; or
// Untrusted, for an object that isn't what it claims to be.
func (r *Repository) Files(c *Commit, folder string, l Limits) (map[string][]byte, error) {
	folder = strings.Trim(folder, "/")
	if folder != "" && (path.Clean(folder) != folder || folder == ".." || strings.HasPrefix(folder, "../")) {
		return nil, fault.New(fault.Invalid, "InvalidFolder", "%s is no folder below the root of a repository", clip(folder))
	}
	w := &walk{repository: r, limits: l, files: map[string][]byte{}}
	tree := c.tree
	at := ""
	for folder != "" {
		name, rest, _ := strings.Cut(folder, "/")
		at, folder = path.Join(at, name), rest
		entries, err := w.entries(tree, at)
		if err != nil {
			return nil, err
		}
		if tree, err = below(entries, name, at); err != nil {
			return nil, err
		}
	}
	return w.files, w.folder(tree, at, "", 0)
}

// below returns the folder of that name.
func below(entries []entry, name, at string) (string, error) {
	for _, e := range entries {
		if e.name != name {
			continue
		}
		if e.mode != modeFolder {
			return "", fault.New(fault.Invalid, "InvalidFolder", "%s is no folder, but %s", clip(at), kindOf(e.mode))
		}
		return e.id, nil
	}
	return "", fault.New(fault.NotFound, "NoSuchFolder", "there is no folder %s in the commit", clip(at))
}

// walk goes through folders.
type walk struct {
	repository *Repository
	limits     Limits
	files      map[string][]byte
	n          int
	total      int64
}

// folder takes all in a folder; at is its place in the commit, place that below the
// root of what is taken.
func (w *walk) folder(tree, at, place string, depth int) error {
	if depth > maxDepth {
		return fault.New(fault.Invalid, "InvalidFolder", "folders are nested deeper than %d", maxDepth).About(clip(at))
	}
	entries, err := w.entries(tree, at)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.name[0] == '.' {
			continue
		}
		here, name := path.Join(at, e.name), path.Join(place, e.name)
		if w.n++; w.n > w.limits.Entries {
			return fault.New(fault.TooLarge, "TooManyFiles", "more than %d files and folders; take a folder of them", w.limits.Entries)
		}
		switch e.mode {
		case modeFolder:
			err = w.folder(e.id, here, name, depth+1)
		case modeFile, modeExecutable, modeShared:
			err = w.file(e.id, here, name)
		default:
			err = fault.New(fault.Invalid, "NoFile", "it is %s; files and folders are taken only", kindOf(e.mode)).About(clip(here))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func kindOf(mode string) string {
	switch mode {
	case modeLink:
		return "a symbolic link"
	case modeModule:
		return "a submodule"
	case modeFile, modeExecutable, modeShared:
		return "a file"
	}
	return "of the unknown mode " + clip(mode)
}

func (w *walk) file(id, at, name string) error {
	data, err := w.object(id, "blob", at, w.limits.Entry)
	if err != nil {
		return err
	}
	if w.total += int64(len(data)); w.total > w.limits.Total {
		return fault.New(fault.TooLarge, "TooManyFiles", "the files have more than %d bytes together; take a folder of them", w.limits.Total)
	}
	w.files[name] = data
	return nil
}

// object is that of the repository, with the place in messages.
func (w *walk) object(id, kind, at string, most int64) ([]byte, error) {
	data, err := w.repository.object(id, kind, most)
	if wrong, ok := errors.AsType[*kindError](err); ok {
		return nil, fault.Wrap(fault.Untrusted, "InvalidObject", err, "%s", wrong.Error()).About(clip(at))
	} else if err != nil {
		return nil, fault.Of(err).About(clip(at))
	}
	return data, nil
}

// entries reads a folder, strictly: in git's order, each name once.
func (w *walk) entries(tree, at string) ([]entry, error) {
	text, err := w.object(tree, "tree", at, maxTree)
	if err != nil {
		return nil, err
	}
	return readTree(tree, at, text)
}

// readTree reads the text of a folder.
func readTree(tree, at string, text []byte) ([]entry, error) {
	invalid := func(format string, args ...any) error {
		return invalidObject(tree, format, args...)
	}
	var all []entry
	seen := map[string]bool{}
	fold := cases.Fold()
	size := len(tree) / 2
	for before := ""; len(text) > 0; {
		head, rest, ok := bytes.Cut(text, []byte{0})
		mode, name, named := strings.Cut(string(head), " ")
		if !ok || !named || len(rest) < size {
			return nil, invalid("the folder %s is damaged", clip(at))
		}
		e := entry{mode, name, hex.EncodeToString(rest[:size])}
		text = rest[size:]
		if why := wrongName(name); why != "" {
			return nil, invalid("the folder %s has an entry whose name %s: %s", clip(at), why, clip(name))
		}
		order := name
		if mode == modeFolder {
			order += "/"
		}
		if order <= before {
			return nil, invalid("the entries of the folder %s aren't in order, or one is there twice: %s", clip(at), clip(name))
		}
		before = order
		same := norm.NFKC.String(fold.String(norm.NFKD.String(name)))
		if seen[same] {
			return nil, invalid("the folder %s has two entries that some systems take for one: %s", clip(at), clip(name))
		}
		seen[same] = true
		all = append(all, e)
	}
	return all, nil
}

// wrongName tells why no file has such a name; "" means it is good.
func wrongName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "leads elsewhere"
	case strings.Contains(name, "/"):
		return "has a slash"
	case strings.EqualFold(name, ".git"):
		return "is that of a repository"
	case !utf8.ValidString(name):
		return "isn't UTF-8"
	}
	return ""
}
