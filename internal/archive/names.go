package archive

import (
	"crypto/sha256"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// mark stands for a name as a careless file system sees it.
type mark [16]byte

// names remembers the names of an archive, as marks: a stranger's names may be
// many and long.
type names struct {
	files   map[mark]bool
	folders map[mark]bool // true: it has an entry of its own
}

func newNames() *names { return &names{files: map[mark]bool{}, folders: map[mark]bool{}} }

// add checks a name and takes it. A name that ends with a slash is that of a
// folder; "./" in front says nothing and goes.
func (n *names) add(raw string) (name string, folder bool, err error) {
	name, folder = strings.CutSuffix(raw, "/")
	name = strings.TrimPrefix(name, "./")
	if folder && name == "." {
		return name, true, n.own(".", raw)
	}
	if err := checkName(raw, name); err != nil {
		return "", false, err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		m := markOf(dir)
		if n.files[m] {
			return "", false, refuse(CodeDuplicate, raw, "a file has the name of its folder")
		}
		if _, known := n.folders[m]; known {
			break // and so are those above
		}
		if len(n.folders) >= maxFolders {
			return "", false, tooLarge(CodeTooLarge, "", "the archive has more than %d folders", maxFolders)
		}
		n.folders[m] = false
	}
	if folder {
		return name, true, n.own(name, raw)
	}
	m := markOf(name)
	if _, known := n.folders[m]; known || n.files[m] {
		return "", false, refuse(CodeDuplicate, raw, "there is an entry of this name already; capitals and forms of Unicode make no difference")
	}
	n.files[m] = true
	return name, false, nil
}

// own takes a folder that has an entry.
func (n *names) own(name, raw string) error {
	m := markOf(name)
	if n.files[m] || n.folders[m] {
		return refuse(CodeDuplicate, raw, "there is an entry of this name already; capitals and forms of Unicode make no difference")
	}
	if len(n.folders) >= maxFolders {
		return tooLarge(CodeTooLarge, "", "the archive has more than %d folders", maxFolders)
	}
	n.folders[m] = true
	return nil
}

// checkName tells what is wrong with a name.
func checkName(raw, name string) error {
	bad := func(why string) error { return refuse(CodeName, raw, "the name of an entry %s", why) }
	switch {
	case len(raw) > maxName:
		return bad("is too long")
	case !utf8.ValidString(raw):
		return bad("isn't UTF-8")
	case strings.HasPrefix(raw, "/"):
		return bad("is absolute")
	case strings.Contains(raw, "\\"):
		return bad("has a backslash; folders are separated by /")
	case strings.Contains(raw, ":"):
		return bad("has a colon, as that of a drive has")
	case strings.ContainsFunc(raw, hidden):
		return bad("has control characters, or others that don't show")
	case strings.ContainsRune(raw, utf8.RuneError):
		return bad("has a character that stands for a broken one")
	case strings.Count(name, "/") >= maxDepth:
		return bad("lies deeper than allowed")
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "" || segment == ".":
			return bad("has an empty part")
		case segment == "..":
			return bad("leads out of its folder")
		case strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " "):
			return bad("has a part that ends with a dot or a space, which some systems drop")
		}
	}
	return nil
}

// hidden tells whether a character doesn't show: controls, marks of direction,
// joiners, line separators.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// markOf returns the mark that all names have that some file system takes for
// this one.
func markOf(name string) mark {
	return exact(folded(name))
}

// exact returns the mark of these bytes and no others.
func exact(name string) mark {
	sum := sha256.Sum256([]byte(name))
	return mark(sum[:16])
}

// folded returns a name without the differences that file systems don't make:
// forms of Unicode and capitals.
func folded(name string) string {
	name = norm.NFKD.String(name)
	var b strings.Builder
	for _, r := range name {
		if r == 'ß' || r == 'ẞ' {
			b.WriteString("SS")
			continue
		}
		b.WriteRune(first(r))
	}
	return norm.NFKC.String(b.String())
}

// first returns the first of the characters that differ by being capitals only.
func first(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
