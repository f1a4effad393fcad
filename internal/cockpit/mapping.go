package cockpit

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// maxMappings is how many folders, and how many Agents, one import maps.
const maxMappings = 1000

// mapping tells which paths imported objects get.
type mapping struct {
	prefix, suffix string // of names
	folder         string // around all; "": the root
	folders        []renamed
	agents         map[string]string
}

type renamed struct{ from, to string }

// mappingOf reads the parameters of an import.
func mappingOf(q *query) (m mapping, err error) {
	m.prefix, m.suffix = q.text("prefix"), q.text("suffix")
	for name, text := range map[string]string{"prefix": m.prefix, "suffix": m.suffix} {
		if text != "" && workflow.CheckName("x"+text+"x") != nil {
			return m, fault.New(fault.Invalid, "InvalidQuery", "the parameter %s has a character that a name can't have", name)
		}
	}
	if m.folder, err = folderPath(strings.Trim(q.text("folder"), "/")); err != nil {
		return m, err
	}
	pairs, err := pairsOf(q, "mapFolder")
	if err != nil {
		return m, err
	}
	for _, p := range pairs {
		for _, folder := range []*string{&p.from, &p.to} {
			if *folder, err = folderPath(strings.Trim(*folder, "/")); err != nil {
				return m, err
			}
		}
		m.folders = append(m.folders, p)
	}
	// The longest fits first.
	slices.SortStableFunc(m.folders, func(a, b renamed) int { return cmp.Compare(len(b.from), len(a.from)) })
	if pairs, err = pairsOf(q, "mapAgent"); err != nil {
		return m, err
	}
	m.agents = map[string]string{}
	for _, p := range pairs {
		for _, agent := range []string{p.from, p.to} {
			if err := workflow.CheckAgentPath(agent); err != nil {
				return m, err
			}
		}
		m.agents[p.from] = p.to
	}
	return m, nil
}

// pairsOf reads OLD=NEW,OLD=NEW.
func pairsOf(q *query, name string) ([]renamed, error) {
	text := q.text(name)
	if text == "" {
		return nil, nil
	}
	var all []renamed
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return nil, fault.New(fault.Invalid, "InvalidQuery", "the parameter %s is like OLD=NEW, more of them separated by commas", name)
		case seen[from]:
			return nil, fault.New(fault.Invalid, "InvalidQuery", "the parameter %s maps %s twice", name, clip(from))
		case len(all) == maxMappings:
			return nil, fault.New(fault.TooLarge, "InvalidQuery", "the parameter %s has more than %d pairs", name, maxMappings)
		}
		seen[from] = true
		all = append(all, renamed{from, to})
	}
	return all, nil
}

// moved returns the key that an object of the archive gets.
func (m *mapping) moved(k item.Key) item.Key {
	if k.Kind == item.KindAgentRef {
		k.Path = cmp.Or(m.agents[k.Path], k.Path)
		return k
	}
	for _, f := range m.folders {
		if to, ok := inventory.Moved(k, f.from, f.to, true); ok {
			k = to
			break
		}
	}
	dir, name := path.Split(k.Path)
	k.Path = path.Join(m.folder, dir, m.prefix+name+m.suffix)
	return k
}

// imported is an object of an archive on its way into the inventory.
type imported struct {
	objectfile.Object // Key is the new one
	draft             // its text, with what it names adjusted
	adjusted          []api.AdjustedText
	problems          []objectfile.Diagnosis // of the text; the rest of what was read of 50,000 would be too much
}

// apply gives the objects of an archive their new keys, and adjusts what they
// name: each other, and Agents. With signed, documents with evidence have to stay as
// they are; else their evidence is left behind.
func (m *mapping) apply(c objectfile.Contents, signed bool) (all []imported, problems []fault.Problem) {
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
		o := m.one(c.Objects[i], follow, signed, signed && (c.Release != nil || c.Objects[i].Evidence != nil), report)
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

// one is apply for one object; fixed is one whose bytes were signed.
func (m *mapping) one(o objectfile.Object, follow func(item.Key) (item.Key, bool), signed, fixed bool, report func(pointer, message string)) imported {
	from := o.Key
	out := imported{Object: o}
	out.Key = m.moved(from)
	switch {
	case signed:
		out.draft = draft{string(o.Bytes), formatJSON}
	case o.YAML:
		out.draft = draft{string(o.Source), formatYAML}
	case o.Evidence != nil:
		// It becomes a draft: what it was signed with, its version above all, isn't its author's.
		out.draft = draft{inventory.Source(string(o.Bytes), from), formatJSON}
	default:
		out.draft = draft{string(o.Source), formatJSON}
	}
	if err := textOK(out.text); err != nil {
		report("", fault.Of(err).Public())
	}
	root := rootOf(out.draft)
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
		text, err := replaced(out.draft, step)
		if err != nil {
			report(step[0].Pointer, fault.Of(err).Public())
			continue
		}
		out.text = text
		for _, r := range step {
			out.adjusted = append(out.adjusted, api.AdjustedText{Kind: string(from.Kind), Path: from.Path, Pointer: r.Pointer, Old: r.Old, New: r.New})
		}
	}
	out.problems = out.draft.read(out.Key).Problems
	if signed && o.Evidence == nil {
		out.Bytes = []byte(out.text)
	}
	return out
}
