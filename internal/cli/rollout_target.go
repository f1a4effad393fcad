package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// targetState is how far a rollout is at one installation.
type targetState string

const (
	stateUntouched targetState = "untouched" // nothing was done there
	stateReady     targetState = "ready"     // it agrees
	stateSame      targetState = "same"      // it has all of it already
	stateRefused   targetState = "refused"   // it would be refused
	stateFailed    targetState = "failed"    // it was refused, or the outcome isn't known
	stateDeployed  targetState = "deployed"  // it is deployed, but wasn't waited for to the end
	stateInForce   targetState = "inForce"
)

// What an object does at an installation.
const (
	changeNew      = "new"
	changeChanged  = "changed"
	changeSame     = "same"
	changeConflict = "conflict"
)

// target is one installation.
type target struct {
	name       string
	profile    *Profile
	client     *Client
	controller string
	mapping    *objectfile.Mapping
	// installation is the id that it must have; "" is any.
	installation string
	next         *api.NextRelease // asked for by nextRelease

	state    targetState
	objects  []api.ImportedObject // what happens to each
	problems []fault.Problem
	agents   []string // that the objects name
	release  *madeRelease

	whole  []byte // all objects, as an archive
	sent   []byte // those that are deployed; nil: there are none
	mapped []objectfile.Mapped
}

// targetView is a target as JSON.
type targetView struct {
	Name     string              `json:"name"`
	URL      string              `json:"url"`
	State    targetState         `json:"state"`
	Objects  []rolledOut         `json:"objects"`
	Problems []api.ProblemDetail `json:"problems"`
	Agents   []string            `json:"agents"`
	Release  int64               `json:"release,omitempty"` // number of the one that was made
}

type rolledOut struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	Change string `json:"change"`
	Why    string `json:"why,omitempty"`
}

func (t *target) view() targetView {
	v := targetView{Name: t.name, URL: t.profile.URL, State: t.state, Objects: []rolledOut{}, Problems: []api.ProblemDetail{}, Agents: append([]string{}, t.agents...)}
	for _, o := range t.objects {
		v.Objects = append(v.Objects, rolledOut{o.Kind, o.Path, string(o.Change), o.Why})
	}
	for _, p := range t.problems {
		v.Problems = append(v.Problems, api.ProblemDetail{Where: p.Where, Message: p.Message})
	}
	if t.release != nil {
		v.Release = t.release.serial
	}
	return v
}

func (t *target) count(change string) int {
	n := 0
	for i := range t.objects {
		if string(t.objects[i].Change) == change {
			n++
		}
	}
	return n
}

// query names the Controller, if one is named.
func (t *target) query(pairs ...string) url.Values {
	q := url.Values{}
	for i, pair := 0, append([]string{"controller", t.controller}, pairs...); i < len(pair); i += 2 {
		if pair[i+1] != "" {
			q.Set(pair[i], pair[i+1])
		}
	}
	return q
}

// send asks for the deployment of an archive, or what it would do.
func (t *target) send(ctx context.Context, data []byte, q url.Values) (*api.ImportResponse, error) {
	answer, err := t.client.exchange(ctx, "/deployments/import?"+q.Encode(), archive.TarGz.MediaType(), "application/json", data, true)
	if err != nil {
		return nil, err
	}
	var out api.ImportResponse
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "StrangeAnswer", err, "the answer is not what the API describes: %s", err)
	}
	return &out, nil
}

// plan finds out what would happen, and makes what is to be sent. The error is about
// asking; what would be refused is in the problems.
func (t *target) plan(ctx context.Context, contents *objectfile.Contents, signer trust.SignerKey, reason string, lifetime time.Duration) error {
	if t.mapped, t.problems = t.mapping.Apply(*contents, true); len(t.problems) > 0 {
		t.state = stateRefused
		return nil
	}
	if err := t.checkInstallation(ctx); err != nil {
		return err
	}
	if contents.Release != nil {
		problems, err := t.fits(ctx, contents.Release)
		if err != nil {
			return err
		}
		t.problems = problems
	}
	var err error
	if t.whole, err = packed(t.mapped, contents.Release.Files()); err != nil {
		return err
	}
	answer, err := t.send(ctx, t.whole, t.query("preview", "true"))
	if err != nil {
		return err
	}
	t.objects = answer.Objects
	different := t.different()
	t.agents = agentsOf(different)
	switch {
	case len(different) == 0:
		t.state = stateSame
		t.problems = nil // nothing is deployed
		return nil
	case contents.Release != nil:
		t.sent = t.whole // a release is deployed as a whole
	case signer != nil && slices.ContainsFunc(different, func(o objectfile.Mapped) bool { return o.Evidence == nil }):
		if answer, err = t.signed(ctx, different, signer, reason, lifetime); err != nil {
			return err
		}
	case len(different) < len(t.mapped):
		if t.sent, err = packed(different, nil); err == nil {
			answer, err = t.send(ctx, t.sent, t.query("preview", "true"))
		}
		if err != nil {
			return err
		}
	default:
		t.sent = t.whole
	}
	for _, p := range answer.Problems {
		t.problems = append(t.problems, fault.Problem{Where: p.Where, Message: p.Message})
	}
	t.state = stateReady
	if len(t.problems) > 0 || t.count(changeConflict) > 0 {
		t.state = stateRefused
	}
	return nil
}

// checkInstallation refuses an installation that is another than the expected one:
// whoever answers must not get a release that is for somebody else.
func (t *target) checkInstallation(ctx context.Context) error {
	if t.installation == "" {
		return nil
	}
	_, err := t.nextRelease(ctx)
	return err
}

// nextRelease returns what a release for this installation has to state. It is asked
// for once.
func (t *target) nextRelease(ctx context.Context) (*api.NextRelease, error) {
	if t.next != nil {
		return t.next, nil
	}
	var next api.NextRelease
	if err := t.client.Get(ctx, "/releases/next", t.query(), &next); err != nil {
		return nil, err
	}
	if t.installation != "" && next.Audience != t.installation {
		return nil, fault.New(fault.Untrusted, "AnotherInstallation", "this is the installation %s, not %s", printable(next.Audience), t.installation)
	}
	t.next = &next
	return t.next, nil
}

// different returns the objects that the installation doesn't have like this.
func (t *target) different() []objectfile.Mapped {
	same := map[item.Key]bool{}
	for _, o := range t.objects {
		same[item.Key{Kind: item.Kind(o.Kind), Path: o.Path}] = o.Change == changeSame
	}
	return slices.DeleteFunc(slices.Clone(t.mapped), func(o objectfile.Mapped) bool { return same[o.Key] })
}

// fits tells what is wrong with a release for this installation, as far as it can be
// told without verifying it.
func (t *target) fits(ctx context.Context, r *objectfile.Release) ([]fault.Problem, error) {
	m, err := release.Parse(r.Text)
	if err != nil {
		return nil, err
	}
	next, err := t.nextRelease(ctx)
	if err != nil {
		return nil, err
	}
	var problems []fault.Problem
	if m.Audience != next.Audience {
		problems = append(problems, fault.Problem{Where: r.File, Message: "it is for the installation " + m.Audience + ", and this is " + next.Audience})
	}
	if !m.Expires.After(time.Now()) {
		problems = append(problems, fault.Problem{Where: r.File, Message: "it had to be deployed before " + m.Expires.UTC().Format(time.RFC3339)})
	}
	return problems, nil
}

// signed makes a release of objects, and asks what would become of it.
func (t *target) signed(ctx context.Context, different []objectfile.Mapped, signer trust.SignerKey, reason string, lifetime time.Duration) (*api.ImportResponse, error) {
	next, err := t.nextRelease(ctx)
	if err != nil {
		return nil, err
	}
	maker := releaseMaker{next: *next, account: t.profile.Account, signer: signer, lifetime: lifetime}
	objects := make([]objectfile.Object, len(different))
	for i := range different {
		objects[i] = different[i].Object
		objects[i].YAML = false
	}
	made, err := maker.make(objects, reason)
	if err != nil {
		return nil, err
	}
	for i := range different {
		different[i].Object = objects[i]
	}
	name := release.FileName(made.name)
	files := map[string][]byte{name: made.text}
	for suffix, data := range made.evidence {
		files[name+suffix] = data
	}
	if t.sent, err = packed(different, files); err != nil {
		return nil, err
	}
	t.release = made
	return t.send(ctx, t.sent, t.query("preview", "true"))
}

// packed makes an archive of objects, and of other files.
func packed(objects []objectfile.Mapped, others map[string][]byte) ([]byte, error) {
	p := parcel{from: "the objects", files: map[string][]byte{}}
	maps.Copy(p.files, others)
	for i := range objects {
		o := &objects[i]
		name := objectfile.FileOf(o.Key)
		p.files[name] = bytes.Clone(o.Bytes)
		for suffix, data := range o.Evidence {
			p.files[name+suffix] = data
		}
	}
	return p.pack(archive.TarGz)
}

// agentsOf returns the Agents that objects name, sorted.
func agentsOf(objects []objectfile.Mapped) []string {
	names := map[string]bool{}
	for i := range objects {
		document, err := objectfile.Complete(objects[i].Bytes, objects[i].Key, "1")
		if err != nil {
			continue // it was found good before, and is looked at again by the server
		}
		parsed, err := item.Parse(document)
		if err != nil {
			continue
		}
		for _, key := range item.References(parsed) {
			if key.Kind == item.KindAgentRef {
				names[key.Path] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
