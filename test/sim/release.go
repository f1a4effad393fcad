package sim

import (
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/release"
)

// release makes up a release: some workflows, perhaps the job resource, signed by
// one person. Orders under way may go on with the versions before.
func (l *load) release() *deployment {
	r := l.rand
	l.version++
	var texts []string
	for _, doc := range l.docs {
		if chance(r, 40) {
			texts = append(texts, doc.text(l.version))
		}
	}
	if chance(r, 50) {
		texts = append(texts, resource(l.version))
	}
	if chance(r, 30) {
		texts = append(texts, spare(l.version))
	}
	if len(texts) == 0 {
		return nil
	}
	older := func(m *release.Manifest) { m.OlderUntil = time.UnixMicro(l.w.now).Add(24 * time.Hour).UTC() }
	made, err := enginetest.NewRelease(signers[r.IntN(len(signers))], int64(l.version), older, texts...)
	if err != nil {
		l.w.fail(err)
		return nil
	}
	l.released = append(l.released, made)
	return deploymentOf(made, made.Items)
}

// replay makes up what only an enemy would deploy: an older release again, a
// release without one of its documents, its documents without it, or with a
// document of another release.
func (l *load) replay() *deployment {
	r := l.rand
	if len(l.released) == 0 {
		return nil
	}
	made := l.released[r.IntN(len(l.released))]
	items := made.Items
	switch r.IntN(4) {
	case 0:
		items = items[:r.IntN(len(items))]
	case 1:
		made = nil
	case 2:
		other := l.released[r.IntN(len(l.released))].Items
		mixed := other[r.IntN(len(other))]
		mixed.Document.Evidence = items[0].Document.Evidence
		items = append(items[:len(items)-1:len(items)-1], mixed)
	}
	return deploymentOf(made, items)
}

// deploymentOf returns the deployment of a release, which may be nil, with documents.
func deploymentOf(r *enginetest.Release, items []engine.NewItem) *deployment {
	d := &deployment{release: r}
	for i := range items {
		d.add(items[i].Document.Text, items[i].Document.Evidence)
	}
	return d
}
