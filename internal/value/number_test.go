package value_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/value"
)

func number(t testing.TB, s string) value.Number {
	t.Helper()
	n, err := value.ParseNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParseNumber(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 34)
	for _, c := range []struct{ in, out string }{
		{"0", "0"},
		{"-0", "0"},
		{"+0", "0"},
		{"0.00", "0"},
		{"0e5", "0"},
		{"0e-5", "0"},
		{"7", "7"},
		{"-7", "-7"},
		{"+7", "7"},
		{"007", "7"},
		{"-007.500", "-7.5"},
		{".5", "0.5"},
		{"5.", "5"},
		{"-.5", "-0.5"},
		{"1e3", "1000"},
		{"1E3", "1000"},
		{"1e+3", "1000"},
		{"1e-3", "0.001"},
		{"1.5e1", "15"},
		{"100e-2", "1"},
		{"120e-1", "12"},
		{nines, nines},
		{nines + "0", nines + "0"},
		{nines + ".0", nines},
		{"0." + nines, "0." + nines},
		{"1e99", "1" + strings.Repeat("0", 99)},
		{nines + "e66", nines + strings.Repeat("0", 66)},
		{"1e-100", "0." + strings.Repeat("0", 99) + "1"},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"18446744073709551616", "18446744073709551616"},
		{"100000000000000000000000000000000000000000", "100000000000000000000000000000000000000000"},
		{strings.Repeat("0", 900) + "1", "1"},
	} {
		n, err := value.ParseNumber(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := n.String(); got != c.out {
			t.Errorf("%s: got %s, want %s", c.in, got, c.out)
		}
		if back := number(t, n.String()); back != n {
			t.Errorf("%s: %#v is read back as %#v", c.in, n, back)
		}
	}
}

func TestParseNumberRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", " ", "-", "+", ".", "-.", "e5", ".e5", "1e", "1e+", "1e-", "1e+-5", "1e5.5", "1e5e5", "1.2.3", "--1", "+-1", "1-", "1 ", " 1", "1_0", "0x1", "1,5",
		"NaN", "Infinity", "inf", "٣", "１", "1\x00", "1e 5", "1e++5",
		"1e100", "-1e100", "10e99", "1e-101", "1e400", "1e-400", "1e99999999999999999999", "1e-99999999999999999999", "1e9223372036854775807", "1e-9223372036854775808",
		strings.Repeat("9", 35), "1." + strings.Repeat("0", 33) + "1", strings.Repeat("0", 1001),
	} {
		if n, err := value.ParseNumber(s); err == nil {
			t.Errorf("%q is read as %s", s, n)
		}
	}
}

func TestInt64(t *testing.T) {
	t.Parallel()
	for _, i := range []int64{0, 1, -1, math.MaxInt32, math.MinInt32, 1 << 53, math.MaxInt64, math.MinInt64} {
		n := value.NewInt(i)
		if got, ok := n.Int64(); !ok || got != i {
			t.Errorf("%d: got %d, %v", i, got, ok)
		}
		if back := number(t, n.String()); back != n {
			t.Errorf("%d: %s", i, n)
		}
	}
	for _, s := range []string{"0.5", "9223372036854775808", "-9223372036854775809", "1e30", "1e99"} {
		if i, ok := number(t, s).Int64(); ok {
			t.Errorf("%s is the integer %d", s, i)
		}
	}
	if !number(t, "1e99").IsInt() || number(t, "1.5").IsInt() || !number(t, "1.0").IsInt() {
		t.Error("IsInt is wrong")
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 34)
	for _, c := range []struct{ a, op, b, want string }{
		{"1", "+", "2", "3"},
		{"0.1", "+", "0.2", "0.3"},
		{"1e99", "+", "1", "1" + strings.Repeat("0", 99)}, // rounded to 34 digits
		{nines, "+", "1", "1" + strings.Repeat("0", 34)},
		{nines, "+", "0.5", "1" + strings.Repeat("0", 34)}, // half to even
		{"1000000000000000000000000000000000", "+", "0.5", "1000000000000000000000000000000000"}, // half to even
		{"5e99", "+", "5e99", ""},
		{"1", "-", "1", "0"},
		{"-1", "-", "-1", "0"},
		{"0.3", "-", "0.1", "0.2"},
		{"9223372036854775807", "+", "1", "9223372036854775808"},
		{"-9223372036854775808", "-", "1", "-9223372036854775809"},
		{"2147483647", "*", "2147483647", "4611686014132420609"},
		{"9223372036854775807", "*", "9223372036854775807", "85070591730234615847396907784232500000"}, // 34 digits
		{"0.5", "*", "0.5", "0.25"},
		{"1e50", "*", "1e50", ""},
		{"1e-50", "*", "1e-50", "0." + strings.Repeat("0", 99) + "1"},
		{"1e-51", "*", "1e-50", "0"}, // below the last place
		{"6e-51", "*", "1e-50", "0." + strings.Repeat("0", 99) + "1"},
		{"0", "*", "-1", "0"},
		{"1", "/", "8", "0.125"},
		{"1", "/", "3", "0." + strings.Repeat("3", 34)},
		{"2", "/", "3", "0." + strings.Repeat("6", 33) + "7"},
		{"-1", "/", "2", "-0.5"},
		{"6", "/", "3", "2"},
		{"1", "/", "1e-100", ""},
		{"1", "/", "0", ""},
		{"0", "/", "0", ""},
		{"0", "/", "-5", "0"},
	} {
		a, b := number(t, c.a), number(t, c.b)
		op := map[string]func(value.Number) (value.Number, error){"+": a.Add, "-": a.Sub, "*": a.Mul, "/": a.Quo}[c.op]
		got, err := op(b)
		switch {
		case err != nil && c.want != "":
			t.Errorf("%s %s %s: %v", c.a, c.op, c.b, err)
		case err == nil && c.want == "":
			t.Errorf("%s %s %s: got %s, want an error", c.a, c.op, c.b, got)
		case err == nil && got != number(t, c.want):
			t.Errorf("%s %s %s: got %s, want %s", c.a, c.op, c.b, got, c.want)
		}
	}
}

// TestArithmeticAgreesWithRationals compares with exact arithmetic: a result
// is off by at most half a unit in its 34th digit or its 100th place.
func TestArithmeticAgreesWithRationals(t *testing.T) {
	t.Parallel()
	rat := func(n value.Number) *big.Rat {
		r, ok := new(big.Rat).SetString(n.String())
		if !ok {
			t.Errorf("not a number: %s", n)
		}
		return r
	}
	power := func(e int64) *big.Rat {
		r := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(max(e, -e)), nil))
		if e < 0 {
			r.Inv(r)
		}
		return r
	}
	limit := power(100)
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyNumber().Draw(t, "a"), anyNumber().Draw(t, "b")
		if got, want := a.Cmp(b), rat(a).Cmp(rat(b)); got != want || (a == b) != (want == 0) {
			t.Fatalf("Cmp = %d, want %d", got, want)
		}
		if a.Sign() != rat(a).Sign() || a.Neg().Neg() != a || a.Neg().Sign() != -a.Sign() {
			t.Fatal("signs are wrong")
		}
		exact := new(big.Rat)
		var got value.Number
		var err error
		switch rapid.IntRange(0, 3).Draw(t, "op") {
		case 0:
			got, err = a.Add(b)
			exact.Add(rat(a), rat(b))
		case 1:
			got, err = a.Sub(b)
			exact.Sub(rat(a), rat(b))
		case 2:
			got, err = a.Mul(b)
			exact.Mul(rat(a), rat(b))
		default:
			if b.Sign() == 0 {
				return
			}
			got, err = a.Quo(b)
			exact.Quo(rat(a), rat(b))
		}
		if err != nil {
			if new(big.Rat).Abs(exact).Cmp(new(big.Rat).Mul(limit, big.NewRat(99, 100))) < 0 {
				t.Fatalf("%v, but the result is %s", err, exact.FloatString(5))
			}
			return
		}
		off := new(big.Rat).Sub(rat(got), exact)
		off.Abs(off)
		allowed := new(big.Rat).Mul(new(big.Rat).Abs(exact), power(-33))
		allowed.Add(allowed, power(-100)).Quo(allowed, big.NewRat(2, 1))
		if off.Cmp(allowed) > 0 {
			t.Fatalf("got %s, exactly it is %s", got, exact.FloatString(110))
		}
		if back, err := value.ParseNumber(got.String()); err != nil || back != got {
			t.Fatalf("%s is read back as %s, %v", got, back, err)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	x, y := number(b, "12.5"), number(b, "0.1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Add(y); err != nil {
			b.Fatal(err)
		}
	}
}
