package conf

import (
	"strconv"
	"strings"
	"time"
)

// Part is what a configuration is for.
type Part string

// The parts. A part's file is its name and ".conf".
const (
	ControllerPart Part = "controller"
	AgentPart      Part = "agent"
	CockpitPart    Part = "cockpit"
)

// Parts returns all parts, the rightmost of the house first.
func Parts() []Part { return []Part{ControllerPart, AgentPart, CockpitPart} }

// Key describes one configuration key.
type Key struct {
	Name     string // like signet.controller.id
	Alias    string // another name for it, of JS7; usually empty
	Type     string // text, name, path, duration, size, number, boolean, choice, secret, list ...
	Default  string // as it is written in a file; empty if there is none
	Range    string // what is allowed, for people
	Meaning  string // one sentence or two, Markdown
	Required bool   // it must be set

	sample string // what an example file shows if there is no default
	hidden bool   // no message shows the value

	advised bool // an example file sets it, though it needn't be
}

// Keys returns the keys that a part's files may have, in the order of the
// documentation. Elements of lists are written like
// signet.controller.members[].name.
func Keys(part Part) []Key {
	b := &binder{configDir: "", dataDir: ""}
	switch part {
	case ControllerPart:
		bindController(b, &Controller{})
	case AgentPart:
		bindAgent(b, &Agent{})
	case CockpitPart:
		bindCockpit(b, &Cockpit{})
	}
	return b.keys
}

// durationText writes a duration in the largest unit that keeps it exact.
func durationText(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if d != 0 && d%u.size == 0 {
			return strconv.FormatInt(int64(d/u.size), 10) + u.name
		}
	}
	if d == 0 {
		return "0"
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// sizeText writes a size in the largest binary unit that keeps it exact.
func sizeText(n int64) string {
	for shift := 40; n != 0 && shift > 0; shift -= 10 {
		if n%(1<<shift) == 0 {
			return strconv.FormatInt(n>>shift, 10) + map[int]string{10: "KiB", 20: "MiB", 30: "GiB", 40: "TiB"}[shift]
		}
	}
	return strconv.FormatInt(n, 10)
}

// listText writes a list of strings as in a file.
func listText(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = QuoteString(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
