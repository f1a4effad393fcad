package codec_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

type name string

// leaf is an object in everything.
type leaf struct{ A string }

func (l *leaf) Walk(w codec.Walker) { w.Str("a", &l.A) }

// everything has a field of every kind.
type everything struct {
	S      name
	I      int64
	Small  uint8
	U      uint64
	B      bool
	Raw    []byte
	V      value.Value
	M      value.Map
	P      workflow.Position
	OP     *workflow.Position
	OB     *bool
	Block  workflow.Block
	Opt    *leaf
	Always leaf
	List   []leaf
	Names  []string
	Places []workflow.Position
}

func (e *everything) Walk(w codec.Walker) {
	codec.Text(w, "s", &e.S)
	w.Int("i", &e.I)
	codec.Number(w, "small", &e.Small)
	codec.Uint64(w, "u", &e.U)
	w.Bool("b", &e.B)
	w.Bytes("raw", &e.Raw)
	w.Value("v", &e.V)
	w.Map("m", &e.M)
	w.Pos("p", &e.P)
	w.OptPos("op", &e.OP)
	w.OptBool("ob", &e.OB)
	w.Block("block", &e.Block)
	codec.Opt(w, "opt", &e.Opt)
	codec.Always(w, "always", &e.Always)
	codec.List(w, "list", &e.List)
	codec.Strings(w, "names", &e.Names)
	codec.Positions(w, "places", &e.Places)
}

func genPosition(t *rapid.T) workflow.Position {
	p := workflow.At(rapid.IntRange(0, 9).Draw(t, "nr"))
	for range rapid.IntRange(0, 3).Draw(t, "depth") {
		p = p.Into(rapid.SampledFrom([]string{"then", "try+3", "fork+a/b%c", "else"}).Draw(t, "branch"))
	}
	return p
}

func genEverything(t *rapid.T) *everything {
	text := rapid.StringOf(rapid.RuneFrom([]rune("aä\"\\\n\t\x01€😀/%")))
	e := &everything{
		S: name(text.Draw(t, "s")), I: rapid.Int64Range(-1<<53+1, 1<<53-1).Draw(t, "i"), Small: rapid.Uint8().Draw(t, "small"),
		U: rapid.Uint64Range(0, 1<<53-1).Draw(t, "u"), B: rapid.Bool().Draw(t, "b"), P: genPosition(t), Block: genPosition(t).Block,
		Always: leaf{text.Draw(t, "always")},
	}
	if rapid.Bool().Draw(t, "more") {
		b, p := rapid.Bool().Draw(t, "ob"), genPosition(t)
		e.OB, e.OP, e.Opt, e.Raw = &b, &p, &leaf{text.Draw(t, "opt")}, []byte(text.Draw(t, "raw"))
		e.V, e.M = value.List{value.Missing{}, value.NewInt(e.I)}, value.Map{text.Draw(t, "key"): value.String(e.S), "k": value.Boolean(b)}
		e.List, e.Names, e.Places = []leaf{{"x"}, {text.Draw(t, "item")}}, []string{"", text.Draw(t, "name")}, []workflow.Position{p, {}}
	}
	return e
}

// TestRoundTrip writes and reads both forms.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := genEverything(t)
		binary, json := codec.Binary(nil, e), codec.JSON(nil, e)
		var again everything
		if err := codec.ReadBinary(binary, &again); err != nil || string(codec.Binary(nil, &again)) != string(binary) || string(codec.JSON(nil, &again)) != string(json) {
			t.Fatalf("binary: %v\n%s\n%s", err, json, codec.JSON(nil, &again))
		}
		n, err := strictjson.Parse(json, strictjson.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		again = everything{}
		if err := codec.ReadJSON(n, "$", &again); err != nil || string(codec.JSON(nil, &again)) != string(json) {
			t.Fatalf("JSON: %v\n%s\n%s", err, json, codec.JSON(nil, &again))
		}
		// What lacks its end reads as zero there, or is refused.
		cut := rapid.IntRange(0, len(binary)).Draw(t, "cut")
		again = everything{}
		if err := codec.ReadBinary(binary[:cut], &again); err != nil && !fault.Is(err, fault.Corrupt) {
			t.Fatalf("%v", err)
		}
	})
}

// TestRefused reads JSON that isn't what is asked for; every problem is told,
// with its place.
func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                                "$: an object is expected, not an array",
		`{"s":1}`:                           "$.s: a string is expected, not the number 1",
		`{"i":"1"}`:                         "$.i: a whole number is expected, not a string",
		`{"i":1.5}`:                         "$.i: a whole number below 2^53 is expected, not 1.5",
		`{"small":256}`:                     "small: 256 is out of range",
		`{"u":-1}`:                          "u must not be negative",
		`{"b":null}`:                        "$.b: true or false is expected, not null",
		`{"raw":"%"}`:                       "$.raw: not base64",
		`{"m":true}`:                        "$.m: an object is expected, not a boolean",
		`{"p":[1,2]}`:                       "$.p: ",
		`{"op":"x"}`:                        "$.op: a position is expected",
		`{"block":[1]}`:                     "$.block: ",
		`{"list":[{"a":"x"},{"b":1}]}`:      "$.list[1].b: unknown field",
		`{"list":[7]}`:                      "$.list[0]: an object is expected",
		`{"names":["a",1]}`:                 "$.names[1]: a string is expected",
		`{"places":{}}`:                     "$.places: an array is expected",
		`{"opt":{"a":"x","c":1},"other":1}`: "$.opt.c: unknown field",
	} {
		n, err := strictjson.Parse([]byte(text), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		err = codec.ReadJSON(n, "$", &everything{})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Of(err).Public(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestHostileBlock makes sure that nothing comes in as a block that isn't one.
func TestHostileBlock(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "/", "1", "1/", "01/then", "-1/then", "1/a/b", "99999999999/then", "1/\xff"} {
		bad := workflow.Block(text)
		var again everything
		if err := codec.ReadBinary(codec.Binary(nil, &everything{Block: bad}), &again); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadBinary(f *testing.F) {
	f.Add(codec.Binary(nil, &everything{S: "x", List: []leaf{{"a"}}, P: workflow.At(1).Into("then"), M: value.Map{"a": value.NewInt(1)}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e everything
		if codec.ReadBinary(data, &e) != nil {
			return
		}
		first := codec.Binary(nil, &e)
		var again everything
		if err := codec.ReadBinary(first, &again); err != nil || string(codec.Binary(nil, &again)) != string(first) {
			t.Fatalf("%v", err)
		}
		_ = e.P.Normalize()
		_ = codec.JSON(nil, &e)
	})
}
