// Command changes looks after the fragments in changes/unreleased: one Markdown
// file for each change a user notices.
//
//	changes -check            every fragment is well-formed
//	changes -release 1.2.3    moves all fragments into CHANGELOG.md
//
// The form of a fragment stands in changes/README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"
)

// kinds are the headings of a release, in the order in which they are printed.
var kinds = []string{"Security", "Added", "Changed", "Fixed"}

// marker stands in CHANGELOG.md above the newest release.
const marker = "<!-- releases -->\n"

func main() {
	check := flag.Bool("check", false, "only check the fragments")
	release := flag.String("release", "", "`version` to make a section of CHANGELOG.md from the fragments for")
	root := flag.String("root", ".", "`folder` of the repository")
	flag.Parse()
	if err := run(*root, *check, *release, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "changes:", err)
		os.Exit(1)
	}
}

// fragment is one change: its kind, and its text as one list item.
type fragment struct {
	file, kind, text string
}

func run(root string, check bool, release string, now time.Time) error {
	fragments, err := readAll(filepath.Join(root, "changes", "unreleased"))
	if err != nil || check {
		return err
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`).MatchString(release) {
		return fmt.Errorf("-release %q: want a version like 1.2.3", release)
	}
	if len(fragments) == 0 {
		return errors.New("changes/unreleased is empty: nothing to release")
	}
	path := filepath.Join(root, "CHANGELOG.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := insert(string(old), section(release, now, fragments), release)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	for _, f := range fragments {
		if err := os.Remove(f.file); err != nil {
			return err
		}
	}
	return nil
}

// readAll returns the fragments sorted by file name, or all that is wrong.
func readAll(dir string) ([]fragment, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var fragments []fragment
	var wrong []error
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if e.Name() == ".gitkeep" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := parse(string(b))
		if err == nil && !strings.HasSuffix(file, ".md") {
			err = errors.New("the name must end in .md")
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", file, err))
			continue
		}
		f.file = file
		fragments = append(fragments, f)
	}
	return fragments, errors.Join(wrong...)
}

// parse reads "Kind: sentence" and the lines after it, which may explain.
func parse(text string) (fragment, error) {
	first, rest, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
	kind, sentence, found := strings.Cut(first, ": ")
	known := false
	for _, k := range kinds {
		known = known || k == kind
	}
	sentence = strings.TrimSpace(sentence)
	switch {
	case !found || !known:
		return fragment{}, fmt.Errorf("the first line must be a kind (%s), a colon and a sentence", strings.Join(kinds, ", "))
	case len(sentence) < 10:
		return fragment{}, errors.New("the first line must say what changed, in the user's words")
	case !strings.HasSuffix(sentence, "."):
		return fragment{}, errors.New("the first line must be a whole sentence that ends with a full stop")
	case len(first) > 200:
		return fragment{}, errors.New("the first line is longer than 200 characters: explain in the lines after it")
	}
	item := []string{"- " + sentence}
	for l := range strings.SplitSeq(strings.Trim(rest, "\n"), "\n") {
		if strings.HasPrefix(l, "#") {
			return fragment{}, errors.New("no headings: the text becomes an item of a list")
		}
		if l != "" {
			item = append(item, "  "+l)
		}
	}
	return fragment{kind: kind, text: strings.Join(item, "\n")}, nil
}

func section(release string, now time.Time, fragments []fragment) string {
	sort.SliceStable(fragments, func(i, j int) bool { return fragments[i].file < fragments[j].file })
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s - %s\n", release, now.Format(time.DateOnly))
	for _, kind := range kinds {
		heading := "\n### " + kind + "\n\n"
		for _, f := range fragments {
			if f.kind == kind {
				b.WriteString(heading + f.text + "\n")
				heading = ""
			}
		}
	}
	return b.String()
}

func insert(old, section, release string) (string, error) {
	if strings.Contains(old, "\n## "+release+" ") {
		return "", fmt.Errorf("release exists: CHANGELOG.md has %s already", release)
	}
	before, after, found := strings.Cut(old, marker)
	if !found {
		return "", fmt.Errorf("no place for a release: CHANGELOG.md lacks the line %q", strings.TrimSpace(marker))
	}
	return before + marker + section + after, nil
}
