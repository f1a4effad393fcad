package cockpit

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// What several people may change at once has a revision: 1 when it is made, one
// more with each change. An answer names it in ETag; a change says in If-Match
// which one it is made from, or by "If-None-Match: *" that nothing may be there
// yet, and is refused when that isn't so any more.

// setETag names the revision of what the answer shows or has made.
func (k *call) setETag(revision int64) {
	k.w.Header().Set("ETag", `"`+strconv.FormatInt(revision, 10)+`"`)
}

// expected returns the revision that a change is made from; 0: nothing is there.
func (k *call) expected() (int64, error) {
	match, none := k.r.Header.Values("If-Match"), k.r.Header.Values("If-None-Match")
	switch {
	case len(match) == 0 && len(none) == 1 && none[0] == "*":
		return 0, nil
	case len(match) == 0 && len(none) == 0:
		return 0, fault.New(fault.Invalid, "RevisionNeeded", "say what is changed: send the ETag of what you have read as If-Match, or \"If-None-Match: *\" for what is new")
	case len(match) == 1 && len(none) == 0:
		text, begins := strings.CutPrefix(match[0], `"`)
		text, ends := strings.CutSuffix(text, `"`)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && begins && ends {
			return n, nil
		}
	}
	return 0, fault.New(fault.Invalid, "InvalidRevision", "If-Match has to be the one ETag of what you have read, or If-None-Match has to be *")
}

// expectedIfSaid is expected for a change that needs no revision: 0, if the call
// names none.
func (k *call) expectedIfSaid() (int64, error) {
	if len(k.r.Header.Values("If-Match")) == 0 {
		return 0, nil
	}
	return k.expected()
}

// preconditionStatus returns the status of an error about a revision, which isn't
// that of its kind; 0: it is none. The store refuses a change of what has
// changed meanwhile as Conflict, ObjectChanged.
func preconditionStatus(err error) int {
	switch {
	case fault.HasCode(err, "ObjectChanged"):
		return http.StatusPreconditionFailed
	case fault.HasCode(err, "RevisionNeeded"):
		return http.StatusPreconditionRequired
	}
	return 0
}
