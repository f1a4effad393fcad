package release

import (
	"encoding/hex"
	"strings"
	"time"
	"unicode"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Parse reads a manifest strictly. The error is a *fault.Error: that of
// strictjson.Parse, or Invalid with code InvalidRelease and every problem with
// its JSON path.
func Parse(text []byte) (*Manifest, error) {
	n, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: MaxBytes, MaxDepth: 3, MaxNodes: 6*MaxObjects + 100})
	if err != nil {
		return nil, err
	}
	problems := &workflow.Problems{}
	f := workflow.ReadFields(n, "$", problems)
	if typ, _ := f.Text("TYPE"); typ != "Release" {
		f.Problem("TYPE", `must be "Release"`)
	}
	m := &Manifest{}
	for _, name := range []string{"name", "audience", "serial", "created", "expires", "author", "objects"} {
		f.Need(name)
	}
	m.Name, _ = f.Checked("name", CheckName)
	m.Audience, _ = f.Checked("audience", CheckName)
	m.Serial = serial(f, "serial")
	m.Created = moment(f, "created")
	m.Expires = moment(f, "expires")
	m.Author, _ = f.Checked("author", checkText(MaxName))
	m.Reason, _ = f.Checked("reason", checkText(MaxText))
	m.OlderUntil = moment(f, "olderUntil")
	if !m.Created.IsZero() && !m.Expires.IsZero() && !m.Expires.After(m.Created) {
		f.Problem("expires", "must be after created")
	}
	m.Objects = objects(f, problems)
	f.Done()
	if err := problems.Err("InvalidRelease", "the release is not valid"); err != nil {
		return nil, err
	}
	return m, nil
}

func serial(f *workflow.Fields, name string) int64 {
	n, _ := f.Get(name)
	if n == nil {
		return 0
	}
	v, err := n.Int()
	if n.Kind != strictjson.Number || err != nil || v < 1 || v > maxSerial {
		f.Problem(name, "must be a whole number from 1 to 2^53-1")
		return 0
	}
	return v
}

// moment reads a time of day in one spelling: 2026-11-30T20:15:00Z.
func moment(f *workflow.Fields, name string) time.Time {
	text, ok := f.Text(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || formatTime(t) != text || t.Year() < 1970 {
		f.Problem(name, "must be a time in UTC, in seconds: 2026-11-30T20:15:00Z")
		return time.Time{}
	}
	return t
}

// CheckName checks the name of a release, or the id of an installation.
func CheckName(s string) error {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return fault.New(fault.Invalid, "InvalidName", "only letters, digits and, within, . _ - are allowed")
		}
	}
	if s == "" || len(s) > MaxName {
		return fault.New(fault.Invalid, "InvalidName", "must have 1 to %d characters", MaxName)
	}
	return nil
}

// checkText admits one line of readable text.
func checkText(most int) func(string) error {
	return func(s string) error {
		if len(s) > most {
			return fault.New(fault.Invalid, "InvalidText", "must have at most %d bytes", most)
		}
		for _, r := range s {
			if !unicode.IsPrint(r) {
				return fault.New(fault.Invalid, "InvalidText", "must be one line of readable text")
			}
		}
		return nil
	}
}

func objects(f *workflow.Fields, problems *workflow.Problems) []Object {
	list, ok := f.Array("objects")
	if !ok {
		return nil
	}
	if len(list) == 0 || len(list) > MaxObjects {
		f.Problem("objects", "must list 1 to %d documents", MaxObjects)
		return nil
	}
	all := make([]Object, len(list))
	for i, n := range list {
		at := strictjson.IndexPath(f.At("objects"), i)
		all[i] = object(workflow.ReadFields(n, at, problems))
		if i > 0 && compareObjects(all[i-1], all[i]) >= 0 {
			problems.Add(at, "the documents must be sorted by kind and path, each once")
			return nil // one such problem stands for many
		}
	}
	return all
}

func object(f *workflow.Fields) Object {
	var o Object
	f.Need("kind")
	f.Need("path")
	f.Need("sha256")
	kind, _ := f.Text("kind")
	o.Key.Kind = item.Kind(kind)
	o.Key.Path, _ = f.Text("path")
	if err := o.Key.Check(); err != nil && kind != "" && o.Key.Path != "" {
		f.Problem("path", "%s", fault.Of(err).Public())
	}
	if o.Key.Kind.Versioned() {
		f.Need("versionId")
		o.VersionID, _ = f.Checked("versionId", workflow.CheckVersionID)
	} else {
		f.Refuse("versionId", "only workflows have versions")
	}
	sum, _ := f.Text("sha256")
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != len(o.SHA256) || hex.EncodeToString(b) != sum {
		f.Problem("sha256", "must be 64 hexadecimal digits in lower case")
	}
	copy(o.SHA256[:], b)
	f.Done()
	return o
}
