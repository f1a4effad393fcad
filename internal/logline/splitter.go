package logline

import (
	"bytes"

	"github.com/signet-scheduler/signet/internal/joblog"
)

// Line is a line of output. Text is valid until the next call of the Splitter.
type Line struct {
	Channel joblog.Channel
	Time    int64  // of its first byte, milliseconds since the epoch
	Text    []byte // without newline; of a long line the beginning only
	Bytes   int64  // how long the line is, without newline
}

// Begun is a line whose end hasn't come yet.
type Begun struct {
	Time  int64
	Bytes int64
	Text  []byte // as much as is kept
	Piece int    // the piece of the log in which it begins
}

// State is what has to be known at a place between two frames to cut on from
// there: the lines of stdout and stderr that have begun. Bytes 0 means none.
type State [2]Begun

// Splitter cuts frames into lines. Owned by one goroutine.
type Splitter struct {
	keep  int // bytes of a line
	piece int
	begun State
}

// NewSplitter returns a Splitter that keeps so many bytes of a line and begins at
// a place with that state. It doesn't change the state's texts.
func NewSplitter(keep int, at State) *Splitter {
	s := &Splitter{keep: keep, begun: at}
	for i := range s.begun {
		b := &s.begun[i]
		b.Text = bytes.Clone(b.Text[:min(len(b.Text), keep)])
	}
	return s
}

// Piece says in which piece of the log the following frames are.
func (s *Splitter) Piece(nr int) { s.piece = nr }

// Frame takes a frame and gives each line that ends in it to emit.
func (s *Splitter) Frame(c joblog.Channel, time int64, data []byte, emit func(Line)) {
	if c != joblog.Stdout && c != joblog.Stderr {
		emit(Line{Channel: c, Time: time, Text: data[:min(len(data), s.keep)], Bytes: int64(len(data))})
		return
	}
	b := &s.begun[c-joblog.Stdout]
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n')
		if n < 0 {
			s.extend(b, time, data)
			return
		}
		part := data[:n]
		data = data[n+1:]
		if b.Bytes == 0 {
			emit(Line{Channel: c, Time: time, Text: part[:min(n, s.keep)], Bytes: int64(n)})
			continue
		}
		s.extend(b, time, part)
		emit(Line{Channel: c, Time: b.Time, Text: b.Text, Bytes: b.Bytes})
		b.Bytes, b.Text = 0, b.Text[:0]
	}
}

func (s *Splitter) extend(b *Begun, time int64, part []byte) {
	if b.Bytes == 0 {
		b.Time, b.Piece = time, s.piece
	}
	b.Bytes += int64(len(part))
	b.Text = append(b.Text, part[:min(len(part), max(0, s.keep-len(b.Text)))]...)
}

// Rest gives the lines that have begun to emit, which at the log's end are its
// last ones. The Splitter stays as it is.
func (s *Splitter) Rest(emit func(Line)) {
	for i := range s.begun {
		if b := &s.begun[i]; b.Bytes > 0 {
			emit(Line{Channel: joblog.Stdout + joblog.Channel(i), Time: b.Time, Text: b.Text, Bytes: b.Bytes})
		}
	}
}

// State returns what has to be known to go on from here.
func (s *Splitter) State() State {
	at := s.begun
	for i := range at {
		at[i].Text = bytes.Clone(at[i].Text)
		if at[i].Bytes == 0 {
			at[i] = Begun{}
		}
	}
	return at
}
