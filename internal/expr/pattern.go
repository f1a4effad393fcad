package expr

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

// pattern is a compiled regular expression (RE2).
type pattern struct {
	regex *regexp.Regexp
	cost  int // instructions of its program: how expensive matching is
}

// Bounds of a regular expression.
const (
	maxPattern = 8 << 10 // bytes of its source
	maxProgram = 10_000  // instructions, with repetitions like x{1000} written out
)

func patternError(format string, args ...any) error {
	return fault.New(fault.Invalid, codeFailed, "bad regular expression: "+format, args...)
}

// syntaxError says what is wrong without repeating a long pattern.
func syntaxError(err error) error {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return patternError("%s: `%s`", e.Code, shorten(e.Expr))
	}
	return patternError("%s", err)
}

// compilePattern compiles a regular expression; whole makes it match whole
// strings only.
func compilePattern(source string, whole bool) (*pattern, error) {
	if len(source) > maxPattern {
		return nil, patternError("longer than %d bytes", maxPattern)
	}
	if err := checkPattern(source); err != nil {
		return nil, err
	}
	// By itself first: put in a group, "a)(b" would get another meaning.
	if _, err := syntax.Parse(source, syntax.Perl); err != nil {
		return nil, syntaxError(err)
	}
	if whole {
		source = `\A(?:` + source + `)\z`
	}
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, syntaxError(err)
	}
	if programSize(tree) > maxProgram {
		return nil, patternError("too large with its repetitions written out")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, patternError("%s", err)
	}
	regex, err := regexp.Compile(source)
	if err != nil {
		return nil, patternError("%s", err)
	}
	return &pattern{regex: regex, cost: len(prog.Inst)}, nil
}

// programSize estimates the size of the compiled program before it is made.
func programSize(tree *syntax.Regexp) int {
	size := 1 + len(tree.Sub)
	if tree.Op == syntax.OpLiteral {
		size = len(tree.Rune)
	}
	for _, sub := range tree.Sub {
		size += programSize(sub)
	}
	if tree.Op == syntax.OpRepeat {
		size *= max(tree.Min, tree.Max, 1)
	}
	return min(size, maxProgram+1)
}

// checkPattern refuses what RE2 doesn't have with words that help, and what it
// would silently read differently than Java does.
func checkPattern(source string) error {
	class := false // within [ ]
	for i := 0; i < len(source); i++ {
		rest := source[i:]
		switch {
		case !class && strings.HasPrefix(rest, `\Q`):
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return nil
			}
			i += end + 1
		case rest[0] == '\\' && len(rest) > 1:
			if !class && (rest[1] >= '1' && rest[1] <= '9' || rest[1] == 'k') {
				return patternError(`back-references (\1) are not supported`)
			}
			i++
		case class && strings.HasPrefix(rest, "[:"):
			i++
		case class && rest[0] == '[':
			return patternError(`a '[' within [ ] is written \[; unions of character classes are not supported`)
		case class && strings.HasPrefix(rest, "&&"):
			return patternError(`&& within [ ] (an intersection of character classes) is not supported; a plain & is written once, or as \x26`)
		case class && rest[0] == ']':
			class = false
		case class:
		case rest[0] == '[':
			class = true
			i += classStart(rest)
		case hasAnyPrefix(rest, "(?=", "(?!", "(?<=", "(?<!"):
			return patternError("look-around %s…) is not supported", rest[:strings.IndexAny(rest, "=!")+1])
		case hasFlagU(rest):
			return patternError("the flag U is not supported: it means different things to different programs")
		case strings.HasPrefix(rest, "(?>"):
			return patternError("atomic groups (?>…) are not supported")
		case hasAnyPrefix(rest, "*+", "++", "?+"):
			return patternError("possessive quantifiers (%s) are not supported", rest[:2])
		}
	}
	return nil
}

// hasFlagU tells whether flags with a U begin here: "(?iU)", "(?U:". In RE2 it
// makes repetitions ungreedy, in Java classes Unicode.
func hasFlagU(rest string) bool {
	after, ok := strings.CutPrefix(rest, "(?")
	flags := after[:len(after)-len(strings.TrimLeft(after, "imsU-"))]
	return ok && strings.Contains(flags, "U") && hasAnyPrefix(after[len(flags):], ")", ":")
}

// classStart returns how many characters behind the '[' belong to its start:
// a ^, and a ] that is meant literally.
func classStart(rest string) int {
	n := 0
	if strings.HasPrefix(rest[1:], "^") {
		n++
	}
	if strings.HasPrefix(rest[1+n:], "]") {
		n++
	}
	return n
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// replacement is a parsed replacement text in Java's form: pieces of text, and
// the numbers of groups.
type replacement []piece

type piece struct {
	text  string
	group int // -1: text
}

// parseReplacement reads $1, ${name} and \x. As in Java, $12 is group 12 if
// there is one, else group 1 and "2"; a group that doesn't exist is an error.
func (p *pattern) parseReplacement(repl string) (replacement, error) {
	var pieces replacement
	var text strings.Builder
	for i := 0; i < len(repl); i++ {
		switch c := repl[i]; c {
		case '\\':
			if i++; i == len(repl) {
				return nil, replacementError(`a \ at the end`)
			}
			text.WriteByte(repl[i])
		case '$':
			group, length, err := p.group(repl[i+1:])
			if err != nil {
				return nil, err
			}
			if text.Len() > 0 {
				pieces = append(pieces, piece{text.String(), -1})
				text.Reset()
			}
			pieces = append(pieces, piece{"", group})
			i += length
		default:
			text.WriteByte(c)
		}
	}
	if text.Len() > 0 {
		pieces = append(pieces, piece{text.String(), -1})
	}
	return pieces, nil
}

func replacementError(format string, args ...any) error {
	return fault.New(fault.Invalid, codeFailed, "bad replacement: "+format, args...)
}

// group reads a group's number or {name} and returns how long it is.
func (p *pattern) group(s string) (group, length int, err error) {
	if strings.HasPrefix(s, "{") {
		name, _, closed := strings.Cut(s[1:], "}")
		group = p.regex.SubexpIndex(name)
		if !closed || group < 0 {
			return 0, 0, replacementError("there is no group named %q", shorten(name))
		}
		return group, len(name) + 2, nil
	}
	for length < len(s) && s[length] >= '0' && s[length] <= '9' {
		next, convErr := strconv.Atoi(s[:length+1])
		if convErr != nil || next > p.regex.NumSubexp() {
			break
		}
		group = next
		length++
	}
	if length == 0 {
		return 0, 0, replacementError(`$ must be followed by the number of a group of the regular expression, or {name}; a dollar sign itself is written \$`)
	}
	return group, length, nil
}

// appendTo appends the replacement for one match.
func (r replacement) appendTo(b *strings.Builder, s string, match []int) {
	for _, p := range r {
		switch {
		case p.group < 0:
			b.WriteString(p.text)
		case match[2*p.group] >= 0:
			b.WriteString(s[match[2*p.group]:match[2*p.group+1]])
		}
	}
}

// length returns how many bytes appendTo appends.
func (r replacement) length(match []int) int {
	n := 0
	for _, p := range r {
		if p.group < 0 {
			n += len(p.text)
		} else {
			n += match[2*p.group+1] - match[2*p.group]
		}
	}
	return n
}

// patternOf returns the call's compiled pattern, or compiles the regular
// expression that was computed.
func (ev *evaluation) patternOf(n node, prepared *pattern, regex value.Value, whole bool) (*pattern, error) {
	if prepared != nil {
		return prepared, nil
	}
	source, ok := regex.(value.String)
	if !ok {
		return nil, ev.wrongKind(n, "the regular expression", regex, value.StringKind)
	}
	const perByte = 10 // steps; compiling is dear
	if err := ev.spend(n, perByte*len(source)); err != nil {
		return nil, err
	}
	p, err := compilePattern(string(source), whole)
	if err != nil {
		return nil, ev.fail(n, err)
	}
	return p, ev.spend(n, p.cost)
}

// spendMatch charges for matching s, before it is done: RE2 takes time in
// proportion to the length of the text and of the program.
func (ev *evaluation) spendMatch(n node, p *pattern, s value.String) error {
	const perStep = 32 // characters times instructions
	return ev.spend(n, 1+(len(s)+1)*(p.cost+1)/perStep)
}

func (ev *evaluation) matches(n *binary, a, b value.Value) (value.Value, error) {
	var text value.String
	switch a := a.(type) {
	case value.Missing:
	case value.String:
		text = a
	default:
		return nil, ev.wrongKind(n, "the left side of matches", a, value.StringKind)
	}
	p, err := ev.patternOf(n, n.pattern, b, true)
	if err != nil {
		return nil, err
	}
	if err := ev.spendMatch(n, p, text); err != nil {
		return nil, err
	}
	return value.Boolean(p.regex.MatchString(string(text))), nil
}

// replace is the work of replaceAll and match.
func (ev *evaluation) replace(n *call, args []value.Value) (value.Value, error) {
	whole := n.name == "match"
	text, repl := args[0].(value.String), args[2].(value.String)
	p, err := ev.patternOf(n, n.pattern, args[1], whole)
	if err != nil {
		return nil, err
	}
	pieces, err := p.parseReplacement(string(repl))
	if err != nil {
		return nil, ev.fail(n, err)
	}
	if err := ev.spendMatch(n, p, text); err != nil {
		return nil, err
	}
	const perMatch = 4 // steps, plus one for each group
	cost := perMatch + p.regex.NumSubexp()
	found := p.regex.FindAllStringSubmatchIndex(string(text), ev.steps/cost+1)
	if err := ev.spend(n, len(found)*cost); err != nil {
		return nil, err
	}
	if whole && len(found) == 0 {
		return nil, ev.failf(n, codeFailed, "Does not match the regular expression")
	}
	size := len(text)
	for _, match := range found {
		if size += pieces.length(match) - (match[1] - match[0]); size > ev.limits.Bytes+len(text) {
			return nil, ev.tooBig(n)
		}
	}
	if err := ev.spendBytes(n, size); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(size)
	end := 0
	for _, match := range found {
		b.WriteString(string(text[end:match[0]]))
		pieces.appendTo(&b, string(text), match)
		end = match[1]
	}
	b.WriteString(string(text[end:]))
	return value.String(b.String()), nil
}
