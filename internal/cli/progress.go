package cli

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// progress shows how far long work is, on a line of standard error that is
// written over, if that is a terminal.
type progress struct {
	w     io.Writer // nil: nothing is shown
	shown bool
}

func (s *session) progress() *progress {
	if isTerminal(s.io.Err) {
		return &progress{w: s.io.Err}
	}
	return &progress{}
}

func (p *progress) show(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.shown = true
	fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
}

// end wipes the line.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// isTerminal tells whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
