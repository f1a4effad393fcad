package conf

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/hocon"
)

// maxText bounds a text setting, in bytes.
const maxText = 4096

// found quotes a value for a message, not too long.
func found(v *hocon.Value) string {
	if !v.IsScalar() {
		return "a " + v.Kind().String()
	}
	text := v.String()
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "") + "..."
	}
	return QuoteString(text)
}

// scalar returns the text of a setting; it must not be empty.
func (b *binder) scalar(s *setting) (string, bool) {
	text, err := s.value.Text()
	switch {
	case err != nil:
		b.bad(s, "%v", err)
	case text == "":
		b.bad(s, "it must not be empty")
	case len(text) > maxText:
		b.bad(s, "%d bytes are more than the %d that are allowed", len(text), maxText)
	case strings.ContainsRune(text, 0):
		b.bad(s, "a zero character isn't allowed")
	default:
		return text, true
	}
	return "", false
}

// checked returns the text of a setting if check finds nothing wrong; check
// returns the text to take, and what is wrong.
func (b *binder) checked(s *setting, check func(string) (text, wrong string)) (string, bool) {
	text, ok := b.scalar(s)
	if !ok {
		return "", false
	}
	text, wrong := check(text)
	if wrong != "" && s.hidden {
		b.bad(s, "%s", wrong)
		return "", false
	}
	if wrong != "" {
		b.bad(s, "%s, found %s", wrong, found(s.value))
		return "", false
	}
	return text, true
}

// text binds a checked text.
func (b *binder) text(dst *string, key Key, def string, check func(string) (text, wrong string)) {
	*dst = def
	if key.Default == "" && def != "" {
		key.Default = QuoteString(def)
	}
	if s := b.bind(key); s != nil {
		if text, ok := b.checked(s, check); ok {
			*dst = text
		}
	}
}

// choice binds one of some words; the first is the default.
func (b *binder) choice(dst *string, key Key, words ...string) {
	key.Type = "choice"
	key.Default = words[0]
	slices.Sort(words[1:])
	key.Range = strings.Join(words, ", ")
	b.text(dst, key, words[0], func(s string) (string, string) {
		if slices.Contains(words, s) {
			return s, ""
		}
		return "", "expected " + strings.Join(words, " or ")
	})
}

// secret binds a secret; it has no default.
func (b *binder) secret(dst *Secret, key Key) {
	key.Type = "secret"
	key.sample = `"..."`
	if s := b.bind(key); s != nil {
		if text, ok := b.scalar(s); ok {
			*dst = NewSecret(text)
		}
	}
}

// boolean binds a truth value; the default is no.
func (b *binder) boolean(dst *bool, key Key) {
	key.Type, key.Default, key.Range = "boolean", "no", "yes, no (or true, false, on, off)"
	*dst = false
	if s := b.bind(key); s != nil {
		v, err := s.value.Bool()
		if err != nil {
			b.bad(s, "%v, found %s", err, found(s.value))
			return
		}
		*dst = v
	}
}

// limits is the range of a number, both ends included; zero tells that 0 is
// allowed too, with a meaning of its own.
type limits[T int | int64 | time.Duration] struct {
	low, high T
	zero      bool
}

func (l limits[T]) has(v T) bool { return v >= l.low && v <= l.high || l.zero && v == 0 }

func (l limits[T]) text(write func(T) string) string {
	text := write(l.low) + " to " + write(l.high)
	if l.zero {
		text = "0, or " + text
	}
	return text
}

// measure binds a number of any unit.
func measure[T int | int64 | time.Duration](b *binder, dst *T, key Key, def T, l limits[T], write func(T) string, read func(*hocon.Value) (T, error)) {
	key.Default, key.Range = write(def), l.text(write)
	*dst = def
	s := b.bind(key)
	if s == nil {
		return
	}
	v, err := read(s.value)
	switch {
	case err != nil:
		b.bad(s, "%v, found %s", err, found(s.value))
	case !l.has(v):
		b.bad(s, "%s is out of range; allowed: %s", found(s.value), key.Range)
	default:
		*dst = v
	}
}

// duration binds a duration. Its unit must be stated.
func (b *binder) duration(dst *time.Duration, key Key, def time.Duration, l limits[time.Duration]) {
	key.Type = "duration"
	measure(b, dst, key, def, l, durationText, func(v *hocon.Value) (time.Duration, error) {
		d, err := v.Duration()
		if err == nil && d != 0 && !v.HasUnit() {
			return 0, hocon.ErrNotDuration // HOCON's milliseconds are a trap
		}
		return d, err
	})
}

// size binds a number of bytes.
func (b *binder) size(dst *int64, key Key, def int64, l limits[int64]) {
	key.Type = "size"
	measure(b, dst, key, def, l, sizeText, (*hocon.Value).Size)
}

// number binds a whole number.
func (b *binder) number(dst *int, key Key, def int, l limits[int]) {
	key.Type = "number"
	measure(b, dst, key, def, l, strconv.Itoa, func(v *hocon.Value) (int, error) {
		n, err := v.Int()
		return int(n), err
	})
}

// base is the directory that a relative path in a file is relative to.
type base string

const (
	configBase base = "relative to the configuration directory"
	dataBase   base = "relative to the data directory"
)

// absolute returns path below the base's directory.
func (b *binder) absolute(at base, path string) string {
	if at == dataBase {
		return resolve(b.dataDir, path)
	}
	return resolve(b.configDir, path)
}

// path binds the path of a file or directory; def "" is none.
func (b *binder) path(dst *string, key Key, at base, def string) {
	key.Type, key.Range = "path", string(at)
	*dst = ""
	if def != "" {
		*dst = b.absolute(at, def)
		key.Default = QuoteString(def)
	}
	if s := b.bind(key); s != nil {
		if text, ok := b.scalar(s); ok {
			*dst = b.absolute(at, text)
		}
	}
}

func resolve(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// texts binds a list of checked texts, with no text twice. Fewer than least
// are refused.
func (b *binder) texts(dst *[]string, key Key, def []string, least, most int, check func(string) (text, wrong string)) {
	key.Default = listText(def)
	*dst = slices.Clone(def)
	s := b.bind(key)
	if s == nil {
		for i, text := range def {
			(*dst)[i], _ = check(text)
		}
		return
	}
	if s.value.Kind() != hocon.Array {
		b.bad(s, "expected a list like [\"a\", \"b\"], found a %s", s.value.Kind())
		return
	}
	items := s.value.Items()
	if len(items) < least || len(items) > most {
		b.bad(s, "the list has %d elements; allowed: %d to %d", len(items), least, most)
		return
	}
	*dst = nil
	for i, item := range items {
		element := &setting{value: item, name: s.name + "[" + strconv.Itoa(i) + "]", where: where(item.Pos())}
		text, ok := b.checked(element, check)
		if ok && slices.Contains(*dst, text) {
			b.bad(element, "%s is twice in the list", found(item))
			ok = false
		}
		if ok {
			*dst = append(*dst, text)
		}
	}
}

// paths binds a list of files, relative to the configuration directory.
func (b *binder) paths(dst *[]string, key Key, def ...string) {
	key.Type = "list of paths"
	key.Range = "at most 100, relative to the configuration directory"
	b.texts(dst, key, def, 0, 100, func(s string) (string, string) { return resolve(b.configDir, s), "" })
}

// names binds a list of node names, one at least.
func (b *binder) names(dst *[]string, key Key, def string) {
	key.Type = "list of names"
	key.Range = "1 to 100 names"
	b.texts(dst, key, []string{def}, 1, 100, checkName)
}
