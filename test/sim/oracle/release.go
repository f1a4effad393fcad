package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
)

// kindRelease is the kind of a release: a signed list of documents.
const kindRelease item.Kind = "Release"

// releases is what one log tells of releases.
type releases struct {
	newest int64
	lists  map[int64]*listing
	floor  map[string]int64 // number of the newest release that lists a document, by kind and path
}

// listing is a release, as far as it concerns the oracle.
type listing struct {
	text    string
	Serial  int64  `json:"serial"`
	Older   string `json:"olderUntil"`
	Objects []struct {
		Kind    string `json:"kind"`
		Path    string `json:"path"`
		Version string `json:"versionId"`
		SHA256  string `json:"sha256"`
	} `json:"objects"`
}

func newReleases() releases { return releases{lists: map[int64]*listing{}, floor: map[string]int64{}} }

// take takes a document that a log accepts, and makes sure that no release comes
// back that was followed by another, and that each document is listed by the
// release that it came with. older tells that a version may follow a newer one, if
// the newer one's release says so.
func (r *releases) take(b *book, e *engine.Stamped, ref engine.ItemRef, d engine.Document, older bool) {
	if b.s.late {
		return
	}
	if ref.Kind == kindRelease {
		r.release(b, e, ref, d)
		return
	}
	var to struct {
		Type   string `json:"TYPE"`
		Serial int64  `json:"serial"`
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal([]byte(d.Evidence), &to) != nil || to.Type != "Release" {
		return // signed by itself
	}
	l := r.lists[to.Serial]
	if l == nil || digest(l.text) != to.SHA256 {
		r.wrong(b, e, ref, NotListed, "the release that it came with isn't here")
		return
	}
	listed := false
	for _, o := range l.Objects {
		listed = listed || o.Kind == string(ref.Kind) && o.Path == ref.Path && o.Version == ref.VersionID && o.SHA256 == digest(d.Text)
	}
	if !listed {
		r.wrong(b, e, ref, NotListed, "release number "+strconv.FormatInt(to.Serial, 10)+" doesn't list this text by this name")
	}
	if newest := r.floor[keyOf(string(ref.Kind), ref.Path)]; newest > to.Serial && !(older && ref.Kind.Versioned() && r.lists[newest].Older != "") {
		r.wrong(b, e, ref, OldRelease, text("it comes with release number %d, which number %d has replaced", to.Serial, newest))
	}
}

func (r *releases) release(b *book, e *engine.Stamped, ref engine.ItemRef, d engine.Document) {
	l := &listing{text: d.Text}
	if err := json.Unmarshal([]byte(d.Text), l); err != nil || strconv.FormatInt(l.Serial, 10) != ref.Path {
		r.wrong(b, e, ref, NotListed, "it isn't a release of that number")
		return
	}
	if had := r.lists[l.Serial]; l.Serial <= r.newest && (had == nil || had.text != d.Text) {
		r.wrong(b, e, ref, OldRelease, text("number %d was here already", r.newest))
	}
	r.newest = max(r.newest, l.Serial)
	r.lists[l.Serial] = l
	for _, o := range l.Objects {
		key := keyOf(o.Kind, o.Path)
		r.floor[key] = max(r.floor[key], l.Serial)
	}
}

func (r *releases) wrong(b *book, e *engine.Stamped, ref engine.ItemRef, rule Rule, why string) {
	b.s.wrong(&Finding{Invariant: 4, Rule: rule, Agent: b.agent, Events: []int64{e.ID}, Text: text("%s of %s: %s", e.Event.Type(), ref, why)})
}

func keyOf(kind, path string) string { return kind + ":" + path }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
