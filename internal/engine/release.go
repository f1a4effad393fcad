package engine

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
)

// kindRelease is the kind of a release: a signed list of documents, which is
// the evidence of each of them. Its path is its serial number.
const kindRelease item.Kind = "Release"

func releaseRef(serial int64) ItemRef {
	return ItemRef{Kind: kindRelease, Path: strconv.FormatInt(serial, 10)}
}

// serialOf returns the serial number of a release that we have named ourselves.
func serialOf(r ItemRef) int64 {
	n, err := strconv.ParseInt(r.Path, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// IsRelease tells whether an item is a release.
func (r ItemRef) IsRelease() bool { return r.Kind == kindRelease }

// releaseOf returns the release that a document came with.
func releaseOf(d Document) (ItemRef, bool) {
	r, ok := release.ReferenceOf(d.Evidence)
	if !ok {
		return ItemRef{}, false
	}
	return releaseRef(r.Serial), true
}

// Is returns an Untrusted fault unless what was verified may stand for ref: a
// release vouches for a document under the name that it lists.
func (v Verified) Is(ref ItemRef) error {
	if v.Listed != nil && (v.Listed.Key != ref.Key() || v.Listed.VersionID != ref.VersionID) {
		return fault.New(fault.Untrusted, release.CodeNotInRelease, "the release lists this text as %s, not as %s", v.Listed.Key, ref)
	}
	return nil
}

// floors is what a machine remembers of releases, so that none comes back that
// was followed by another. It stays when the documents go.
type floors struct {
	serial variable[int64]       // of the newest release
	paths  *table[string, int64] // of the newest one that lists a document, by item.Key
}

func newFloors(u *undoLog) floors {
	return floors{serial: variable[int64]{undo: u}, paths: newTable[string, int64](u)}
}

// ReleaseSerial returns the serial number of the newest release that was accepted, or 0.
func (m *machine) ReleaseSerial() int64 { return m.floors.serial.v }

// Manifest returns the release that a document's evidence names, or nil.
func (m *machine) Manifest(d Document) *Document {
	ref, ok := releaseOf(d)
	if !ok {
		return nil
	}
	it, ok := m.items.get(ref.String())
	if !ok {
		return nil
	}
	return &it.Document
}

// verify verifies a document that is here.
func (m *machine) verify(it *Item) (Verified, error) {
	v, err := m.cfg.Verifier.Verify(it.Document, m.Manifest(it.Document), it.Added/1000)
	if err == nil {
		err = v.Is(it.Ref)
	}
	return v, err
}

// foldRelease remembers what a release lists. It was read before it was recorded.
func (m *machine) foldRelease(text string) error {
	r, err := release.Parse([]byte(text))
	if err != nil {
		return fault.Wrap(fault.Corrupt, "BadRecord", err, "the log has a release that can't be read")
	}
	if r.Serial > m.floors.serial.v {
		m.floors.serial.set(r.Serial)
	}
	for _, o := range r.Objects {
		if key := o.Key.String(); m.floors.paths.m[key] < r.Serial {
			m.floors.paths.set(key, r.Serial)
		}
	}
	return nil
}

// replacedBy returns the number of a newer release than the document's own that
// lists it; 0 when there is none.
func (m *machine) replacedBy(k item.Key, d Document) (newest int64, err error) {
	ref, ok := release.ReferenceOf(d.Evidence)
	if !ok {
		return 0, nil
	}
	newest, _ = m.floors.paths.get(k.String())
	if newest <= ref.Serial {
		return 0, nil
	}
	return newest, fault.New(fault.Untrusted, release.CodeReleaseOutdated, "%s comes with release number %d, but number %d has replaced it", k, ref.Serial, newest)
}

// olderAllowed tells whether a release that is here lets orders go on with the
// versions before it. That is no leave to deploy these again.
func (a *Agent) olderAllowed(k item.Key, serial int64) bool {
	it, ok := a.items.get(releaseRef(serial).String())
	if !ok || !k.Kind.Versioned() {
		return false
	}
	r, err := release.Parse([]byte(it.Document.Text))
	return err == nil && a.now < r.OlderUntil.UnixMilli()
}

// checkRelease returns why a deployment's releases don't fit: it would bring back
// what was replaced, or only a part of a release.
func (c *Controller) checkRelease(b *UpdateItems) error {
	if b.Release != nil {
		if err := c.checkManifest(b); err != nil {
			return err
		}
	}
	for i := range b.Add {
		n := &b.Add[i]
		ref, ok := release.ReferenceOf(n.Document.Evidence)
		if !ok {
			continue
		}
		if b.Release == nil || b.Release.Manifest.Serial != ref.Serial {
			if it, ok := c.items.get(releaseRef(ref.Serial).String()); !ok || it.Removed {
				return fault.New(fault.Untrusted, release.CodeReleaseMissing, "%s comes with release number %d, which isn't here", n.Ref.Key(), ref.Serial)
			}
		}
		if _, err := c.replacedBy(n.Ref.Key(), n.Document); err != nil {
			return err
		}
	}
	return nil
}

// checkManifest checks a release as a whole.
func (c *Controller) checkManifest(b *UpdateItems) error {
	r := b.Release
	it, known := c.items.get(releaseRef(r.Manifest.Serial).String())
	same := known && it.Document.Text == r.Document.Text
	if newest := c.floors.serial.v; r.Manifest.Serial <= newest && !same {
		return fault.New(fault.Untrusted, release.CodeReleaseOutdated,
			"the release %s has number %d, but number %d was deployed already: make it anew, with a higher number", r.Manifest.Name, r.Manifest.Serial, newest)
	}
	given := map[item.Key]bool{}
	for i := range b.Add {
		if ref, ok := releaseOf(b.Add[i].Document); ok && ref == releaseRef(r.Manifest.Serial) {
			given[b.Add[i].Ref.Key()] = true
		}
	}
	var missing []fault.Problem
	for _, o := range r.Manifest.Objects {
		if !given[o.Key] && !c.inForce(o, r.Manifest.Serial) && len(missing) < 200 {
			missing = append(missing, fault.Problem{Where: o.Key.String(), Message: "the release lists it, but it isn't given"})
		}
	}
	if len(missing) > 0 {
		return &fault.Error{
			Kind: fault.Untrusted, Code: release.CodeIncomplete, Problems: missing,
			Message: "the release " + r.Manifest.Name + " is deployed as a whole or not at all",
		}
	}
	return nil
}

// inForce tells whether a document of a release is deployed.
func (c *Controller) inForce(o release.Object, serial int64) bool {
	it, ok := c.current(ItemRef{Kind: o.Key.Kind, Path: o.Key.Path, VersionID: o.VersionID})
	if !ok || it.Removed {
		return false
	}
	ref, ok := releaseOf(it.Document)
	return ok && ref == releaseRef(serial)
}

// addRelease records a release, unless it is here.
func (c *Controller) addRelease(r *NewRelease) {
	ref := releaseRef(r.Manifest.Serial)
	it, had := c.items.get(ref.String())
	if had && it.Document == r.Document && !it.Removed && it.Quarantine == nil {
		return
	}
	c.emit("", &ItemAdded{Item: ref, Document: r.Document, Signer: r.Signer, Changed: had})
	c.reattach(ref)
}

// attachReleases gives an Agent the release that a document came with, before the
// document, and every older one that is in force: an Agent takes them in their order.
func (c *Controller) attachReleases(agent string, d Document) {
	r, ok := release.ReferenceOf(d.Evidence)
	if !ok || c.has(agent, releaseRef(r.Serial)) {
		return
	}
	for _, serial := range slices.Sorted(maps.Keys(c.releases)) {
		ref := releaseRef(serial)
		if it, ok := c.items.get(ref.String()); ok && serial <= r.Serial && !c.has(agent, ref) {
			c.emit("", &ItemAttachable{Item: it.Ref, Agent: agent})
		}
	}
}

// has tells whether an Agent has a document, or gets it.
func (c *Controller) has(agent string, ref ItemRef) bool {
	at, ok := c.attached.get(attachKey(agent, ref))
	return ok && at.State != ItemIsDetachable && at.Problem == nil
}

// collectReleases lets go of releases whose documents have all been replaced or
// removed, at the end of a transaction.
func (c *Controller) collectReleases() {
	keys := c.unused
	c.unused = nil
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if it, ok := c.items.get(key); ok && len(c.usedBy[key]) == 0 && !it.Removed {
			c.emit("", &ItemDeletionMarked{Item: it.Ref})
			c.collectItem(it.Ref)
		}
	}
}

// releasesFirst sorts commands so that an Agent has each release before its
// documents, and the older ones before the newer.
func releasesFirst(cmds []AgentCommand) {
	rank := func(cmd AgentCommand) int64 {
		if at, ok := cmd.(*AttachItem); ok && at.Item.IsRelease() {
			return serialOf(at.Item)
		}
		return math.MaxInt64
	}
	slices.SortStableFunc(cmds, func(a, b AgentCommand) int { return cmp.Compare(rank(a), rank(b)) })
}

// outdatedHere tells why an Agent doesn't take a document or release, or nil. The
// shell has verified it, and its verdict was good.
func (a *Agent) outdatedHere(cmd *AttachItem) *order.Problem {
	if !cmd.Item.IsRelease() {
		if ref, ok := releaseOf(cmd.Document); ok {
			if _, ok := a.items.get(ref.String()); !ok {
				return &order.Problem{Code: release.CodeReleaseMissing, Message: "the release with number " + ref.Path + " isn't here"}
			}
		}
		if newest, err := a.replacedBy(cmd.Item.Key(), cmd.Document); err != nil && !a.olderAllowed(cmd.Item.Key(), newest) {
			return order.ProblemOf(err)
		}
		return nil
	}
	r, err := release.Parse([]byte(cmd.Document.Text))
	if err != nil {
		return order.ProblemOf(err)
	}
	if releaseRef(r.Serial) != (ItemRef{Kind: cmd.Item.Kind, Path: cmd.Item.Path}) {
		return &order.Problem{Code: release.CodeNotInRelease, Message: "the release states another number than " + cmd.Item.Path}
	}
	if r.Serial <= a.floors.serial.v {
		return &order.Problem{Code: release.CodeReleaseOutdated, Message: "the release " + r.Name + " is older than the newest that this Agent has seen"}
	}
	return nil
}
