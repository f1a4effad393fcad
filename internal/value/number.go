package value

import (
	"errors"
	"math/bits"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The range of a Number.
const (
	MaxDigits = 34  // significant digits
	MaxWhole  = 100 // digits before the point
	MaxPlaces = 100 // decimal places
)

// Number is a decimal: at most 34 significant digits, below 10^100 in
// magnitude and with at most 100 decimal places, so its plain text never
// explodes. Reading is exact or refused; arithmetic rounds half-even to that
// precision and fails when a result is too great. Equal numbers are equal by
// ==: there is one representation of each. The zero Number is 0.
type Number struct {
	// The value is ±(hi·2^64+lo)·10^exp. Canonical: no trailing zero digit
	// while exp isn't 0, except that exp > 0 only when the plain integer would
	// have more than MaxDigits digits; zero has no sign and exp 0.
	hi, lo uint64
	exp    int16
	neg    bool
}

// decimals is the arithmetic of all numbers. The smallest exponent makes
// results round to MaxPlaces.
var decimals = apd.Context{
	Precision:   MaxDigits,
	Rounding:    apd.RoundHalfEven,
	MaxExponent: MaxWhole - 1,
	MinExponent: -MaxPlaces + MaxDigits - 1,
	Traps:       apd.Overflow | apd.InvalidOperation | apd.DivisionByZero | apd.DivisionUndefined | apd.DivisionImpossible | apd.SystemOverflow | apd.SystemUnderflow,
}

// NewInt returns the Number i.
func NewInt(i int64) Number {
	if i < 0 {
		return Number{lo: -uint64(i), neg: true}
	}
	return Number{lo: uint64(i)}
}

// ParseNumber reads a decimal number: an optional sign, digits with an
// optional point among them, and an optional exponent ("e" or "E", optional
// sign, digits). Leading zeros are allowed. A number that a Number can't hold
// exactly is an error: Invalid, code InvalidNumber.
func ParseNumber(s string) (Number, error) {
	const longest = 1000
	bad := func(why string) (Number, error) {
		return Number{}, fault.New(fault.Invalid, "InvalidNumber", "%q is not a number: %s", shortened(s), why)
	}
	if len(s) > longest {
		return bad("too long")
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		mantissa = s[:i]
		if exponent, err = strconv.Atoi(s[i+1:]); errors.Is(err, strconv.ErrRange) {
			return bad("the exponent is out of range")
		} else if err != nil {
			return bad("expected digits after the e")
		}
	}
	n := Number{}
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		n.neg = mantissa[0] == '-'
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" {
		return bad("expected a digit")
	}
	if strings.Trim(digits, "0123456789") != "" {
		return bad("expected decimal digits only")
	}
	significant := strings.TrimLeft(digits, "0")
	if trimmed := strings.TrimRight(significant, "0"); trimmed != "" {
		exponent += len(significant) - len(trimmed)
		significant = trimmed
	}
	if significant == "" {
		return Number{}, nil
	}
	exponent -= len(fraction)
	switch {
	case len(significant) > MaxDigits:
		return bad("more than 34 significant digits")
	case exponent > MaxWhole || exponent+len(significant) > MaxWhole:
		return bad("it must be below 10^100")
	case exponent < -MaxPlaces:
		return bad("more than 100 decimal places")
	}
	for i := range len(significant) {
		n.timesTenPlus(uint64(significant[i] - '0'))
	}
	n.exp = int16(exponent)
	return n.canonical(), nil
}

func shortened(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// timesTenPlus appends a digit; the caller knows that it fits.
func (n *Number) timesTenPlus(digit uint64) {
	hi, lo := bits.Mul64(n.lo, 10)
	lo, carry := bits.Add64(lo, digit, 0)
	n.hi, n.lo = n.hi*10+hi+carry, lo
}

// divTen returns the coefficient divided by ten, and the digit cut off.
func (n Number) divTen() (hi, lo, digit uint64) {
	hi, rest := n.hi/10, n.hi%10
	lo, digit = bits.Div64(rest, n.lo, 10)
	return hi, lo, digit
}

func (n Number) canonical() Number {
	if n.hi == 0 && n.lo == 0 {
		return Number{}
	}
	for n.exp != 0 {
		hi, lo, digit := n.divTen()
		if digit != 0 {
			break
		}
		n.hi, n.lo = hi, lo
		n.exp++
	}
	if n.exp > 0 && n.countDigits()+int(n.exp) <= MaxDigits {
		for ; n.exp > 0; n.exp-- {
			n.timesTenPlus(0)
		}
	}
	return n
}

// coefficient returns the digits of the coefficient.
func (n Number) coefficient() string {
	if n.hi == 0 {
		return strconv.FormatUint(n.lo, 10)
	}
	const half = 100_000_000_000_000_000 // 17 digits
	high, low := bits.Div64(n.hi, n.lo, half)
	text := strconv.FormatUint(low, 10)
	return strconv.FormatUint(high, 10) + strings.Repeat("0", 17-len(text)) + text
}

func (n Number) countDigits() int { return len(n.coefficient()) }

// String returns the number as plain decimal text without exponent, in its
// shortest form: "-12.5", "1000". ParseNumber reads it back.
func (n Number) String() string {
	if n.hi == 0 && n.exp == 0 && !n.neg {
		return strconv.FormatUint(n.lo, 10)
	}
	digits := n.coefficient()
	switch {
	case n.exp > 0:
		digits += strings.Repeat("0", int(n.exp))
	case n.exp < 0:
		places := -int(n.exp)
		if missing := places + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-places] + "." + digits[len(digits)-places:]
	}
	if n.neg {
		return "-" + digits
	}
	return digits
}

// Int64 returns the number as an integer, when it is one within int64.
func (n Number) Int64() (int64, bool) {
	if n.exp != 0 || n.hi != 0 {
		return 0, false
	}
	if n.neg {
		return -int64(n.lo), n.lo <= 1<<63
	}
	return int64(n.lo), n.lo < 1<<63
}

// IsInt tells whether the number has no fraction.
func (n Number) IsInt() bool { return n.exp >= 0 }

// Sign returns -1, 0 or 1.
func (n Number) Sign() int {
	switch {
	case n == Number{}:
		return 0
	case n.neg:
		return -1
	}
	return 1
}

// Neg returns -n.
func (n Number) Neg() Number {
	if n == (Number{}) {
		return n
	}
	n.neg = !n.neg
	return n
}

// small tells whether n is an integer whose sums and products are easily seen
// not to overflow.
func (n Number) small() (int64, bool) {
	i, ok := n.Int64()
	return i, ok && i < 1<<31 && i > -1<<31
}

// Add returns n+m. Errors: Invalid, code EvaluationFailed, on overflow.
func (n Number) Add(m Number) (Number, error) {
	if a, ok := n.small(); ok {
		if b, ok := m.small(); ok {
			return NewInt(a + b), nil
		}
	}
	return n.calculate(m, decimals.Add)
}

// Sub returns n-m. Errors: Invalid, code EvaluationFailed, on overflow.
func (n Number) Sub(m Number) (Number, error) { return n.Add(m.Neg()) }

// Mul returns n·m. Errors: Invalid, code EvaluationFailed, on overflow.
func (n Number) Mul(m Number) (Number, error) {
	if a, ok := n.small(); ok {
		if b, ok := m.small(); ok {
			return NewInt(a * b), nil
		}
	}
	return n.calculate(m, decimals.Mul)
}

// Quo returns n/m. Errors: Invalid, code EvaluationFailed, on overflow and
// when m is 0.
func (n Number) Quo(m Number) (Number, error) {
	if m == (Number{}) {
		return Number{}, fault.New(fault.Invalid, "EvaluationFailed", "division by zero")
	}
	return n.calculate(m, decimals.Quo)
}

// Cmp returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n Number) Cmp(m Number) int {
	if n == m {
		return 0
	}
	var a, b apd.Decimal
	n.toDecimal(&a)
	m.toDecimal(&b)
	return a.Cmp(&b)
}

func (n Number) calculate(m Number, op func(d, x, y *apd.Decimal) (apd.Condition, error)) (Number, error) {
	var a, b, d apd.Decimal
	n.toDecimal(&a)
	m.toDecimal(&b)
	if _, err := op(&d, &a, &b); err != nil {
		return Number{}, fault.Wrap(fault.Invalid, "EvaluationFailed", err, "the result of the calculation is out of range (10^100 or greater)")
	}
	return fromDecimal(&d), nil
}

func (n Number) toDecimal(d *apd.Decimal) {
	var low apd.BigInt
	low.SetUint64(n.lo)
	d.Coeff.SetUint64(n.hi)
	d.Coeff.Lsh(&d.Coeff, 64)
	d.Coeff.Or(&d.Coeff, &low)
	d.Exponent = int32(n.exp)
	d.Negative = n.neg
}

// fromDecimal takes the finite result of decimals, which is within the range
// of a Number.
func fromDecimal(d *apd.Decimal) Number {
	var mask, part apd.BigInt
	mask.SetUint64(^uint64(0))
	n := Number{neg: d.Negative, exp: int16(d.Exponent)}
	n.lo = part.And(&d.Coeff, &mask).Uint64()
	n.hi = part.Rsh(&d.Coeff, 64).Uint64()
	return n.canonical()
}
