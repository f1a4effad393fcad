package cockpit

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestExpectedRevision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		match, none []string
		want        int64
		code        string
		status      int
	}{
		{"one", []string{`"17"`}, nil, 17, "", 0},
		{"new", nil, []string{"*"}, 0, "", 0},
		{"nothing said", nil, nil, 0, "RevisionNeeded", http.StatusPreconditionRequired},
		{"both", []string{`"1"`}, []string{"*"}, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"two", []string{`"1"`, `"2"`}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"a list", []string{`"1", "2"`}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"any", []string{"*"}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"weak", []string{`W/"1"`}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"bare", []string{"1"}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"half", []string{`1"`}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"other half", []string{`"1`}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"zero", []string{`"0"`}, nil, 0, "InvalidRevision", http.StatusUnprocessableEntity},
		{"other than none", nil, []string{`"1"`}, 0, "InvalidRevision", http.StatusUnprocessableEntity},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/x", nil)
		r.Header["If-Match"], r.Header["If-None-Match"] = c.match, c.none
		k := &call{w: w, r: r}
		got, err := k.expected()
		if c.code == "" {
			if err != nil || got != c.want {
				t.Errorf("%s: %d, %v", c.name, got, err)
			}
			continue
		}
		if !fault.HasCode(err, c.code) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.code)
		}
		if k.refuse(err); w.Code != c.status {
			t.Errorf("%s: status %d, want %d", c.name, w.Code, c.status)
		}
	}
	w := httptest.NewRecorder()
	k := &call{w: w, r: httptest.NewRequest(http.MethodPut, "/x", nil)}
	k.setETag(18)
	if got := w.Header().Get("ETag"); got != `"18"` {
		t.Errorf("ETag %s", got)
	}
	if k.refuse(fault.New(fault.Conflict, "ObjectChanged", "it was changed")); w.Code != http.StatusPreconditionFailed {
		t.Errorf("status %d", w.Code)
	}
}
