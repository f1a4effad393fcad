// Package objectfile owns the files in which users author objects: what a
// file's name and folder say about the object, the YAML form, the fields that
// an author may leave out, and the signature files beside a document.
//
// It must not deploy, sign or verify anything, and knows no item beyond its
// key: documents are read by package item. The command line calls it for
// files on disk, the Cockpit for archives and for YAML drafts.
//
// A JSON document with a signature is never touched: its bytes are what was
// signed. YAML is converted to JSON once, here, before anything is signed, so
// that there is one reader of YAML only.
package objectfile

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Bounds of what is read.
const (
	MaxDocument = workflow.MaxBytes // bytes of a document
	MaxEvidence = 1 << 20           // bytes of a signature or certificate file
	MaxFiles    = 200_000
	MaxTotal    = 1 << 30 // bytes of all files together
	maxFolders  = 64      // nesting of folders
)

// Object is one object as its author wrote it.
type Object struct {
	Key      item.Key
	File     string            // as named or found, for messages
	Bytes    []byte            // the document; JSON, also when the file is YAML
	Evidence map[string][]byte // signature files by suffix (".sig", …); nil when there is none
	YAML     bool              // the file is YAML
	Source   []byte            // the file as it is

	yaml *yamlDocument // lines of the file, for messages; nil for JSON
}

// EvidenceSuffixes returns the suffixes of the files that carry the evidence
// for the document whose name they extend: NAME.workflow.json.sig.
func EvidenceSuffixes() []string { return []string{".sig", ".pem", ".asc", ".sshsig", ".passkey"} }

// keyNotEvidence is said of a private key in the place of evidence.
const keyNotEvidence = "this is a private key, which nobody else may get: a signature or certificates belong here"

// isPrivateKey tells whether a file for evidence has a private key in it: PEM,
// OpenSSH's and OpenPGP's forms all say so.
func isPrivateKey(data []byte) bool { return bytes.Contains(data, []byte("PRIVATE KEY")) }

// cutEvidence returns the name of the document to which an evidence file
// belongs.
func cutEvidence(file string) (document, suffix string, ok bool) {
	for _, suffix := range EvidenceSuffixes() {
		if document, ok := strings.CutSuffix(file, suffix); ok && isDocument(document) {
			return document, suffix, true
		}
	}
	return "", "", false
}

func isDocument(file string) bool {
	return strings.HasSuffix(file, ".json") || strings.HasSuffix(file, ".yaml")
}

// KeyOf returns the key that a file's slash-separated path below the root
// gives to its object: folder/NAME.workflow.json is Workflow:folder/NAME. An
// Agent has no folder: its path is the name alone. The error is Invalid: code
// UnknownFile, UnknownKind, UnsupportedKind or InvalidName.
func KeyOf(file string) (key item.Key, isYAML bool, err error) {
	dir, base := path.Split(file)
	if strings.HasSuffix(base, ".yml") {
		return item.Key{}, false, unknownFile("the suffix .yml is not known; name the file .yaml")
	}
	stem, isYAML := strings.CutSuffix(base, ".yaml")
	if !isYAML {
		var isJSON bool
		if stem, isJSON = strings.CutSuffix(base, ".json"); !isJSON {
			return item.Key{}, false, unknownFile("no object file, signature or certificate (object files are named like NAME.workflow.json)")
		}
	}
	dot := strings.LastIndexByte(stem, '.')
	if dot < 0 {
		return item.Key{}, false, unknownFile("the name doesn't tell the kind of the object; expected a name like %s",
			strings.TrimSuffix(base, path.Ext(base))+".workflow"+path.Ext(base))
	}
	kind, err := item.KindOfSuffix(stem[dot+1:])
	if err != nil {
		return item.Key{}, false, err
	}
	key = item.Key{Kind: kind, Path: dir + stem[:dot]}
	if kind == item.KindAgentRef {
		key.Path = stem[:dot]
	}
	if err := key.Check(); err != nil {
		return item.Key{}, false, err
	}
	return key, isYAML, nil
}

// FileOf returns the path below a root, slash-separated, of the file that
// holds the document of an object: what KeyOf reads.
func FileOf(key item.Key) string { return key.Path + "." + key.Kind.Suffix() + ".json" }

func unknownFile(format string, args ...any) error {
	return fault.New(fault.Invalid, "UnknownFile", format, args...)
}

// Missing returns the objects that the given ones refer to and that are not
// among them, each with those that refer to it, sorted. Whether they are
// deployed already is the caller's to know. Objects that aren't valid are
// passed over.
func Missing(objects []Object) map[item.Key][]item.Key {
	present := map[item.Key]bool{}
	for i := range objects {
		present[objects[i].Key] = true
	}
	missing := map[item.Key][]item.Key{}
	for i := range objects {
		parsed, err := objects[i].parse()
		if err != nil {
			continue
		}
		for _, ref := range item.References(parsed) {
			if !present[ref] {
				missing[ref] = append(missing[ref], objects[i].Key)
			}
		}
	}
	for _, users := range missing {
		slices.SortFunc(users, item.Key.Compare)
	}
	return missing
}

// anyVersion stands for the version that the server will give to a document
// which states none.
const anyVersion = "unversioned"

// parse reads the document as it will be deployed: what the author left out
// is completed, unless a signature covers the bytes as they are.
func (o *Object) parse() (item.Item, error) {
	document := o.Bytes
	if len(o.Evidence) == 0 {
		var err error
		if document, err = Complete(o.Bytes, o.Key, anyVersion); err != nil {
			return nil, err
		}
	}
	return item.ParseAs(o.Key, "", document)
}

// Validate tells everything that is wrong with the documents themselves, each
// problem with file, line and JSON path. References between objects are not
// looked at (Missing).
func Validate(objects []Object) []fault.Problem {
	var problems []fault.Problem
	for i := range objects {
		o := &objects[i]
		if _, err := o.parse(); err != nil {
			problems = append(problems, o.located(err)...)
		}
	}
	return problems
}

// located returns an error's problems with the places in the file.
func (o *Object) located(err error) []fault.Problem {
	e := fault.Of(err)
	if len(e.Problems) == 0 {
		return []fault.Problem{{Where: o.File, Message: e.About("").Public()}}
	}
	problems := make([]fault.Problem, len(e.Problems))
	for i, p := range e.Problems {
		problems[i] = fault.Problem{Where: o.Locate(p.Where), Message: p.Message}
	}
	return problems
}

// Locate returns a JSON path of the document with the file and the line where
// it is: "a.workflow.json:12 $.instructions[0]". A place that already begins
// with line and column only gets the file.
func (o *Object) Locate(where string) string {
	switch {
	case where == "":
		return o.File
	case where[0] >= '0' && where[0] <= '9':
		return o.File + ":" + where
	}
	if line := o.line(where); line > 0 {
		return fmt.Sprintf("%s:%d %s", o.File, line, where)
	}
	return o.File + " " + where
}
