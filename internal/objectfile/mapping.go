package objectfile

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Mapping tells which paths objects get at another place, and which Agents they
// name there. Check has to be called before Apply.
type Mapping struct {
	Prefix, Suffix string // of names
	Folder         string // around all; "": the root
	Folders        []Renamed
	Agents         []Renamed

	agents map[string]string
}

// Renamed is a name and the one that it becomes.
type Renamed struct{ From, To string }

// MaxMappings is how many folders, and how many Agents, are mapped at once.
const MaxMappings = 1000

// Check brings a mapping to the form that Apply needs. The error is Invalid, code
// InvalidMapping or that of a wrong path.
func (m *Mapping) Check() error {
	for name, text := range map[string]string{"prefix": m.Prefix, "suffix": m.Suffix} {
		if text != "" && workflow.CheckName("x"+text+"x") != nil {
			return fault.New(fault.Invalid, "InvalidMapping", "the %s has a character that a name can't have", name)
		}
	}
	var err error
	if m.Folder, err = folderPath(m.Folder); err != nil {
		return err
	}
	m.Folders = slices.Clone(m.Folders)
	for what, pairs := range map[string][]Renamed{"folder": m.Folders, "Agent": m.Agents} {
		seen := map[string]bool{}
		for _, p := range pairs {
			if seen[p.From] {
				return fault.New(fault.Invalid, "InvalidMapping", "the %s %s is mapped twice", what, excerpt(p.From))
			}
			seen[p.From] = true
		}
		if len(pairs) > MaxMappings {
			return fault.New(fault.TooLarge, "InvalidMapping", "more than %d of kind %s are mapped", MaxMappings, what)
		}
	}
	for i := range m.Folders {
		for _, folder := range []*string{&m.Folders[i].From, &m.Folders[i].To} {
			if *folder, err = folderPath(*folder); err != nil {
				return err
			}
		}
	}
	// The longest fits first.
	slices.SortStableFunc(m.Folders, func(a, b Renamed) int { return cmp.Compare(len(b.From), len(a.From)) })
	m.agents = map[string]string{}
	for _, p := range m.Agents {
		for _, agent := range []string{p.From, p.To} {
			if err := workflow.CheckAgentPath(agent); err != nil {
				return err
			}
		}
		m.agents[p.From] = p.To
	}
	return nil
}

// folderPath checks a folder's path, which may begin and end with a slash; "" is the
// root.
func folderPath(text string) (string, error) {
	folder := strings.Trim(text, "/")
	if folder == "" {
		return "", nil
	}
	return folder, workflow.CheckPath(folder)
}

// moved returns the key that an object gets.
func (m *Mapping) moved(k item.Key) item.Key {
	if k.Kind == item.KindAgentRef {
		k.Path = cmp.Or(m.agents[k.Path], k.Path)
		return k
	}
	for _, f := range m.Folders {
		if to, ok := inventory.Moved(k, f.From, f.To, true); ok {
			k = to
			break
		}
	}
	dir, name := path.Split(k.Path)
	k.Path = path.Join(m.Folder, dir, m.Prefix+name+m.Suffix)
	return k
}

// Mapped is an object at its new place.
type Mapped struct {
	Object // Key is the new one
	From   item.Key
	// Text is what the author goes on with, with what it names adjusted; IsYAML tells
	// its form.
	Text     string
	IsYAML   bool
	Adjusted []inventory.Replacement
	Problems []Diagnosis // of the text; the rest of what was read of 50,000 would be too much
}

// Apply gives objects their new keys, and adjusts what they name: each other, and
// Agents. To deploy, documents with evidence, and those of a release, have to stay as
// they are, and the bytes of the others become the adjusted text; else their evidence
// is left behind.
func (m *Mapping) Apply(c Contents, deploy bool) (all []Mapped, problems []fault.Problem) {
	here, taken := map[item.Key]bool{}, map[item.Key]string{}
	for i := range c.Objects {
		here[c.Objects[i].Key] = true
	}
	follow := func(k item.Key) (item.Key, bool) {
		to := k
		if placed, ok := c.Bare[k]; ok && !here[k] {
			to = placed
		}
		if here[to] || to.Kind == item.KindAgentRef {
			to = m.moved(to)
		}
		return to, to != k
	}
	for i := range c.Objects {
		report := func(pointer, message string) {
			problems = append(problems, fault.Problem{Where: strings.TrimSpace(c.Objects[i].File + " " + pointer), Message: message})
		}
		o := m.one(c.Objects[i], follow, deploy, deploy && (c.Release != nil || c.Objects[i].Evidence != nil), report)
		if err := o.Key.Check(); err != nil {
			report("", fault.Of(err).Public())
		}
		if other, twice := taken[o.Key]; twice {
			report("", "it would become "+o.Key.String()+", as "+other)
		}
		taken[o.Key] = o.File
		all = append(all, o)
	}
	return all, problems
}

// one is Apply for one object; fixed is one whose bytes were signed.
func (m *Mapping) one(o Object, follow func(item.Key) (item.Key, bool), deploy, fixed bool, report func(pointer, message string)) Mapped {
	from := o.Key
	out := Mapped{Object: o, From: from}
	out.Key = m.moved(from)
	switch {
	case deploy:
		out.Text = string(o.Bytes)
	case o.YAML:
		out.Text, out.IsYAML = string(o.Source), true
	case o.Evidence != nil:
		// It becomes a draft: what it was signed with, its version above all, isn't its author's.
		out.Text = inventory.Source(string(o.Bytes), from)
	default:
		out.Text = string(o.Source)
	}
	if err := CheckText(out.Text); err != nil {
		report("", fault.Of(err).Public())
	}
	root := Root(out.Text, out.IsYAML)
	changes, problems := inventory.Follow(root, follow)
	for _, p := range problems {
		report(p.Where, p.Message)
	}
	var itself []inventory.Replacement
	if out.Key != from {
		itself = inventory.Itself(root, out.Key.Path)
	}
	switch {
	case fixed && (out.Key != from || len(changes) > 0):
		report("", "it is signed, so neither its path nor what it names can be changed; import it without its signature first, then export it for signing from here")
	case root == nil && out.Key != from:
		report("", "it can't be read, so what it names can't be adjusted: repair it first")
	}
	for _, step := range [][]inventory.Replacement{itself, changes} {
		text, err := Replace([]byte(out.Text), out.IsYAML, step)
		if err != nil {
			report(step[0].Pointer, fault.Of(err).Public())
			continue
		}
		out.Text = string(text)
		out.Adjusted = append(out.Adjusted, step...)
	}
	out.Problems = Draft{Key: out.Key, Text: out.Text, YAML: out.IsYAML}.Read().Problems
	if deploy && o.Evidence == nil {
		out.Bytes = []byte(out.Text)
	}
	return out
}

// CheckText tells whether a text can be kept as a draft.
func CheckText(text string) error {
	switch {
	case len(text) > MaxDocument:
		return fault.New(fault.TooLarge, "DocumentTooLarge", "the text has %d bytes, at most %d are allowed", len(text), MaxDocument)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return fault.New(fault.Invalid, "InvalidRequest", "the text must not contain the character NUL")
	}
	return nil
}

// Root reads a text without looking whether it is valid; nil when it can't be read.
func Root(text string, isYAML bool) *strictjson.Node {
	document := []byte(text)
	if isYAML {
		var err error
		if document, err = FromYAML(document); err != nil {
			return nil
		}
	}
	root, err := strictjson.Parse(document, workflow.DocumentLimits())
	if err != nil {
		return nil
	}
	return root
}
