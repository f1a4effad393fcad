package joblog

import "errors"

// errEmpty: a pipe holds nothing, and somebody may still write.
var errEmpty = errors.New("the pipe is empty")

// drainLimit bounds what Finish reads from a pipe at once: a pipe's greatest
// usual content. A left-over process that goes on writing isn't waited for.
const drainLimit = 1 << 20
