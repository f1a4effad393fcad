package gitsource

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Signed is what a signature of a commit or tag is over, and the signature's text.
// Signature is empty when there is none.
type Signed struct {
	Payload   []byte
	Signature []byte
}

// Commit is a commit, as its signed bytes tell of it.
type Commit struct {
	ID     string
	Signed Signed
	Author string // name and address, for people
	Tag    *Tag   // by which it was named; nil: by something else

	tree string
}

// Tag is an annotated tag.
type Tag struct {
	ID     string
	Name   string
	Signed Signed

	commit string
}

// Short returns the beginning of the commit's id, for people.
func (c *Commit) Short() string { return c.ID[:min(len(c.ID), 12)] }

// Commit returns the commit that a revision names: an id, a branch, a tag, or
// whatever git knows. An annotated tag must have the name by which it was found: a
// signed tag can't be put in another's place. The error is NotFound, code
// NoSuchCommit; Invalid; or Untrusted, for an object that isn't what it claims to
// be.
func (r *Repository) Commit(ctx context.Context, revision string) (*Commit, error) {
	id, err := r.id(ctx, revision)
	if err != nil {
		return nil, err
	}
	text, err := r.object(id, "commit", maxCommit)
	var other *kindError
	switch {
	case errors.As(err, &other) && other.is == "tag":
		return r.tagged(id, revision, other.size)
	case errors.As(err, &other):
		return nil, fault.Wrap(fault.Invalid, "NoCommit", err, "%s names a %s, not a commit", revision, clip(other.is))
	case err != nil:
		return nil, fault.Of(err).About(revision)
	}
	return readCommit(id, text)
}

// tagged reads a tag, whose line was read already, and its commit.
func (r *Repository) tagged(id, revision string, size int64) (*Commit, error) {
	text, err := r.rest(id, "tag", size)
	if err != nil {
		return nil, fault.Of(err).About(revision)
	}
	tag, err := readTag(id, text)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(strings.TrimPrefix(revision, "refs/"), "tags/")
	if revision != id && name != tag.Name {
		return nil, fault.New(fault.Untrusted, "AnotherTag", "%s names the tag that was made as %s: name a tag by its own name, or by its id", revision, clip(tag.Name))
	}
	text, err = r.object(tag.commit, "commit", maxCommit)
	if other, ok := errors.AsType[*kindError](err); ok {
		return nil, fault.Wrap(fault.Invalid, "NoCommit", err, "the tag %s names a %s, not a commit", clip(tag.Name), clip(other.is))
	} else if err != nil {
		return nil, fault.Of(err).About(revision)
	}
	c, err := readCommit(tag.commit, text)
	if err != nil {
		return nil, err
	}
	c.Tag = tag
	return c, nil
}

// rest returns the bytes of an object whose line was read.
func (r *Repository) rest(id, kind string, size int64) ([]byte, error) {
	if size > maxCommit {
		return nil, fault.New(fault.TooLarge, "ObjectTooLarge", "it has %d bytes; at most %d are taken", size, maxCommit)
	}
	return r.body(id, kind, size)
}

func invalidObject(id, format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidObject", format, args...).About("object " + id)
}

// Headers of signatures; which one is over a commit depends on the hash of its id.
const (
	headerSHA1   = "gpgsig"
	headerSHA256 = "gpgsig-sha256"
)

// readCommit reads a commit. All that is told of it comes from the bytes that its
// signature is over.
func readCommit(id string, text []byte) (*Commit, error) {
	header := headerSHA1
	if len(id) == 2*sizeSHA256 {
		header = headerSHA256
	}
	payload, signature, err := splitHeader(id, text, header)
	if err != nil {
		return nil, err
	}
	c := &Commit{ID: id, Signed: Signed{Payload: payload, Signature: signature}}
	head, _, _ := bytes.Cut(payload, []byte("\n\n"))
	if bytes.IndexByte(head, 0) >= 0 {
		return nil, invalidObject(id, "the head of the commit holds a zero byte")
	}
	trees, authors := 0, 0
	for i, line := range strings.Split(string(head), "\n") {
		name, value, _ := strings.Cut(line, " ")
		switch {
		case i == 0 && name == "tree" && hashOf(value) != nil && len(value) == len(id):
			c.tree = value
			trees++
		case name == "tree":
			trees += 2
		case name == "author":
			authors++
			c.Author = authorOf(value)
		}
	}
	if trees != 1 || authors != 1 {
		return nil, invalidObject(id, "a commit begins with one tree and has one author")
	}
	return c, nil
}

// authorOf returns the name and address in the header of an author, without the
// time.
func authorOf(value string) string {
	if end := strings.LastIndexByte(value, '>'); end >= 0 {
		value = value[:end+1]
	}
	return clip(value)
}

// splitHeader returns a text without its signatures, and the signature in the
// header of that name, as git does it: headers that begin with gpgsig go with their
// further lines, which begin with a space.
func splitHeader(id string, text []byte, header string) (payload, signature []byte, err error) {
	const other, ours = 1, 2
	in, found := 0, 0
	for rest := text; len(rest) > 0; {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line = rest[:end+1]
		}
		if line[0] == '\n' { // the message follows
			payload = append(payload, rest...)
			break
		}
		rest = rest[len(line):]
		switch value, named := bytes.CutPrefix(line, []byte(header+" ")); {
		case in != 0 && line[0] == ' ':
			if in == ours {
				signature = append(signature, line[1:]...)
			}
		case named:
			in = ours
			found++
			signature = append(signature, value...)
		case bytes.HasPrefix(line, []byte("gpgsig")):
			in = other
		default:
			in = 0
			payload = append(payload, line...)
		}
	}
	if found > 1 {
		return nil, nil, invalidObject(id, "it has %d signatures in headers %s; one is accepted", found, header)
	}
	return payload, signature, nil
}

// signatureLines begin the signature at the end of a tag.
var signatureLines = [...]string{"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SIGNED MESSAGE-----", "-----BEGIN SSH SIGNATURE-----"}

// readTag reads a tag, whose signature stands at its end.
func readTag(id string, text []byte) (*Tag, error) {
	at := len(text)
	for begin := 0; begin < len(text); {
		for _, line := range signatureLines {
			if bytes.HasPrefix(text[begin:], []byte(line)) {
				at = begin // the last one counts
			}
		}
		end := bytes.IndexByte(text[begin:], '\n')
		if end < 0 {
			break
		}
		begin += end + 1
	}
	payload, _, err := splitHeader(id, text[:at], headerSHA256)
	if err != nil {
		return nil, err
	}
	t := &Tag{ID: id, Signed: Signed{Payload: payload, Signature: bytes.Clone(text[at:])}}
	lines := strings.SplitN(string(payload), "\n", 4)
	for i, want := range []string{"object ", "type ", "tag "} {
		value, ok := "", false
		if i < len(lines) {
			value, ok = strings.CutPrefix(lines[i], want)
		}
		switch {
		case !ok || strings.ContainsRune(value, 0):
			return nil, invalidObject(id, "a tag begins with object, type and tag")
		case i == 0 && (hashOf(value) == nil || len(value) != len(id)):
			return nil, invalidObject(id, "the tag names no object")
		case i == 0:
			t.commit = value
		case i == 1 && value != "commit":
			return nil, invalidObject(id, "the tag names a %s, not a commit", clip(value))
		case i == 2:
			t.Name = value
		}
	}
	return t, nil
}
