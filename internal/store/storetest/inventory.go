package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
)

// shelf is an inventory that a test fills.
type shelf struct {
	*bench
	ids map[string]int64
}

// put keeps an object as "Kind:path" in a state, found by a text.
func (s *shelf) put(key, state, text string, refs ...string) store.Object {
	s.Helper()
	kind, path, _ := strings.Cut(key, ":")
	var o store.Object
	s.write(func(w store.Writer) error {
		o = store.Object{Kind: kind, Path: path}
		if s.ids[key] != 0 {
			var err error
			if o, err = w.Object(o.Key()); err != nil {
				return err
			}
		}
		o.State, o.Format, o.ChangedBy, o.Folded = state, "json", "ada", strings.ToLower(path)
		if o.TrashedAt = 0; state == "trash" {
			o.TrashedAt = 7
		}
		x := &store.ObjectIndex{Texts: text}
		for _, r := range refs {
			kind, path, _ := strings.Cut(r, ":")
			x.References = append(x.References, store.ObjectKey{Kind: kind, Path: path})
		}
		id, err := w.PutObject(&o, &text, x)
		s.ids[key], o.ID = id, id
		return err
	})
	return o
}

func keys(all []store.Object) string {
	var b strings.Builder
	for i := range all {
		b.WriteString(all[i].Kind + ":" + all[i].Path + " ")
	}
	return strings.TrimSpace(b.String())
}

// list reads all pages of a query.
func (s *shelf) list(q store.ObjectQuery) string {
	s.Helper()
	var all []store.Object
	s.read(func(r store.Reader) error {
		q.Limit = 2
		for {
			page, err := r.Objects(q)
			if err != nil || len(page) == 0 {
				return err
			}
			all = append(all, page...)
			q.After = page[len(page)-1].Key()
		}
	})
	return keys(all)
}

func (s *shelf) folder(path string) string {
	s.Helper()
	var got string
	s.read(func(r store.Reader) error {
		f, err := r.Folder(path)
		got = fmt.Sprintf("%d/%d", f.Objects, f.Changed)
		return err
	})
	return got
}

func (s *shelf) folders(parent string) string {
	s.Helper()
	var got []string
	s.read(func(r store.Reader) error {
		for after := ""; ; {
			page, err := r.Folders(parent, after, 2)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, f := range page {
				got = append(got, fmt.Sprintf("%s=%d/%d/%t", f.Path, f.Objects, f.Changed, f.Folders))
				after = f.Path[strings.LastIndexByte(f.Path, '/')+1:]
			}
		}
	})
	return strings.Join(got, " ")
}

func testObjects(_ *testing.T, b *bench) {
	s := &shelf{b, map[string]int64{}}
	s.put("W:a/b/x", "draft", "the text of x")
	s.put("W:a/y", "deployed", "y")
	s.put("R:a/y", "invalid", "y")
	s.put("W:ab", "changed", "ab")
	s.put("A:agent", "deployed", "")

	same(b, "in the root", s.list(store.ObjectQuery{}), "W:ab A:agent")
	same(b, "in a", s.list(store.ObjectQuery{Folder: "a"}), "R:a/y W:a/y")
	same(b, "below a", s.list(store.ObjectQuery{Folder: "a", Below: true}), "W:a/b/x R:a/y W:a/y")
	same(b, "all", s.list(store.ObjectQuery{Below: true}), "W:a/b/x R:a/y W:a/y W:ab A:agent")
	same(b, "a kind", s.list(store.ObjectQuery{Below: true, Kind: "W"}), "W:a/b/x W:a/y W:ab")
	same(b, "a state", s.list(store.ObjectQuery{Below: true, States: []string{"deployed"}}), "W:a/y A:agent")
	same(b, "states", s.list(store.ObjectQuery{Folder: "a", Below: true, States: []string{"draft", "invalid"}}), "W:a/b/x R:a/y")
	same(b, "a kind in a state", s.list(store.ObjectQuery{Below: true, Kind: "W", States: []string{"deployed", "changed"}}), "W:a/y W:ab")
	same(b, "a kind in a folder", s.list(store.ObjectQuery{Folder: "a", Kind: "R"}), "R:a/y")
	same(b, "by name", s.list(store.ObjectQuery{Below: true, Text: "gen"}), "A:agent")
	same(b, "by a short name", s.list(store.ObjectQuery{Below: true, Text: "b/"}), "W:a/b/x")
	same(b, "the root's folders", s.folders(""), "a=3/2/true")
	same(b, "folders of a", s.folders("a"), "a/b=1/1/false")
	same(b, "the root", s.folder(""), "5/3")

	// Moving and deleting keeps the counts right.
	s.write(func(w store.Writer) error {
		o, err := w.Object(store.ObjectKey{Kind: "W", Path: "a/b/x"})
		if err != nil {
			return err
		}
		o.Path, o.State = "c/d/x", "deployed"
		_, err = w.PutObject(&o, nil, nil)
		return err
	})
	same(b, "folders after a move", s.folders("")+" "+s.folders("a")+s.folders("c"), "a=2/1/false c=1/0/true c/d=1/0/false")
	s.put("W:a/y", "trash", "")
	same(b, "in a, one in the trash", s.list(store.ObjectQuery{Folder: "a"}), "R:a/y")
	same(b, "counts of a", s.folder("a"), "1/1")
	s.read(func(r store.Reader) error {
		all, err := r.Trash(0, 0, 10)
		same(b, "trash", keys(all), "W:a/y")
		all, err2 := r.Trash(all[0].TrashedAt, all[0].ID, 10)
		same(b, "trash behind", keys(all), "")
		return errors.Join(err, err2)
	})
	s.put("W:a/y", "draft", "again")
	same(b, "counts of a", s.folder("a"), "2/2")
	s.write(func(w store.Writer) error { return w.DeleteObject(s.ids["W:a/y"]) })
	s.write(func(w store.Writer) error { return w.DeleteObject(s.ids["R:a/y"]) })
	same(b, "folders at the end", s.folders("")+" "+s.folder(""), "c=1/0/true 3/1")
	b.refused("UnknownObject", func(w store.Writer) error { return w.DeleteObject(s.ids["R:a/y"]) })
	b.refused("UnknownObject", func(w store.Writer) error { _, err := w.Object(store.ObjectKey{Kind: "W", Path: "a/y"}); return err })
}

func testObjectRevisions(_ *testing.T, b *bench) {
	s := &shelf{b, map[string]int64{}}
	o := s.put("W:x", "draft", "one")
	text := "two"
	s.read(func(r store.Reader) error {
		got, err := r.Object(o.Key())
		want := o
		want.Revision = 1
		same(b, "object", got, want)
		texts, err2 := r.ObjectTexts(o.ID)
		same(b, "texts", texts, store.ObjectTexts{Draft: "one"})
		return errors.Join(err, err2)
	})
	b.refused("ObjectChanged", func(w store.Writer) error { _, err := w.PutObject(&o, &text, nil); return err }) // from revision 0
	o.Revision = 1
	s.write(func(w store.Writer) error { _, err := w.PutObject(&o, &text, nil); return err })
	b.refused("ObjectChanged", func(w store.Writer) error { _, err := w.PutObject(&o, &text, nil); return err })
	b.refused("DuplicateObject", func(w store.Writer) error {
		_, err := w.PutObject(&store.Object{Kind: "W", Path: "x", State: "draft"}, nil, nil)
		return err
	})
	gone := o
	gone.ID = 1 << 40
	b.refused("ObjectChanged", func(w store.Writer) error { _, err := w.PutObject(&gone, &text, nil); return err })
	o.Revision, o.Format = 2, ""
	s.write(func(w store.Writer) error { _, err := w.PutObject(&o, nil, nil); return err })
	s.read(func(r store.Reader) error {
		texts, err := r.ObjectTexts(o.ID)
		same(b, "texts without draft", texts, store.ObjectTexts{})
		return err
	})
}

func testVersions(_ *testing.T, b *bench) {
	s := &shelf{b, map[string]int64{}}
	o := s.put("W:x", "draft", "draft")
	var ids []int64
	s.write(func(w store.Writer) error {
		if err := w.AddDeployment("c", "cmd", "why", 5); err != nil {
			return err
		}
		for i := range 4 {
			v := store.ObjectVersion{Object: o.ID, Controller: "c", Event: int64(i), Version: fmt.Sprint("v", i), Format: "json", Digest: "d", Signer: "s", Time: 3, Text: fmt.Sprint("text ", i)}
			if i == 1 {
				v.Controller, v.Name, v.Account, v.Reason = "", "mine", "ada", "kept"
			}
			id, err := w.AddVersion(v)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return w.NameDeployment("c", "cmd", "bob")
	})
	s.write(func(w store.Writer) error {
		n, err := w.SetDeployment(o.ID, "c", ids[0])
		same(b, "deployed at", n, 1)
		o.Revision, o.Current = 1, ids[3]
		_, err2 := w.PutObject(&o, nil, nil)
		return errors.Join(err, err2, w.NameDeployment("c", "later", "eve"))
	})
	s.read(func(r store.Reader) error {
		all, err := r.Versions(o.ID, 0, 10)
		var got []string
		for _, v := range all {
			got = append(got, strings.TrimSpace(v.Name+" "+v.Version+" "+v.Account+" "+v.Reason+" "+v.Deployment))
		}
		same(b, "versions", got, []string{"v3 bob why cmd", "v2 bob why cmd", "mine v1 ada kept", "v0 bob why cmd"})
		page, err2 := r.Versions(o.ID, ids[1], 10)
		same(b, "a page", len(page), 1)
		v, err3 := r.Version(ids[2])
		same(b, "text", v.Text, "text 2")
		texts, err4 := r.ObjectTexts(o.ID)
		same(b, "texts", texts, store.ObjectTexts{Draft: "draft", Current: "text 3"})
		d, err5 := r.Deployments(o.ID)
		same(b, "deployments", d[0].Controller+" "+d[0].Version.Version, "c v0")
		at, err6 := r.DeployedAt("c", 0, 10)
		same(b, "deployed at", fmt.Sprintf("%d %s %s %t %s", len(at), at[0].Kind, at[0].Path, at[0].Object == o.ID, at[0].Version.Version), "1 W x true v0")
		behind, err7 := r.DeployedAt("c", o.ID, 10)
		elsewhere, err8 := r.DeployedAt("d", 0, 10)
		same(b, "deployed elsewhere", len(behind)+len(elsewhere), 0)
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8)
	})
	// What is deployed and what was saved by name stays.
	s.write(func(w store.Writer) error { return w.PruneVersions(o.ID, 1) })
	s.read(func(r store.Reader) error {
		all, err := r.Versions(o.ID, 0, 10)
		same(b, "versions left", len(all), 3)
		return err
	})
	b.refused("UnknownVersion", func(w store.Writer) error { _, err := w.Version(ids[2]); return err })
	s.write(func(w store.Writer) error {
		n, err := w.SetDeployment(o.ID, "c", 0)
		same(b, "deployed at", n, 0)
		return errors.Join(err, w.DeleteObject(o.ID))
	})
	b.refused("UnknownVersion", func(w store.Writer) error { _, err := w.Version(ids[0]); return err })
}

func testSearch(_ *testing.T, b *bench) {
	s := &shelf{b, map[string]int64{}}
	s.put("W:a/load-it", "draft", "echo \"hello world\"\nsqlplus x")
	s.put("W:a/other", "deployed", "run sqlplus; echo ünïcödé 日本語テスト")
	s.put("R:b", "deployed", "hello")
	s.put("W:gone", "trash", "hello world")
	find := func(q store.TextQuery) string {
		b.Helper()
		var got []string
		s.read(func(r store.Reader) error {
			for q.Limit = 1; ; {
				page, err := r.Candidates(q)
				if err != nil || len(page) == 0 {
					return err
				}
				got = append(got, page[0].Path)
				q.After = page[0].ID
			}
		})
		return strings.Join(got, " ")
	}
	for want, queries := range map[string][]store.TextQuery{
		"a/load-it a/other": {{Text: "sqlplus"}, {Text: "echo "}},
		"a/load-it b":       {{Text: "hello"}},
		"b":                 {{Text: "hello", Kinds: []string{"R", "X"}}},
		"a/load-it":         {{Text: `"hello world"`}, {Text: "oad-", Names: true}},
		"a/other":           {{Text: "ïcö"}, {Text: "日本語"}},
		"":                  {{Text: "sq"}, {Text: "hello", Names: true}, {Text: "nowhere"}, {Text: "a\" OR \"b"}},
	} {
		for _, q := range queries {
			same(b, fmt.Sprintf("%+v", q), find(q), want)
		}
	}
	// In a folder all objects may be candidates, but those that are there have to be.
	if got := find(store.TextQuery{Text: "hello", Folder: "a"}); !strings.Contains(got, "a/load-it") || strings.Contains(got, "gone") || strings.Contains(got, "b") {
		b.Errorf("in a folder: %s", got)
	}
	s.put("W:a/load-it", "draft", "nothing of it", "R:b", "A:agent")
	same(b, "after a change", find(store.TextQuery{Text: "hello"}), "b")
	s.read(func(r store.Reader) error {
		c, err := r.Candidates(store.TextQuery{Text: "nothing", Limit: 5})
		same(b, "texts", c[0].Draft, "nothing of it")
		return err
	})
	users := func(of store.ObjectKey) string {
		b.Helper()
		var all []store.Object
		s.read(func(r store.Reader) error {
			page, err := r.Users(of, store.ObjectKey{}, 1)
			for err == nil && len(page) > 0 {
				all = append(all, page...)
				page, err = r.Users(of, page[0].Key(), 1)
			}
			return err
		})
		return keys(all)
	}
	s.put("W:a/other", "deployed", "other", "R:b")
	same(b, "users of b", users(store.ObjectKey{Kind: "R", Path: "b"}), "W:a/load-it W:a/other")
	same(b, "users of agent", users(store.ObjectKey{Kind: "A", Path: "agent"}), "W:a/load-it")
	s.read(func(r store.Reader) error {
		refs, err := r.References(s.ids["W:a/load-it"])
		same(b, "references", refs, []store.ObjectKey{{Kind: "A", Path: "agent"}, {Kind: "R", Path: "b"}})
		return err
	})
	s.write(func(w store.Writer) error {
		o, err := w.Object(store.ObjectKey{Kind: "W", Path: "a/other"})
		return errors.Join(err, w.PutTexts(&o, "something new"))
	})
	same(b, "new texts", find(store.TextQuery{Text: "something new"})+find(store.TextQuery{Text: "other"}), "a/other")
	s.put("W:a/other", "trash", "", "R:b")
	same(b, "users of b but for the trash", users(store.ObjectKey{Kind: "R", Path: "b"}), "W:a/load-it")
}

// An object that isn't in the index is told of; as soon as it is, it isn't.
func testUnindexed(_ *testing.T, b *bench) {
	s := &shelf{b, map[string]int64{}}
	x := s.put("W:x", "draft", "text")
	s.put("W:gone", "trash", "text")
	s.write(func(w store.Writer) error {
		for _, path := range []string{"a", "b", "away"} {
			o := store.Object{Kind: "W", Path: path, State: "draft"}
			if path == "away" {
				o.State = "trash"
			}
			if _, err := w.PutObject(&o, nil, nil); err != nil {
				return err
			}
		}
		return nil
	})
	unindexed := func(limit int) (all []store.Object) {
		b.Helper()
		s.read(func(r store.Reader) (err error) {
			all, err = r.Unindexed(limit)
			return err
		})
		return all
	}
	all := unindexed(9)
	same(b, "unindexed", keys(all), "W:a W:b")
	same(b, "a page", keys(unindexed(1)), "W:a")
	s.write(func(w store.Writer) error { return errors.Join(w.PutTexts(&all[0], "found"), w.PutTexts(&all[1], "")) })
	same(b, "unindexed afterwards", keys(unindexed(9)), "")
	s.write(func(w store.Writer) error { return w.DeleteObject(x.ID) })
	s.read(func(r store.Reader) error {
		c, err := r.Candidates(store.TextQuery{Text: "found", Limit: 9})
		same(b, "found", len(c), 1)
		return err
	})
}
