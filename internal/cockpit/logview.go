package cockpit

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/logline"
)

const stderr = joblog.Stderr

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// cut gives the lines of a section, numbered from 0 within it, that end in the
// pieces from one up to another, to f, until it returns false. Behind the last
// piece are the lines without newline, and the remark. Each line has its first
// keep bytes.
func (v *orderLogView) cut(ctx context.Context, s *logSection, from, until, keep int, f func(n int64, l logline.Line) bool) error {
	x := s.index
	all := until >= len(x.pieces)
	until = min(until, len(x.pieces))
	enough := false
	n, begin := int64(0), int64(0)
	if len(x.pieces) > 0 {
		begin = x.pieces[from].line
		from = x.back(from, keep)
		n = x.pieces[from].line
	}
	emit := func(l logline.Line) {
		if !enough && n >= begin && n < x.end.line && !f(n, l) {
			enough = true
		}
		n++
	}
	rest := func(l logline.Line) {
		if !enough && !f(n, l) {
			enough = true
		}
		n++
	}
	if len(x.pieces) > 0 {
		split := logline.NewSplitter(keep, x.pieces[from].state)
		for nr := from; nr < until && !enough; nr++ {
			if err := v.readPiece(ctx, s, nr, func(c joblog.Channel, time int64, data []byte) {
				if !enough {
					split.Frame(c, time, data, emit)
				}
			}); err != nil {
				return err
			}
		}
		if all && !enough {
			n = x.end.line
			split.Rest(rest)
		}
	}
	if all && !enough && s.remark != "" {
		rest(logline.Line{Channel: joblog.Mark, Time: max(s.step.Start, s.step.End), Text: []byte(s.remark), Bytes: int64(len(s.remark))})
	}
	return nil
}

// readPiece gives the frames of a piece to f.
func (v *orderLogView) readPiece(ctx context.Context, s *logSection, nr int, f func(c joblog.Channel, time int64, data []byte)) error {
	x := s.index
	if s.stored {
		raw, err := v.h.storedPiece(ctx, &s.step, nr)
		if err != nil {
			return err
		}
		return eachFrame(raw, x.created, f)
	}
	end := x.end.offset
	if nr+1 < len(x.pieces) {
		end = x.pieces[nr+1].offset
	}
	created, at := x.created, x.pieces[nr].offset
	_, err := v.h.agentFrames(ctx, &s.step, &created, at, func(fr frame) bool {
		f(fr.channel, fr.time, fr.data)
		at += int64(len(fr.raw))
		return at < end
	})
	return err
}

// each gives the lines from number n on to f, until it returns false.
func (v *orderLogView) each(ctx context.Context, n int64, keep int, f func(n int64, l logline.Line) bool) error {
	for i := v.at(n); i < len(v.sections); i++ {
		s := &v.sections[i]
		if s.lines == 0 {
			continue
		}
		enough := false
		skip := max(0, n-s.first)
		err := v.cut(ctx, s, s.index.piece(skip), len(s.index.pieces), keep, func(k int64, l logline.Line) bool {
			if k < skip {
				return true
			}
			enough = !f(s.first+k, l)
			return !enough
		})
		if err != nil || enough {
			return err
		}
	}
	return nil
}

const (
	// answerText is how many bytes of text an answer has; lines behind that are
	// cut short, so that it has all that were asked for.
	answerText = 2 << 20
	shortLine  = 200
)

// read returns so many lines from number n on.
func (v *orderLogView) read(ctx context.Context, n int64, count, keep int) ([]api.NumberedLine, error) {
	out := []api.NumberedLine{}
	if count == 0 {
		return out, nil
	}
	text := 0
	err := v.each(ctx, n, keep, func(n int64, l logline.Line) bool {
		if text > answerText && len(out) > 0 {
			l.Text = l.Text[:min(len(l.Text), shortLine)]
		}
		text += len(l.Text)
		out = append(out, numbered(n, l))
		return len(out) < count
	})
	return out, err
}

// numbered returns a line as the API tells it. What isn't UTF-8 is told by its
// bytes, one U+FFFD for each.
func numbered(n int64, l logline.Line) api.NumberedLine {
	out := api.NumberedLine{N: n, Time: l.Time, Channel: l.Channel.String()}
	text := l.Text
	if int64(len(text)) < l.Bytes {
		out.Bytes = l.Bytes
		text = wholeRunes(text)
	}
	if utf8.Valid(text) {
		out.Text = string(text)
		return out
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError {
			out.Invalid = append(out.Invalid, hex.EncodeToString(text[:size]))
		}
		b.WriteRune(r)
		text = text[size:]
	}
	out.Text = b.String()
	return out
}

// wholeRunes leaves out a character that was cut in two.
func wholeRunes(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if c := text[len(text)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(text[len(text)-i:]) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

const (
	// searchTime and searchBytes are how much one call looks at before it tells how
	// far it has come.
	searchTime  = 700 * time.Millisecond
	searchBytes = 256 << 20
	// maxHitLines is how many lines come along with their text.
	maxHitLines = 500
)

// search looks for lines from number n on. It returns the numbers of the first
// limit ones, and counts the others as far as it comes.
func (v *orderLogView) search(ctx context.Context, n int64, limit int, text bool, good func(logline.Line) bool, piece func(*pieceStart) bool) (api.LogHits, error) {
	out := api.LogHits{Hits: []int64{}, Until: n - 1, Lines: v.lines}
	if text {
		out.Found = []api.NumberedLine{}
		limit = min(limit, maxHitLines)
	}
	begun := time.Now() // of the processor's time that a reader may take, not of the clock that orders go by
	bytes, looked := 0, 0
	size := 0
	stop := false
	line := func(n int64, l logline.Line) bool {
		bytes += len(l.Text) + 1
		out.Until = n
		if good(l) {
			out.Count++
			if len(out.Hits) < limit {
				out.Hits = append(out.Hits, n)
				if text {
					l.Text = l.Text[:min(len(l.Text), shownLine)]
					if size += len(l.Text); size > answerText {
						l.Text = l.Text[:min(len(l.Text), shortLine)]
					}
					out.Found = append(out.Found, numbered(n, l))
					stop = len(out.Found) == limit // what comes along goes on with the next page
				}
			}
		}
		if looked++; looked%1000 == 0 || len(l.Text) > shownLine {
			stop = stop || bytes > searchBytes || time.Since(begun) > searchTime || ctx.Err() != nil
		}
		return !stop
	}
	for i := v.at(n); i < len(v.sections) && !stop; i++ {
		if err := v.searchSection(ctx, &v.sections[i], n, line, piece); err != nil {
			return out, err
		}
	}
	if !stop {
		out.Until = v.lines
	}
	if out.Until < v.lines {
		out.Next = out.Until + 1
	}
	return out, ctx.Err()
}

// searchSection gives the lines from number n on to line. Pieces that can't have
// what is looked for are passed over.
func (v *orderLogView) searchSection(ctx context.Context, s *logSection, n int64, line func(int64, logline.Line) bool, worth func(*pieceStart) bool) error {
	skip := max(0, n-s.first)
	each := func(k int64, l logline.Line) bool { return k < skip || line(s.first+k, l) }
	pieces := s.index.pieces
	if worth == nil || len(pieces) == 0 {
		return v.cut(ctx, s, s.index.piece(skip), len(pieces), searchedLine, each)
	}
	for nr := s.index.piece(skip); nr < len(pieces); nr++ {
		until := nr + 1
		if !worth(&pieces[nr]) && until < len(pieces) {
			continue
		}
		enough := false
		err := v.cut(ctx, s, nr, until, searchedLine, func(k int64, l logline.Line) bool {
			enough = !each(k, l)
			return !enough
		})
		if err != nil || enough {
			return err
		}
	}
	return nil
}
