package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the repository's folder, as seen from this package.
const root = "../.."

// file is one parsed Go file.
type file struct {
	path   string // from the root, with slashes
	dir    string
	inTest bool // a _test.go file, or of a package for tests only
	ast    *ast.File
	names  map[string]string // import path by the name it has in the file
}

var fset = token.NewFileSet()

// sources parses all Go files once. A file that doesn't parse at the moment is
// go vet's matter; what could be parsed of it is looked at nevertheless.
var sources = sync.OnceValue(func() []*file {
	var files []*file
	for _, p := range tree() {
		if !strings.HasSuffix(p, ".go") || strings.Contains(p, "testdata/") {
			continue
		}
		if f, _ := parse(p, nil); f != nil {
			files = append(files, f)
		}
	}
	return files
})

// parse reads one file; source nil means that on disk. With an error there may
// be a file, too: what could be understood of it.
func parse(p string, source any) (*file, error) {
	tree, err := parser.ParseFile(fset, filepath.Join(root, p), source, parser.ParseComments)
	if tree == nil {
		return nil, err
	}
	f := &file{path: p, dir: path.Dir(p), ast: tree, names: map[string]string{}}
	// storetest and its like are test code that several packages share.
	f.inTest = strings.HasSuffix(p, "_test.go") || strings.HasSuffix(f.dir, "test")
	for _, imp := range tree.Imports {
		target := strings.Trim(imp.Path.Value, `"`)
		name := path.Base(target)
		if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" {
			name = path.Base(path.Dir(target)) // math/rand/v2 is rand
		}
		if imp.Name != nil {
			name = imp.Name.Name
		}
		f.names[name] = target
	}
	return f, err
}

// tree lists all files that belong to the repository, committed or about to be,
// from the root and sorted. Without git it takes all but what is built.
var tree = sync.OnceValue(func() []string {
	cmd := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	var files []string
	if out, err := cmd.Output(); err == nil {
		for p := range strings.SplitSeq(string(out), "\x00") {
			if p != "" && isFile(p) {
				files = append(files, p)
			}
		}
	} else {
		_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch d.Name() {
			case ".git", "node_modules", "bin", "signet-data":
				return filepath.SkipDir
			}
			if d.Type().IsRegular() {
				rel, _ := filepath.Rel(root, p)
				files = append(files, filepath.ToSlash(rel))
			}
			return nil
		})
	}
	sort.Strings(files)
	return files
})

func position(n ast.Node) string {
	p := fset.Position(n.Pos())
	rel, err := filepath.Rel(root, p.Filename)
	if err != nil {
		rel = p.Filename
	}
	return filepath.ToSlash(rel) + ":" + strconv.Itoa(p.Line)
}

func TestTreeIsFound(t *testing.T) {
	t.Parallel()
	if n := len(sources()); n < 5 {
		t.Fatalf("found %d Go files below %s: the other tests of this package would prove nothing", n, root)
	}
}
