package hocon

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Reasons why a scalar isn't of the type asked for. They name no value, as it
// may be a secret.
var (
	ErrNotScalar   = errors.New("expected a single value, not a list or an object")
	ErrNotBool     = errors.New("expected true, false, yes, no, on or off")
	ErrNotInt      = errors.New("expected a whole number")
	ErrNotDuration = errors.New("expected a duration like 500ms, 15s, 5m, 1h or 7d")
	ErrNotSize     = errors.New("expected a size like 65536, 64KiB, 8MB or 1GiB")
	ErrRange       = errors.New("the number is too large")
)

// Text returns the text of a scalar.
func (v *Value) Text() (string, error) {
	if !v.IsScalar() {
		return "", ErrNotScalar
	}
	return v.text, nil
}

// Bool returns the truth value of true, yes, on, and of false, no, off, also
// when they are quoted. Case matters.
func (v *Value) Bool() (bool, error) {
	text, err := v.Text()
	if err != nil {
		return false, err
	}
	switch text {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, ErrNotBool
}

// Int returns a whole number in decimal digits.
func (v *Value) Int() (int64, error) {
	text, err := v.Text()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, ErrRange
	}
	if err != nil || strings.HasPrefix(text, "+") {
		return 0, ErrNotInt
	}
	return n, nil
}

// durationUnits maps a unit as it is written to nanoseconds.
var durationUnits = unitTable(
	unit{1, "ns nano nanos nanosecond nanoseconds"},
	unit{int64(time.Microsecond), "us micro micros microsecond microseconds"},
	unit{int64(time.Millisecond), "ms milli millis millisecond milliseconds"},
	unit{int64(time.Second), "s second seconds"},
	unit{int64(time.Minute), "m minute minutes"},
	unit{int64(time.Hour), "h hour hours"},
	unit{24 * int64(time.Hour), "d day days"},
)

// sizeUnits maps a unit as it is written to bytes. A single letter is a power
// of 1024, in either case, as the JVM's -Xmx8m.
var sizeUnits = unitTable(
	unit{1, "B b byte bytes"},
	unit{1e3, "kB kilobyte kilobytes"},
	unit{1e6, "MB megabyte megabytes"},
	unit{1e9, "GB gigabyte gigabytes"},
	unit{1e12, "TB terabyte terabytes"},
	unit{1e15, "PB petabyte petabytes"},
	unit{1e18, "EB exabyte exabytes"},
	unit{1 << 10, "K k Ki KiB kibibyte kibibytes"},
	unit{1 << 20, "M m Mi MiB mebibyte mebibytes"},
	unit{1 << 30, "G g Gi GiB gibibyte gibibytes"},
	unit{1 << 40, "T t Ti TiB tebibyte tebibytes"},
	unit{1 << 50, "P p Pi PiB pebibyte pebibytes"},
	unit{1 << 60, "E e Ei EiB exbibyte exbibytes"},
)

type unit struct {
	factor int64
	names  string
}

func unitTable(units ...unit) map[string]int64 {
	table := map[string]int64{}
	for _, u := range units {
		for name := range strings.FieldsSeq(u.names) {
			table[name] = u.factor
		}
	}
	return table
}

// Duration returns a number with a unit of time, with or without a blank
// between them ("15s", "1.5 hours"). A bare number is milliseconds, as HOCON
// has it. Fractions of a nanosecond are cut off.
func (v *Value) Duration() (time.Duration, error) {
	n, err := v.measure(durationUnits, int64(time.Millisecond), ErrNotDuration)
	return time.Duration(n), err
}

// Size returns a number of bytes, with a unit or without ("64KiB", "8 MB",
// "8m" = 8 MiB, "65536"). It isn't negative. Fractions of a byte are cut off.
func (v *Value) Size() (int64, error) {
	n, err := v.measure(sizeUnits, 1, ErrNotSize)
	if err == nil && n < 0 {
		return 0, ErrNotSize
	}
	return n, err
}

// HasUnit tells whether a scalar's text ends with a letter, as a duration or
// size with its unit does.
func (v *Value) HasUnit() bool {
	if !v.IsScalar() {
		return false
	}
	_, name := splitUnit(v.text)
	return name != ""
}

// splitUnit splits "1.5 hours" into "1.5" and "hours".
func splitUnit(text string) (number, name string) {
	text = strings.TrimFunc(text, isSpaceOrNewline)
	i := len(text)
	for i > 0 && isLetter(text[i-1]) {
		i--
	}
	return strings.TrimFunc(text[:i], isSpaceOrNewline), text[i:]
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// measure returns number times unit of a scalar; none is the unit of a bare
// number, and bad what is wrong when it is none.
func (v *Value) measure(units map[string]int64, none int64, bad error) (int64, error) {
	text, err := v.Text()
	if err != nil {
		return 0, err
	}
	number, name := splitUnit(text)
	factor := none
	if name != "" {
		var ok bool
		if factor, ok = units[name]; !ok {
			return 0, bad
		}
	}
	if !isDecimal(number) {
		return 0, bad
	}
	rat, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, bad
	}
	rat.Mul(rat, new(big.Rat).SetInt64(factor))
	whole := new(big.Int).Quo(rat.Num(), rat.Denom())
	if !whole.IsInt64() || whole.Int64() == math.MinInt64 {
		return 0, ErrRange
	}
	return whole.Int64(), nil
}

// isDecimal tells whether s is digits with at most one sign and one point.
// Exponents are left out: "1e5s" is a slip more often than a wish, and a big
// one would cost memory.
func isDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if len(s) > 40 {
		return false
	}
	whole, fraction, point := strings.Cut(s, ".")
	return isDigits(whole) && (!point || isDigits(fraction))
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
