package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
)

// deploy writes a whole deployment.
func deploy(w store.Writer, controller, command string, time int64, objects ...store.DeploymentObject) error {
	id, err := w.OpenDeployment(controller)
	if err != nil {
		return err
	}
	again, err := w.OpenDeployment(controller)
	if err != nil || again != id {
		return errors.Join(err, fmt.Errorf("under way: %d, then %d", id, again))
	}
	for _, o := range objects {
		o.Deployment = id
		if err := w.AddDeploymentObject(o); err != nil {
			return err
		}
	}
	return w.CloseDeployment(store.Deployment{ID: id, Controller: controller, Command: command, Event: time * 1000, Time: time, Account: "by-" + command, Method: "password"})
}

func testDeployments(_ *testing.T, b *bench) {
	s := &shelf{b, map[string]int64{}}
	o := s.put("W:f/x", "deployed", "text")
	b.write(func(w store.Writer) error {
		v, err := w.AddVersion(store.ObjectVersion{Object: o.ID, Controller: "c", Event: 1, Text: "text"})
		_, err2 := w.SetDeployment(o.ID, "c", v)
		return errors.Join(err, err2, w.AddDeployment("c", "one", "because", 1),
			deploy(w, "c", "one", 10,
				store.DeploymentObject{Event: 1, Kind: "W", Path: "f/x", Object: o.ID, Version: v, VersionID: "1", Digest: "d", Signer: "Ada (SSH 12)", Evidence: "{}", Change: store.DeploymentAdded},
				store.DeploymentObject{Event: 2, Kind: "R", Path: "f/sub/y", Signer: "bob (PGP 34)", Previous: 7, Change: store.DeploymentChanged}),
			deploy(w, "c", "two", 20, store.DeploymentObject{Event: 3, Kind: "W", Path: "fx", Change: store.DeploymentWithdrawn}),
			deploy(w, "d", "one", 30))
	})
	var other int64
	b.write(func(w store.Writer) (err error) {
		if other, err = w.OpenDeployment("d"); err != nil {
			return err
		}
		return w.SetDeploymentRelease(other, store.DeploymentRelease{Serial: 9, Name: "r-9", Author: "ada", Digest: "x", Evidence: "[]"})
	})
	find := func(q store.DeploymentQuery) string {
		b.Helper()
		var got []string
		b.read(func(r store.Reader) error {
			if q.Limit == 0 {
				q.Limit = 10
			}
			page, reached, err := r.FindDeployments(q)
			for _, d := range page {
				got = append(got, d.Controller+" "+d.Command)
			}
			if reached != 0 {
				got = append(got, "more")
			}
			return err
		})
		return strings.Join(got, ", ")
	}
	for _, c := range []struct {
		name string
		q    store.DeploymentQuery
		want string
	}{
		{"all but what is under way", store.DeploymentQuery{}, "d one, c two, c one"},
		{"a page", store.DeploymentQuery{Limit: 1}, "d one, more"},
		{"of a Controller", store.DeploymentQuery{Controller: "c"}, "c two, c one"},
		{"of an account", store.DeploymentQuery{Account: "by-one", Controller: "c"}, "c one"},
		{"of an object", store.DeploymentQuery{Path: "f/x"}, "c one"},
		{"of a folder", store.DeploymentQuery{Folder: "f"}, "c one"},
		{"of a folder below", store.DeploymentQuery{Folder: "f/sub"}, "c one"},
		{"of a signer", store.DeploymentQuery{Signer: "BOB"}, "c one"},
		{"in a time", store.DeploymentQuery{From: 20, To: 30}, "c two"},
		{"of a release", store.DeploymentQuery{Release: "r-9"}, ""},
		{"with a budget", store.DeploymentQuery{Path: "f/x", Budget: 2}, "more"},
	} {
		same(b, c.name, find(c.q), c.want)
	}
	b.write(func(w store.Writer) error {
		return w.CloseDeployment(store.Deployment{ID: other, Controller: "d", Command: "three", Time: 5})
	})
	b.read(func(r store.Reader) error {
		l, err := r.DeployedRelease("d", 9)
		none, err2 := r.DeployedRelease("c", 9)
		same(b, "releases", []string{l.Name, none.Name}, []string{"r-9", ""})
		return errors.Join(err, err2)
	})
	same(b, "by number", find(store.DeploymentQuery{Release: "9"}), "d three")
	var first int64
	b.read(func(r store.Reader) error {
		id, err := r.DeploymentOf("c", "one")
		none, err2 := r.DeploymentOf("c", "")
		first = id
		d, err3 := r.Deployment(id)
		same(b, "deployment", d, store.Deployment{
			ID: id, Controller: "c", Command: "one", Event: 10_000, Time: 10, Account: "by-one", Method: "password", Reason: "because",
			Signers: []string{"Ada (SSH 12)", "bob (PGP 34)"}, Added: 1, Changed: 1,
		})
		objects, err4 := r.DeploymentObjects(id, 0, 1)
		rest, err5 := r.DeploymentObjects(id, 1, 9)
		same(b, "objects", []string{objects[0].Path, objects[0].Evidence, rest[0].Path, fmt.Sprint(len(objects), len(rest), none)}, []string{"f/x", "{}", "f/sub/y", "1 1 0"})
		return errors.Join(err, err2, err3, err4, err5)
	})
	// What runs as a deployment brought it keeps that deployment.
	n := -1
	b.write(func(w store.Writer) (err error) { n, err = w.DeleteDeployments(100, 9); return err })
	same(b, "deleted", n, 3)
	same(b, "left", find(store.DeploymentQuery{}), "c one")
	b.write(func(w store.Writer) error { _, err := w.SetDeployment(o.ID, "c", 0); return err })
	b.write(func(w store.Writer) (err error) { n, err = w.DeleteDeployments(100, 9); return err })
	same(b, "deleted then", n, 1)
	b.refused("UnknownDeployment", func(w store.Writer) error { _, err := w.Deployment(first); return err })
}
