package joblog

import (
	"bytes"
	"io"
)

// Text renders frames as plain text: bytes as the job wrote them, marks as lines
// of their own in brackets. With Prefix every line begins with its channel.
// Owned by one goroutine.
type Text struct {
	W      io.Writer
	Prefix bool

	channel Channel // of the line that has begun; 0 at the beginning of a line
	out     []byte
}

// Write renders a frame. The error is that of W.
func (t *Text) Write(f Frame) error {
	t.out = t.out[:0]
	if f.Channel == Mark {
		t.newline()
		t.out = append(t.out, '[')
		t.out = append(t.out, f.Data...)
		t.out = append(t.out, "]\n"...)
	} else if !t.Prefix {
		t.out = append(t.out, f.Data...)
		t.begun(f)
	} else {
		t.lines(f)
	}
	_, err := t.W.Write(t.out)
	if cap(t.out) > 4*bufferSize {
		t.out = nil
	}
	return err
}

// newline ends a line that has begun.
func (t *Text) newline() {
	if t.channel != 0 {
		t.out = append(t.out, '\n')
		t.channel = 0
	}
}

func (t *Text) begun(f Frame) {
	if n := len(f.Data); n > 0 {
		t.channel = f.Channel
		if f.Data[n-1] == '\n' {
			t.channel = 0
		}
	}
}

// lines appends f's lines, each with its prefix. A line of the other channel that
// has begun is ended first.
func (t *Text) lines(f Frame) {
	if t.channel != f.Channel {
		t.newline()
	}
	for rest := f.Data; len(rest) > 0; {
		if t.channel == 0 {
			t.out = append(t.out, f.Channel.String()...)
			t.out = append(t.out, "| "...)
			t.channel = f.Channel
		}
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			t.out = append(t.out, rest...)
			return
		}
		t.out = append(t.out, rest[:i+1]...)
		t.channel = 0
		rest = rest[i+1:]
	}
}
