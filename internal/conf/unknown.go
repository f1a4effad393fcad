package conf

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/hocon"
)

// variables is the object below which everything is allowed: values for
// substitutions.
const variables = "vars"

// strangers are keys of JS7 that Signet has no place for, with what to do
// instead. The first that fits counts.
var strangers = []struct{ prefix, advice string }{
	{"js7.auth.users", "a Controller knows Cockpits and other members by the name in their certificates " +
		"(signet.controller.cockpits, signet.controller.members); a Cockpit has accounts of its own"},
	{"js7.auth.agents", "it belongs to the Controller that calls the Agent"},
	{"js7.auth.subagents", "an Agent is one process without subagents"},
	{"js7.auth.cluster", "Controllers form a group by signet.controller.members and know each other by certificate"},
	{"js7.auth.session", "there are no sessions between the parts"},
	{"js7.auth", "a node is known by the name in its certificate " +
		"(signet.agent.controllers, signet.controller.cockpits, signet.controller.members), or as js7.auth.users or js7.auth.agents say"},
	{"js7.web.server.auth", "no listener lets anybody in without a certificate or a password"},
	{"js7.web.https.client-keystore", "a node has one certificate, for both directions (signet.tls)"},
	{"js7.journal.cluster", "Controllers form a group by signet.controller.members; an Agent is one process"},
	{"js7.config-directory", "it is given by --config and can't be set"},
	{"js7.data-directory", "it is given by --data and can't be set"},
}

// refuseUnknown notes every key of the files that no bind took.
func (b *binder) refuseUnknown() {
	known := map[string]bool{}
	var names []string
	for _, key := range b.keys {
		for _, name := range []string{key.Name, key.Alias} {
			if name != "" && !strings.Contains(name, "[]") {
				known[name] = true
				names = append(names, name)
			}
		}
	}
	b.walk(b.root, "", known, names)
}

// walk notes the unknown keys of object v, whose key is path.
func (b *binder) walk(v *hocon.Value, path string, known map[string]bool, names []string) {
	for _, key := range v.Keys() {
		name := join(path, key)
		if known[name] || name == variables {
			continue
		}
		below, _ := v.Get(key)
		at := where(v.KeyPos(key))
		isSection := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, name+".") })
		switch {
		case !isSection:
			b.refuse(name, below, at, names)
		case below.Kind() == hocon.Object:
			b.walk(below, name, known, names)
		case below.Kind() != hocon.Null:
			b.problem(at, "%s: expected an object with keys in it, found a %s", name, below.Kind())
		}
	}
}

// refuse notes that name is unknown; an object by its keys, as they say more.
func (b *binder) refuse(name string, v *hocon.Value, at string, names []string) {
	for _, s := range strangers {
		if name == s.prefix || strings.HasPrefix(name, s.prefix+".") {
			b.problem(at, "unknown key %s: %s", name, s.advice)
			return
		}
	}
	if v.Kind() == hocon.Object && len(v.Keys()) > 0 {
		for _, key := range v.Keys() {
			below, _ := v.Get(key)
			b.refuse(join(name, key), below, where(v.KeyPos(key)), names)
		}
		return
	}
	if part, ok := partWith(name, b.part); ok {
		b.problem(at, "unknown key %s: it is a key of %s.conf, not of %s.conf", name, part, b.part)
		return
	}
	b.problem(at, "%s", unknown(name, names))
}

// partWith returns another part that knows a key.
func partWith(name string, but Part) (Part, bool) {
	for _, part := range Parts() {
		if part == but {
			continue
		}
		for _, key := range Keys(part) {
			if key.Name == name || key.Alias == name {
				return part, true
			}
		}
	}
	return "", false
}

// unknown says that a key is unknown, with the nearest of names.
func unknown(name string, names []string) string {
	near, ok := nearest(name, names)
	if !ok {
		return fmt.Sprintf("unknown key %s", name)
	}
	return fmt.Sprintf("unknown key %s; did you mean %s?", name, near)
}

// nearest returns the name that takes the fewest edits from name, or the one
// with the same last part; none if all are far.
func nearest(name string, names []string) (string, bool) {
	best, distance := "", len(name)/3+2
	for _, n := range names {
		d := edits(name, n, distance)
		if lastPart(n) == lastPart(name) {
			d = min(d, distance-1) // right word, wrong place
		}
		if d < distance {
			best, distance = n, d
		}
	}
	return best, best != ""
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// edits returns the Levenshtein distance of a and b; limit if it is not less.
func edits(a, b string, limit int) int {
	if len(a) > 200 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join appends a key to a path, in quotes where a file needs them.
func join(path, key string) string {
	if len(key) > 100 {
		key = strings.ToValidUTF8(key[:100], "") + "..."
	}
	if !plainKey.MatchString(key) {
		key = QuoteString(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
