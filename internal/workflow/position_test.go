package workflow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// branchIDs draws branch ids, many of them made to break the text form.
func branchIDs() *rapid.Generator[string] {
	hostile := rapid.StringOfN(rapid.RuneFrom([]rune("/%25F:+|0~#ab\"\\\nä😀")), 1, 12, MaxBranchID)
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"then", "then+2", "else", "try", "try+0", "try+12", "catch", "catch+3", "fork", "fork+A", "options",
			"/", "%", "%2F", "%25", "%252F", "a/b", "+", "try+", "try+x", "try++1", "try+007", ":", "1", "0/then",
		}),
		hostile,
		rapid.StringN(1, 20, MaxBranchID),
	)
}

func positions() *rapid.Generator[Position] {
	return rapid.Custom(func(t *rapid.T) Position {
		p := At(rapid.IntRange(0, 12).Draw(t, "nr"))
		for range rapid.IntRange(0, 5).Draw(t, "depth") {
			p = p.Branch(branchIDs().Draw(t, "branch")).Position(rapid.IntRange(0, 12).Draw(t, "nr"))
		}
		return p
	})
}

func TestPositionRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := positions().Draw(t, "position")
		branch := branchIDs().Draw(t, "branch")

		at, b, ok := p.Branch(branch).Split()
		if !ok || at != p || b != branch {
			t.Fatalf("%q split again is %v %q %v", p.Branch(branch), at, b, ok)
		}
		if q, ok := p.Into(branch).Parent(); !ok || q != p {
			t.Fatalf("the parent of %v is %v", p.Into(branch), q)
		}
		if !p.Block.Contains(p) || !p.Block.Contains(p.Into(branch)) || p.Branch(branch).Contains(p) {
			t.Fatalf("containment of %v in %q", p, p.Block)
		}
		if b, err := ParseBlockText(string(p.Block)); err != nil || b != p.Block {
			t.Fatalf("the text %q reads as %q, %v", p.Block, b, err)
		}

		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var q Position
		if err := json.Unmarshal(data, &q); err != nil || q != p {
			t.Fatalf("%s reads as %v, %v", data, q, err)
		}
		data, err = json.Marshal(p.Block)
		if err != nil {
			t.Fatal(err)
		}
		var block Block
		if err := json.Unmarshal(data, &block); err != nil || block != p.Block {
			t.Fatalf("%s reads as %q, %v", data, block, err)
		}

		n := p.Normalize()
		if n.Normalize() != n || n.Nr != p.Nr {
			t.Fatalf("%v normalized twice is %v", n, n.Normalize())
		}
		if strings.Count(string(n.Block), "/") != strings.Count(string(p.Block), "/") {
			t.Fatalf("%v normalized has another depth: %v", p, n)
		}
	})
}

// Different positions have different texts.
func TestPositionTextIsInjective(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := positions().Draw(t, "a"), positions().Draw(t, "b")
		aJSON, _ := a.MarshalJSON()
		bJSON, _ := b.MarshalJSON()
		if (string(aJSON) == string(bJSON)) != (a == b) {
			t.Fatalf("%s and %s: equal as positions: %v", aJSON, bJSON, a == b)
		}
		if a != b && a.String() == b.String() {
			t.Fatalf("%#v and %#v are both printed as %s", a, b, a)
		}
	})
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`[1]`:                                `[1]`,
		`[1,"try+3",0,"fork+try+1",4]`:       `[1,"try",0,"fork+try+1",4]`,
		`[1,"then+2",0,"catch+0",4,"try",1]`: `[1,"then+2",0,"catch",4,"try",1]`,
		`[1,"try+x",0]`:                      `[1,"try+x",0]`,
		`[1,"try+",0]`:                       `[1,"try+",0]`,
	} {
		var p Position
		if err := json.Unmarshal([]byte(in), &p); err != nil {
			t.Fatal(err)
		}
		if got := string(p.Normalize().AppendJSON(nil)); got != want {
			t.Errorf("%s normalized is %s, expected %s", in, got, want)
		}
	}
}

func TestTryCount(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		`[1]`: 0, `[1,"try+0",1]`: 1, `[1,"try",1]`: 1, `[1,"catch+2",1,"then",0,"else",3]`: 3, `[1,"try+4",1,"options",0]`: 0,
		`[1,"try+4",1,"fork+A",0]`: 0, `[1,"try+4",1,"try+1",0]`: 2, `[1,"try+04",0]`: 0, `[1,"then+2",0]`: 0,
	} {
		var p Position
		if err := json.Unmarshal([]byte(in), &p); err != nil {
			t.Fatal(err)
		}
		if got := TryCount(p); got != want {
			t.Errorf("try count at %s is %d, expected %d", in, got, want)
		}
	}
}

func TestPositionRefuses(t *testing.T) {
	t.Parallel()
	deep := "[" + strings.Repeat(`0,"then",`, MaxPositionDepth+1) + "0]"
	for _, in := range []string{
		``, `1`, `{}`, `null`, `[]`, `["then"]`, `[0,"then"]`, `[0,1,2]`, `[-1]`, `[1.0]`, `[1e0]`, `[-0]`, `["0"]`, `[1000001]`, `[0,"",0]`,
		`[0,"` + strings.Repeat("x", MaxBranchID+1) + `",0]`, `[0,["then"],0]`, `[0,"then",null]`, deep, `[0,"then",0] ` + "x",
	} {
		var p Position
		if err := json.Unmarshal([]byte(in), &p); err == nil {
			t.Errorf("%.60s is accepted as position %v", in, p)
		}
	}
	for _, in := range []string{`[1]`, `[0,"then",1]`, `{}`, `["then",0]`} {
		var b Block
		if err := json.Unmarshal([]byte(in), &b); err == nil {
			t.Errorf("%s is accepted as block %q", in, b)
		}
	}
	for _, in := range []string{
		"0", "0/", "/then", "0/then/", "0/then/1", "00/then", "+0/then", "-1/then", "0/a%", "0/%2f", "0/%41", "x/then", "0/\xff", "1000001/then",
		strings.Repeat("0/then/", MaxPositionDepth) + "0/then",
	} {
		if b, err := ParseBlockText(in); err == nil {
			t.Errorf("%q is accepted as block %q", in, b)
		} else if !fault.HasCode(err, "InvalidPosition") {
			t.Errorf("%q: %v", in, err)
		}
	}
	if _, err := ParsePosition(nil); err == nil {
		t.Error("no node is accepted as a position")
	}
}

func FuzzPosition(f *testing.F) {
	for _, s := range []string{`[1]`, `[1,"try+0",2]`, `[0,"fork+a/b%2F",1,"then+2",3]`, `[]`, `[0,"then"]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := strictjson.Parse(data, strictjson.Limits{})
		if err != nil {
			return
		}
		if p, err := ParsePosition(n); err == nil {
			var again Position
			if err := again.UnmarshalJSON(p.AppendJSON(nil)); err != nil || again != p {
				t.Fatalf("%v reads again as %v, %v", p, again, err)
			}
			if p.Normalize().Normalize() != p.Normalize() || TryCount(p) < 0 || p.String() == "" {
				t.Fatalf("%v", p)
			}
		}
		if b, err := ParseBlock(n); err == nil {
			if again, err := ParseBlockText(string(b)); err != nil || again != b {
				t.Fatalf("%q reads again as %q, %v", b, again, err)
			}
		}
	})
}

func FuzzBlockText(f *testing.F) {
	for _, s := range []string{"", "0/then", "1/try+0/2/fork+a%2Fb", "0/%25", "0/%2f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBlockText(s)
		if err != nil {
			return
		}
		if string(b) != s || !utf8.ValidString(s) {
			t.Fatalf("%q is accepted as %q", s, b)
		}
		var again Block
		if err := again.UnmarshalJSON(b.AppendJSON(nil)); err != nil || again != b {
			t.Fatalf("%q reads again as %q, %v", b, again, err)
		}
	})
}

func TestRounds(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		if n, isCatch, ok := TryIndex(TryBranch(i)); n != i || isCatch || !ok {
			t.Errorf("%s is round %d, %v, %v", TryBranch(i), n, isCatch, ok)
		}
		if n, isCatch, ok := TryIndex(CatchBranch(i)); n != i || !isCatch || !ok {
			t.Errorf("%s is round %d, %v, %v", CatchBranch(i), n, isCatch, ok)
		}
	}
	policy := RetryPolicy{Delays: []time.Duration{0, 10, 60}}
	for n, want := range map[int]time.Duration{1: 0, 2: 10, 3: 60, 4: 60, 1000: 60} {
		if got := policy.Delay(n); got != want {
			t.Errorf("the delay before repetition %d is %d", n, got)
		}
	}
	if (RetryPolicy{}).Delay(1) != 0 {
		t.Error("there is a delay without a policy")
	}
	if p := At(3).Into("then").Next(); p.String() != "3/then:1" || p.Block.IsRoot() || !At(3).Next().Block.IsRoot() {
		t.Errorf("the next position is %s", p)
	}
}
