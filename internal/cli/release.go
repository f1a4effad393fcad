package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// signedNow is how long a release that is deployed in the same step is good.
const signedNow = time.Hour

// makeRelease makes a release of the objects that have no evidence of their own and
// signs it here: the server gets the signature, never the key.
func (s *session) makeRelease(ctx context.Context, client *Client, signer trust.SignerKey, objects []objectfile.Object, reason string) (*api.DeployRelease, error) {
	profile, err := s.loadProfile()
	if err != nil {
		return nil, err
	}
	maker := releaseMaker{account: profile.Account, signer: signer, lifetime: signedNow}
	if err := client.Get(ctx, s.at("/releases/next"), nil, &maker.next); err != nil {
		return nil, err
	}
	made, err := maker.make(objects, reason)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for suffix, data := range made.evidence {
		files[suffix] = string(data)
	}
	return &api.DeployRelease{Document: string(made.text), Evidence: []map[string]string{files}}, nil
}

// releaseMaker makes releases for one Controller.
type releaseMaker struct {
	next     api.NextRelease // what it has to state
	account  string
	signer   trust.SignerKey
	lifetime time.Duration
}

// madeRelease is a release with its signature as files.
type madeRelease struct {
	name     string
	serial   int64
	text     []byte
	evidence map[string][]byte
}

// make lists the objects that have no evidence of their own, and signs the list. It
// completes the documents (TYPE, path, versionId), since their exact bytes are
// listed.
func (r *releaseMaker) make(objects []objectfile.Object, reason string) (*madeRelease, error) {
	now := time.Now().UTC().Truncate(time.Second)
	version := objectfile.NewVersion(now)
	m := &release.Manifest{
		Name: "deploy-" + version, Audience: r.next.Audience, Serial: r.next.Serial, Created: now, Expires: now.Add(r.lifetime),
		Author: cmp.Or(r.account, r.signer.Name()), Reason: strings.Join(strings.Fields(reason), " "),
	}
	if err := list(m, objects, version); err != nil {
		return nil, err
	}
	text, err := m.Text()
	if err != nil {
		return nil, err
	}
	evidence, err := trust.SignChecked(r.signer, text)
	if err != nil {
		return nil, err
	}
	return &madeRelease{name: m.Name, serial: m.Serial, text: text, evidence: evidence.Files()}, nil
}

// list completes the objects that have no evidence and adds them to a release.
func list(m *release.Manifest, objects []objectfile.Object, version string) error {
	if problems := objectfile.Validate(objects); len(problems) > 0 {
		return &fault.Error{Kind: fault.Invalid, Code: "InvalidItems", Message: "nothing was signed: the objects can't be deployed", Problems: problems}
	}
	for i := range objects {
		o := &objects[i]
		if o.Evidence != nil {
			continue
		}
		var err error
		if o.Bytes, err = objectfile.Complete(o.Bytes, o.Key, version); err != nil {
			return err
		}
		stated, err := statedVersion(o)
		if err != nil {
			return err
		}
		m.Objects = append(m.Objects, release.NewObject(o.Key, stated, o.Bytes))
	}
	if len(m.Objects) == 0 {
		return fault.New(fault.Invalid, "NothingToSign", "all objects have signatures of their own; --sign-with signs those that have none")
	}
	return nil
}

// statedVersion returns the version that a workflow's document states; other
// documents have none.
func statedVersion(o *objectfile.Object) (string, error) {
	parsed, err := item.Parse(o.Bytes)
	if err != nil {
		return "", err
	}
	if w, ok := parsed.(item.Workflow); ok {
		return w.ID.VersionID, nil
	}
	return "", nil
}
