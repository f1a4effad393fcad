package house

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// link is [text](target) or [text](target "title"), and ![image](target).
var link = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)

// TestLinksLeadSomewhere follows all relative links of all Markdown files, and
// the headings they name. Links into the web are not followed.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, p := range tree() {
		if !strings.HasSuffix(p, ".md") || strings.Contains(p, "testdata/") {
			continue
		}
		text := string(read(t, p))
		for i, line := range prose(text) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target := m[1]
				if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
					continue
				}
				if why := broken(t, p, text, target); why != "" {
					t.Errorf("%s:%d: link to %s: %s", p, i+1, target, why)
				}
			}
		}
	}
}

// A folder's README.md is its table of contents: a page that isn't in it is
// found by nobody.
func TestPagesAreListed(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"docs/adr", "docs/architecture"} {
		listed := map[string]bool{"README.md": true, "template.md": true}
		for _, m := range link.FindAllStringSubmatch(string(read(t, dir+"/README.md")), -1) {
			listed[m[1]] = true
		}
		for _, p := range tree() {
			if path.Dir(p) == dir && strings.HasSuffix(p, ".md") && !listed[path.Base(p)] {
				t.Errorf("%s isn't linked in %s/README.md", p, dir)
			}
		}
	}
}

// broken tells why a link in page from doesn't lead anywhere, or "".
func broken(t *testing.T, from, text, target string) string {
	t.Helper()
	file, heading, _ := strings.Cut(target, "#")
	if file != "" {
		if strings.HasPrefix(file, "/") {
			return "write it relative to the page"
		}
		p := path.Join(path.Dir(from), file)
		if strings.HasPrefix(p, "..") {
			return "leads out of the repository"
		}
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			return "no such file"
		}
		if info.IsDir() || heading == "" {
			return ""
		}
		text = string(read(t, p))
	}
	if heading != "" && !headings(text)[heading] {
		return "no such heading"
	}
	return ""
}

// prose returns the lines of a page with fenced code blanked and code spans
// taken out.
func prose(text string) []string {
	span := regexp.MustCompile("`[^`]*`")
	lines := strings.Split(text, "\n")
	fenced := false
	for i, l := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(l), "```")
		if fence {
			fenced = !fenced
		}
		if fence || fenced {
			lines[i] = ""
			continue
		}
		lines[i] = span.ReplaceAllStringFunc(l, func(s string) string { return strings.Repeat("x", len(s)) })
	}
	return lines
}

// headings returns the names by which a page's headings are linked: lower case,
// blanks as hyphens, without punctuation.
func headings(text string) map[string]bool {
	found := map[string]bool{}
	fenced := false
	for l := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			fenced = !fenced
		}
		title := strings.TrimLeft(l, "#")
		if fenced || title == l || !strings.HasPrefix(title, " ") {
			continue
		}
		found[slug(strings.TrimSpace(title))] = true
	}
	return found
}

func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, title)
}

func TestLinkRules(t *testing.T) {
	t.Parallel()
	if got := slug("2. What `signet dev` does: everything"); got != "2-what-signet-dev-does-everything" {
		t.Errorf("slug() = %q", got)
	}
	page := "# A page\n\n[x](#a-page)\n```\n# no heading [y](nowhere.md)\n```\n`[z](nowhere.md)`\n"
	if h := headings(page); len(h) != 1 || !h["a-page"] {
		t.Errorf("headings() = %v", h)
	}
	var links []string
	for _, l := range prose(page) {
		for _, m := range link.FindAllStringSubmatch(l, -1) {
			links = append(links, m[1])
		}
	}
	if len(links) != 1 || links[0] != "#a-page" {
		t.Errorf("links found: %v", links)
	}
	for target, want := range map[string]bool{"#a-page": true, "#b-page": false, "nowhere.md": false, "/LICENSE": false, "../LICENSE": true, "../../x": false} {
		if got := broken(t, "docs/x.md", page, target) == ""; got != want {
			t.Errorf("link to %s: ok=%v, want %v", target, got, want)
		}
	}
}
