package hocon

import (
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Limits of what is read. MaxNodes is the default of Options.MaxNodes.
const (
	MaxSource       = 1 << 20 // bytes of one source
	MaxDepth        = 64      // objects and lists in each other
	MaxIncludeDepth = 10      // includes in each other
	MaxIncludes     = 200     // includes in all
	MaxNodes        = 1_000_000
)

// Source is one text. Name is what positions show and what Options.Include
// gets as from; the path of a file for instance.
type Source struct {
	Name string
	Text []byte
}

// Options are what a text may reach outside itself.
type Options struct {
	// Include returns the source that an include statement in the source named
	// from names with target. An error that is fs.ErrNotExist makes an include
	// empty that isn't required(...). A nil Include refuses all includes.
	Include func(from, target string) (Source, error)
	// Lookup returns the value of a substitution that no key of the text
	// defines, name being the path with dots. It may be nil.
	Lookup func(name string) (string, bool)
	// MaxNodes bounds the work of parsing and resolving: about the number of
	// values read and made. 0 is the default, MaxNodes.
	MaxNodes int
}

// Parse returns the object that is written in src, with everything resolved.
// Its errors are *fault.Error of kind Invalid (code InvalidHocon) or TooLarge
// (HoconTooLarge), with the place as a problem; they never show values.
func Parse(src Source, o Options) (*Value, error) {
	return ParseAll(o, src)
}

// ParseAll is Parse of several sources, each a fallback of those before it.
// They are merged before substitutions are resolved, so a substitution in one
// sees the keys of all. No source at all is the empty object.
func ParseAll(o Options, sources ...Source) (*Value, error) {
	b := newBudget(o)
	inc := &includes{options: o, left: MaxIncludes}
	roots := make([]*node, 0, len(sources)) // newest first, as all layers
	for _, src := range sources {
		n, err := parseSource(src, inc, b, nil, 0)
		if err != nil {
			return nil, err
		}
		roots = append(roots, n)
	}
	if len(roots) == 0 {
		return &Value{kind: Object}, nil
	}
	r := &resolver{roots: roots, lookup: o.Lookup, budget: b, isActive: map[*node]int{}}
	return r.resolve()
}

// parseSource parses one text as an object at path (nil but for includes).
func parseSource(src Source, inc *includes, b *budget, path []string, depth int) (*node, error) {
	if len(src.Text) > MaxSource {
		return nil, tooLarge(Pos{File: src.Name}, "the file has %d bytes, more than the %d that are read", len(src.Text), MaxSource)
	}
	p := &parser{scanner: newScanner(src), includes: inc, budget: b, path: path, prefix: len(path), includeDepth: depth}
	if i := invalidUTF8(src.Text); i >= 0 {
		return nil, invalid(p.posAt(i), "the text is not UTF-8")
	}
	return p.root()
}

// invalidUTF8 returns the offset of the first byte that isn't UTF-8, or -1.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// budget bounds the work of one ParseAll.
type budget struct{ left int }

func newBudget(o Options) *budget {
	if o.MaxNodes <= 0 {
		return &budget{left: MaxNodes}
	}
	return &budget{left: o.MaxNodes}
}

// spend takes n units of work at pos.
func (b *budget) spend(n int, pos Pos) error {
	b.left -= n
	if b.left < 0 {
		return tooLarge(pos, "the configuration expands to too many values")
	}
	return nil
}

// invalid returns an error about pos.
func invalid(pos Pos, format string, args ...any) error {
	return at(fault.New(fault.Invalid, "InvalidHocon", format, args...), pos)
}

// tooLarge returns an error about a bound that is passed at pos.
func tooLarge(pos Pos, format string, args ...any) error {
	return at(fault.New(fault.TooLarge, "HoconTooLarge", format, args...), pos)
}

// at turns e's message into a problem at pos.
func at(e *fault.Error, pos Pos) error {
	e.Problems = []fault.Problem{{Where: pos.String(), Message: e.Message}}
	e.Message = "not valid HOCON"
	return e
}

// CheckSyntax parses src and what it includes, and resolves nothing: to tell
// of a second bad file when the first is bad already.
func CheckSyntax(src Source, o Options) error {
	_, err := parseSource(src, &includes{options: o, left: MaxIncludes}, newBudget(o), nil, 0)
	return err
}
