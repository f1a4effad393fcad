package gitsource_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/gitsource"
)

const someID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// Whatever stands in a commit, a signature is over all of it but signatures.
func FuzzCommit(f *testing.F) {
	head := "tree " + someID + "\nparent " + someID + "\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n"
	for _, text := range []string{
		head + "\nx\n", head + "gpgsig -----BEGIN\n x\n y\n\nx", head + "gpgsig-sha256 x\n\ngpgsig y", head + "gpgsig x\nencoding y\n z\n\n", "", "\n", " ", head, head + "gpgsig a\ngpgsig b\n\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		c, err := gitsource.ReadCommit(text)
		if !bytes.Equal(before, text) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			return
		}
		payload, signature := c.Signed.Payload, c.Signed.Signature
		if !bytes.HasPrefix(payload, []byte("tree ")) || len(payload)+len(signature) > len(text) {
			t.Fatalf("the payload is %q", payload)
		}
		if !bytes.Contains(text, []byte("gpgsig")) && !bytes.Equal(payload, text) {
			t.Fatalf("something was left out: %q", payload)
		}
		// What is left out is left out once: the payload has no signature.
		again, err := gitsource.ReadCommit(payload)
		if err != nil || !bytes.Equal(again.Signed.Payload, payload) || again.Signed.Signature != nil || again.Author != c.Author {
			t.Fatalf("%+v, %v", again, err)
		}
	})
}

func FuzzTag(f *testing.F) {
	head := "object " + someID + "\ntype commit\ntag v1\ntagger A <a> 0 +0000\n\nx\n"
	f.Add([]byte(head))
	f.Add([]byte(head + "-----BEGIN SSH SIGNATURE-----\nx\n"))
	f.Add([]byte(head + "-----BEGIN PGP SIGNATURE-----\n-----BEGIN PGP SIGNATURE-----"))
	f.Add([]byte(strings.Replace(head, "tagger", "gpgsig-sha256 x\n y\ntagger", 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		tag, err := gitsource.ReadTag(text)
		if err != nil {
			return
		}
		s := tag.Signed
		if !bytes.HasPrefix(s.Payload, []byte("object ")) || !bytes.HasSuffix(text, s.Signature) || len(s.Payload)+len(s.Signature) > len(text) {
			t.Fatalf("%q and %q", s.Payload, s.Signature)
		}
		if !bytes.Contains(text, []byte("gpgsig")) && !bytes.Equal(slices.Concat(s.Payload, s.Signature), text) {
			t.Fatalf("something was left out: %q", s.Payload)
		}
	})
}

func FuzzTree(f *testing.F) {
	id := strings.Repeat("x", 20)
	f.Add([]byte("100644 a\x00" + id))
	f.Add([]byte("100644 a\x00" + id + "40000 b\x00" + id))
	f.Add([]byte("100644 a.b\x00" + id + "40000 a\x00" + id))
	f.Add([]byte("100644 ..\x00" + id))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := gitsource.Names(text)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, name := range names {
			if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || seen[strings.ToLower(name)] {
				t.Fatalf("the name %q is taken", name)
			}
			seen[strings.ToLower(name)] = true
		}
	})
}
