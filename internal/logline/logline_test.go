package logline_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/logline"
)

type piece struct {
	channel joblog.Channel
	time    int64
	text    string
}

func show(l logline.Line) string {
	return fmt.Sprintf("%s@%d %q %d", l.Channel, l.Time, l.Text, l.Bytes)
}

// lines cuts frames, and begins anew with the state after each if resume is set.
func lines(keep int, frames []piece, resume bool) (all []string) {
	s := logline.NewSplitter(keep, logline.State{})
	emit := func(l logline.Line) { all = append(all, show(l)) }
	for i, f := range frames {
		s.Piece(i)
		s.Frame(f.channel, f.time, []byte(f.text), emit)
		if resume {
			s = logline.NewSplitter(keep, s.State())
		}
	}
	s.Rest(emit)
	return all
}

func TestLines(t *testing.T) {
	t.Parallel()
	const out, err, mark = joblog.Stdout, joblog.Stderr, joblog.Mark
	for name, c := range map[string]struct {
		frames []piece
		want   []string
	}{
		"none":       {nil, nil},
		"empty ones": {[]piece{{out, 1, "\n\na\n"}}, []string{`stdout@1 "" 0`, `stdout@1 "" 0`, `stdout@1 "a" 1`}},
		"begun and ended later": {
			[]piece{{out, 1, "a"}, {err, 2, "x\n"}, {out, 3, "b\nc\n"}},
			[]string{`stderr@2 "x" 1`, `stdout@1 "ab" 2`, `stdout@3 "c" 1`},
		},
		"a mark ends no line": {[]piece{{out, 1, "a"}, {mark, 2, "cut"}, {out, 3, "b\n"}}, []string{`mark@2 "cut" 3`, `stdout@1 "ab" 2`}},
		"no newline at the end": {
			[]piece{{err, 1, "e"}, {out, 2, "o"}},
			[]string{`stdout@2 "o" 1`, `stderr@1 "e" 1`},
		},
		"long":            {[]piece{{out, 1, "1234567890\n"}}, []string{`stdout@1 "12345678" 10`}},
		"long in pieces":  {[]piece{{out, 1, "12345"}, {out, 2, "67890"}, {out, 3, "x\n"}}, []string{`stdout@1 "12345678" 11`}},
		"carriage return": {[]piece{{out, 1, "a\r\n"}}, []string{`stdout@1 "a\r" 2`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, resume := range []bool{false, true} {
				if diff := cmp.Diff(c.want, lines(8, c.frames, resume)); diff != "" {
					t.Errorf("resume %t: %s", resume, diff)
				}
			}
		})
	}
}

// split cuts each frame at random places into frames of the same time.
func split(r *rand.Rand, frames []piece) (all []piece) {
	for _, f := range frames {
		for f.channel != joblog.Mark && len(f.text) > 1 && r.IntN(3) > 0 {
			n := 1 + r.IntN(len(f.text)-1)
			all = append(all, piece{f.channel, f.time, f.text[:n]})
			f.text = f.text[n:]
		}
		all = append(all, f)
	}
	return all
}

// framesOf makes frames of any bytes.
func framesOf(data []byte) (all []piece) {
	for i, part := range bytes.Split(data, []byte{0}) {
		if len(part) > 0 {
			all = append(all, piece{joblog.Channel(part[0]%3 + 1), int64(i), string(part[1:])})
		}
	}
	return all
}

// The same bytes give the same lines, however they are split into frames and
// wherever cutting is taken up again.
func FuzzAnySplitGivesTheSameLines(f *testing.F) {
	f.Add([]byte("\x00out\nput\x00\x01err\x00\x02mark\x00\x00more\n\n"), uint64(1))
	f.Add([]byte("\x00"+strings.Repeat("long ", 50)+"\x00\x01x\n"), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		frames := framesOf(data)
		want := lines(16, frames, false)
		r := rand.New(rand.NewPCG(seed, 0))
		if diff := cmp.Diff(want, lines(16, split(r, frames), seed%2 == 0)); diff != "" {
			t.Error(diff)
		}
		// No byte is lost or made up.
		var have, wanted int64
		for _, l := range want {
			var c string
			var n int64
			var text string
			if _, err := fmt.Sscanf(l, "%s %q %d", &c, &text, &n); err != nil {
				t.Fatal(l, err)
			}
			have += n
		}
		for _, p := range frames {
			wanted += int64(len(p.text))
			if p.channel != joblog.Mark {
				wanted -= int64(strings.Count(p.text, "\n"))
			}
		}
		if have != wanted {
			t.Errorf("the lines have %d bytes, the frames %d", have, wanted)
		}
	})
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Error: no space": true, "ORA-01653: unable to extend": true, "java.lang.NullPointerException": true, "2 tests FAILED": true, "an err": false,
		"terror": false, "no problem": false, "": false, "e": false, "Traceback (most recent call last):": true, "ValueError: x": true, "default": false, "errors=0": true,
	} {
		if got := logline.IsError(logline.Line{Channel: joblog.Stdout, Text: []byte(text)}); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if !logline.IsError(logline.Line{Channel: joblog.Stderr, Text: []byte("x")}) || logline.IsError(logline.Line{Channel: joblog.Stderr, Text: []byte(" \t")}) {
		t.Error("stderr: what isn't blank is an error")
	}
	if logline.IsError(logline.Line{Channel: joblog.Mark, Text: []byte("error")}) {
		t.Error("a mark isn't one")
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		q    logline.Query
		text string
		want bool
	}{
		{logline.Query{Text: "error"}, "An ERROR here", true},
		{logline.Query{Text: "Error", Case: true}, "An ERROR here", false},
		{logline.Query{Text: "aab"}, "AAAB", true},
		{logline.Query{Text: "aab"}, "aa", false},
		{logline.Query{Text: "1.2"}, "1x2", false},
		{logline.Query{Text: "1.2", Regex: true}, "1x2", true},
		{logline.Query{Text: "größe"}, "GRÖSSE größer GRÖẞE", true},
		{logline.Query{Text: "größe"}, "GRÖßE", true},
		{logline.Query{Text: "done"}, "\x1b[1;32mdo\x1b[0mne", true},
		{logline.Query{Text: "32m"}, "\x1b[1;32mdone", false},
		{logline.Query{Text: "title"}, "\x1b]0;title\x07text", false},
		{logline.Query{Text: `^\d+$`, Regex: true}, "123", true},
	} {
		m, err := logline.NewMatcher(c.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Match([]byte(c.text)); got != c.want {
			t.Errorf("%+v in %q: %t", c.q, c.text, got)
		}
	}
	for text, code := range map[string]string{"": "InvalidSearch", "(": "InvalidSearch", strings.Repeat("x", 1001): "SearchTooComplex", "((a{30}){30}){30}": "InvalidSearch", "(a{99}){10}(b{99}){10}(c{99}){10}(d{99}){10}(e{99}){10}(f{99}){10}": "SearchTooComplex"} {
		if _, err := logline.NewMatcher(logline.Query{Text: text, Regex: true}); !fault.HasCode(err, code) {
			t.Errorf("%.20q: %v, want %s", text, err, code)
		}
	}
}

// A plain text is found as a regular expression of the same letters finds it.
func FuzzMatching(f *testing.F) {
	f.Add("AaBb", "ab")
	f.Add("\x1b[0mx\x1b]8;;y\x1b\\z", "x")
	f.Fuzz(func(t *testing.T, text, word string) {
		if word == "" || len(word) > 20 {
			return
		}
		for i := range len(word) {
			if c := word[i]; c <= ' ' || c > '~' {
				return
			}
		}
		plain, err := logline.NewMatcher(logline.Query{Text: word})
		if err != nil {
			t.Fatal(err)
		}
		seen := logline.Plain(nil, []byte(text))
		want := bytes.Contains(bytes.ToLower(bytes.Map(ascii, seen)), bytes.ToLower([]byte(word)))
		if got := plain.Match([]byte(text)); got != want {
			t.Errorf("%q in %q: %t", word, text, got)
		}
		if bytes.IndexByte(seen, 0x1b) >= 0 {
			t.Errorf("%q keeps an escape: %q", text, seen)
		}
	})
}

// ascii leaves out what has small letters of ASCII without being of it (K, the
// sign of Kelvin).
func ascii(r rune) rune {
	if r > 127 {
		return '\u00ff'
	}
	return r
}

func BenchmarkErrorWords(b *testing.B) {
	l := logline.Line{Channel: joblog.Stdout, Text: []byte(strings.Repeat("2026-11-21 12:00:00.123 INFO loading part 17 of 2000 ", 4))}
	b.SetBytes(int64(len(l.Text)))
	for b.Loop() {
		if logline.IsError(l) {
			b.Fatal("found")
		}
	}
}
