package engine

import (
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
)

// Verify finds out about every document of a batch whether its evidence is good,
// and whether the verified text is the document that it is said to be. held looks
// up the release of a document at the Agent, if it isn't in the batch itself; with
// nil, Verify returns false when a verdict would have needed it.
func (b *AgentBatch) Verify(v Verifier, held func(Document) *Document) bool {
	brought := map[ItemRef]*Document{}
	for _, cmd := range b.Commands {
		if at, ok := cmd.(*AttachItem); ok && at.Item.IsRelease() {
			brought[ItemRef{Kind: at.Item.Kind, Path: at.Item.Path}] = &at.Document
		}
	}
	complete := true
	for _, cmd := range b.Commands {
		at, ok := cmd.(*AttachItem)
		if !ok {
			continue
		}
		var manifest *Document
		if ref, ok := releaseOf(at.Document); ok {
			manifest = brought[ref]
			if manifest == nil && held != nil {
				manifest = held(at.Document)
			}
			complete = complete && (manifest != nil || held != nil)
		}
		at.judge(v, manifest)
	}
	return complete
}

// judge sets the verdict about one document.
func (c *AttachItem) judge(v Verifier, manifest *Document) {
	verified, err := v.Verify(c.Document, manifest, 0)
	if err == nil {
		err = verified.Is(c.Item)
	}
	if err == nil {
		if c.Item.IsRelease() {
			_, err = release.Parse([]byte(verified.Text))
		} else {
			_, err = item.ParseAs(c.Item.Key(), c.Item.VersionID, []byte(verified.Text))
		}
	}
	c.Verdict = &Verdict{Signer: verified.Signer}
	if err != nil {
		c.Verdict.Problem = order.ProblemOf(err)
	}
}
