package expr

import (
	"sort"

	"github.com/signet-scheduler/signet/internal/value"
)

// facts is what can be told about an expression without evaluating it.
type facts struct {
	pure         bool
	clock        bool
	names        set
	symbols      set
	functions    set
	jobResources set
}

type set map[string]struct{}

func (s *set) add(name string) {
	if *s == nil {
		*s = set{}
	}
	(*s)[name] = struct{}{}
}

func (s set) sorted() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// The names that read the clock.
const (
	epochMilli  = "js7EpochMilli"
	epochSecond = "js7EpochSecond"
)

func isClockName(name string) bool { return name == epochMilli || name == epochSecond }

func factsOf(root node) facts {
	f := facts{pure: true}
	// A list of what is left to visit, since long chains make deep trees.
	left := []node{root}
	for len(left) > 0 {
		n := left[len(left)-1]
		left = append(left[:len(left)-1], n.children()...)
		f.note(n)
	}
	return f
}

func (f *facts) note(n node) {
	switch n := n.(type) {
	case *nameRef:
		f.pure = false
		f.names.add(n.name)
		f.clock = f.clock || isClockName(n.name)
	case *symbolRef:
		f.pure = false
		f.symbols.add(n.name)
	case *resourceRef:
		f.pure, f.clock = false, true
		f.jobResources.add(n.path)
	case *lookup:
		f.pure = false
		if n.variable {
			f.functions.add("variable")
		} else {
			f.functions.add("argument")
		}
		// variable(x) may be one of the clock's names; so may a computed one.
		name, constant := constantString(n.name)
		anyName := n.variable && n.label == "" && n.job == ""
		f.clock = f.clock || anyName && (!constant || isClockName(name))
	case *call:
		f.functions.add(n.name)
		if n.known == nil || n.known.impure {
			f.pure = false
		}
		if n.known != nil && n.known.clock {
			f.clock = true
		}
		if n.known != nil && n.known.jobResource {
			if path, ok := constantString(n.bound[0]); ok {
				f.jobResources.add(path)
			}
		}
	}
}

func constantString(n node) (string, bool) {
	if c, ok := n.(*constant); ok {
		if s, ok := c.value.(value.String); ok {
			return string(s), true
		}
	}
	return "", false
}
