package logline

import (
	"bytes"

	"github.com/signet-scheduler/signet/internal/joblog"
)

// errorWords begin words that tell of an error, in small letters.
var errorWords = []string{
	"abort", "assertion", "cannot", "critical", "denied", "error", "exception", "fail", "fatal", "killed", "ora-", "panic", "refused", "segmentation", "traceback",
}

// byFirst are the words that begin with a letter.
var byFirst = func() (t [256][]string) {
	for _, w := range errorWords {
		t[w[0]] = append(t[w[0]], w)
		t[w[0]-'a'+'A'] = t[w[0]]
	}
	return t
}()

// IsError tells whether a line tells of an error: what isn't blank on stderr, and
// what has a word that begins like one of errors, regardless of case.
func IsError(l Line) bool {
	switch l.Channel {
	case joblog.Stderr:
		return !IsBlank(l.Text)
	case joblog.Stdout:
		return hasErrorWord(l.Text)
	}
	return false
}

// IsBlank tells whether there is nothing to be seen in a text.
func IsBlank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

func hasErrorWord(text []byte) bool {
	inWord := false
	for i, c := range text {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		// "NullPointerException" and "ValueError" are words of errors, too.
		if letter && (!inWord || c <= 'Z' && text[i-1] > 'Z') {
			for _, w := range byFirst[c] {
				if len(text)-i >= len(w) && equalFold(text[i:i+len(w)], w) {
					return true
				}
			}
		}
		inWord = letter
	}
	return false
}

// equalFold compares with a word in small letters.
func equalFold(text []byte, word string) bool {
	for i := range len(word) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
