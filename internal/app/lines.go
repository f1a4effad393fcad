package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// maxLine is how much of a line of output is kept together, in bytes.
const maxLine = 64 << 10

// maxLog is how long a part's log file grows before it becomes NAME.1.
const maxLog = 16 << 20

// lineWriter writes lines of several sources, each with its source's name.
// Safe for concurrent use.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) say(name, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "%-12s | %s\n", name, line)
}

// copy prints the lines of r until it ends, and appends them to a file. A file
// that can't be written doesn't stop the source.
func (l *lineWriter) copy(name string, r io.Reader, file string) {
	log := &logFile{path: file}
	defer log.close()
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		if len(line) > 0 {
			text := line
			if text[len(text)-1] == '\n' {
				text = text[:len(text)-1]
			}
			l.say(name, string(text))
			if err := log.write(text); err != nil {
				l.say("signet", fmt.Sprintf("the log of %s: %s", name, err))
			}
		}
		if err != nil {
			return
		}
	}
}

// logFile is a file of lines that begins anew when it has become long; the one
// before is kept as NAME.1. Owned by one goroutine.
type logFile struct {
	path   string
	f      *os.File
	size   int64
	broken bool // told once
}

func (l *logFile) write(line []byte) error {
	if l.broken {
		return nil
	}
	err := l.append(line)
	l.broken = err != nil
	return err
}

func (l *logFile) append(line []byte) error {
	if l.f != nil && l.size > maxLog {
		if err := errors.Join(l.f.Close(), os.Rename(l.path, l.path+".1")); err != nil {
			return err
		}
		l.f = nil
	}
	if l.f == nil {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return errors.Join(err, f.Close())
		}
		l.f, l.size = f, info.Size()
	}
	n, err := fmt.Fprintf(l.f, "%s\n", line)
	l.size += int64(n)
	return err
}

func (l *logFile) close() {
	if l.f != nil {
		l.f.Close()
	}
}
