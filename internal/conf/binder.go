package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/hocon"
)

// binder connects keys to fields of settings: it notes each key, reads its
// value or takes the default, checks it, and collects what is wrong. Without
// a root, all keys have their defaults.
type binder struct {
	part      Part
	root      *hocon.Value
	file      string // PART.conf, for problems that stand nowhere
	configDir string
	dataDir   string
	given     Given

	keys     []Key
	problems []fault.Problem
}

// setting is a value that was found in a file.
type setting struct {
	value *hocon.Value
	name  string // as it is set: the key's name or its alias
	where string

	hidden bool // no message shows the value
}

// problem notes what is wrong at a place.
func (b *binder) problem(where, format string, args ...any) {
	b.problems = append(b.problems, fault.Problem{Where: where, Message: fmt.Sprintf(format, args...)})
}

// bad notes that a setting is wrong.
func (b *binder) bad(s *setting, format string, args ...any) {
	b.problem(s.where, "%s: %s", s.name, fmt.Sprintf(format, args...))
}

// bind notes key and returns its setting; nil if it isn't set.
func (b *binder) bind(key Key) *setting {
	b.keys = append(b.keys, key)
	own, alias := b.find(key.Name), b.find(key.Alias)
	for _, s := range []*setting{own, alias} {
		if s != nil {
			s.hidden = key.hidden
		}
	}
	switch {
	case own != nil && alias != nil:
		b.bad(alias, "it is another name of %s, which is set at %s; remove one of them", key.Name, own.where)
		return own
	case own != nil:
		return own
	case alias != nil:
		return alias
	case key.Required && b.root != nil:
		b.problem(b.file, "%s is missing; it has no default", key.Name)
	}
	return nil
}

// find returns the setting of that name; nil if it is absent or null.
func (b *binder) find(name string) *setting {
	if name == "" {
		return nil
	}
	path := strings.Split(name, ".")
	parent, ok := b.root.At(path[:len(path)-1]...)
	if !ok {
		return nil
	}
	last := path[len(path)-1]
	v, ok := parent.Get(last)
	if !ok || v.Kind() == hocon.Null {
		return nil
	}
	return &setting{value: v, name: name, where: where(parent.KeyPos(last))}
}

// where is a position as problems show it.
func where(p hocon.Pos) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// place returns where a key is set, or the part's file if it isn't.
func (b *binder) place(names ...string) string {
	for _, name := range names {
		if s := b.find(name); s != nil {
			return s.where
		}
	}
	return b.file
}

// element is one object of a list.
type element struct {
	binder *binder
	object *setting
}

// elements returns the objects of a list setting that has at most limit of
// them, and notes every key that isn't among the given ones. A nil setting
// has none.
func (b *binder) elements(s *setting, limit int, keys ...string) []element {
	if s == nil {
		return nil
	}
	if s.value.Kind() != hocon.Array {
		b.bad(s, "expected a list of objects, found a %s", s.value.Kind())
		return nil
	}
	items := s.value.Items()
	if len(items) > limit {
		b.bad(s, "%d elements are more than the %d that are allowed", len(items), limit)
		return nil
	}
	var out []element
	for i, item := range items {
		e := element{b, &setting{value: item, name: fmt.Sprintf("%s[%d]", s.name, i), where: where(item.Pos())}}
		if item.Kind() != hocon.Object {
			b.bad(e.object, "expected an object, found a %s", item.Kind())
			continue
		}
		for _, key := range item.Keys() {
			if !slices.Contains(keys, key) {
				b.problem(where(item.KeyPos(key)), "%s: %s", e.object.name, unknown(key, keys))
			}
		}
		out = append(out, e)
	}
	return out
}

// get returns the setting of a key of the element; nil if it is absent.
func (e element) get(key string) *setting {
	v, ok := e.object.value.Get(key)
	if !ok || v.Kind() == hocon.Null {
		return nil
	}
	return &setting{value: v, name: e.object.name + "." + key, where: where(e.object.value.KeyPos(key))}
}

// require is get that notes a missing key.
func (e element) require(key string) *setting {
	s := e.get(key)
	if s == nil {
		e.binder.bad(e.object, "%s is missing", key)
	}
	return s
}
