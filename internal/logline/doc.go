// Package logline says what a line of a job's output is, which lines tell of an
// error, and which lines match what a reader looks for.
//
// It owns the cutting of frames into lines, whatever the frames' borders, and what
// has to be remembered to go on cutting elsewhere. It must not know where frames
// come from, nor number lines: the Cockpit does. An Agent asks it only how a line
// reads without what is for terminals.
//
// A line is what one channel wrote up to a newline, and stands where that newline
// came: a line of stderr that ends while one of stdout has only begun stands before
// it. A mark is a line of its own and ends no other. What has no newline when the
// log ends are its last lines, stdout first. A line's time is that of its first byte.
package logline
