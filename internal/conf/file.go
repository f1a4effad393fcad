package conf

import (
	"maps"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/hocon"
)

// QuoteString returns s as a quoted string of a configuration file. Bytes that
// aren't UTF-8 are replaced.
func QuoteString(s string) string { return hocon.Quote(s) }

// File is the content of a configuration file, for Render. Empty fields are
// left out, so that their defaults hold.
type File interface {
	lines() []string
}

// ControllerFile is a controller.conf.
type ControllerFile struct {
	ID, Name, Listen string
	Members          []Member // an ID of 0 is left out
	Cockpits         []string
	More             map[string]string // other keys; the values are written as strings
}

// AgentFile is an agent.conf.
type AgentFile struct {
	Name, Listen   string
	Controllers    []string
	ScriptsAllowed bool
	More           map[string]string
}

// CockpitFile is a cockpit.conf.
type CockpitFile struct {
	Name, Listen string
	Controllers  []ControllerRef
	More         map[string]string
}

// Render returns the text of a configuration file. Any values come back as
// they were when the file is loaded; whether they are allowed shows only then.
func Render(f File) string { return strings.Join(f.lines(), "\n") + "\n" }

func (f ControllerFile) lines() []string {
	var out []string
	out = appendText(out, "signet.controller.id", f.ID)
	out = appendText(out, "signet.controller.name", f.Name)
	out = appendText(out, "signet.controller.listen", f.Listen)
	if f.Members != nil {
		out = append(out, "signet.controller.members = "+membersText(f.Members))
	}
	if f.Cockpits != nil {
		out = append(out, "signet.controller.cockpits = "+listText(f.Cockpits))
	}
	return appendMore(out, f.More)
}

func (f AgentFile) lines() []string {
	var out []string
	out = appendText(out, "signet.agent.name", f.Name)
	out = appendText(out, "signet.agent.listen", f.Listen)
	if f.Controllers != nil {
		out = append(out, "signet.agent.controllers = "+listText(f.Controllers))
	}
	if f.ScriptsAllowed {
		out = append(out, "signet.job.signed-script-injection-allowed = yes")
	}
	return appendMore(out, f.More)
}

func (f CockpitFile) lines() []string {
	var out []string
	out = appendText(out, "signet.cockpit.name", f.Name)
	out = appendText(out, "signet.cockpit.listen", f.Listen)
	if f.Controllers != nil {
		out = append(out, "signet.cockpit.controllers = [")
		for _, c := range f.Controllers {
			members := make([]Member, len(c.Names))
			for i := range c.Names {
				members[i] = Member{Name: c.Names[i], URL: c.URLs[i]}
			}
			out = append(out, "  { id = "+QuoteString(c.ID)+", members = "+membersText(members)+" }")
		}
		out = append(out, "]")
	}
	return appendMore(out, f.More)
}

func appendText(out []string, key, value string) []string {
	if value == "" {
		return out
	}
	return append(out, key+" = "+QuoteString(value))
}

func appendMore(out []string, more map[string]string) []string {
	for _, key := range slices.Sorted(maps.Keys(more)) {
		out = append(out, key+" = "+QuoteString(more[key]))
	}
	return out
}

func membersText(members []Member) string {
	var b strings.Builder
	b.WriteString("[")
	for i, m := range members {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("{ name = " + QuoteString(m.Name) + ", url = " + QuoteString(m.URL))
		if m.ID != 0 {
			b.WriteString(", id = " + sizeDigits(m.ID))
		}
		b.WriteString(" }")
	}
	b.WriteString("]")
	return b.String()
}
