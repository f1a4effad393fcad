package enginetest

import (
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/release"
)

// Release is a release with its documents, signed by one signer.
type Release struct {
	Document engine.Document
	Manifest *release.Manifest
	Items    []engine.NewItem
}

// NewRelease makes a release of documents. change, if not nil, changes the
// manifest before it is signed.
func NewRelease(signer string, serial int64, change func(*release.Manifest), texts ...string) (*Release, error) {
	r := &Release{Manifest: &release.Manifest{
		Name: "release", Audience: "here", Serial: serial, Author: "alice",
		Created: time.UnixMicro(Start).UTC(), Expires: time.UnixMicro(Start).UTC().AddDate(1, 0, 0),
	}}
	for _, text := range texts {
		it, err := item.Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		ref := engine.ItemRef{Kind: it.Key().Kind, Path: it.Key().Path}
		if w, ok := it.(item.Workflow); ok {
			ref.VersionID = w.ID.VersionID
		}
		r.Manifest.Objects = append(r.Manifest.Objects, release.NewObject(it.Key(), ref.VersionID, []byte(text)))
		r.Items = append(r.Items, engine.NewItem{Ref: ref, Document: engine.Document{Text: text}, Signer: signer, Item: it})
	}
	if change != nil {
		change(r.Manifest)
	}
	text, err := r.Manifest.Text()
	if err != nil {
		return nil, err
	}
	r.Document = engine.Document{Text: string(text), Evidence: signer}
	for i := range r.Items {
		r.Items[i].Document.Evidence = release.Refer(r.Manifest, string(text)).Evidence()
	}
	return r, nil
}

// Ref names the release as an item.
func (r *Release) Ref() engine.ItemRef {
	return engine.ItemRef{Kind: "Release", Path: release.Refer(r.Manifest, r.Document.Text).Path()}
}

// Attach returns the command that gives an Agent a document of the release.
func (r *Release) Attach(i int) *engine.AttachItem {
	return &engine.AttachItem{Item: r.Items[i].Ref, Document: r.Items[i].Document}
}

// AttachRelease returns the command that gives an Agent the release itself.
func (r *Release) AttachRelease() *engine.AttachItem {
	return &engine.AttachItem{Item: r.Ref(), Document: r.Document}
}

// DeployRelease deploys a release; without, of its documents, those at the places
// that are left out.
func (c *Cluster) DeployRelease(r *Release, without ...int) error {
	u := &engine.UpdateItems{Release: &engine.NewRelease{Document: r.Document, Signer: r.Document.Evidence, Manifest: r.Manifest}}
	left := map[int]bool{}
	for _, i := range without {
		left[i] = true
	}
	for i := range r.Items {
		if !left[i] {
			u.Add = append(u.Add, r.Items[i])
		}
	}
	_, err := c.Controller.Submit(engine.Command{Body: u}, c.Now)
	return err
}
