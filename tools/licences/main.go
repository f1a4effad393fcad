// Command licences tells under which licences the modules stand that Signet is
// built from, and fails if one is unknown or not allowed. The packages of the pages
// are those of web/package-lock.json.
//
//	licences -write docs/licences.md     writes the table
//	licences -check docs/licences.md     fails if the table isn't current
//	  -sbom FILE     also writes a CycloneDX 1.5 bill of materials
//	  -texts FILE    also writes all licence texts, to go with the program
//
// Run from the root of the repository; it asks the go command what is linked.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// allowed are the licences of what may be linked into the program, and of what
// only tests may use. Each asks for no more than keeping its text and notices;
// MPL-2.0 would ask for the source of changed files.
var allowed = map[bool][]string{
	true:  {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "0BSD", "Unlicense", "blessing"},
	false: {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "0BSD", "Unlicense", "blessing", "MPL-2.0"},
}

// platforms are all that Signet is built for: a module that only one of them
// links counts as linked.
var platforms = []string{"linux/amd64", "linux/arm64"}

func main() {
	write := flag.String("write", "", "`file` to write the table to")
	check := flag.String("check", "", "`file` that must hold the current table")
	sbom := flag.String("sbom", "", "`file` to write the bill of materials to")
	texts := flag.String("texts", "", "`file` to write all licence texts to")
	version := flag.String("version", "devel", "`version` of Signet in the bill of materials")
	flag.Parse()
	if err := run(*write, *check, *sbom, *texts, *version); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(write, check, sbom, texts, version string) error {
	modules, err := list()
	if err != nil {
		return err
	}
	var wrong []error
	for _, m := range modules {
		if err := m.readLicence(); err != nil {
			wrong = append(wrong, err)
		}
	}
	pages, err := packages("web")
	if err := errors.Join(append(wrong, err)...); err != nil {
		return err
	}
	modules = append(modules, pages...)
	table := markdown(modules)
	if check != "" {
		old, err := os.ReadFile(check)
		if err != nil {
			return err
		}
		if string(old) != table {
			return fmt.Errorf("%s is not current: run 'make licences' and commit the result", check)
		}
	}
	for path, content := range map[string]func() ([]byte, error){
		write: func() ([]byte, error) { return []byte(table), nil },
		sbom:  func() ([]byte, error) { return cycloneDX(modules, version) },
		texts: func() ([]byte, error) { return allTexts(modules), nil },
	} {
		if path == "" {
			continue
		}
		b, err := content()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// module is one Go module that product or tests are built from.
type module struct {
	Path, Version, Dir, Sum string
	npm                     bool     // a package of the pages, not a Go module
	linked                  bool     // into the program on some platform, not only into tests
	licences                []string // SPDX identifiers, sorted
	texts                   []text
}

// text is a licence or notice file.
type text struct{ name, content string }

// list returns all modules sorted by path, the Go standard library among them.
func list() ([]*module, error) {
	found := map[string]*module{}
	add := func(goos, goarch string, linked bool, args ...string) error {
		ms, err := goList(goos, goarch, args...)
		for _, m := range ms {
			if old := found[m.Path]; old != nil {
				old.linked = old.linked || linked
				continue
			}
			m.linked = linked
			found[m.Path] = m
		}
		return err
	}
	for _, p := range platforms {
		goos, goarch, _ := strings.Cut(p, "/")
		if err := add(goos, goarch, true, "./cmd/..."); err != nil {
			return nil, err
		}
	}
	if err := add(runtime.GOOS, runtime.GOARCH, false, "-test", "./..."); err != nil {
		return nil, err
	}
	root, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	goroot, goversion, _ := strings.Cut(strings.TrimSpace(string(root)), "\n")
	found["std"] = &module{Path: "std", Version: goversion, Dir: goroot, linked: true}
	modules := slices.Collect(maps.Values(found))
	slices.SortFunc(modules, func(a, b *module) int { return strings.Compare(a.Path, b.Path) })
	return modules, nil
}

// goList returns the modules of all packages that those named depend on.
// It goes on over packages that don't load: their compiler tells better.
func goList(goos, goarch string, args ...string) ([]*module, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-deps", "-json=Module"}, args...)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s/%s: %w", goos, goarch, err)
	}
	var modules []*module
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				module
				Main bool
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return modules, nil
		} else if err != nil {
			return nil, err
		}
		if p.Module != nil && !p.Module.Main {
			modules = append(modules, &p.Module.module)
		}
	}
}

// readLicence reads the texts in the module's root and names their licences.
func (m *module) readLicence() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	if m.Path == "std" && !hasLicence(entries) {
		// Debian and others move Go's own text away from GOROOT.
		m.licences = []string{"BSD-3-Clause"}
		return nil
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !isLicence(name) && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		m.texts = append(m.texts, text{e.Name(), string(b)})
		if !isLicence(name) || notices[m.Path+"/"+e.Name()] != "" {
			continue
		}
		ids := classify(string(b))
		if len(ids) == 0 {
			return fmt.Errorf("%s: %s is no licence known here: look at it, then teach tools/licences", m.Path, e.Name())
		}
		for _, id := range ids {
			if !slices.Contains(allowed[m.linked], id) {
				return fmt.Errorf("%s: %s is not allowed here (%s)", m.Path, id, use(m.linked))
			}
		}
		m.licences = append(m.licences, ids...)
	}
	if len(m.licences) == 0 {
		return fmt.Errorf("%s: no licence file in %s", m.Path, m.Dir)
	}
	slices.Sort(m.licences)
	m.licences = slices.Compact(m.licences)
	return nil
}

func hasLicence(entries []os.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return isLicence(strings.ToUpper(e.Name())) })
}

func isLicence(upperName string) bool {
	return (strings.HasPrefix(upperName, "LICENSE") || strings.HasPrefix(upperName, "LICENCE") ||
		strings.HasPrefix(upperName, "COPYING")) && !strings.HasSuffix(upperName, ".GO")
}

func use(linked bool) string {
	if linked {
		return "program"
	}
	return "tests"
}

func markdown(modules []*module) string {
	var b strings.Builder
	b.WriteString(`# Licences

The Go modules and, below them, the npm packages that Signet is built from, as ` + "`make licences`" + ` found them; ` + "`make check`" + ` fails when one is
unknown, not allowed or missing here. *program*: linked into ` + "`signet`" + ` on at least one platform; *tests*: used by tests
only. The full texts that go with the program are written to ` + "`bin/third-party-licences.txt`" + `, the bill of
materials to ` + "`bin/sbom.json`" + `.

| module | version | licence | used by |
|---|---|---|---|
`)
	for i, m := range modules {
		if m.npm && !modules[max(i-1, 0)].npm {
			b.WriteString("\n| package of the pages | version | licence | used by |\n|---|---|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.Path, m.Version, strings.Join(m.licences, ", "), use(m.linked))
	}
	return b.String()
}

// allTexts returns licences and notices of what is linked.
func allTexts(modules []*module) []byte {
	var b bytes.Buffer
	for _, m := range modules {
		for _, t := range m.texts {
			if m.linked {
				fmt.Fprintf(&b, "%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 78), m.Path, m.Version, t.name, t.content)
			}
		}
	}
	return b.Bytes()
}
