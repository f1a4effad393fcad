package proctest

import (
	"fmt"
	"regexp"
	"strconv"
)

// ignored finds the mask of ignored signals as /proc/PID/status has it.
var ignored = regexp.MustCompile(`(SigIgn:\s*)([0-9a-f]{16})`)

// libraryMask holds the signals 32 and 33. They belong to the C library: its
// posix_spawn hands them on ignored (make starts its recipes so), no program
// can use them, and neither can ours take them back.
const libraryMask = 1<<31 | 1<<32

// WithoutLibrarySignals clears the C library's own signals in every mask of
// ignored signals in status.
func WithoutLibrarySignals(status string) string {
	return ignored.ReplaceAllStringFunc(status, func(s string) string {
		m := ignored.FindStringSubmatch(s)
		mask, err := strconv.ParseUint(m[2], 16, 64)
		if err != nil {
			return s
		}
		return fmt.Sprintf("%s%016x", m[1], mask&^uint64(libraryMask))
	})
}
