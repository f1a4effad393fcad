package joblog

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// lastLine remembers the last line that isn't blank, without its surrounding
// white space and at most MaxLine bytes of it.
type lastLine struct {
	last    []byte
	current []byte // the line that has begun, without leading white space
}

// add takes the next bytes. It looks at complete lines from behind, because
// only the last one counts and there may be a million of them.
func (l *lastLine) add(p []byte) {
	i := bytes.LastIndexByte(p, '\n')
	if i < 0 {
		l.extend(p)
		return
	}
	for body := p[:i]; ; {
		j := bytes.LastIndexByte(body, '\n')
		if j < 0 {
			l.extend(body)
			if len(l.current) > 0 {
				l.last = append(l.last[:0], l.current...)
			}
			break
		}
		if line := bytes.TrimSpace(body[j+1:]); len(line) > 0 {
			l.last = append(l.last[:0], line[:min(len(line), MaxLine)]...)
			break
		}
		body = body[:j]
	}
	l.current = l.current[:0]
	l.extend(p[i+1:])
}

func (l *lastLine) extend(p []byte) {
	if len(l.current) == 0 {
		p = bytes.TrimLeft(p, " \t\r\n\v\f")
	}
	l.current = append(l.current, p[:min(len(p), MaxLine-len(l.current))]...)
}

// text returns the line as valid UTF-8.
func (l *lastLine) text() string {
	line := bytes.TrimSpace(l.current)
	if len(line) == 0 {
		line = bytes.TrimSpace(l.last)
	}
	s := strings.ToValidUTF8(string(line), "\uFFFD")
	if len(s) <= MaxLine {
		return s
	}
	end := MaxLine
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
