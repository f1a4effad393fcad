package controller

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"strconv"
	"sync"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/transport"
)

// itemRequest is the body of POST /controller/api/item.
type itemRequest struct {
	CommandID string
	By        order.Actor
	Release   *signedRelease // that the documents come with, or nil
	Add       []signedText
	Remove    []item.Key
}

// signedRelease is a release with its signatures.
type signedRelease struct {
	Text     string
	Evidence []evidenceFields
}

type signedText struct {
	Text     string
	Evidence string // JSON
}

// readItems reads the request strictly; evidence is kept as the bytes it is.
func readItems(body []byte) (*itemRequest, error) {
	n, err := strictjson.Parse(body, strictjson.Limits{MaxBytes: maxItemBody, MaxNodes: 20_000_000})
	if err != nil {
		return nil, err
	}
	var q itemRequest
	return &q, codec.ReadJSON(n, "$", &q)
}

// Walk describes the fields.
func (q *itemRequest) Walk(w codec.Walker) {
	w.Str("commandId", &q.CommandID)
	codec.Always(w, "by", &q.By)
	codec.Opt(w, "release", &q.Release)
	codec.List(w, "add", &q.Add)
	w.List("remove", len(q.Remove), func(w codec.Walker, _ int) {
		var k item.Key
		w.Obj("", true, func(w codec.Walker) {
			codec.Text(w, "kind", &k.Kind)
			w.Str("path", &k.Path)
		})
		q.Remove = append(q.Remove, k)
	})
}

// Walk describes the fields.
func (t *signedText) Walk(w codec.Walker) {
	w.Str("string", &t.Text)
	w.Obj("evidence", true, func(w codec.Walker) {
		var e evidenceFields
		e.Walk(w)
		b, err := json.Marshal(e)
		if err != nil {
			w.Fail(err)
		}
		t.Evidence = string(b)
	})
}

// Walk describes the fields.
func (r *signedRelease) Walk(w codec.Walker) {
	w.Str("string", &r.Text)
	codec.List(w, "evidence", &r.Evidence)
}

// document returns the release with its evidence as it is kept.
func (r *signedRelease) document() (engine.Document, error) {
	if r.Evidence == nil {
		r.Evidence = []evidenceFields{} // a list, also when it is empty
	}
	b, err := json.Marshal(r.Evidence)
	return engine.Document{Text: r.Text, Evidence: string(b)}, err
}

// evidenceFields is the JSON form of all kinds of evidence, passed through. The
// order of the members is that in which evidence is kept.
type evidenceFields struct {
	Type         string `json:"TYPE"`
	Serial       int64  `json:"serial,omitempty"`
	SHA256       string `json:"sha256,omitempty"`
	CredentialID string `json:"credentialId,omitempty"`
	ClientData   string `json:"clientData,omitempty"`
	Authentic    string `json:"authenticatorData,omitempty"`
	Signature    string `json:"signature,omitempty"`
	Certificates string `json:"certificates,omitempty"`
}

// Walk describes the fields.
func (e *evidenceFields) Walk(w codec.Walker) {
	w.Str("TYPE", &e.Type)
	w.Int("serial", &e.Serial)
	w.Str("sha256", &e.SHA256)
	w.Str("credentialId", &e.CredentialID)
	w.Str("clientData", &e.ClientData)
	w.Str("authenticatorData", &e.Authentic)
	w.Str("signature", &e.Signature)
	w.Str("certificates", &e.Certificates)
}

// postItems verifies documents, parses what was verified, and deploys it.
func (c *Controller) postItems(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		c.problem(w, err)
		return
	}
	q, err := readItems(body)
	if err != nil {
		c.problem(w, err)
		return
	}
	if err := checkSize(q); err != nil {
		c.problem(w, err)
		return
	}
	update, generation, err := c.verifyItems(r.Context(), q)
	if err != nil {
		c.problem(w, err)
		return
	}
	reply, err := c.decideSized(r.Context(), len(body), func(e *engine.Controller, now int64) (any, error) {
		if c.guard.Generation() != generation {
			if _, _, err := c.verifyItems(r.Context(), q); err != nil {
				return nil, err
			}
		}
		return e.Submit(engine.Command{ID: q.CommandID, By: q.By, Body: update}, now)
	})
	if err != nil {
		c.problem(w, err)
		return
	}
	c.agentsChanged()
	text, _ := reply.(string)
	writeJSON(w, []byte(text))
}

// checkSize refuses a deployment that wouldn't fit into one entry of the log:
// it couldn't be all or nothing.
func checkSize(q *itemRequest) error {
	var all []byte
	for i := range q.Add {
		all = append(append(all, q.Add[i].Text...), q.Add[i].Evidence...)
	}
	if len(all) > ledger.MaxEntry && len(ledger.Pack(all)) > ledger.MaxEntry {
		return fault.New(fault.TooLarge, "DeploymentTooLarge", "the %d objects don't fit into one transaction: deploy them in parts", len(q.Add))
	}
	return nil
}

// verifyItems verifies all documents, on all processors, and reports every
// one that is refused.
func (c *Controller) verifyItems(ctx context.Context, q *itemRequest) (*engine.UpdateItems, int, error) {
	generation := c.guard.Generation()
	update := &engine.UpdateItems{Add: make([]engine.NewItem, len(q.Add)), Remove: q.Remove}
	manifests, err := c.verifyRelease(ctx, q, update)
	if err != nil {
		return nil, 0, err
	}
	errs := make([]error, len(q.Add))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				update.Add[i], errs[i] = c.verifyItem(&q.Add[i], manifests)
			}
		})
	}
	for i := range q.Add {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, 0, fault.New(fault.Timeout, "RequestEnded", "the request ended")
	}
	return update, generation, joinRefusals(errs)
}

func (c *Controller) verifyItem(t *signedText, manifests map[int64]*engine.Document) (engine.NewItem, error) {
	d := engine.Document{Text: t.Text, Evidence: t.Evidence}
	var manifest *engine.Document
	if ref, ok := release.ReferenceOf(d.Evidence); ok {
		manifest = manifests[ref.Serial]
	}
	v, err := c.guard.Verify(d, manifest, 0)
	if err != nil {
		return engine.NewItem{}, err
	}
	it, err := item.Parse([]byte(v.Text))
	if err != nil {
		return engine.NewItem{}, err
	}
	n := engine.NewItem{Document: d, Signer: v.Signer, Item: it, Ref: engine.ItemRef{Kind: it.Key().Kind, Path: it.Key().Path}}
	if wf, ok := it.(item.Workflow); ok {
		n.Ref.VersionID = wf.ID.VersionID
	}
	return n, v.Is(n.Ref)
}

// joinRefusals makes one error of many: untrusted if one is untrusted.
func joinRefusals(errs []error) error {
	var all *fault.Error
	for i, err := range errs {
		if err == nil {
			continue
		}
		e := fault.Of(err)
		if all == nil {
			all = &fault.Error{Kind: e.Kind, Code: e.Code, Message: "the objects are refused"}
		}
		if e.Kind == fault.Untrusted && all.Kind != fault.Untrusted {
			all.Kind, all.Code = e.Kind, e.Code
		}
		where := "$.add[" + strconv.Itoa(i) + "]"
		if len(e.Problems) == 0 {
			all.Problems = append(all.Problems, fault.Problem{Where: where, Message: e.Public()})
		}
		for _, p := range e.Problems {
			all.Problems = append(all.Problems, fault.Problem{Where: where + " " + p.Where, Message: p.Message})
		}
		if len(all.Problems) > 200 {
			break
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// verifyRelease verifies the release of a deployment, and returns the manifests
// that its documents may refer to, by serial number: that one, and those that are
// here already.
func (c *Controller) verifyRelease(ctx context.Context, q *itemRequest, update *engine.UpdateItems) (map[int64]*engine.Document, error) {
	manifests := map[int64]*engine.Document{}
	if q.Release != nil {
		d, err := q.Release.document()
		if err != nil {
			return nil, err
		}
		v, err := c.guard.Verify(d, nil, 0)
		if err != nil {
			return nil, err
		}
		m, err := release.Parse([]byte(v.Text))
		if err != nil {
			return nil, err
		}
		update.Release = &engine.NewRelease{Document: d, Signer: v.Signer, Manifest: m}
		manifests[m.Serial] = &d
	}
	unknown := map[int64]engine.Document{}
	for i := range q.Add {
		if ref, ok := release.ReferenceOf(q.Add[i].Evidence); ok && manifests[ref.Serial] == nil {
			unknown[ref.Serial] = engine.Document{Evidence: q.Add[i].Evidence}
		}
	}
	if len(unknown) == 0 {
		return manifests, nil
	}
	_, err := c.look(ctx, func(e *engine.Controller) (any, error) {
		for serial, d := range unknown {
			if m := e.Manifest(d); m != nil {
				manifests[serial] = m
			}
		}
		return nil, nil
	})
	return manifests, err
}

// getRelease tells what a release that is made now has to state.
func (c *Controller) getRelease(w http.ResponseWriter, r *http.Request) {
	v, err := c.look(r.Context(), func(e *engine.Controller) (any, error) {
		return map[string]any{"installation": c.set.Trust.Installation, "securityLevel": c.set.Trust.SecurityLevel, "serial": e.ReleaseSerial()}, nil
	})
	c.answer(w, v, err)
}
