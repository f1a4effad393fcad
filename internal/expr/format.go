package expr

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/value"
)

// format is a parsed date pattern: a subset of the letters of Java's
// DateTimeFormatter, with English texts.
type format struct{ fields []formatField }

// formatField is literal text, or a letter with its number of repetitions.
type formatField struct {
	text   string
	letter rune
	count  int
}

// maxFormat bounds the source of a date pattern.
const maxFormat = 200

// formatLetters are the letters known, and how often each may be repeated.
var formatLetters = map[rune]struct {
	most  int
	write func(t time.Time, count int) string
}{
	'y': {4, year}, 'u': {4, year},
	'M': {4, month}, 'L': {4, month},
	'Q': {2, func(t time.Time, n int) string { return padded((int(t.Month())+2)/3, n) }},
	'd': {2, func(t time.Time, n int) string { return padded(t.Day(), n) }},
	'D': {3, func(t time.Time, n int) string { return padded(t.YearDay(), n) }},
	'E': {4, func(t time.Time, n int) string { return named(t.Weekday().String(), n) }},
	'a': {1, func(t time.Time, _ int) string { return t.Format("PM") }},
	'H': {2, func(t time.Time, n int) string { return padded(t.Hour(), n) }},
	'k': {2, func(t time.Time, n int) string { return padded((t.Hour()+23)%24+1, n) }},
	'K': {2, func(t time.Time, n int) string { return padded(t.Hour()%12, n) }},
	'h': {2, func(t time.Time, n int) string { return padded((t.Hour()+11)%12+1, n) }},
	'm': {2, func(t time.Time, n int) string { return padded(t.Minute(), n) }},
	's': {2, func(t time.Time, n int) string { return padded(t.Second(), n) }},
	'S': {9, func(t time.Time, n int) string { return fmt.Sprintf("%09d", t.Nanosecond())[:n] }},
	'z': {3, func(t time.Time, _ int) string { return t.Format("MST") }},
	'V': {2, func(t time.Time, _ int) string { return t.Location().String() }},
	'x': {3, offset},
	'X': {3, func(t time.Time, n int) string { return orZulu(t, offset(t, n)) }},
	'Z': {5, func(t time.Time, n int) string {
		if n == 5 {
			return orZulu(t, offset(t, 3))
		}
		return offset(t, 2)
	}},
}

func padded(n, width int) string { return fmt.Sprintf("%0*d", width, n) }

func named(name string, count int) string {
	if count == 4 {
		return name
	}
	return name[:3]
}

func year(t time.Time, count int) string {
	if count == 2 {
		return padded(t.Year()%100, 2)
	}
	return padded(t.Year(), count)
}

func month(t time.Time, count int) string {
	if count >= 3 {
		return named(t.Month().String(), count)
	}
	return padded(int(t.Month()), count)
}

// offset writes +01 (with minutes when there are any), +0100 or +01:00.
func offset(t time.Time, count int) string {
	switch _, seconds := t.Zone(); {
	case count == 3:
		return t.Format("-07:00")
	case count == 1 && seconds%3600 == 0:
		return t.Format("-07")
	}
	return t.Format("-0700")
}

func orZulu(t time.Time, text string) string {
	if _, seconds := t.Zone(); seconds == 0 {
		return "Z"
	}
	return text
}

func formatError(format string, args ...any) error {
	return fault.New(fault.Invalid, codeFailed, "bad date pattern: "+format, args...)
}

// parseFormat reads a date pattern.
func parseFormat(source string) (*format, error) {
	if len(source) > maxFormat {
		return nil, formatError("longer than %d bytes", maxFormat)
	}
	f := &format{}
	for rest := source; rest != ""; {
		c := rune(rest[0])
		switch {
		case c == '\'':
			text, after, err := quotedText(rest)
			if err != nil {
				return nil, err
			}
			f.fields = append(f.fields, formatField{text: text})
			rest = after
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			after := strings.TrimLeft(rest, string(c))
			field := formatField{letter: c, count: len(rest) - len(after)}
			if err := field.check(); err != nil {
				return nil, err
			}
			f.fields = append(f.fields, field)
			rest = after
		case strings.ContainsRune("[]{}#", c):
			return nil, formatError("%q is reserved; put it in quotes: '%c'", c, c)
		default:
			f.fields = append(f.fields, formatField{text: rest[:1]}) // bytes of a character stay together
			rest = rest[1:]
		}
	}
	return f, nil
}

func (f formatField) check() error {
	known, ok := formatLetters[f.letter]
	switch {
	case !ok:
		return formatError("the letter %c is not supported; plain text is put in quotes: 'text'", f.letter)
	case f.count > known.most || f.letter == 'V' && f.count != 2 || f.letter == 'Z' && f.count == 4:
		return formatError("%s is not supported", strings.Repeat(string(f.letter), min(f.count, 10)))
	}
	return nil
}

// quotedText reads 'text', where two quotes are one, at its opening quote.
func quotedText(s string) (text, rest string, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", s[2:], nil
	}
	var b strings.Builder
	for rest = s[1:]; ; {
		before, after, closed := strings.Cut(rest, "'")
		if !closed {
			return "", "", formatError("a quote ' is not closed")
		}
		b.WriteString(before)
		if rest = after; !strings.HasPrefix(rest, "'") {
			return b.String(), rest, nil
		}
		b.WriteByte('\'')
		rest = rest[1:]
	}
}

// write returns the time as text.
func (f *format) write(t time.Time) string {
	var b strings.Builder
	for _, field := range f.fields {
		if field.letter == 0 {
			b.WriteString(field.text)
		} else {
			b.WriteString(formatLetters[field.letter].write(t, field.count))
		}
	}
	return b.String()
}

// formatted is the work of now and scheduledOrEmpty.
func (ev *evaluation) formatted(n *call, t time.Time, args []value.Value) (value.Value, error) {
	f := n.format
	if f == nil {
		var err error
		if f, err = parseFormat(string(args[0].(value.String))); err != nil {
			return nil, ev.fail(n, err)
		}
	}
	zone := time.UTC
	if name, ok := args[1].(value.String); ok {
		const cost = 100 // steps; the zone may be read from a file
		if err := ev.spend(n, cost); err != nil {
			return nil, err
		}
		var err error
		if zone, err = location(string(name)); err != nil {
			return nil, ev.fail(n, err)
		}
	}
	return value.String(f.write(t.In(zone))), nil
}

// location returns the time zone of that name: one of the zone database,
// "UTC", "Z", or an offset like +02:00.
func location(name string) (*time.Location, error) {
	unknown := func() (*time.Location, error) {
		return nil, fault.New(fault.Invalid, codeFailed, "unknown time zone %q", shorten(name))
	}
	switch {
	case name == "Z" || name == "UTC":
		return time.UTC, nil
	case name == "" || name == "Local":
		return unknown() // would be the zone of this machine
	case name[0] == '+' || name[0] == '-':
		t, err := time.Parse("-07:00", name)
		if err != nil {
			return unknown()
		}
		_, seconds := t.Zone()
		const most = 18 * 3600
		if seconds > most || seconds < -most {
			return unknown()
		}
		return time.FixedZone(name, seconds), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return unknown()
	}
	return loc, nil
}
