package objectfile

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Complete returns the document with the fields TYPE, path and, for a kind
// with versions, versionId, as far as its author left them out: they are
// inserted behind the opening brace, in the same line; every other byte stays.
// TYPE and path that the document states must agree with key. A versionId that
// it states stays; versionID is for a document without, and may be empty only
// for kinds without versions or a document that states its own.
//
// It must not be called for a document with a signature. The error is that of
// strictjson.Parse, or Invalid, code KeyMismatch, with the places.
func Complete(document []byte, key item.Key, versionID string) ([]byte, error) {
	n, err := strictjson.Parse(document, workflow.DocumentLimits())
	if err != nil {
		return nil, err
	}
	mismatch := fault.New(fault.Invalid, "KeyMismatch", "the document doesn't agree with its name and place").About(key.String())
	report := func(where, message string) {
		mismatch.Problems = append(mismatch.Problems, fault.Problem{Where: where, Message: message})
	}
	if n.Kind != strictjson.Object {
		report("$", "expected an object, but this is "+n.Kind.String())
		return nil, mismatch
	}
	var missing []byte
	insert := func(name, text string) {
		missing = append(value.AppendJSON(missing, value.String(name)), ": "...)
		missing = append(value.AppendJSON(missing, value.String(text)), ", "...)
	}
	field := func(name, want, why string) {
		stated, ok := n.Get(name)
		switch {
		case !ok:
			insert(name, want)
		case stated.Kind != strictjson.String || stated.Text != want:
			report("$."+name, "by its "+why+" it must be "+string(value.AppendJSON(nil, value.String(want)))+" (the field may be left out)")
		}
	}
	field("TYPE", string(key.Kind), "file name")
	field("path", key.Path, "file name and folder")
	if _, stated := n.Get("versionId"); !stated && key.Kind.Versioned() {
		if versionID == "" {
			report("$", `the field "versionId" is missing`)
		} else {
			insert("versionId", versionID)
		}
	}
	if len(mismatch.Problems) > 0 {
		return nil, mismatch
	}
	if len(missing) == 0 {
		return document, nil
	}
	if len(n.Keys) == 0 {
		missing = missing[:len(missing)-len(", ")]
	}
	open := n.Offset + 1
	completed := make([]byte, 0, len(document)+len(missing))
	completed = append(completed, document[:open]...)
	completed = append(completed, missing...)
	return append(completed, document[open:]...), nil
}

// NewVersion returns a versionId for the workflows of a deployment that is made now.
func NewVersion(now time.Time) string {
	return now.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6])
}
